"""Which properties a schema knows, and which objects have none of them."""

from __future__ import annotations

from typing import Any

import pytest

from phi4_space._prompt.known_properties import known_properties, with_known
from phi4_space._prompt.validation import Validation

A: dict[str, Any] = {"properties": {"a": {}}}
B: dict[str, Any] = {"properties": {"b": {}}}
DEFS: dict[str, Any] = {
    "$defs": {"a": A, "b": B, "any": {"type": "object"}, "word": {"type": "string"}, "x/y": A}
}


@pytest.mark.parametrize(
    ("schema", "names", "is_open"),
    [
        ({}, "", False),
        (A, "a", False),
        ({**A, "additionalProperties": False}, "a", False),
        ({**A, "additionalProperties": True}, "a", True),
        ({**A, "additionalProperties": {"type": "string"}}, "a", True),
        ({**A, "unevaluatedProperties": True}, "a", True),
        ({**A, "patternProperties": {"^x": {}}}, "a", True),
        ({"allOf": [A, B]}, "ab", False),
        ({"allOf": [A, {**B, "additionalProperties": True}]}, "ab", True),
        ({**A, "allOf": [{"required": ["a"]}]}, "a", False),
        ({**A, "anyOf": [{"required": ["a"]}, B]}, "ab", False),
        ({**A, "if": A, "then": B}, "ab", False),
        ({"anyOf": [A, B, {"type": "null"}, {"const": 1}]}, "ab", False),
        ({"anyOf": [A, {"type": "object"}]}, "a", True),
        ({"anyOf": [A, True]}, "a", True),
        ({"oneOf": [A, {"anyOf": [{"type": "string"}, {}]}]}, "a", True),
        ({"$ref": "#/$defs/a", **DEFS}, "a", False),
        ({"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/word"}], **DEFS}, "a", False),
        ({"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/any"}], **DEFS}, "a", True),
        ({"anyOf": [A, {"$ref": "http://space.test/schema"}]}, "a", True),
        ({"anyOf": [A, {"$ref": "#/$defs/x~1y/none/at/all"}], **DEFS}, "a", True),
        ({"$ref": "#/$defs/x~1y", **DEFS}, "a", False),
        ({**A, "allOf": [{"$ref": "#"}]}, "a", False),
        ({"type": "array", "items": A}, "", False),
    ],
)
def test_the_properties_that_a_schema_knows(
    schema: dict[str, Any],
    names: str,
    is_open: bool,  # noqa: FBT001 - the table's
) -> None:
    """By all that applies to the same value; others may come where it says so, or knows no object by name."""
    known = known_properties(schema)

    assert (known.names, known.is_open) == (frozenset(names), is_open)


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        (A, {"a": 1, "x": 2}, True),
        (A, {"x": 2}, False),
        (A, {}, True),
        (A, [], True),
        ({**A, "additionalProperties": True}, {"x": 2}, True),
        ({"properties": {"of": A}}, {"of": {"x": 1}}, False),
        ({"items": A}, [{"a": 1}, {"x": 1}], False),
        ({"prefixItems": [A]}, [{"x": 1}], False),
        ({"additionalProperties": A}, {"of": {"x": 1}}, False),
        ({"patternProperties": {"^o": A}}, {"of": {"x": 1}}, False),
        ({"allOf": [A, B]}, {"b": 1}, True),
        ({"allOf": [A, B]}, {"x": 1}, False),
        ({"dependentSchemas": {"b": A}, **B}, {"b": 1}, True),
        ({"not": A}, {"x": 1}, False),  # as ever: A alone would match
        ({"properties": {"of": {"anyOf": [A, {"type": "null"}]}}}, {"of": {"x": 1}}, False),
        ({"properties": {"of": {"$ref": "#/$defs/a"}}, **DEFS}, {"of": {"x": 1}}, False),
        ({"properties": {"of": {"$ref": "#"}}}, {"of": {"x": 1}}, False),
        ({"properties": {"of": True, "or": {"items": False}}}, {"of": {"x": 1}}, True),
        ({"properties": {"a": {"enum": [{"x": 1}]}}}, {"a": {"x": 1}}, True),
        (
            {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "$ref": "#/definitions/a",
                "definitions": {"a": A},
            },
            {"x": 1},
            False,
        ),
    ],
)
def test_an_object_of_unknown_properties_does_not_match(
    schema: dict[str, Any],
    value: Any,
    fits: bool,  # noqa: FBT001 - the table's
) -> None:
    """Wherever it stands; an empty one does, and so does any where others may come."""
    assert (Validation(known=True).mismatch(schema, value) is None) is fits


def test_the_message_names_what_is_known() -> None:
    """Some of it, where there is much."""
    many: dict[str, Any] = {"properties": {f"p{number:02}": {} for number in range(50)}}

    assert Validation(known=True).mismatch(A, {"x": 1}) == "{'x': 1} has none of the properties 'a' (at $)"
    assert (Validation(known=True).mismatch(many, {"x": 1}) or "").endswith("'p18', 'p19' (at $)")


def test_a_schema_that_refers_deeper_than_python_goes_is_left() -> None:
    """It is as open as any."""
    chain = {f"d{number}": {"$ref": f"#/$defs/d{number + 1}"} for number in range(5_000)}
    schema = {"$ref": "#/$defs/d0", "$defs": {**chain, "d5000": A}}

    assert with_known(schema) is schema
    assert known_properties(schema).is_open
