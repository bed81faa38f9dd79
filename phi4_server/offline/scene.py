"""The scene: a text to fill from, read once, and what is taken of it. Knows no schema."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from phi4_server.offline import effort, lexicon, words
from phi4_server.offline.gleaning import Find, glean

Value = str | int | float | bool | None

_PARTED = re.compile(r"[.!?;\n]")
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_NEAR = 5
_FAR = 200
_LONGEST = 20_000
"""How many characters of a text are read for values."""
_MOST = 1000
"""How many values of a text are bid for: a schema with many places would take too long over more."""


@dataclass(frozen=True, slots=True)
class Bid:
    """What a place in a schema would take.

    Attributes:
        value: The value.
        worth: How well it fits.
        start: Where it begins in the text.
        end: Where it ends; its start, where it takes no words of the text away.
    """

    value: Value
    worth: float
    start: int = 0
    end: int = 0

    def overlaps(self, other: Bid | Find) -> bool:
        """Whether both take the same words."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a text.

    Attributes:
        stem: Its stem.
        start: Where it begins.
        end: Where it ends.
    """

    stem: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Scene:
    """A text to fill from.

    Attributes:
        text: The text.
        finds: The values in it.
        tokens: Its words.
        but: Stems that ask for the values and are none.
        facts: What is known beside the text, under what it is called.
    """

    text: str
    finds: tuple[Find, ...]
    tokens: tuple[Token, ...]
    but: frozenset[str] = frozenset()
    facts: Mapping[str, Value] = field(default_factory=dict)

    @classmethod
    def of(
        cls, text: str, *, but: frozenset[str] = frozenset(), facts: Mapping[str, Value] | None = None
    ) -> Scene:
        """A text, read."""
        text = text[:_LONGEST]
        effort.spend(len(text))
        tokens = tuple(
            Token(words.stem(match[0].casefold()), *match.span()) for match in _WORD.finditer(text)
        )
        return cls(text, tuple(glean(text, but=but)[:_MOST]), tokens, but, facts or {})

    def without(self, taken: Sequence[Bid]) -> Scene:
        """The same, less the values that are taken."""
        finds = tuple(find for find in self.finds if not any(bid.overlaps(find) for bid in taken))
        return replace(self, finds=finds)

    def rest(self, taken: Sequence[Bid]) -> str:
        """The longest stretch that is not taken, without the words at its ends that only ask."""
        effort.spend(len(self.tokens))
        spans = [(bid.start, bid.end) for bid in sorted(taken, key=lambda bid: bid.start) if bid.end]
        edges = [0, *chain.from_iterable(spans), len(self.text)]
        return max(map(self._trimmed, edges[::2], edges[1::2]), key=len)

    def _trimmed(self, start: int, end: int) -> str:
        inside = self.tokens[self._first(start) : self._first(end)]
        kept = [token for token in inside if not self._only_asks(token)]
        return self.text[kept[0].start : kept[-1].end] if kept else ""

    def _first(self, place: int) -> int:
        """The first token that begins at a place or after it."""
        return bisect_left(self.tokens, place, key=lambda token: token.start)

    def _only_asks(self, token: Token) -> bool:
        word = self.text[token.start : token.end].casefold()
        return token.stem in self.but or word in lexicon.STOP_WORDS or word in lexicon.IMPERATIVES

    def closeness(self, start: int, end: int, *, terms: frozenset[str], hints: frozenset[str]) -> float:
        """How near some words stand to a stretch of the text, from 0 to 3; a sentence's end parts them.

        Args:
            start: Where the stretch begins.
            end: Where it ends.
            terms: Stems of the words.
            hints: Stems of words that count a third of them.
        """
        first, after = self._first(start), self._first(end)
        before = enumerate(reversed(self.tokens[max(first - _NEAR, 0) : first]))
        behind = enumerate(self.tokens[after : after + _NEAR])
        nearest = 0.0
        for between, token in chain(before, behind):
            left, right = min(token.end, end), max(token.start, start)
            weight = 1.0 if token.stem in terms else 0.3 if token.stem in hints else 0.0
            if weight and right - left <= _FAR and not _PARTED.search(self.text, left, right):
                nearest = max(nearest, (3 - 0.7 * between) * weight)
        return nearest
