"""Calls as messages keep them -> ToolCall. Knows core's block and how other integrations wrote before it.

Calls stand in blocks of their own, or, in histories that other integrations wrote, in
`additional_kwargs["tool_calls"]` as dicts or objects of that integration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock

from phi4_space import ToolCall, UnsupportedContent

_IDS = ("id", "tool_call_id", "tool_id", "toolUseId")
_NAMES = ("name", "tool_name")
_ARGUMENTS = ("arguments", "input", "args", "tool_kwargs")


class KeptCall(NamedTuple):
    """A call as a message keeps it.

    Attributes:
        id: What its result is named by, if it has that.
        name: The tool's name.
        arguments: A mapping, JSON, or whatever the model made of it.
    """

    id: str | None
    name: str
    arguments: object

    def read(self, made_id: str) -> ToolCall | str:
        """The call, or what the model wrote where its arguments cannot be read.

        Args:
            made_id: The id of a call that has none.
        """
        arguments = read_arguments(self.arguments)
        if arguments is None:
            return f"{self.name}({self.arguments})"
        return ToolCall(self.id or made_id, self.name, arguments)


def kept_calls(message: ChatMessage) -> list[KeptCall]:
    """The message's calls: those in blocks, and only where there are none, those in `additional_kwargs`.

    Raises:
        UnsupportedContent: What `additional_kwargs` holds are no calls.
    """
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if blocks:
        return [KeptCall(block.tool_call_id, block.tool_name, block.tool_kwargs) for block in blocks]
    entries = message.additional_kwargs.get("tool_calls") or ()
    if isinstance(entries, str) or not isinstance(entries, Sequence):
        raise UnsupportedContent(f'additional_kwargs["tool_calls"] is a {type(entries).__name__}, not a list')
    return [_kept(place, entry) for place, entry in enumerate(entries)]


def _kept(place: int, entry: object) -> KeptCall:
    function = _first(entry, ("function",)) or entry
    name = _first(function, _NAMES)
    if not isinstance(name, str):
        raise UnsupportedContent(f'additional_kwargs["tool_calls"][{place}] names no tool')
    made_id = _first(entry, _IDS)
    return KeptCall(None if made_id is None else str(made_id), name, _first(function, _ARGUMENTS))


def _first(thing: object, names: Sequence[str]) -> object:
    """The first of a dict's items, or of an object's attributes, that there is."""
    found = (thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None) for name in names)
    return next((value for value in found if value is not None), None)


def read_arguments(written: object) -> dict[str, Any] | None:
    """A call's arguments, written as a mapping, as JSON, or as nothing; None where they cannot be read."""
    if isinstance(written, str):
        try:
            written = json.loads(written.strip() or "{}", parse_constant=_no_json)
        except (ValueError, RecursionError):
            return None
    if written is None:
        return {}
    return dict(written) if isinstance(written, Mapping) else None


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
