"""What the JSON of a tool call says, in the many shapes that models know. Knows no marker, no text around it.

The shape that Phi-4 is asked for is `{"name": ..., "arguments": {...}}`, alone or in a list.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from phi4_space._errors import LimitExceeded
from phi4_space._limits import Limits
from phi4_space._prompt.call_arguments import parse_call_json, parse_lenient, read_arguments, short_name

_NAMES = ("name", "tool_name", "function_name", "tool", "function", "recipient_name")
_ARGUMENTS = ("arguments", "parameters", "args", "input", "params", "tool_input")
_WRAPPERS = ("tool_calls", "function_calls", "tool_call", "function_call", "function")
SHELLS = ("calls", "call", "tool_uses", "tools", "functions", "actions", "action", "response")
"""Keys of an object that holds calls and nothing else, where its JSON is not marked as a call either."""
NAMESPACE = "functions."
"""What OpenAI's models know tools by."""
_BESIDE = frozenset({"id", "index", "type", "call_id", "tool_call_id", "role", "content", "refusal"})
_PARAMETER = re.compile(
    r"""\s*+<parameter(?:\s+name)?=["']?(?P<key>[\w.:-]{1,128}+)["']?(?:\s[^<>]*+)?>(?P<value>.*?)</parameter>\s*+""",
    re.DOTALL,
)
_NOT_A_CALL = "a call must be a JSON object with a name and arguments"

NamedCall = tuple[str, dict[str, Any]]
"""A tool's name and arguments."""


class Reading(NamedTuple):
    """What JSON says.

    Attributes:
        calls: The calls; none if any part is not a call.
        error: What is wrong then; "" otherwise.
        is_other: Whether that is because it says something else than a call.
    """

    calls: list[NamedCall]
    error: str = ""
    is_other: bool = False


class _NotACall(ValueError):
    """The JSON is of something else than a call."""


def read_calls(
    text: str, *, tool: str = "", only: Collection[str] | None = None, limits: Limits = Limits()
) -> Reading:
    """Parses the calls in JSON.

    Args:
        text: A list or an object.
        tool: The tool whose arguments it is, where it is no more than that.
        only: For JSON without a marker: the tools that it may name. It must then have the keys of a call and
            no others, or be wrapped as OpenAI does it.
        limits: How large and how deeply nested JSON may be.
    """
    try:
        if tool:
            if parameters := _parameters(text, limits):
                return Reading([(tool, parameters)])
            return Reading([(tool, _inner(read_arguments(text, tool, limits), tool, limits))])
        value = parse_call_json(text, "its JSON is invalid", limits)
        calls = [_read_call(item, names, limits) for item, names in _items(value, only)]
    except _NotACall as exc:
        return Reading([], str(exc), is_other=True)
    except ValueError as exc:
        return Reading([], str(exc))
    return Reading(calls) if calls else Reading([], "it contains no call", is_other=True)


Only = Collection[str] | None


def _items(value: Any, only: Only) -> Iterator[tuple[Any, Only]]:
    """The calls in a list, in lists in it, or in an object of calls, and which tools they may name."""
    match value:
        case list():
            for item in value:
                yield from _items(item, only)
        case {"tool_calls": list() as calls, **more} | {"function_calls": list() as calls, **more} if (
            more.keys() <= _BESIDE
        ):
            yield from _items(calls, _any_of(only))
        case dict() if (key := _shell(value)) and isinstance(value[key], list | dict):
            yield from _items(value[key], only)
        case _:
            yield value, only


def _shell(value: dict[str, Any]) -> str | None:
    """The key of an object that holds calls and nothing else."""
    return next((key for key in SHELLS if key in value and value.keys() - {key} <= _BESIDE), None)


def _parameters(text: str, limits: Limits) -> dict[str, Any]:
    """The arguments in tags of XML, where there is nothing else: JSON, or text; none otherwise."""
    parameters: dict[str, Any] = {}
    at = 0
    while at < len(text):
        found = _PARAMETER.match(text, at)
        if not found:
            return {}
        parameters[found["key"]] = value = found["value"].strip()
        with suppress(ValueError, LimitExceeded):
            parameters[found["key"]] = parse_lenient(value, limits)
        at = found.end()
    return parameters


def _inner(arguments: dict[str, Any], tool: str, limits: Limits) -> dict[str, Any]:
    """The arguments of a tool, which may be those of a whole call of it within."""
    try:
        name, inner = _read_call(arguments, (tool,), limits)
    except ValueError:
        return arguments
    return inner if name == tool else arguments


def _any_of(only: Only) -> Only:
    """For what is wrapped as a call: any tool."""
    return None if only is None else ()


def _read_call(item: Any, only: Only, limits: Limits) -> NamedCall:
    if not isinstance(item, dict):
        raise _NotACall(_NOT_A_CALL)
    wrapper = next((key for key in _WRAPPERS if isinstance(item.get(key), dict)), None)
    if wrapper is not None and item.keys() - {wrapper} <= _BESIDE:
        return _named_call(item[wrapper], _any_of(only), limits)
    return _named_call(item, only, limits)


def _named_call(call: dict[str, Any], only: Only, limits: Limits) -> NamedCall:
    """The call in an object.

    Args:
        call: The object.
        only: The tools that it may name; () for any; None where it is a call whatever it holds.
        limits: How large and how deeply nested JSON may be.
    """
    name_key = next((key for key in _NAMES if isinstance(call.get(key), str)), None)
    name = call[name_key].removeprefix(NAMESPACE) if name_key else ""
    key = next((key for key in _ARGUMENTS if key in call), None)
    others = call.keys() - {name_key, key} - _BESIDE
    if not name.strip() or _is_definition(call):
        raise _NotACall(_NOT_A_CALL)
    if only is None and key is None and others:
        raise _NotACall(_NOT_A_CALL)
    if only is not None and (others or (only and key is None)):
        raise _NotACall(_NOT_A_CALL)
    if only and name not in only:
        raise _NotACall(f"there is no tool {short_name(name)}")
    return name, read_arguments(call[key] if key else None, name, limits)


def _is_definition(call: dict[str, Any]) -> bool:
    """Whether it describes a tool: its parameters are a JSON Schema."""
    match call.get("parameters", call.get("input_schema")):
        case {"type": "object", "properties": dict()}:
            return "arguments" not in call
    return False
