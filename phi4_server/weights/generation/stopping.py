"""What each row of a batch does with each new token. Needs torch.

`generate` asks it twice for each step: as a stopping criterion, which rows end, and as a streamer, to hand
over the tokens. Neither waits for the device more often than `generate` itself does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from phi4_server.weights.generation.row import Row

_RUN_S, _RUN = 0.5, 3
"""How long a batch runs before it may pause: in seconds, and in times of what reading its prompts took."""


class Steps:
    """A streamer and a stopping criterion for the rows of a batch."""

    def __init__(
        self,
        rows: Sequence[Row],
        ends: frozenset[int],
        device: str,
        *,
        pause: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begins before the first token.

        Args:
            rows: The answers under way, in the order of the batch.
            ends: The tokens that end one.
            device: Where the batch is.
            pause: Whether all of them shall stop here, to go on in another batch. It is not asked before that
                is worth reading all tokens again.
            clock: Tells the seconds.
        """
        self._rows = rows
        self._ends = ends
        self._device = device
        self._pause = pause
        self._clock = clock
        self._began = clock()
        self._pausable: float | None = None
        self._counts = [len(row.tokens) for row in rows]
        self._is_prompt = True
        self._ended: list[bool] = []
        self._mask: Any = None

    def __call__(self, _ids: Any, _scores: Any, **_options: Any) -> Any:
        """Which rows end with the token that was just chosen; ending tokens aside, which `generate` knows."""
        # Counted here: on some devices tokens are handed over a step later.
        self._counts = [count + 1 for count in self._counts]
        pauses = self._pauses()
        ended = [
            pauses or row.is_over or count >= row.question.most
            for row, count in zip(self._rows, self._counts, strict=True)
        ]
        if ended != self._ended:
            self._ended = ended
            self._mask = torch.tensor(ended, device=self._device)
        return self._mask

    def _pauses(self) -> bool:
        now = self._clock()
        if self._pausable is None:
            self._pausable = now + max(_RUN_S, _RUN * (now - self._began))
        return now >= self._pausable and self._pause()

    def put(self, tokens: Any) -> None:
        """Takes the prompt, and then the next token of each row; those that ended get padding."""
        if self._is_prompt:
            self._is_prompt = False
            return
        for row, token in zip(self._rows, tokens.tolist(), strict=True):
            if not row.is_over:
                row.add(token, self._ends)

    def end(self) -> None:
        """Takes the end, of which the rows know by themselves."""
