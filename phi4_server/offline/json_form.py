"""The JSON that an answer shall be: whether any is asked for, and by which schema. Fills nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from phi4_server.offline import context, words
from phi4_server.offline.prompt import Conversation
from phi4_server.offline.schema import KINDS

_TALK = re.compile(
    r"\b(?:json|schema|well-formatted|markdown|backticks?|code (?:fences?|block))\b", re.IGNORECASE
)
_DEMAND = re.compile(
    r"\b(?:return|reply|respond|answer|output|give|produce|format|write|generate)\w*\b[^.?!\n]{0,120}\bjson\b",
    re.IGNORECASE,
)
_KEYS = re.compile(
    r"\b(?:keys?|fields?|properties)\b[\s:]*((?:[\w-]+(?:\s*,\s*|\s+and\s+))*[\w-]+)?", re.IGNORECASE
)
_QUOTED = re.compile(r"[\"'`]([\w -]{1,60})[\"'`]")
_COMMA = re.compile(r"[\s,]+(?:and\s+)?")
_SCHEMA = frozenset({"properties", "$ref", "anyOf", "oneOf", "allOf", "enum"})
_MAX_TRIED = 100
_MAX_DEMAND = 400
_TAIL = 200
"""How much text may follow a schema that ends passages."""


@dataclass(frozen=True, slots=True)
class Form:
    """The form an answer shall have.

    Attributes:
        schema: The JSON Schema; None where any JSON will do.
        text: What the user said, without what it says about the form.
    """

    schema: Mapping[str, Any] | None
    text: str


def form(talk: Conversation) -> Form | None:
    """The form that the conversation's end asks for; None where it asks for no JSON."""
    asked, schema = _read(talk.asked)
    if schema is None:
        _, schema = _read(talk.system)
    if schema is not None:
        return Form(schema, asked)
    for text in (talk.asked, talk.system):
        if demand := _DEMAND.search(context.parted(text)[1]):
            return Form(_of_keys(demand.string[demand.start() :][:_MAX_DEMAND]), asked)
    return None


def _read(text: str) -> tuple[str, Mapping[str, Any] | None]:
    """A text without its schema and what it says about it, and the schema.

    Passages may hold schemas of their own. One counts only where nothing tells where the passages end, and
    it stands at that end.
    """
    passages, rest = context.parted(text)
    if not passages or not text.rstrip().endswith(passages):
        bare, schema, _ = _parted(rest)
        return f"{passages}\n{bare}".strip(), schema
    bare, schema, after = _parted(text)
    return (bare, schema) if after <= _TAIL else (text, None)


def _parted(text: str) -> tuple[str, Mapping[str, Any] | None, int]:
    """A text without its schema and what it says about it; the schema; and how much text comes after that."""
    if not _TALK.search(text):
        return text, None, 0
    objects = list(_objects(text))
    schemas = [(value, len(text) - end) for _, end, value in objects if _is_schema(value)]
    schema, after = schemas[-1] if schemas else (None, 0)
    for start, end, _ in reversed(objects):
        text = text[:start] + "\n" + text[end:]
    contents = filter(None, map(_content, words.sentences(text.replace("```", "\n"))))
    return "\n".join(contents), schema, after


def _objects(text: str) -> Iterator[tuple[int, int, Mapping[str, Any]]]:
    """The JSON objects in a text, each with where it begins and ends."""
    end = 0
    for _ in range(_MAX_TRIED):
        start = text.find("{", end)
        if start < 0:
            return
        try:
            value, end = json.JSONDecoder().raw_decode(text, start)
            yield start, end, value
        except (ValueError, RecursionError):
            end = start + 1


def _is_schema(value: Mapping[str, Any]) -> bool:
    return bool(value.keys() & _SCHEMA) or value.get("type") in [*KINDS]


def _content(sentence: str) -> str:
    """A sentence, if it does not speak of JSON; of one that does, what follows its colon."""
    before, _, after = sentence.rpartition(": ")
    if not _TALK.search(sentence):
        return sentence
    return after if _TALK.search(before) else ""


def _of_keys(demand: str) -> Mapping[str, Any] | None:
    """A schema of the keys that a demand names; None where it names none."""
    keys = _KEYS.search(demand)
    names = _QUOTED.findall(demand) or (_COMMA.split(keys[1]) if keys and keys[1] else [])
    is_named = bool(keys and names)
    return (
        {"type": "object", "properties": {name: {} for name in names}, "required": names}
        if is_named
        else None
    )
