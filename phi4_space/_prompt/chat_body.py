"""Turns with their roles, as the JSON of a chat completion. Knows OpenAI's shape; no Space, no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from phi4_space._json import write
from phi4_space._limits import Limits
from phi4_space._prompt.call_arguments import to_json_arguments
from phi4_space._prompt.escape import TOKENS, guarded
from phi4_space._prompt.response_format import ResponseFormat
from phi4_space._prompt.schema_text import normalize_schema
from phi4_space._prompt.tools import listed
from phi4_space._turns import Kind, ToolCall, ToolSpec, Turn

FileNumber = tuple[Kind, int]
"""A file's kind, and its number among those that are sent, from 0."""


def to_chat_body(
    turns: Sequence[Turn],
    numbers: Sequence[FileNumber],
    *,
    tools: Sequence[ToolSpec] = (),
    tool_choice: str = "auto",
    response_format: ResponseFormat | None = None,
    stop: Sequence[str] = (),
) -> dict[str, Any]:
    """Writes turns, and what is wanted of the answer, as one JSON value.

    Phi-4's control tokens in texts are broken up, as they are in a prompt; roles need no guard.

    Args:
        turns: The turns, oldest first.
        numbers: For each of their media, in order, which of the files it is.
        tools: The tools that the model may call.
        tool_choice: "auto", "none", "required" or the name of a tool.
        response_format: JSON that the answer is to be.
        stop: The strings before which the answer ends. They are left to the client where there are tools: the
            Space would find them within calls, too.

    Raises:
        InvalidOption: Tools or calls hold what JSON cannot.
    """
    remaining = iter(numbers)
    body: dict[str, Any] = {"messages": [_message(turn, remaining) for turn in turns]}
    if tools:
        body["tools"] = [{"type": "function", "function": tool} for tool in listed(tools)]
        body["tool_choice"] = _choice(tool_choice)
    elif stop:
        body["stop"] = [*stop]
    if response_format is not None:
        body["response_format"] = _format(response_format)
    return body


def _message(turn: Turn, numbers: Iterator[FileNumber]) -> dict[str, Any]:
    texts = iter(guarded([part for part in turn.parts if isinstance(part, str)], (TOKENS,)))
    parts: list[dict[str, Any]] = []
    for part in turn.parts:
        if isinstance(part, str):
            parts.append({"type": "text", "text": next(texts)})
        else:
            kind, number = next(numbers)
            parts.append({"type": kind, "file": number})
    message: dict[str, Any] = {"role": turn.role, "content": parts if turn.media else next(_texts(parts), "")}
    if turn.tool_calls:
        message["tool_calls"] = [_call(call) for call in turn.tool_calls]
    if turn.role == "tool":
        message |= {"tool_call_id": turn.tool_call_id, "name": turn.name}
    return message


def _texts(parts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from (part["text"] for part in parts)


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": write(to_json_arguments(call.arguments, call.name), Limits())}
    return {"id": call.id, "type": "function", "function": function}


def _choice(choice: str) -> str | dict[str, Any]:
    if choice in {"auto", "none", "required"}:
        return choice
    return {"type": "function", "function": {"name": choice}}


def _format(wanted: ResponseFormat) -> dict[str, Any]:
    if wanted.schema is None:
        return {"type": "json_object"}
    schema = normalize_schema(json.loads(write(wanted.schema, Limits())), titled=True)
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
