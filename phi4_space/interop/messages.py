"""Roles, and the arguments of tool calls, as other libraries write them. Knows words and JSON; no message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phi4_space._prompt.call_arguments import read_arguments
from phi4_space._turns import Role

_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "chatbot": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}


def to_role(name: str) -> Role | None:
    """The role that a framework or provider means by a name, in any case; None where none is known."""
    return _ROLES.get(name.lower())


def read_call_arguments(arguments: object) -> dict[str, Any] | None:
    """The arguments of a tool call, read as those in an answer are.

    Args:
        arguments: A mapping; JSON, as models write it; or None or a blank string for no arguments.

    Returns:
        Them as a dict; None where they cannot be read as one: what no answer's call may hold, such as numbers
        that are infinite, no call in a history does.
    """
    try:
        return read_arguments(arguments)
    except ValueError:
        return None
