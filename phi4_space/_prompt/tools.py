"""Tools and calls, as a prompt writes them. Knows no other part of a prompt, no Space, no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from inspect import cleandoc
from typing import Any

from phi4_space._errors import InvalidOption
from phi4_space._json import write
from phi4_space._limits import Limits
from phi4_space._prompt.call_arguments import to_json_arguments
from phi4_space._prompt.escape import escape_json
from phi4_space._prompt.schema_text import normalize_schema
from phi4_space._turns import ToolCall, ToolSpec

_HOW_TO_CALL = (
    'To call tools, answer with <|tool_call|>[{"name": NAME, "arguments": {...}}]<|/tool_call|>, '
    "one item for each call."
)
_ORDERS = {"auto": "", "none": "Do not call a tool.", "required": "You must call at least one tool."}


def render(tools: Sequence[ToolSpec], *, choice: str = "auto") -> str:
    """The part of the system turn about the tools; "" where there are none.

    The list of tools comes last, right before the turn ends, as in Phi-4's own template.

    Args:
        tools: The available tools.
        choice: "auto", "none", "required" or the name of the tool that must be called.

    Raises:
        InvalidOption: A tool's name is empty, unprintable or used twice; its parameters are not JSON; or
            there is no such choice.
    """
    names = [_checked_name(tool) for tool in tools]
    for name in names:
        if names.count(name) > 1:
            raise InvalidOption(f"Two tools are named {name!r}.", advice="Give each tool a different name.")
    if choice not in ([*_ORDERS, *names] if names else ["auto", "none"]):
        raise InvalidOption(
            f"tool_choice is {choice!r}, but the tools are {names}.",
            advice='Choose "auto", "none", "required" or the name of one of the tools.',
        )
    if not names:
        return ""
    orders = filter(None, ("" if choice == "none" else _HOW_TO_CALL, order(choice)))
    return f"{' '.join(orders)}\n<|tool|>{_to_json(listed(tools), 'The tools')}<|/tool|>"


def listed(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """The tools as a model reads of them: name, description, and parameters as a normalized JSON Schema.

    Raises:
        InvalidOption: The parameters of one are not JSON.
    """
    return [
        {
            "name": tool.name,
            "description": cleandoc(tool.description or ""),
            "parameters": _parameters(tool),
        }
        for tool in tools
    ]


def render_calls(calls: Sequence[ToolCall]) -> str:
    """Calls as Phi-4 writes them, so that it recognises its own; "" where there are none.

    A `CallReader` reads the same names and arguments back. What JSON has no type for, such as a date, is
    written as `to_json_arguments` has it.

    Raises:
        InvalidOption: An argument of a call has no form in JSON; the error names both.
    """
    if not calls:
        return ""
    written = [
        {"name": call.name, "arguments": to_json_arguments(call.arguments, call.name)} for call in calls
    ]
    return f"<|tool_call|>{_to_json(written, 'The tool calls')}<|/tool_call|>"


def correct_call(choice: str) -> str:
    """What to reply, once, to a model that did not make the call that it had to.

    Args:
        choice: "required" or the name of a tool.
    """
    return f"{order(choice)} Your last answer did not. Answer again, with the tool call only."


def order(choice: str) -> str:
    """Which call the model is told to make, in a sentence; "" where it chooses."""
    return _ORDERS.get(choice, f"You must call the tool {escape_json(choice)}.")


def _checked_name(tool: ToolSpec) -> str:
    if not isinstance(tool, ToolSpec):
        raise InvalidOption(f"A tool must be a ToolSpec, not {type(tool).__name__}.")
    # Printable, since after a line break a name could start a turn of its own in a transcript.
    if not (isinstance(tool.name, str) and tool.name.strip() and tool.name.isprintable()):
        raise InvalidOption(f"A tool cannot be named {tool.name!r}.", advice="Give it a printable name.")
    if not isinstance(tool.description, str | None):
        raise InvalidOption(
            f"The description of the tool {tool.name!r} must be a str, not {type(tool.description).__name__}."
        )
    if not isinstance(tool.parameters, Mapping):
        raise InvalidOption(
            f"The parameters of the tool {tool.name!r} must be a mapping,"
            f" not {type(tool.parameters).__name__}.",
            advice='Pass a JSON Schema, such as {"type": "object", "properties": {}}.',
        )
    return tool.name


def _parameters(tool: ToolSpec) -> dict[str, Any]:
    return normalize_schema(
        json.loads(_to_json(tool.parameters, f"The parameters of the tool {tool.name!r}"))
    )


def _to_json(value: object, what: str) -> str:
    try:
        return escape_json(write(value, Limits()))
    except ValueError as exc:
        raise InvalidOption(f"{what} cannot be written as JSON: {exc}.") from exc
