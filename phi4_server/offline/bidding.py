"""Bidding: what a place in a schema would take from a text, and how much. Knows one place at a time.

A bid is worth more the better the sort of value fits what the place is for, the nearer the words of its name
stand, and where the word before the value says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from phi4_server.offline import effort, lexicon, patterns, roles, words
from phi4_server.offline.checking import allows
from phi4_server.offline.gleaning import Find, cue
from phi4_server.offline.scene import Bid, Scene
from phi4_server.offline.schema import Schema

_TOLD = re.compile(
    r"[\"'*`]{0,9}(?:\s{0,9}[:=]\s{0,9}(?P<told>[^\n;,]{1,2000})"
    r"|\s{1,9}(?:is|was|should be)\s{1,9}(?P<said>[^\n;,.?!]{1,300}?)"
    r"(?=\s{1,9}(?:and|but|who|which|with|in|at|for|on)\b|[\n;,.?!]|$))"
)
_NO = re.compile(
    r"\b(?:no|not|without|never|don't|disable|exclude|skip|turn off)\b(?:\s+\w+){0,2}\s*$", re.IGNORECASE
)
_SET = re.compile(
    r"\W{0,4}(?:is|to|as)?\W{0,4}\b(?:(true|yes|on|enabled)|(false|no|off|disabled))\b", re.IGNORECASE
)
_SWITCHING = frozenset(map(words.stem, ("is", "has", "include", "enable", "use", "with")))
_GAP = re.compile(r"[\s_-]+")
_FEW = 40
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a schema that takes a plain value, or a list of them.

    Attributes:
        name: Its name.
        ways: What it takes, one kind each.
        required: Whether it must be filled.
        has_default: Whether it can do without a value from the text.
        label: The words of its name, in order, casefolded.
        terms: Their stems.
        hints: The stems of its description.
    """

    name: str
    ways: tuple[Schema, ...]
    required: bool
    has_default: bool
    label: tuple[str, ...]
    terms: frozenset[str]
    hints: frozenset[str]

    @classmethod
    def of(cls, name: str, schema: Schema, *, required: bool) -> Slot:
        """The slot of a property."""
        label = tuple(words.tokens(words.spelled(name)))
        terms = frozenset(map(words.stem, label))
        hints = frozenset(words.terms(f"{schema.text('title')} {schema.text('description')}")) - terms
        ways = tuple(way for way in schema.alternatives if way.kind != "null")
        return cls(name, ways, required, "default" in schema.node, label, terms, hints)

    @property
    def takes_all(self) -> bool:
        """Whether it takes the whole of what is asked, as a search's query does."""
        return roles.takes_all(self.terms)

    def near(self, scene: Scene, start: int, end: int) -> float:
        """How near its name stands to a stretch of a text."""
        return scene.closeness(start, end, terms=self.terms, hints=self.hints)

    def cued(self, find: Find) -> float:
        """Whether the word before a value says that it is for this slot."""
        return roles.cued(self.terms.union(self.label), find)


def bids(slot: Slot, scene: Scene) -> Iterator[Bid]:
    """A slot's bids, every value allowed by its schema."""
    for way in slot.ways:
        effort.spend(len(scene.tokens) // 4 + 8 * len(scene.finds))
        for bid in chain(_known(slot, scene), _bids(slot, way, scene)):
            if allows(way, bid.value):
                yield bid


def _known(slot: Slot, scene: Scene) -> Iterator[Bid]:
    for name, value in scene.facts.items():
        called = frozenset(words.terms(name))
        if called <= slot.terms:
            yield Bid(value, 4.0 + len(called))


def _bids(slot: Slot, way: Schema, scene: Scene) -> Iterator[Bid]:
    if way.chosen is not None:
        return chain(_choices(slot, way.chosen, scene), _meant(way, scene))
    match way.kind:
        case "boolean":
            return _truths(slot, scene)
        case "integer" | "number":
            return _numbers(slot, scene, whole=way.kind == "integer")
        case "string":
            return _texts(slot, way, scene)
        case "":
            return chain(_numbers(slot, scene, whole=False), _texts(slot, way, scene))
        case _:
            return iter(())


def _choices(slot: Slot, chosen: Sequence[Any], scene: Scene) -> Iterator[Bid]:
    for value in chosen:
        said = str(value)
        if not 0 < len(said) <= _LONGEST:
            continue
        effort.spend(200 + len(scene.text) // 20)
        # a single sign is a word of its own only as it is written
        flags = re.NOFLAG if len(said) == 1 else re.IGNORECASE
        spelled = r"[\s_-]{0,9}".join(map(re.escape, _GAP.split(said)))
        alone = re.compile(rf"(?<!\w){spelled}(?!\w)", flags)
        for match in islice(alone.finditer(scene.text), _FEW):
            find = Find("name", said, *match.span(), cue(scene.text, match.start()))
            yield Bid(value, 3 + slot.cued(find) + slot.near(scene, *match.span()), *match.span())


def _meant(way: Schema, scene: Scene) -> Iterator[Bid]:
    """The one value of a way, as far as the text speaks of what its description tells of it."""
    described = frozenset(words.terms(way.text("description")))
    said = described & {token.stem for token in scene.tokens}
    if said and way.chosen is not None and len(way.chosen) == 1:
        yield Bid(way.chosen[0], 1 + len(said) + len(said) / len(described))


def _truths(slot: Slot, scene: Scene) -> Iterator[Bid]:
    for token in scene.tokens:
        if token.stem in slot.terms - _SWITCHING and token.stem not in lexicon.STOP_WORDS:
            effort.spend(_FEW)
            told = _SET.match(scene.text, token.end)
            negated = bool(_NO.search(scene.text[max(token.start - _FEW, 0) : token.start]))
            yield Bid(told[2] is None, 3.5) if told else Bid(not negated, 3.0)


def _numbers(slot: Slot, scene: Scene, *, whole: bool) -> Iterator[Bid]:
    for find in scene.finds:
        if isinstance(find.value, int | float):
            value = int(find.value) if whole and find.value == int(find.value) else find.value
            worth = 0.5 + slot.cued(find) + roles.measured(slot.terms, find, scene.text)
            yield Bid(value, worth + slot.near(scene, find.start, find.end), find.start, find.end)


def _texts(slot: Slot, way: Schema, scene: Scene) -> Iterator[Bid]:
    yield from _labelled(slot, scene)
    for match in patterns.glean(way.text("pattern"), scene.text):
        yield Bid(match[0], 3 + slot.near(scene, *match.span()), *match.span())
    form = way.text("format")
    for find in scene.finds:
        value = _formed(find, form, scene)
        fitting = roles.fitting(slot.terms, slot.hints, find) + 3 * bool(form)
        worth = fitting + slot.cued(find) + slot.near(scene, find.start, find.end)
        if worth > 0 and value:
            yield Bid(value, worth, find.start, find.end)


def _labelled(slot: Slot, scene: Scene) -> Iterator[Bid]:
    """What stands after the slot's name, as in "title: ..." and "the title is ..."."""
    label = tuple(map(words.stem, slot.label))
    stems = [token.stem for token in scene.tokens]
    for place in range(len(stems) - len(label) + 1) if label else ():
        if tuple(stems[place : place + len(label)]) != label:
            continue
        effort.spend(_FEW)
        match = _TOLD.match(scene.text, scene.tokens[place + len(label) - 1].end)
        value = match[match.lastgroup or 0].strip(" \t\"'“”\u2018\u2019*.`") if match else ""
        if match and value:
            yield Bid(value, 4.0, *match.span(match.lastgroup or 0))


def _formed(find: Find, form: str, scene: Scene) -> str:
    """A value's words in the format that a schema asks for; empty where it has none."""
    text = find.value if isinstance(find.value, str) else scene.text[find.start : find.end]
    match form:
        case "date":
            return text if find.sort == "date" else ""
        case "time":
            return f"{text}Z" if find.sort == "time" else ""
        case "date-time":
            times = [other.value for other in scene.finds if other.sort == "time"]
            return f"{text}T{times[0] if times else '00:00:00'}Z" if find.sort == "date" else ""
        case _:
            return text
