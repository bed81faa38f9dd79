"""Tools: what an offered tool and a call look like in a prompt. Knows Phi-4's format; decides nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OFFER = re.compile(r"<\|tool\|>((?:(?!<\|end\|>|<\|/?tool\|>).)*)<\|/tool\|>", re.DOTALL)
"""The list of tools in a system turn."""

CALL, CALLED = "<|tool_call|>", "<|/tool_call|>"
"""What stands before and behind the calls in an assistant's turn."""

_TYPES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
}


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may call.

    Attributes:
        name: Its name.
        description: What it does.
        parameters: JSON Schema of its arguments, an object.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool.

    Attributes:
        name: The tool's name.
        arguments: Its arguments, as JSON values.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


def loaded(text: str) -> Any:
    """The JSON value that a text is, or None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _objects(text: str) -> Iterator[Mapping[str, Any]]:
    value = loaded(text)
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield item


def offered(text: str) -> tuple[Tool, ...]:
    """The tools of a JSON list; what is no tool is left out.

    Takes Phi-4's flat objects and OpenAI's nested ones; parameters as JSON Schema, or as the plain mapping
    of names with Python's type names that Phi-4's model card shows.
    """
    found = []
    for item in _objects(text):
        inner = item.get("function")
        spec = inner if isinstance(inner, dict) else item
        if isinstance(spec.get("name"), str):
            found.append(
                Tool(spec["name"], str(spec.get("description") or ""), schema(spec.get("parameters")))
            )
    return tuple(found)


def schema(parameters: object) -> Mapping[str, Any]:
    """JSON Schema of a tool's parameters, also where they are a plain mapping of names."""
    if not isinstance(parameters, dict):
        return {"type": "object", "properties": {}}
    if parameters.keys() & {"type", "properties", "$ref", "anyOf", "allOf", "oneOf"} or not parameters:
        return parameters
    properties = {name: _typed(spec) for name, spec in parameters.items() if isinstance(spec, dict)}
    required = [name for name, spec in properties.items() if "default" not in spec]
    return {"type": "object", "properties": properties, "required": required}


def _typed(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    kind = str(spec.get("type", "str")).split("[")[0].split(",")[0].strip()
    return {**spec, "type": _TYPES.get(kind, kind)}


def uncalled(text: str) -> str:
    """An assistant's text without the calls that it makes."""
    return "".join(_split(text)[::2])


def _split(text: str) -> list[str]:
    """What stands outside the marks of calls and inside them, in turn."""
    parts: list[str] = []
    place = 0
    while (start := text.find(CALL, place)) >= 0 and (end := text.find(CALLED, start)) >= 0:
        parts += [text[place:start], text[start + len(CALL) : end]]
        place = end + len(CALLED)
    return [*parts, text[place:]]


def called(text: str) -> tuple[Call, ...]:
    """The calls that an assistant's text makes, in order; what is no call is left out."""
    found = []
    for body in _split(text)[1::2]:
        for item in _objects(body):
            arguments = item.get("arguments", item.get("parameters"))
            name = item.get("name")
            if isinstance(name, str):
                found.append(Call(name, arguments if isinstance(arguments, dict) else {}))
    return tuple(found)


def written(calls: Sequence[Call]) -> str:
    """Calls in Phi-4's format."""
    body = [{"name": call.name, "arguments": dict(call.arguments)} for call in calls]
    return f"{CALL}{json.dumps(body, ensure_ascii=False)}{CALLED}"
