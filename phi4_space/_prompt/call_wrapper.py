"""Tool calls whose arguments are wrapped in something else. Knows tools and calls; no text of an answer.

By JSON Schema, `{"arguments": {"city": "Oslo"}}` matches the parameters of any tool that needs none, and the
tool would run with its defaults.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from referencing.exceptions import Unresolvable

from phi4_space._json import write
from phi4_space._limits import Limits
from phi4_space._prompt.call_check import checked_parameters, invalid_arguments
from phi4_space._prompt.json_wrapper import Unwrapper, is_echo
from phi4_space._prompt.known_properties import known_properties
from phi4_space._prompt.tools import render_calls
from phi4_space._prompt.validation import Validation
from phi4_space._turns import BrokenCall, ToolCall, ToolSpec


def unwrap_calls(
    calls: Sequence[ToolCall], tools: Sequence[ToolSpec], limits: Limits = Limits()
) -> tuple[tuple[ToolCall, ...], tuple[BrokenCall, ...]]:
    """The calls with the arguments that are meant, and those that are broken.

    Arguments that are within something else are taken out where only one part of it can be meant. A call is
    broken where it repeats the schema of its tool, and where the tool would take arguments of which it knows
    none. Other arguments that do not fit stay as they are, since a tool refuses them itself.

    Args:
        calls: The calls of an answer.
        tools: The tools on offer.
        limits: How large and how deeply nested JSON within a string may be.
    """
    called = {call.name for call in calls}
    parameters = checked_parameters([tool for tool in tools if tool.name in called])
    strict, lenient = Validation(known=True), Validation()
    judges = {name: _Judge(schema, strict, lenient, limits) for name, schema in parameters.items()}
    taken: list[ToolCall] = []
    broken: list[BrokenCall] = []
    for call in calls:
        judge = judges.get(call.name)
        match judge and judge.read({**call.arguments}):
            case dict() as arguments:
                taken.append(replace(call, arguments=arguments))
            case str(reason):
                broken.append(_broken(call, reason))
            case _:
                taken.append(call)
    return tuple(taken), tuple(broken)


def _broken(call: ToolCall, reason: str) -> BrokenCall:
    return BrokenCall(render_calls([call]), invalid_arguments(call, reason))


class _Judge:
    """Judges the arguments of calls of one tool."""

    def __init__(
        self, schema: Mapping[str, Any], strict: Validation, lenient: Validation, limits: Limits
    ) -> None:
        self._schema = schema
        self._strict = strict
        self._lenient = lenient
        self._known = known_properties(json.loads(write(schema, Limits())))
        self._unwrapper = Unwrapper(self._fits, self._known, limits)

    def read(self, arguments: dict[str, Any]) -> dict[str, Any] | str | None:
        """The arguments that are meant, or why they are none; None where they stay as they are."""
        if not arguments or not self._known.names:
            return None
        if is_echo(arguments, self._known):
            return "they are the JSON Schema itself, not JSON that fits it"
        found = self._unwrapper.unwrap(arguments) or self._unwrapper.shell(arguments)
        if isinstance(found, dict):
            return None if found is arguments else found
        return None if self._mismatch(self._lenient, arguments) else self._mismatch(self._strict, arguments)

    def _fits(self, value: Any) -> bool:
        return isinstance(value, dict) and self._mismatch(self._strict, value) is None

    def _mismatch(self, validation: Validation, value: Any) -> str | None:
        try:
            return validation.mismatch(self._schema, value)
        except Unresolvable as exc:
            return str(exc)
