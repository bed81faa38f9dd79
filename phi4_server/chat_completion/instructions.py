"""A chat in Phi-4's words: its tools, calls, results and the form of the answer. Knows no model, no wire.

Models read all of these as text. They are written here as the client writes them in the prompts of the
public contract, so that the same chat is put in the same words over both.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import cleandoc
from itertools import groupby
from pathlib import Path
from typing import Any

from phi4_server.chat_completion.body import BodyMessage, Call, ChatBody, TextPart, Tool
from phi4_server.model import Message, Role

_HOW_TO_CALL = (
    'To call tools, answer with <|tool_call|>[{"name": NAME, "arguments": {...}}]<|/tool_call|>, '
    "one item for each call."
)
_ORDERS = {"auto": "", "none": "Do not call a tool.", "required": "You must call at least one tool."}
_TOKEN = re.compile(r"<(?=\|[^\s<>|]+\|>)")
_NO_OUTPUT = "(no output)"
_NO_PARAMETERS = {"type": "object", "properties": {}}


def to_messages(body: ChatBody, files: Sequence[Path]) -> tuple[Message, ...]:
    """The chat as a model takes it: the system's messages say what it has to know about tools and JSON.

    Args:
        body: What was sent.
        files: The files that it numbers.

    Raises:
        ValueError: It names a file that is not there, holds nothing, or nests too deeply.
    """
    if body.prompt is not None:
        return (Message(role="user", text=body.prompt, files=tuple(files)),)
    labels: dict[str, str] = {}
    messages = []
    for message in body.messages:
        labels |= _call_labels(message)  # an id may be used again later
        if not _is_empty(message):
            messages.append(_to_message(message, files, labels))
    if not messages:
        raise ValueError("There is nothing to answer: no text and no files.")
    return _with_tools(_merged(_with_form(messages, body)), body)


def break_tokens(text: str) -> str:
    """The text with `< |end|>` for `<|end|>` and the like, which only this package may write."""
    return _TOKEN.sub("< ", text)


def _is_empty(message: BodyMessage) -> bool:
    is_result = message.role == "tool" and (message.name or message.tool_call_id)
    has_content = any(not isinstance(part, TextPart) or part.text.strip() for part in message.content)
    return not (has_content or message.tool_calls or is_result)


def _to_message(message: BodyMessage, files: Sequence[Path], labels: Mapping[str, str]) -> Message:
    role: Role = "system" if message.role == "developer" else message.role
    text, own_files, offsets = "", [], []
    for part in message.content:
        if isinstance(part, TextPart):
            text += part.text
        elif part.file < len(files):
            own_files.append(files[part.file])
            offsets.append(len(text))
        else:
            raise ValueError(f"A message names file {part.file}, and {len(files)} were sent, from 0.")
    if not text.strip():
        text, offsets = "", [0] * len(own_files)
    # Of all parts together, since a token may be spread over several.
    starts = [found.start() for found in _TOKEN.finditer(text)]
    text, offsets = break_tokens(text), [offset + bisect_left(starts, offset) for offset in offsets]
    if message.tool_calls:
        gap = " " if text and not text[-1].isspace() else ""
        text += gap + _written(message.tool_calls)
    if role == "tool" and (label := _label(message, labels)):
        text, offsets = _labelled(label, text or ("" if own_files else _NO_OUTPUT), offsets)
    return Message(
        role=role,
        text=text,
        files=tuple(own_files),
        offsets=tuple(offsets) if any(offsets) else (),
        is_prompt=False,
    )


def _labelled(label: str, text: str, offsets: list[int]) -> tuple[str, list[int]]:
    start = f"{label} -> "
    return start + text, [len(start) + offset for offset in offsets]


def _label(message: BodyMessage, labels: Mapping[str, str]) -> str:
    label = labels.get(message.tool_call_id or "", message.name or "")
    return break_tokens(" ".join(label.split()))


def _call_labels(message: BodyMessage) -> dict[str, str]:
    """The name of each call, by id. Phi-4's calls have no ids, so that several at once are numbered."""
    names = [(call.id, call.function.name) for call in message.tool_calls]
    return {
        id_: name if len(names) == 1 else f"{name} (call {number})"
        for number, (id_, name) in enumerate(names, start=1)
    }


def _written(calls: Sequence[Call]) -> str:
    listed = [{"name": call.function.name, "arguments": _arguments(call)} for call in calls]
    return f"<|tool_call|>{_to_json(listed)}<|/tool_call|>"


def _arguments(call: Call) -> Any:
    arguments = call.function.arguments
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return arguments  # as a model wrote it


def _with_form(messages: Sequence[Message], body: ChatBody) -> list[Message]:
    """The messages, the first of the system's being followed by the form of the answer."""
    schema = None if body.response_format is None else body.response_format.schema_or_none
    if schema is None:
        return [*messages]
    form = "Reply with JSON only, no other text: one JSON object."
    if schema:
        form = f"Reply with JSON only, no other text, that fits this JSON Schema:\n{_dumps(schema)}"
    start = next((at for at, message in enumerate(messages) if message.role != "system"), len(messages))
    return [
        *messages[:start],
        Message(role="system", text=break_tokens(form), is_prompt=False),
        *messages[start:],
    ]


def _merged(messages: Sequence[Message]) -> list[Message]:
    """The messages, with consecutive ones of the system merged."""
    merged: list[Message] = []
    for is_system, run in groupby(messages, key=lambda message: message.role == "system"):
        same = [*run]
        merged += [_merge(same)] if is_system else same
    return merged


def _merge(messages: Sequence[Message]) -> Message:
    text, offsets, files = "", list[int](), list[Path]()
    for message in messages:
        text += "\n" if text and message.text else ""
        files += message.files
        offsets += [len(text) + offset for offset in message.offsets or (0,) * len(message.files)]
        text += message.text
    return replace(messages[0], text=text, files=tuple(files), offsets=tuple(offsets) if any(offsets) else ())


def _with_tools(messages: Sequence[Message], body: ChatBody) -> tuple[Message, ...]:
    if not body.tools:
        return tuple(messages)
    offer = _offer(body.tools, body.choice)
    first, *others = messages
    if first.role == "system":
        return (replace(first, text=f"{first.text}\n{offer}"), *others)
    return (Message(role="system", text=offer, is_prompt=False), *messages)


def _offer(tools: Sequence[Tool], choice: str) -> str:
    order = _ORDERS.get(choice, f"You must call the tool {_escaped(choice)}.")
    orders = filter(None, ("" if choice == "none" else _HOW_TO_CALL, order))
    listed = [
        {
            "name": tool.function.name,
            "description": cleandoc(tool.function.description or ""),
            "parameters": _NO_PARAMETERS if tool.function.parameters is None else tool.function.parameters,
        }
        for tool in tools
    ]
    return f"{' '.join(orders)}\n<|tool|>{_to_json(listed)}<|/tool|>"


def _to_json(value: object) -> str:
    return _escaped(_dumps(value))


def _dumps(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise ValueError("The JSON in this request is nested too deeply.") from None


def _escaped(text: str) -> str:
    """JSON without control tokens, which it reads as the same characters."""
    return text.replace("<|", "<\\u007c")
