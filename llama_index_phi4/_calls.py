"""Calls in messages, as ToolCall. Knows core's block, and how other integrations wrote before it; no text.

Calls are blocks of their own, or, in histories that other integrations wrote, in
`additional_kwargs["tool_calls"]` as dicts or objects of that integration. Calls that could not be read are in
`additional_kwargs["broken_calls"]`, as dicts with what the model wrote and why it is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock

from phi4_space import ToolCall, UnsupportedContent
from phi4_space.interop import read_call_arguments, to_json_arguments

BROKEN_CALLS = "broken_calls"
_IDS = ("id", "tool_call_id", "tool_id", "toolUseId")
_NAMES = ("name", "tool_name")
_ARGUMENTS = ("arguments", "input", "args", "tool_kwargs")


class RecordedCall(NamedTuple):
    """A call as a message has it.

    Attributes:
        id: Its id, by which its result names it, if it has one.
        name: The tool's name.
        arguments: A mapping, JSON, or whatever the model made of it.
    """

    id: str | None
    name: str
    arguments: object

    def read(self, own_id: str) -> ToolCall | str:
        """The call, or what the model wrote where its arguments cannot be read.

        Args:
            own_id: An id that no other call has.

        Raises:
            InvalidOption: An argument has no form in JSON.
        """
        arguments = read_call_arguments(self.arguments)
        if arguments is None:
            return f"{self.name}({self.arguments})"
        return ToolCall(own_id, self.name, to_json_arguments(arguments, self.name))


class CallHistory:
    """The calls of a history: finds the one that a result answers, even without unique ids.

    Some models give calls no ids, or the tool's name, or count from 1 in each message. So each call gets an
    id of its own, and results that name the same id answer its calls in their order.
    """

    def __init__(self) -> None:
        """An empty history."""
        self._ids: set[str] = set()
        self._uses: dict[str, int] = {}
        self._awaited: dict[str, list[tuple[str, str]]] = {}

    def add(self, calls: Sequence[RecordedCall]) -> list[str]:
        """Records the calls of one message, and returns an id of its own for each: its given one, if free."""
        ids = [self._own_id(call.id or "call") for call in calls]
        awaited: dict[str, list[tuple[str, str]]] = {}
        for call, own_id in zip(calls, ids, strict=True):
            awaited.setdefault(call.id or call.name, []).append((own_id, call.name))
        self._awaited |= awaited
        return ids

    def answered(self, call_id: str | None, name: str | None) -> tuple[str | None, str | None]:
        """The id and tool's name of the call that a result answers.

        Args:
            call_id: The id that the result names, if it does.
            name: The tool that it names, if it does.
        """
        match self._awaited.get(call_id or name or ""):
            case None:
                return call_id, name
            case [only]:  # it stays, as a call may be answered in several messages
                return only
            case awaited:
                return awaited.pop(0)

    def _own_id(self, wanted: str) -> str:
        own_id = wanted
        while own_id in self._ids:
            self._uses[wanted] = self._uses.get(wanted, 1) + 1
            own_id = f"{wanted}_{self._uses[wanted]}"
        self._ids.add(own_id)
        return own_id


def message_calls(message: ChatMessage) -> list[RecordedCall]:
    """The message's calls: those in blocks, and only where there are none, those in `additional_kwargs`.

    Raises:
        UnsupportedContent: What `additional_kwargs` holds is not a list of calls.
    """
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if blocks:
        return [RecordedCall(block.tool_call_id, block.tool_name, block.tool_kwargs) for block in blocks]
    entries = message.additional_kwargs.get("tool_calls") or ()
    if isinstance(entries, str) or not isinstance(entries, Sequence):
        raise UnsupportedContent(f'additional_kwargs["tool_calls"] is a {type(entries).__name__}, not a list')
    return [_recorded(place, entry) for place, entry in enumerate(entries)]


def broken_texts(message: ChatMessage) -> list[str]:
    """What the model wrote in place of calls that could not be read."""
    return _of_broken(message, "text")


def no_call(message: ChatMessage) -> str:
    """What a message is that calls no tool, as an error says it."""
    if reasons := _of_broken(message, "reason"):
        return f"The model called no tool in a way that can be read: {reasons[0]}"
    return f"The model called no tool, and said {message.content!r}"


def _of_broken(message: ChatMessage, key: str) -> list[str]:
    entries = message.additional_kwargs.get(BROKEN_CALLS)
    found = [_first(entry, (key,)) for entry in (entries if isinstance(entries, list | tuple) else ())]
    return [text for text in found if isinstance(text, str)]


def _recorded(place: int, entry: object) -> RecordedCall:
    function = _first(entry, ("function",)) or entry
    name = _first(function, _NAMES)
    if not isinstance(name, str):
        raise UnsupportedContent(f'additional_kwargs["tool_calls"][{place}] names no tool')
    made_id = _first(entry, _IDS)
    return RecordedCall(None if made_id is None else str(made_id), name, _first(function, _ARGUMENTS))


def _first(thing: object, names: Sequence[str]) -> object:
    """The first of a dict's items, or of an object's attributes, that there is."""
    found = (thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None) for name in names)
    return next((value for value in found if value is not None), None)
