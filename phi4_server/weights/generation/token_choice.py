"""The next token of each row of a batch, each chosen in its own way. Needs torch.

A row's choice does not depend on the rows beside it: each draws its own chance. Noise from its own generator
is added to its scores, so that the best of them is a sample ("Gumbel-max"), and `generate` can be left to
take the best of each row. No generator is shared, and torch's global one is not touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from phi4_server.weights.generation.sampling import Sampling

_NEVER = float("-inf")
_LEAST = 1e-30


class TokenChoice:
    """A logits processor for `generate` with `do_sample=False`."""

    def __init__(
        self, samplings: Sequence[Sampling], generators: Sequence[Any], ids: Any, mask: Any, vocabulary: int
    ) -> None:
        """Prepares what stays the same for all tokens.

        Args:
            samplings: How each row's tokens are chosen.
            generators: A `torch.Generator` for each.
            ids: The tokens before the answers, padded to the left: (rows, length).
            mask: 1 where they are no padding.
            vocabulary: How many tokens there are.
        """
        self._generators = generators
        self._random = [row for row, sampling in enumerate(samplings) if sampling.is_random]
        column = {"device": ids.device, "dtype": torch.float32}
        self._temperature = torch.tensor(
            [[sampling.temperature if sampling.is_random else 1.0] for sampling in samplings], **column
        )
        self._top_p = torch.tensor([[sampling.top_p] for sampling in samplings], **column)
        self._top_k = torch.tensor(
            [[sampling.top_k or vocabulary] for sampling in samplings], device=ids.device
        )
        self._is_cut = any(s.is_random and (s.top_p < 1 or s.top_k) for s in samplings)
        self._penalty = torch.tensor([[sampling.repetition_penalty] for sampling in samplings], **column)
        self._seen: Any = None
        if any(sampling.repetition_penalty != 1 for sampling in samplings):
            # Padding may be a token that the text has as well, so it is left out by place and not by id.
            self._seen = torch.zeros(len(samplings), vocabulary + 1, dtype=torch.bool, device=ids.device)
            self._seen.scatter_(1, torch.where(mask.bool(), ids, vocabulary), value=True)

    def __call__(self, ids: Any, scores: Any) -> Any:
        """The scores of which each row's highest is its choice."""
        if self._seen is not None:
            scores = self._penalized(ids, scores)
        if not self._random:
            return scores
        scores = scores / self._temperature
        if self._is_cut:
            scores = self._cut(scores)
        for row in self._random:
            noise = torch.empty_like(scores[row]).exponential_(generator=self._generators[row])
            scores[row] -= noise.clamp_min_(_LEAST).log_()
        return scores

    def _penalized(self, ids: Any, scores: Any) -> Any:
        self._seen.scatter_(1, ids[:, -1:], value=True)
        seen = self._seen[:, :-1]
        return torch.where(
            seen, torch.where(scores < 0, scores * self._penalty, scores / self._penalty), scores
        )

    def _cut(self, scores: Any) -> Any:
        """Without the tokens that top_k and top_p leave out; the likeliest always stays."""
        ordered, places = scores.sort(dim=-1, descending=True, stable=True)
        shares = ordered.softmax(dim=-1)
        rank = torch.arange(scores.shape[1], device=scores.device)
        kept = rank < self._top_k
        # top_p counts among what top_k has left.
        shares = torch.where(kept, shares, 0.0)
        before = shares.cumsum(dim=-1) - shares
        kept &= before < self._top_p * shares.sum(dim=-1, keepdim=True)
        kept |= rank == 0
        return scores.masked_fill(~torch.zeros_like(kept).scatter(1, places, kept), _NEVER)
