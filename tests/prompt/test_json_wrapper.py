"""What was asked for within something else: taken out where only one part can be meant."""

from __future__ import annotations

from typing import Any

import pytest

from phi4_space._limits import Limits
from phi4_space._prompt.json_wrapper import Unwrapper, is_echo
from phi4_space._prompt.known_properties import Known

OURS = {"names": ["Ann"]}
TEXT = '{"names": ["Ann"]}'
KNOWN = Known(frozenset({"names", "title"}))


def unwrap(value: Any, known: Known = KNOWN) -> Any:
    """What is found in a value, where objects with names are asked for."""
    return Unwrapper(lambda part: isinstance(part, dict) and "names" in part, known, Limits()).unwrap(value)


@pytest.mark.parametrize(
    "value",
    [
        OURS,
        {"KW": OURS},
        {"answer": TEXT},
        {"answer": f" {TEXT}\n"},
        {"properties": OURS},
        {"type": "object", "properties": OURS},
        {"title": "KW", "type": "object", "required": ["names"], "properties": OURS},
        {"name": "KW", "arguments": OURS},
        {"name": "KW", "parameters": TEXT},
        {"type": "function", "function": {"name": "KW", "arguments": OURS}},
        {"status": "ok", "data": OURS},
        {"thought": "so [1] or {", "answer": OURS, "more": {"x": 1}, "none": {}},
        [OURS],
        [{"KW": OURS}],
        {"results": [OURS]},
        {"a": {"b": {"c": {"d": OURS}}}},
    ],
)
def test_a_wrapper_is_opened(value: Any) -> None:
    """The class's or the tool's name, the form of a schema or of a call, a list of one, JSON in a string."""
    assert unwrap(value) == OURS


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        "text",
        {"x": 1},
        {"error": {}},
        [{}],
        [OURS, OURS],
        {"draft": OURS, "final": OURS},
        {"KW": "{names: 1}"},
        {"title": "Dune", "more": OURS},
        {"a": {"b": {"c": {"d": {"e": OURS}}}}},
        {"properties": {"names": {"type": "array"}}},
        {"KW": {"type": "object", "properties": {"names": {"type": "array"}, "title": {"type": "string"}}}},
    ],
)
def test_what_is_not_clear_is_left(value: Any) -> None:
    """None of its parts, several, an empty one, one beside properties that were asked for, the schema."""
    assert unwrap(value) is None


def test_a_property_that_was_asked_for_is_no_wrapper() -> None:
    """Whatever it is called; and where others may come, none is taken for the form of a call."""
    calls = Known(frozenset({"names", "arguments", "properties"}))

    assert unwrap({"names": 1, "arguments": OURS}, calls) == {"names": 1, "arguments": OURS}
    assert unwrap({"names": 1, "parameters": OURS, "age": 3}) == {"names": 1, "parameters": OURS, "age": 3}
    assert unwrap({"names": 1, "parameters": OURS}, Known(KNOWN.names, is_open=True))["names"] == 1


def test_the_schema_is_told_from_values() -> None:
    """By its properties, each of which is a schema."""
    schema = {"title": "KW", "properties": {"names": {"type": "array"}, "title": {"$ref": "#/$defs/a"}}}

    assert is_echo(schema, KNOWN)
    assert not is_echo({"properties": {"names": []}}, KNOWN)
    assert not is_echo({"properties": {}}, KNOWN)
    assert not is_echo(schema, Known(frozenset({"names", "title", "properties"})))
