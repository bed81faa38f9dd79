"""The JSON that an answer shall be: whether any is asked for, and by which schema. Fills nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from phi4_server.offline import context, words
from phi4_server.offline.prompt import Conversation
from phi4_server.offline.schema import Schema

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
_TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]
_MAX_TRIED = 100
_MAX_DEMAND = 400


def form(talk: Conversation) -> tuple[Schema | None, str] | None:
    """The form that the conversation's end asks for; None where it asks for no JSON.

    Returns:
        The JSON Schema, None where any JSON will do; and what the user said, without what it says about that.
    """
    asked, schema = _read(talk.asked)
    if schema is None:
        _, schema = _read(talk.system)
    if schema is not None:
        return schema, asked
    for text in (talk.asked, talk.system):
        if demand := _DEMAND.search(context.parted(text)[1]):
            return _of_keys(demand.string[demand.start() :][:_MAX_DEMAND]), asked
    return None


def _read(text: str) -> tuple[str, Schema | None]:
    """A text without its schema and what it says about it, and the schema.

    Passages may hold schemas of their own. One counts only where nothing tells where the passages end.
    """
    passages, rest = context.parted(text)
    if text.rstrip().endswith(passages):
        passages, rest = "", text
    if not _TALK.search(rest):
        return text, None
    objects = list(_objects(rest))
    schemas = [value for _, _, value in objects if _is_schema(value)]
    for start, end, _ in reversed(objects):
        rest = rest[:start] + "\n" + rest[end:]
    contents = map(_content, words.sentences(rest.replace("```", "\n")))
    return "\n".join(filter(None, [passages, *contents])), schemas[-1] if schemas else None


def _objects(text: str) -> Iterator[tuple[int, int, Schema]]:
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


def _is_schema(value: Schema) -> bool:
    return bool(value.keys() & _SCHEMA) or value.get("type") in _TYPES


def _content(sentence: str) -> str:
    """A sentence, if it does not speak of JSON; of one that does, what follows its colon."""
    before, _, after = sentence.rpartition(": ")
    if not _TALK.search(sentence):
        return sentence
    return after if _TALK.search(before) else ""


def _of_keys(demand: str) -> Schema | None:
    """A schema of the keys that a demand names; None where it names none."""
    keys = _KEYS.search(demand)
    names = _QUOTED.findall(demand) or _COMMA.split(keys[1] or "" if keys else "")
    if not keys or not all(names):
        return None
    return {"type": "object", "properties": {name: {} for name in names}, "required": names}
