"""Filling: a JSON value for a schema, from what a text says. Knows no prompt and no tool.

Each place in the schema that takes a plain value is a slot. Every slot bids for the values of the text; the
highest bids win, each value once. What must be filled and is not gets what is left of the text, or the
plainest value that the schema allows; the rest is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from phi4_server.offline import values, words
from phi4_server.offline.schema import Schema, allows, choices, kind, plainest, read, ways

Facts = Mapping[str, str | int | float]
"""What is known beside a text, each under what it is called."""

_WORTH = {"quoted": 1.2, "topic": 0.9, "name": 0.9, "email": 0.9, "phrase": 0.3, "date": 0.2, "number": -0.5}
"""How well each sort of value fits a text."""
_SURE = 1.5
"""What a bid must be worth where its slot may stay empty."""
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_NEAR, _NEAR_CHARACTERS = 5, 60
_MAX_SLOTS = 40
_MAX_CHOICES = 100
_MAX_TEXT = 10_000
"""How many slots are filled, of how many values one may choose, and how much of a text is read."""


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled schema.

    Attributes:
        value: The value.
        found: How many of its slots the text filled.
        missing: How many required ones it did not, of those that have nothing to fall back on.
    """

    value: Any
    found: int
    missing: int


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place in an object: its name with its stems, and what it takes."""

    name: str
    schema: Schema
    required: bool
    label: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Bid:
    """What a slot would take: a value, how well it fits, and the words that it takes away from others."""

    value: Any
    worth: float
    start: int = 0
    end: int = 0


def fill(
    document: object, text: str, *, but: frozenset[str] = frozenset(), facts: Facts | None = None
) -> Filled:
    """Fills a schema from a text.

    Args:
        document: The JSON Schema.
        text: What to fill it from.
        but: Stems of words that ask for the value and are none, such as those of a tool's name.
        facts: What is known beside the text.

    Raises:
        ValueError: The schema is too large.
    """
    schema = read(document)
    source = _Source(text[:_MAX_TEXT], but, facts or {})
    value = source.filled(schema)
    return Filled(value if allows(schema, value) else plainest(schema), source.found, source.missing)


def _object(schema: Schema) -> Schema | None:
    """The first way to fill a schema that is an object with properties."""
    return next((way for way in ways(schema) if kind(way) == "object" and way.get("properties")), None)


def _stems(text: str) -> frozenset[str]:
    return frozenset(map(words.stem, words.tokens(words.spelled(text))))


def _takes_words(way: Schema) -> bool:
    return kind(way) in {"string", ""} and choices(way) is None and "format" not in way


def _is_open(schema: Schema) -> bool:
    """Whether nothing but a text can tell what it is filled with."""
    open_kinds = {"string", "integer", "number", ""}
    return "default" not in schema and all(
        kind(way) in open_kinds and choices(way) is None for way in ways(schema)
    )


class _Source:
    """A text to fill from, read once, and what is known beside it. Each value is taken once."""

    def __init__(self, text: str, but: frozenset[str], facts: Facts) -> None:
        self._text = text
        self._but = but
        self._facts = [(frozenset(words.terms(name)), value) for name, value in facts.items()]
        self._stems = _stems(text)
        self._values = values.find(text, but=but)
        self._taken: list[_Bid] = []
        self._slots_left = _MAX_SLOTS
        self.found = 0
        self.missing = 0

    def filled(self, schema: Schema) -> Any:
        """What a schema is filled with, from what is left of the text."""
        shape = _object(schema)
        if shape is None:
            return plainest(schema)
        required = shape.get("required", ())
        slots = [
            _Slot(name, inner, name in required, _stems(name))
            for name, inner in islice(shape["properties"].items(), self._slots_left)
        ]
        self._slots_left -= len(slots)
        claims = self._claims(slots)
        self.found += len(claims)
        self.missing += sum(
            slot.required and slot.name not in claims and _is_open(slot.schema) for slot in slots
        )
        return {
            slot.name: claims[slot.name] if slot.name in claims else self.filled(slot.schema)
            for slot in slots
            if slot.required or slot.name in claims
        }

    def _claims(self, slots: Sequence[_Slot]) -> Mapping[str, Any]:
        """What each slot gets: the bids by what they are worth, then what is left for those that need it."""
        claims: dict[str, Any] = {}
        bids = [(slot, bid) for slot in slots for bid in self._allowed(slot)]
        for slot, bid in sorted(bids, key=lambda item: (-item[1].worth, item[1].start)):
            is_free = not any(bid.start < other.end and other.start < bid.end for other in self._taken)
            if is_free and slot.name not in claims and (slot.required or bid.worth >= _SURE):
                claims[slot.name] = bid.value
                self._taken.append(bid)
        rest = self._rest()
        for slot in slots:
            takes_it = any(_takes_words(way) and allows(way, rest) for way in ways(slot.schema))
            if rest and slot.required and slot.name not in claims and takes_it:
                claims[slot.name] = rest
        return claims

    def _allowed(self, slot: _Slot) -> Iterator[_Bid]:
        """A slot's bids, every value allowed by its schema."""
        known = [_Bid(value, 4.0 + len(name)) for name, value in self._facts if name <= slot.label]
        for way in ways(slot.schema):
            yield from (bid for bid in chain(known, self._bids(slot, way)) if allows(way, bid.value))

    def _bids(self, slot: _Slot, way: Schema) -> Iterator[_Bid]:
        if (chosen := choices(way)) is not None:
            yield from self._chosen(way, chosen)
        elif kind(way) == "boolean" and slot.label and slot.label <= self._stems:
            yield _Bid(value=True, worth=3.0)
        elif kind(way) in {"integer", "number", "string", ""}:
            fitting = [found for found in self._values if way.get("format") in {None, found.sort}]
            yield from (self._bid(slot, way, found) for found in fitting)

    def _bid(self, slot: _Slot, way: Schema, found: values.Found) -> _Bid:
        near = self._near(slot, found.start, found.end)
        if kind(way) != "string" and found.sort == "number":
            return _Bid(found.value, 0.5 + near, found.start, found.end)
        text = self._text[found.start : found.end] if found.sort == "number" else found.value
        worth = 3.0 if "format" in way else _WORTH[found.sort]
        return _Bid(text, worth + near, found.start, found.end)

    def _chosen(self, way: Schema, chosen: Sequence[Any]) -> Iterator[_Bid]:
        for value in chosen[:_MAX_CHOICES]:
            if (stems := _stems(str(value))) and stems <= self._stems:
                yield _Bid(value, 3.0)
        # a choice of one that is described, where the text speaks of what the description tells
        described = frozenset(words.terms(way.get("description", "")))
        shared = described & self._stems
        if shared and len(chosen) == 1:
            yield _Bid(chosen[0], 1 + len(shared) + len(shared) / len(described))

    def _near(self, slot: _Slot, start: int, end: int) -> float:
        """How near a slot's name stands to a stretch of text, from 0 to 3."""
        before = words.tokens(self._text[max(start - _NEAR_CHARACTERS, 0) : start])[::-1]
        behind = words.tokens(self._text[end : end + _NEAR_CHARACTERS])
        between = [
            count
            for side in (before, behind)
            for count, word in enumerate(side[:_NEAR])
            if words.stem(word) in slot.label
        ]
        return 3 - 0.7 * min(between) if between else 0.0

    def _rest(self) -> str:
        """The longest stretch that is not taken, without the words at its ends that only ask."""
        spans = [(bid.start, bid.end) for bid in sorted(self._taken, key=lambda bid: bid.start) if bid.end]
        edges = [0, *chain.from_iterable(spans), len(self._text)]
        stretches = [self._text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
        return max(map(self._trimmed, stretches), key=len)

    def _trimmed(self, stretch: str) -> str:
        kept = [word for word in _WORD.finditer(stretch) if not self._only_asks(word[0].casefold())]
        return stretch[kept[0].start() : kept[-1].end()] if kept else ""

    def _only_asks(self, word: str) -> bool:
        return words.stem(word) in self._but or word in words.STOP_WORDS | words.IMPERATIVES
