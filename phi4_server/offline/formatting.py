"""Formatting: whether JSON is asked for, and by which schema. Knows how prompts say so; fills nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from phi4_server.offline import context, effort, words
from phi4_server.offline.gleaning import glean
from phi4_server.offline.prompt import Conversation
from phi4_server.offline.schema import KINDS

_TALK = re.compile(
    r"\b(?:json|schema|well-formatted|markdown|backticks?|code (?:fences?|block))\b", re.IGNORECASE
)
_DEMAND = re.compile(
    r"\b(?:return|reply|respond|answer|output|give|produce|format|write|generate|provide)\w*\b[^.?!\n]{0,120}\bjson\b",
    re.IGNORECASE,
)
_KEYS = re.compile(r"\b(?:keys?|fields?|propert(?:y|ies)|attributes?)\b:?", re.IGNORECASE)
_BARE = re.compile(r"^[\s:]*((?:[\w-]+(?:\s*,\s*(?:and\s+)?|\s+and\s+))*[\w-]+)")
_COMMA = re.compile(r"[\s,]+")
_TRIED = 100
_DEMANDED = 400
_TAIL = 200


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
            return Form(_of_keys(demand.string[demand.start() :]), asked)
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
    # some templates leave the braces doubled that they had escaped
    read = [
        (written, list(_objects(written))) for written in (text, text.replace("{{", "{").replace("}}", "}"))
    ]
    written, objects = max(read, key=lambda item: max((end - start for start, end, _ in item[1]), default=0))
    schemas = [(value, len(written) - end) for _, end, value in objects if _is_schema(value)]
    schema, after = schemas[-1] if schemas else (None, 0)
    return _without(written, [(start, end) for start, end, _ in objects]), schema, after


def _objects(text: str) -> Iterator[tuple[int, int, Mapping[str, Any]]]:
    """The JSON objects in a text, each with where it begins and ends."""
    decoder = json.JSONDecoder()
    start = -1
    for _ in range(_TRIED):
        start = text.find("{", start + 1)
        if start < 0:
            return
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            effort.spend((getattr(error, "pos", len(text)) - start) // 20)
            continue
        yield start, end, value
        start = end - 1


def _is_schema(value: Mapping[str, Any]) -> bool:
    kind = value.get("type")
    return (
        isinstance(value.get("properties"), dict)
        or isinstance(value.get("$ref"), str)
        or any(isinstance(value.get(key), list) for key in ("anyOf", "oneOf", "allOf", "enum"))
        or (isinstance(kind, str) and kind in KINDS)
    )


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    """A text without some spans of it, and without what it says about JSON."""
    for start, end in reversed(spans):
        text = text[:start] + "\n" + text[end:]
    lines = text.replace("```", "\n").splitlines()
    return "\n".join(
        filter(None, [_content(sentence) for line in lines for sentence in words.sentences(line)])
    )


def _content(sentence: str) -> str:
    """A sentence, if it does not speak of JSON; of one that does, what follows its colon."""
    said, _, after = sentence.rpartition(": ")
    if not _TALK.search(sentence):
        return sentence
    return after if _TALK.search(said) else ""


def _of_keys(demand: str) -> Mapping[str, Any] | None:
    """A schema of the keys that a demand names; None where it names none."""
    demand = demand[:_DEMANDED]
    keys = _KEYS.search(demand)
    quoted = [str(find.value) for find in glean(demand) if find.sort == "quoted"]
    if not quoted and keys and (bare := _BARE.match(demand[keys.end() :])):
        quoted = [name for name in _COMMA.split(bare[1]) if name != "and"]
    if not quoted or not keys:
        return None
    return {"type": "object", "properties": {name: {} for name in quoted}, "required": quoted}
