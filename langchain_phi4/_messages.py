"""LangChain's messages as turns. Knows the message classes and what each of them carries; no model, no I/O.

Their content is read in `_content`. The speaker's name goes before the text of a user or system message
(`Ann: hello`). An assistant's name does so only where several assistants speak, since a model goes on in the
form that it sees; a single name goes into the system turn. A role of no known meaning counts as a user's, and
is written as a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_phi4._content import read_block, read_invalid_call
from langchain_phi4._parts import Part, Passage, Piece, Result, UnparsedCall, flow
from phi4_space import ToolCall, Turn, UnsupportedContent
from phi4_space.interop import Role, errors_at, short_repr, to_json_arguments, to_role


def to_turns(messages: Sequence[BaseMessage]) -> list[Turn]:
    """The messages as turns, oldest first; nothing in them is changed.

    A message becomes one turn, or several where it has calls and their results among its text, or none where
    it is empty. Runs of one role stay as they are.

    Raises:
        UnsupportedContent: A message is of an unknown class, or holds what Phi-4 cannot take.
        InvalidInput: What a message holds cannot be read. Each error names the message and its type.
    """
    if isinstance(messages, str | Mapping) or not isinstance(messages, Iterable):
        raise UnsupportedContent(
            f"Messages are a list, not of type {type(messages).__name__}", advice="Write [...] around one."
        )
    messages_by_role = [(_role(message, place), message) for place, message in enumerate(messages)]
    names = {_one_line(message.name) for role, message in messages_by_role if role == "assistant"}
    calls = _CallHistory()
    turns: list[Turn] = []
    for place, (role, message) in enumerate(messages_by_role):
        with errors_at(f"messages[{place}] ({type(message).__name__})"):
            if role == "tool":
                turns.append(_tool_turn(message, calls))
            else:
                prefix = _prefix(message, role, several=len(names) > 1)
                turns += _speaker_turns(message, role, calls, prefix=prefix)
    return _with_assistant_name(turns, names.pop()) if len(names) == 1 else turns


def _role(message: BaseMessage, place: int) -> Role:
    match message:
        case SystemMessage():
            return "system"
        case HumanMessage():
            return "user"
        case AIMessage():
            return "assistant"
        case ToolMessage() | FunctionMessage():
            return "tool"
        case ChatMessage():
            return to_role(_one_line(message.role)) or "user"
        case _:
            raise UnsupportedContent(
                f"messages[{place}] is a {type(message).__name__}, which is not for a model",
                advice="Pass system, human, AI, tool, function and chat messages.",
            )


def _prefix(message: BaseMessage, role: Role, *, several: bool) -> str:
    """The speaker's name, as it is put before the text; "" where it is not."""
    name = _one_line(message.name)
    if isinstance(message, ChatMessage) and to_role(label := _one_line(message.role)) is None:
        name = f"{name} ({label})" if name else label
    is_written = role in {"system", "user"} or (role == "assistant" and several)
    return f"{name}: " if name and is_written else ""


def _one_line(name: Any) -> str:
    if name and not isinstance(name, str):
        name = short_repr(name)
    return " ".join(name.split()) if name else ""


def _with_assistant_name(turns: list[Turn], name: str) -> list[Turn]:
    """The turns, with the assistant's name at the end of the system turns in front."""
    if not name:
        return turns
    at = next((place for place, turn in enumerate(turns) if turn.role != "system"), len(turns))
    return [*turns[:at], Turn(role="system", text=f"The assistant is named {name}."), *turns[at:]]


class _CallHistory:
    """The calls of a history: which of them a result answers.

    Some providers use an id again in each message, so that a later use is given one of its own.
    """

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._uses: dict[str, int] = {}

    def add(self, wanted: str | None, name: str | None) -> str:
        """Records a call, and returns an id for it that no other call has."""
        unique = wanted = wanted or "call"
        while unique in self._names:
            self._uses[wanted] = self._uses.get(wanted, 1) + 1
            unique = f"{wanted}_{self._uses[wanted]}"
        self._names[unique] = name or ""
        self._ids[wanted] = unique
        return unique

    def answer(self, call_id: str | None, parts: Iterable[Part], *, failed: bool, name: str = "") -> Turn:
        """The turn of a result; where the call failed, it says so."""
        call_id = self._ids.get(call_id or "", call_id)
        output = flow(parts)
        match output:
            case [str(first), *_] if not failed or first.lstrip().lower().startswith("error"):
                pass
            case _ if failed:
                output = ["Error: " if output else "Error", *output]
        name = name or self._names.get(call_id or "", "")
        return Turn.of("tool", *output, tool_call_id=call_id or None, name=name or None)


def _tool_turn(message: BaseMessage, calls: _CallHistory) -> Turn:
    """The turn of a message that answers a call; results nested in it are part of that answer."""
    parts: list[Part] = []
    failed = getattr(message, "status", None) == "error"
    for piece in _without_calls(_content(message)):
        if isinstance(piece, Result):
            parts += piece.parts
            failed |= piece.failed
        else:
            parts.append(piece)
    call_id = getattr(message, "tool_call_id", None)
    return calls.answer(call_id, parts, name=_one_line(message.name), failed=failed)


def _speaker_turns(message: BaseMessage, role: Role, calls: _CallHistory, *, prefix: str) -> Iterator[Turn]:
    """The turns of any other message: a new one after each result, and for text that follows a call."""
    parts: list[Part] = []
    pending: list[ToolCall] = []

    def turn() -> Iterator[Turn]:
        if any(parts) or pending:
            yield Turn.of(role, *flow([prefix, *parts]), tool_calls=pending)
        parts.clear()
        pending.clear()

    for piece in _pieces(message) if role == "assistant" else _without_calls(_content(message)):
        if isinstance(piece, Result) or (pending and not isinstance(piece, ToolCall)):
            yield from turn()
        match piece:
            case Result():
                yield calls.answer(piece.call_id, piece.parts, failed=piece.failed)
            case ToolCall():
                arguments = to_json_arguments(piece.arguments, piece.name)
                pending.append(ToolCall(calls.add(piece.id, piece.name), piece.name, arguments))
            case UnparsedCall():
                calls.add(piece.id, piece.name)
                parts.append(Passage(f"{piece.name}({piece.text})" if piece.name else piece.text))
            case _:
                parts.append(piece)
    yield from turn()


def _without_calls(pieces: Iterable[Piece]) -> Iterator[Part | Result]:
    for piece in pieces:
        if isinstance(piece, ToolCall | UnparsedCall):
            raise UnsupportedContent(f"Only an assistant calls tools, and this calls {piece.name!r}")
        yield piece


def _pieces(message: BaseMessage) -> Iterator[Piece]:
    """All of an assistant's message. Its calls are in fields of their own, and often in its content too."""
    listed = _listed(message) if isinstance(message, AIMessage) else []
    beside = _beside(message) if isinstance(message, AIMessage) else ()
    for piece in chain(_content(message), beside):
        if isinstance(piece, ToolCall | UnparsedCall):
            same = next((call for call in listed if _is_same(call, piece)), piece)
            listed = [call for call in listed if call is not same]
            yield same
        else:
            yield piece
    yield from listed


def _content(message: BaseMessage) -> Iterator[Piece]:
    blocks = message.content if isinstance(message.content, list) else [message.content]
    for place, block in enumerate(blocks):
        with errors_at(f"content[{place}]"):
            pieces = read_block(block)
        yield from pieces


def _listed(message: AIMessage) -> list[ToolCall | UnparsedCall]:
    """The calls in an AI message's own fields; the unparsed ones first, since they become text."""
    calls = [ToolCall(call.get("id") or "", call["name"], call["args"]) for call in message.tool_calls]
    invalid = [
        read_invalid_call(call["id"], call["name"], call["args"]) for call in message.invalid_tool_calls
    ]
    calls += [call for call in invalid if isinstance(call, ToolCall)]
    unparsed = [call for call in invalid if isinstance(call, UnparsedCall)]
    legacy = message.additional_kwargs.get("function_call")
    if isinstance(legacy, Mapping) and not calls and not unparsed:
        pieces = read_block({**legacy, "type": "function_call"})
        return [piece for piece in pieces if isinstance(piece, ToolCall | UnparsedCall)]
    return [*unparsed, *calls]


def _beside(message: AIMessage) -> Iterator[Piece]:
    """What an AI message from OpenAI holds outside its content: a refusal, or the transcript of its audio."""
    kwargs = message.additional_kwargs
    audio = kwargs.get("audio")
    if isinstance(refusal := kwargs.get("refusal"), str):
        yield Passage(refusal)
    if isinstance(audio, Mapping):
        if not isinstance(transcript := audio.get("transcript"), str):
            raise UnsupportedContent("The audio in additional_kwargs has no transcript")
        yield Passage(transcript)


def _is_same(listed: ToolCall | UnparsedCall, piece: ToolCall | UnparsedCall) -> bool:
    return listed.id == piece.id if piece.id else listed.name == piece.name
