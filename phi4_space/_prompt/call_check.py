"""What is wrong with the arguments of tool calls. Knows calls and schemas; no prompt and no answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from referencing.exceptions import Unresolvable

from phi4_space._errors import shortened
from phi4_space._prompt.validation import Validation, check_schema
from phi4_space._turns import ToolCall, ToolSpec

_MAX_NAME = 80  # characters shown of a name that a model made up


def argument_error(calls: Sequence[ToolCall], tools: Sequence[ToolSpec]) -> str | None:
    """What is wrong with the arguments of the first call that does not match its tool's parameters.

    None where all match, or where the parameters are not a JSON Schema that can be checked.
    """
    parameters = checked_parameters(tools)
    validation = Validation()
    for call in calls:
        with suppress(Unresolvable):
            if error := validation.mismatch(parameters.get(call.name, {}), {**call.arguments}):
                return invalid_arguments(call, error)
    return None


def invalid_arguments(call: ToolCall, why: str) -> str:
    """What is wrong with a call whose arguments do not fit."""
    return f"the arguments of {shortened(call.name, _MAX_NAME)} are not valid: {why}"


def checked_parameters(tools: Sequence[ToolSpec]) -> dict[str, Mapping[str, Any]]:
    """The parameters of each tool by its name, where they are a JSON Schema."""
    return {tool.name: tool.parameters for tool in tools if _is_schema(tool.parameters)}


def _is_schema(schema: Mapping[str, Any]) -> bool:
    try:
        check_schema(schema)
    except ValueError:
        return False
    return True
