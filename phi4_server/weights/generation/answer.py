"""An answer, read as its tokens come: decoded, cut at its stop strings, and ended. Needs no torch.

It runs in the thread of whoever asked, and not in the model's.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

from tokenizers.decoders import DecodeStream

from phi4_server.chat_completion.stop import StopReader
from phi4_server.model import End, FinishReason, Usage
from phi4_server.weights.generation.row import Row

PULSE_S = 0.5
_PIECE_S, _FEW = 0.1, 4
"""How much time at least is between two pieces, of up to so many answers at once; for more of them, more.

Gradio takes some milliseconds to pass a piece on, in which this process does not compute tokens. Ten pieces a
second are read as smoothly as fifty.
"""


class TokenReader:
    """Tokens as text: a character that several tokens make comes with the last of them."""

    def __init__(self, tokenizer: Any) -> None:
        """Begins with nothing; special tokens are left out, those of calls are not."""
        self._tokenizer = tokenizer
        self._stream = DecodeStream(skip_special_tokens=True)
        self._tokens: list[int] = []
        self._length = 0

    def feed(self, token: int) -> str:
        """Takes the next token, and returns what is known by it."""
        self._tokens.append(token)
        text: str = self._stream.step(self._tokenizer, token) or ""
        self._length += len(text)
        return text

    def close(self) -> str:
        """What is left: replacements for a character of which not all came."""
        whole: str = self._tokenizer.decode(self._tokens, skip_special_tokens=True)
        return whole[self._length :]


def read(row: Row, tokenizer: Any) -> Generator[str | End]:
    """Yields an answer as it comes, its end last, and "" every half second in which nothing comes.

    Raises:
        ValueError: What the row ended with, if it was an error.
    """
    reader = _Reader(row, tokenizer)
    yielded = time.monotonic()
    while True:
        if row.changed.wait(PULSE_S):
            row.changed.clear()
        finish = row.finish  # before the tokens are looked at, so that none is left out
        text = reader.read(finish)
        if text or time.monotonic() - yielded >= PULSE_S:
            yield text
            yielded = time.monotonic()
        if reader.stopped_by is not None:
            row.has_left = True
            yield reader.end("stop")
            return
        if finish is not None:
            yield reader.end(finish)
            return
        row.ended.wait(min(PULSE_S, _PIECE_S * max(1.0, row.together / _FEW)))


class _Reader:
    def __init__(self, row: Row, tokenizer: Any) -> None:
        self._row = row
        self._tokens = TokenReader(tokenizer)
        self._stops = StopReader(row.question.stop)
        self._count = 0

    @property
    def stopped_by(self) -> str | None:
        return self._stops.stopped_by

    def read(self, finish: FinishReason | ValueError | None) -> str:
        """The text of the tokens that came, up to a stop string; with a finish, of all that is left."""
        text = ""
        for token in self._row.tokens[self._count :]:
            self._count += 1
            text += self._stops.feed(self._tokens.feed(token))
            if self.stopped_by is not None:
                return text
        if finish is not None:
            text += self._stops.feed(self._tokens.close()) + self._stops.close()
        return text

    def end(self, finish: FinishReason | ValueError) -> End:
        if isinstance(finish, ValueError):
            raise finish
        usage = Usage(input_tokens=len(self._row.question.prompt.ids), output_tokens=self._count)
        reason = "stop" if self.stopped_by is not None else finish
        return End(finish_reason=reason, usage=usage, stopped_by=self.stopped_by)
