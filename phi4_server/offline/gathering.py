"""Gathering: values for lists and for objects of any names. Knows one place in a schema at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from phi4_server.offline import effort, lexicon, words
from phi4_server.offline.bidding import Slot, bids
from phi4_server.offline.checking import allows
from phi4_server.offline.scene import Scene
from phi4_server.offline.schema import Schema
from phi4_server.offline.tools import loaded

_COMMA = re.compile(r"\s{0,9}(?:,\s{0,9}(?:and|or)\s|[,;、\uff0c]|\s(?:and|or)\s)\s*")
_PAIR = re.compile(
    r"(?:^|[,;{(]|\band\b)\s{0,9}[\"']?(\w[\w -]{0,40}?)[\"']?\s{0,9}[:=]\s*([^,;\n})]+)", re.MULTILINE
)
_CLAUSE = re.compile(r"(?:[.!?;\n]+|,?\s{1,9}(?:and|while|whereas|but)\s|,)\s*")
_SERIES = re.compile(
    r"(?<![^,.;:!?\n])[^,.;:!?\n]{1,200}(?:, [^,.;:!?\n]{1,100}){0,20},? (?:and|or) [^,.;:!?\n]{1,100}"
)
_JOINING = "|".join(sorted(lexicon.JOINING - {"and", "or"}))
_LEAD = re.compile(rf"^.*\b(?:{_JOINING})\s+(?:(?:the|an?|my)\s+)?", re.IGNORECASE)
_TRAIL = re.compile(rf"\s{{1,9}}(?:{_JOINING})\b.*$", re.IGNORECASE)
_LONGEST = 3
_APART = 0.8
_LIST = 1000
"""How many characters a list takes at most."""
_LEADING = re.compile(r"^\W*(?:(?:is|are|like|such as|of)\s)?[\s:=\[]*")
_END = re.compile(r"[.!?;\n]|\s(?:in|with|for|from|to|at)\s")


def items(slot: Slot, item: Schema, scene: Scene) -> list[Any]:
    """The values for a list of plain ones: what is listed after its name, else all that fits and is left."""
    named = [value for text in _listed(slot, scene) if (value := _read(item, text)) is not None]
    if named:
        return named
    one = Slot.of(slot.name, item, required=True)
    # the word before the first of them says nothing of the others
    uncued = replace(scene, finds=tuple(replace(find, cue="") for find in scene.finds))
    offers = sorted(bids(one, uncued), key=lambda bid: bid.start)
    best = max((bid.worth for bid in offers), default=0.0)
    # values of the best sort only: names beside a quotation are none of the list
    found = [bid.value for bid in offers if item.chosen is not None or bid.worth >= best - _APART]
    if best >= 1 or not slot.required:
        return found if best >= 1 else []
    return found if len(found) > 1 else [text for text in _series(scene.text) if allows(item, text)] or found


def _series(text: str) -> list[str]:
    """The first series of things in a text, as in "with ham, cheese and olives"."""
    for match in _SERIES.finditer(text):
        first, *others = [part.strip() for part in _COMMA.split(match[0])]
        parts = [_LEAD.sub("", first), *others[:-1], _TRAIL.sub("", others[-1])]
        if all(0 < len(part.split()) <= _LONGEST for part in parts):
            return parts
    return []


def _read(schema: Schema, text: str) -> Any:
    """A text as the schema takes it: as it is, or as the JSON value that it writes; None for neither."""
    if allows(schema, text):
        return text
    value = loaded(text)
    return value if allows(schema, value) else None


def _listed(slot: Slot, scene: Scene) -> list[str]:
    """What a text lists after the last word of a slot's name, as in "the tags red, blue and green"."""
    last = words.stem(slot.label[-1]) if slot.label else ""
    for token in scene.tokens:
        if token.stem == last:
            effort.spend(_LIST)
            following = _LEADING.sub("", scene.text[token.end : token.end + _LIST])
            parts = [part.strip(" \"'“”[]") for part in _COMMA.split(_END.split(following, maxsplit=1)[0])]
            if len(parts) > 1:
                return [part for part in parts if part]
    return []


def cut(schema: Schema, values: list[Any]) -> list[Any]:
    """The values that a list may hold: no value twice where it says so, and no more than it says."""
    if schema.node.get("uniqueItems") is True:
        values = [json.loads(text) for text in dict.fromkeys(json.dumps(value) for value in values)]
    most = schema.number("maxItems")
    return values if most is None else values[: max(int(most), 0)]


def pairs(schema: Schema, text: str) -> dict[str, Any] | None:
    """The pairs "name: value" in a text that an object of any names takes."""
    others = schema.others
    if others is None:
        return None
    found = {match[1].strip(): _read(others, match[2].strip(" \"'")) for match in _PAIR.finditer(text)}
    return {name: value for name, value in found.items() if value is not None}


def partings(text: str) -> Iterator[list[str]]:
    """Ways to part a text into the things it speaks of: by line, by sentence, by clause, and not at all."""
    yield [line for line in text.splitlines() if line.strip()]
    yield words.sentences(" ".join(text.split()))
    yield [part for part in _CLAUSE.split(text) if part.strip()]
    yield [text]
