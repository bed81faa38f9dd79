"""Arguments of calls within something else, and arguments of which a tool knows none."""

from __future__ import annotations

from typing import Any

import pytest

from phi4_space import ToolCall, ToolSpec
from phi4_space._prompt.call_wrapper import unwrap_calls

CITY = {"type": "string"}
HOME = {"type": "object", "properties": {"street": CITY}}
LAX = {"type": "object", "properties": {"city": CITY, "days": {"type": "integer"}, "home": HOME}}
NEEDS = {**LAX, "required": ["city"]}
OSLO = {"city": "Oslo"}


def read(arguments: dict[str, Any], parameters: Any = LAX) -> Any:
    """The arguments of the call that it is, or the reason for which it is broken."""
    calls, broken = unwrap_calls(
        [ToolCall("1", "weather", arguments)], [ToolSpec("weather", parameters=parameters), ToolSpec("add")]
    )
    assert len(calls) + len(broken) == 1
    return calls[0].arguments if calls else broken[0].reason


@pytest.mark.parametrize("parameters", [LAX, NEEDS, {**LAX, "additionalProperties": False}])
@pytest.mark.parametrize(
    "arguments",
    [
        OSLO,
        {"arguments": OSLO},
        {"parameters": OSLO},
        {"properties": OSLO},
        {"name": "weather", "arguments": OSLO},
        {"type": "object", "properties": OSLO},
        {"weather": OSLO},
        {"KW": OSLO},
        {"kwargs": OSLO},
        {"input": OSLO},
        {"function": {"name": "weather", "arguments": OSLO}},
        {"arguments": '{"city": "Oslo"}'},
        {"KW": '{"city": "Oslo"}'},
        {"args": [OSLO]},
    ],
)
def test_wrapped_arguments_are_taken_out(arguments: dict[str, Any], parameters: Any) -> None:
    """llama_index 21024, ollama-instructor 6: where one part alone can be meant, it is that."""
    assert read(arguments, parameters) == OSLO


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"town": "Oslo"}, "none of the properties 'city'"),
        ({"KW": {"town": "Oslo"}}, "none of the properties 'city'"),
        ({"arguments": {}}, "none of the properties 'city'"),
        ({"first": OSLO, "second": {"city": "Rome"}}, "none of the properties 'city'"),
        ({"home": {"Home": {"street": "x"}}}, "none of the properties 'street'"),
        ({"properties": {"city": CITY}}, "the JSON Schema itself"),
        (LAX, "the JSON Schema itself"),
        (NEEDS, "the JSON Schema itself"),
    ],
)
def test_arguments_that_a_tool_would_pass_over_are_broken(arguments: Any, reason: str) -> None:
    """It would run with its defaults, and nobody would know."""
    assert reason in read(arguments)


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        ({}, LAX),
        ({"city": 5}, LAX),
        ({"city": "Oslo", "more": 1}, LAX),
        ({"town": "Oslo"}, NEEDS),
        ({"town": "Oslo"}, {**LAX, "additionalProperties": True}),
        ({"town": "Oslo"}, {**LAX, "additionalProperties": False}),
        ({"town": "Oslo"}, {"type": "object"}),
        ({"town": "Oslo"}, {"type": "objekt", "properties": {"city": CITY}}),
        ({"arguments": OSLO}, {"properties": {"arguments": {"type": "object"}}}),
        ({"properties": {"a": CITY}}, {"properties": {"properties": {"type": "object"}}}),
        ({"x": OSLO}, {"properties": {"city": {"$ref": "http://space.test/schema"}}, "required": ["city"]}),
    ],
)
def test_other_arguments_stay_as_they_are(arguments: Any, parameters: Any) -> None:
    """Those that fit, those that the tool itself refuses, and those of which nothing is known."""
    assert read(arguments, parameters) == arguments


def test_arguments_of_another_type_come_out_of_the_form_of_a_call() -> None:
    """Whoever runs the tool may convert them."""
    assert read({"arguments": {"days": "5"}}) == {"days": "5"}


def test_calls_keep_their_ids_and_order() -> None:
    """Also beside broken ones and those of other tools; a broken one is written as Phi-4 writes it."""
    given = [
        ToolCall("1", "weather", {"KW": OSLO}),
        ToolCall("2", "weather", {"town": "Oslo"}),
        ToolCall("3", "other", {"x": 1}),
    ]

    calls, broken = unwrap_calls(given, [ToolSpec("weather", parameters=LAX)])

    assert calls == (ToolCall("1", "weather", OSLO), given[2])
    assert [one.text for one in broken] == [
        '<|tool_call|>[{"name": "weather", "arguments": {"town": "Oslo"}}]<|/tool_call|>'
    ]
