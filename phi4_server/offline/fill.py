"""Filling: a JSON value for a schema, from what a text says. Knows no prompt and no tool.

Each place in the schema that takes a plain value, or a list of them, is a slot. Every slot bids for the
values of the text; the highest bids win, each value once. What must be filled and is not gets what is left of
the text, or the plainest value that the schema allows; the rest is left out.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from phi4_server.offline import values, words
from phi4_server.offline.schema import Schema, allows, choices, kind, plainest, read, ways

Path = tuple[str, ...]
Facts = Mapping[str, str | int | float]
"""What is known beside a text, each under what it is called."""

_WORTH: dict[str, float] = {
    "quoted": 1.2,
    "topic": 0.9,
    "name": 0.9,
    "email": 0.9,
    "phrase": 0.3,
    "date": 0.2,
    "number": -0.5,
}
"""How well each sort of value fits a text."""
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_NEAR = 5
_SURE = 1.5
"""What a bid must be worth where its slot may stay empty."""
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
        missing: The names of the required ones that it did not, and that have nothing to fall back on.
    """

    value: Any
    found: int
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place in a schema: what it takes, and the stems of its name."""

    schema: Schema
    required: bool
    label: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Bid:
    """What a slot would take: a value, how well it fits, and the words that it takes away from others."""

    value: Any
    worth: float
    start: int = 0
    end: int = 0

    def is_free(self, taken: Sequence[_Bid]) -> bool:
        return not any(self.start < other.end and other.start < self.end for other in taken)


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
    slots = dict(islice(_slots(schema, (), required=True), _MAX_SLOTS))
    claims = _claims(slots, _Source(text[:_MAX_TEXT], but, facts or {}))
    value = _value(schema, (), claims)
    missing = tuple(
        path[-1] if path else ""
        for path, slot in slots.items()
        if path not in claims and slot.required and _is_open(slot.schema)
    )
    return Filled(value if allows(schema, value) else plainest(schema), len(claims), missing)


def _object(schema: Schema) -> Schema | None:
    """The first way to fill a schema that is an object with properties."""
    return next((way for way in ways(schema) if kind(way) == "object" and way.get("properties")), None)


def _slots(schema: Schema, path: Path, *, required: bool) -> Iterator[tuple[Path, _Slot]]:
    shape = _object(schema)
    if shape is None:
        label = tuple(map(words.stem, words.tokens(words.spelled("".join(path[-1:])))))
        yield path, _Slot(schema, required, label)
        return
    for name, inner in shape["properties"].items():
        yield from _slots(inner, (*path, name), required=required and name in shape.get("required", ()))


def _claims(slots: Mapping[Path, _Slot], source: _Source) -> dict[Path, Any]:
    """What each slot gets: the bids by what they are worth, then what is left for those that need it."""
    claims: dict[Path, Any] = {}
    taken: list[_Bid] = []

    def claim(path: Path, bid: _Bid) -> None:
        if path not in claims and bid.is_free(taken):
            claims[path] = bid.value
            taken.append(bid)

    bids = [(path, bid) for path, slot in slots.items() for bid in source.bids(slot)]
    for path, bid in sorted(bids, key=lambda item: (-item[1].worth, item[1].start)):
        if slots[path].required or bid.worth >= _SURE:
            claim(path, bid)
    for path, slot in slots.items():
        rest = source.rest(taken) if slot.required and path not in claims else ""
        if rest and any(_takes_words(way) and allows(way, rest) for way in ways(slot.schema)):
            claim(path, _Bid(rest, 0))
    return claims


def _value(schema: Schema, path: Path, claims: Mapping[Path, Any]) -> Any:
    """What the schema at a path is filled with."""
    shape = _object(schema)
    if path in claims or shape is None or (path and not _has_claim(path, claims)):
        return claims[path] if path in claims else plainest(schema)
    required = shape.get("required", [])[:_MAX_SLOTS]
    return {
        name: _value(inner, (*path, name), claims)
        for name, inner in shape["properties"].items()
        if name in required or _has_claim((*path, name), claims)
    }


def _has_claim(path: Path, claims: Mapping[Path, Any]) -> bool:
    return any(claimed[: len(path)] == path for claimed in claims)


def _takes_words(way: Schema) -> bool:
    return kind(way) in {"string", ""} and choices(way) is None and "format" not in way


def _is_open(schema: Schema) -> bool:
    """Whether nothing but a text can tell what it is filled with."""
    open_kinds = {"string", "integer", "number", ""}
    return "default" not in schema and all(
        kind(way) in open_kinds and choices(way) is None for way in ways(schema)
    )


class _Source:
    """A text to fill from, read once, and what is known beside it."""

    def __init__(self, text: str, but: frozenset[str], facts: Facts) -> None:
        self._text = text
        self._but = but
        self._facts = [(frozenset(words.terms(name)), value) for name, value in facts.items()]
        self._words = list(_WORD.finditer(text))
        self._starts = [word.start() for word in self._words]
        self._stems = [words.stem(word[0].casefold()) for word in self._words]
        self._found = values.find(text, but=but)

    def bids(self, slot: _Slot) -> Iterator[_Bid]:
        """A slot's bids, every value allowed by its schema."""
        known = [_Bid(value, 4.0 + len(name)) for name, value in self._facts if name <= {*slot.label}]
        for way in ways(slot.schema):
            yield from (bid for bid in chain(known, self._bids(slot, way)) if allows(way, bid.value))

    def _bids(self, slot: _Slot, way: Schema) -> Iterator[_Bid]:
        if (chosen := choices(way)) is not None:
            yield from self._chosen(way, chosen)
            return
        if kind(way) == "boolean" and self._places(slot.label):
            yield _Bid(value=True, worth=3.0)
        if kind(way) == "array" and not {"array", "object"} & set(map(kind, ways(way.get("items", {})))):
            yield from self._lists(slot, way)
        for found in self._found:
            near = self._near(slot, found.start, found.end)
            text = self._text[found.start : found.end] if found.sort == "number" else found.value
            form = way.get("format")
            if kind(way) in {"integer", "number", ""} and not isinstance(value := found.value, str):
                whole = kind(way) == "integer" and value == int(value)
                yield _Bid(int(value) if whole else value, 0.5 + near, found.start, found.end)
            elif kind(way) in {"string", ""} and form in {None, found.sort}:
                worth = 3 if form else _WORTH[found.sort]
                yield from [_Bid(text, worth + near, found.start, found.end)] if worth + near > 0 else ()

    def _chosen(self, way: Schema, chosen: list[Any]) -> Iterator[_Bid]:
        for value in chosen[:_MAX_CHOICES]:
            stems = [words.stem(token) for token in words.tokens(words.spelled(str(value)))]
            for start, end in self._places(stems):
                yield _Bid(value, 3.0, start, end)
        # a choice of one that is described, where the text speaks of what the description tells
        described = frozenset(words.terms(way.get("description", "")))
        shared = described.intersection(self._stems)
        if shared and len(chosen) == 1:
            yield _Bid(chosen[0], 1 + len(shared) + len(shared) / len(described))

    def _lists(self, slot: _Slot, way: Schema) -> Iterator[_Bid]:
        """All values of the kind that fits best; they stay free for other slots."""
        bids = sorted(self.bids(replace(slot, schema=way.get("items", {}))), key=lambda bid: bid.start)
        best = max((bid.worth for bid in bids), default=0.0)
        found = list(dict.fromkeys(bid.value for bid in bids if bid.worth >= max(best - 0.8, 0.5)))
        yield _Bid(found[: int(way.get("maxItems", len(found)))], best)

    def _places(self, stems: Sequence[str]) -> list[tuple[int, int]]:
        """Where the text says some words in a row."""
        size = len(stems)
        return [
            (self._starts[place], self._words[place + size - 1].end())
            for place, stem in enumerate(self._stems)
            if stems and stem == stems[0] and self._stems[place : place + size] == list(stems)
        ]

    def _near(self, slot: _Slot, start: int, end: int) -> float:
        """How near a slot's name stands to a stretch of text, from 0 to 3."""
        first, after = bisect_left(self._starts, start), bisect_left(self._starts, end)
        before, behind = self._stems[max(first - _NEAR, 0) : first][::-1], self._stems[after : after + _NEAR]
        between = [
            count for side in (before, behind) for count, stem in enumerate(side) if stem in slot.label
        ]
        return 3 - 0.7 * min(between) if between else 0.0

    def rest(self, taken: Sequence[_Bid]) -> str:
        """The longest stretch that is not taken, without the words at its ends that only ask."""
        spans = [(bid.start, bid.end) for bid in sorted(taken, key=lambda bid: bid.start) if bid.end]
        edges = [0, *chain.from_iterable(spans), len(self._text)]
        return max(map(self._trimmed, edges[::2], edges[1::2]), key=len)

    def _trimmed(self, start: int, end: int) -> str:
        inside = range(bisect_left(self._starts, start), bisect_left(self._starts, end))
        kept = [place for place in inside if not self._only_asks(place)]
        return self._text[self._starts[kept[0]] : self._words[kept[-1]].end()] if kept else ""

    def _only_asks(self, place: int) -> bool:
        word = self._words[place][0].casefold()
        return self._stems[place] in self._but or word in words.STOP_WORDS | words.IMPERATIVES
