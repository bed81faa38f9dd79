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


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the model may call: its name, what it does, and JSON Schema of its arguments, an object."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool: the tool's name, and its arguments as JSON values."""

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
    yield from (item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict))


def offered(text: str) -> Iterator[Tool]:
    """The tools of a JSON list, Phi-4's flat objects or OpenAI's nested ones; what is no tool is left out."""
    for item in _objects(text):
        inner = item.get("function")
        spec = inner if isinstance(inner, dict) else item
        if isinstance(name := spec.get("name"), str):
            yield Tool(name, str(spec.get("description") or ""), schema(spec.get("parameters")))


def schema(parameters: object) -> Mapping[str, Any]:
    """JSON Schema of a tool's parameters, an object."""
    return {"type": "object", **parameters} if isinstance(parameters, dict) else {"type": "object"}


def parted(text: str) -> tuple[str, tuple[Call, ...]]:
    """An assistant's text without the calls that it makes, and these; what is no call is left out."""
    bare, calls, place = "", [], 0
    while (start := text.find(CALL, place)) >= 0 and (end := text.find(CALLED, start)) >= 0:
        bare += text[place:start]
        for item in _objects(text[start + len(CALL) : end]):
            name, arguments = item.get("name"), item.get("arguments", item.get("parameters"))
            if isinstance(name, str):
                calls.append(Call(name, arguments if isinstance(arguments, dict) else {}))
        place = end + len(CALLED)
    return bare + text[place:], tuple(calls)


def written(calls: Sequence[Call]) -> str:
    """Calls in Phi-4's format."""
    body = [{"name": call.name, "arguments": dict(call.arguments)} for call in calls]
    return f"{CALL}{json.dumps(body, ensure_ascii=False)}{CALLED}"
