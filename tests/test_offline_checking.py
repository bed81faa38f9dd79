"""What a schema allows, by the rehearsal model."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phi4_server.offline import patterns
from phi4_server.offline.checking import allows, plainest
from phi4_server.offline.schema import Schema

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
        ({"type": "integer", "multipleOf": 5}, [0, 10], [7]),
        ({"type": ["string", "null"]}, ["", None], [0]),
        ({"type": "string", "nullable": True}, ["", None], [0]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "abc"], ["a", "abcd"]),
        ({"type": "string", "pattern": "^[A-Z]{2}$"}, ["AB"], ["ab", "ABC"]),
        ({"type": "string", "format": "date"}, ["2024-02-29"], ["2023-02-29", "today"]),
        (
            {"type": "string", "format": "date-time"},
            ["2024-02-29T10:00:00Z"],
            ["2024-02-29", "2024-02-29T10:00:00"],
        ),
        ({"type": "string", "format": "email"}, ["a@b.c"], ["a b", "@"]),
        ({"type": "string", "format": "no such"}, ["anything"], [1]),
        ({"enum": [1, "a", None]}, [1, "a", None], [True, "b"]),
        ({"const": {"a": [1]}}, [{"a": [1]}], [{"a": []}]),
        (
            {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
            [[1], [1, 2]],
            [[], ["a"], [1, 2, 3]],
        ),
        ({"type": "array", "uniqueItems": True}, [[1, 2]], [[1, 1]]),
        ({"prefixItems": [{"type": "integer"}], "items": False}, [[1], []], [["a"], [1, 2]]),
        ({"properties": {"a": {"type": "integer"}}, "required": ["a"]}, [{"a": 1, "b": 2}], [{}, {"a": "x"}]),
        ({"properties": {"a": {}}, "additionalProperties": False}, [{"a": 1}, {}], [{"b": 1}]),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, [{"x": 1}], [{"x": "y"}]),
        ({"type": "object", "minProperties": 1, "maxProperties": 1}, [{"x": 1}], [{}, {"x": 1, "y": 2}]),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}], "title": "T"}, [1, "a"], [None]),
        ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, [1.5], [1, "a"]),
        (
            {"allOf": [{"properties": {"a": {"type": "integer"}}}, {"required": ["a"]}]},
            [{"a": 1}],
            [{}, {"a": "x"}],
        ),
        (NODE, [{"value": 1, "next": {"value": 2, "next": None}}], [{"value": 1}, {"value": 1, "next": 2}]),
        ({"anyOf": [{"$ref": "#"}, {"type": "string"}]}, ["a"], [1]),
        ({"$ref": "#/nowhere"}, [1, None], []),
        (True, [1, None], []),
    ],
)
def test_a_schema_allows_what_it_says(schema: Any, good: list[Any], bad: list[Any]) -> None:
    """Types, bounds, lengths, formats, choices, references, objects and lists are checked."""
    read = Schema.of(schema)

    assert [value for value in good if not allows(read, value)] == []
    assert [value for value in bad if allows(read, value)] == []


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "exclusiveMaximum": -3}, -4),
        ({"type": "number", "exclusiveMinimum": 0.1, "exclusiveMaximum": 0.3}, pytest.approx(0.2)),
        ({"type": "string", "default": "x"}, "x"),
        ({"type": "string", "default": 3}, ""),
        ({"type": "string", "minLength": 3}, "---"),
        ({"type": "string", "pattern": r"^\d{3}-[a-c]+$"}, "000-a"),
        ({"type": "string", "format": "date"}, "1970-01-01"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, None),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True}, [0, 1, 2]),
        ({"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2, "uniqueItems": True}, ["a", "b"]),
        ({"type": "array", "items": {"const": 1}, "minItems": 2}, [1, 1]),
        ({"properties": {"a": {"type": "boolean"}, "b": {}}, "required": ["a"]}, {"a": False}),
        (
            {"type": "object", "minProperties": 2, "properties": {"a": {"type": "integer"}}},
            {"a": 0, "property0": None},
        ),
        (NODE, {"value": 0, "next": None}),
        ({"$ref": "#"}, None),
    ],
)
def test_the_plainest_value_says_as_little_as_it_may(schema: Any, value: Any) -> None:
    """Where nothing is known, a default, or a value that says next to nothing, stands in."""
    assert plainest(Schema.of(schema)) == value


def test_a_value_is_never_larger_than_anybody_can_mean() -> None:
    """A schema that asks for a million values, or grows at each level, is not followed all the way."""
    wide = {
        "type": "array",
        "items": {"type": "array", "items": {"type": "integer"}, "minItems": 10**6},
        "minItems": 10**6,
    }
    deep: dict[str, Any] = {f"L{level}": {"properties": {}, "required": ["a", "b"]} for level in range(40)}
    for level in range(39):
        deep[f"L{level}"]["properties"] = {name: {"$ref": f"#/$defs/L{level + 1}"} for name in "ab"}

    assert len(str(plainest(Schema.of(wide)))) < 20_000
    assert len(str(plainest(Schema.of({"$ref": "#/$defs/L0", "$defs": deep})))) < 50_000


def test_a_schema_that_holds_itself_comes_to_an_end() -> None:
    """A circle is gone round once, however many ways lead back."""
    circle = Schema.of({"anyOf": [{"$ref": "#"}] * 9 + [{"type": "integer"}]})

    assert plainest(circle) == 0
    assert allows(circle, 3)


@pytest.mark.parametrize(
    ("pattern", "sample"),
    [
        (r"^[A-Z]{3}-\d{4}$", "AAA-0000"),
        (r"^(foo|bar)+x?$", "foo"),
        (r"^[^@]+@[^@]+\.[a-z]{2,}$", "a@a.aa"),
        (r"^(?:[01]\d|2[0-3]):[0-5]\d$", "00:00"),
        (r"\.\$\^\s", ".$^ "),
        ("", ""),
        ("[", None),
        ("((((", None),
        (r"(?=a)b", None),
    ],
)
def test_a_simple_pattern_has_a_sample(pattern: str, sample: str | None) -> None:
    """A sample is made where the pattern is simple, and is checked against it."""
    assert patterns.sample(pattern) == sample


@settings(deadline=None)
@given(st.text(alphabet=r"ab01()[]{}|*+?.^$\d-,"), st.text(alphabet="ab01-", max_size=40))
def test_no_pattern_takes_long_or_raises(pattern: str, text: str) -> None:
    """Whatever pattern a schema brings, texts are matched against it at once, or not at all."""
    assert patterns.matches(pattern, text) in {True, False}
    assert all(match[0] in text for match in patterns.glean(pattern, text))


@pytest.mark.parametrize("pattern", [r"^(a+)+$", r"^(a|aa)+$", r"^(a*)*b$", "a*a*a*a*a*a*b"])
def test_a_pattern_that_could_take_for_ever_is_not_tried(pattern: str) -> None:
    """A text that such a pattern would be tried on for years is answered for at once."""
    assert patterns.matches(pattern, "a" * 60 + "!") is False
