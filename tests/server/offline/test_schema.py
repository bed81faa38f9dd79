"""What a schema allows, by the offline model, and the plainest value of it."""

from __future__ import annotations

from typing import Any

import pytest

from phi4_server.offline.schema import allows, plainest, read

NODE = {
    "$ref": "#/$defs/Node",
    "$defs": {
        "Node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
            },
            "required": ["value", "next"],
        }
    },
}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "integer"}, [0, -3], [True, 1.5, "1", None]),
        ({"type": "number", "minimum": 1, "exclusiveMaximum": 3}, [1, 2.5], [0.9, 3]),
        ({"type": ["string", "null"]}, ["", None], [0]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "abc"], ["a", "abcd"]),
        ({"type": "string", "format": "date"}, ["2024-02-29"], ["2023-02-29", "today"]),
        ({"enum": [1, "a", None]}, [1, "a", None], [True, "b"]),
        ({"const": {"a": [1]}}, [{"a": [1]}], [{"a": []}]),
        ({"items": {"type": "integer"}, "minItems": 1, "maxItems": 2}, [[1], [1, 2]], [[], ["a"], [1, 2, 3]]),
        ({"properties": {"a": {"type": "integer"}}, "required": ["a"]}, [{"a": 1, "b": 2}], [{}, {"a": "x"}]),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, [1, "a"], [None]),
        (NODE, [{"value": 1, "next": None}], [{"value": 1}]),
        ({"$ref": "#/nowhere"}, [1, None], []),
        (True, [1, None], []),
    ],
)
def test_a_schema_allows_what_it_says(schema: Any, good: list[Any], bad: list[Any]) -> None:
    """Types, bounds, lengths, dates, choices, references, objects and lists are checked."""
    copy = read(schema)

    assert [value for value in good if not allows(copy, value)] == []
    assert [value for value in bad if allows(copy, value)] == []


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "exclusiveMaximum": -3}, -4),
        ({"type": "string", "default": "x"}, "x"),
        ({"type": "string", "default": 3}, ""),
        ({"type": "string", "minLength": 3}, "---"),
        ({"type": "string", "format": "date"}, "1970-01-01"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, None),
        ({"type": "array", "items": {"const": 1}, "minItems": 2}, [1, 1]),
        ({"properties": {"a": {"type": "boolean"}, "b": {}}, "required": ["a"]}, {"a": False}),
        (NODE, {"value": 0, "next": None}),
        ({"$ref": "#"}, None),
    ],
)
def test_the_plainest_value_says_as_little_as_it_may(schema: Any, value: Any) -> None:
    """Where nothing is known, a default, or a value that says next to nothing, stands in."""
    assert plainest(read(schema)) == value


def test_a_value_is_never_larger_than_anybody_can_mean() -> None:
    """A schema that asks for a million values is not followed all the way."""
    many = {"type": "array", "items": {"type": "integer"}, "minItems": 10**6}

    assert len(str(plainest(read({"type": "array", "items": many, "minItems": 10**6})))) < 2_000


def test_a_schema_that_grows_at_each_level_is_refused() -> None:
    """It is counted as it is copied, so that it costs no more than a large one."""
    levels = {f"L{level}": {"anyOf": [{"$ref": f"#/$defs/L{level + 1}"}] * 4} for level in range(30)}

    with pytest.raises(ValueError, match="too large"):
        read({"$ref": "#/$defs/L0", "$defs": levels})


def test_a_schema_that_holds_itself_comes_to_an_end() -> None:
    """Where a circle closes, anything is allowed."""
    circle = read({"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]})

    assert allows(circle, {"next": {"next": 3}})
    assert not allows(circle, {})


def test_patterns_are_left_out() -> None:
    """One could be made to take for ever on a text; so none is tried."""
    assert allows(read({"type": "string", "pattern": r"^(a+)+$"}), "a" * 60 + "!")
