"""Roles, and the arguments of tool calls, as other libraries write them. Knows words and JSON; no message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

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
    """The arguments of a tool call.

    Args:
        arguments: A mapping; JSON, as models write it; or None for no arguments.

    Returns:
        Them as a dict; None where they cannot be read as one.
    """
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments.strip() or "{}", parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            return None
    if arguments is None:
        return {}
    return dict(arguments) if isinstance(arguments, Mapping) else None


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
