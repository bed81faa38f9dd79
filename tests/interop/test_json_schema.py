"""JSON Schema: references, types, and what objects may hold."""

from __future__ import annotations

from typing import Any

import pytest

from phi4_space import InvalidOption
from phi4_space.interop import check_types, inline_root, is_recursive

NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
DEEP: dict[str, Any] = {}
for _ in range(3_000):
    DEEP = {"anyOf": [DEEP]}


@pytest.mark.parametrize("key", ["$defs", "definitions"])
def test_a_reference_at_the_top_is_replaced(key: str) -> None:
    """By the definition; what stands beside it counts, and the definitions stay."""
    schema = {"title": "Root", "$ref": f"#/{key}/Node", key: {"Node": {"title": "Node", **NODE}}}

    assert inline_root(schema) == {"title": "Root", **NODE, key: {"Node": {"title": "Node", **NODE}}}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        NODE,
        {"$ref": "#/$defs/Other", "$defs": {"Node": NODE}},
        {"$ref": "http://space.test/", "$defs": {}},
        {"$ref": "#/$defs/Node", "$defs": 5},
        {"$ref": 5},
    ],
)
def test_other_schemas_stay_as_they_are(schema: Any) -> None:
    """Also what is none."""
    assert inline_root(schema) == schema


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"$defs": {"Node": NODE}, "properties": {"node": {"$ref": "#/$defs/Node"}}}, True),
        ({"$defs": {"Node": NODE}, "$ref": "#/$defs/Node"}, True),
        ({"properties": {"default": {"items": {"$ref": "#"}}}}, True),
        ({"$defs": {"A": {"anyOf": [{"$ref": "#/$defs/B"}]}, "B": {"items": {"$ref": "#/$defs/A"}}}}, True),
        ({"properties": {"a": {"$ref": "#/properties/b"}, "b": {}}}, True),
        ({"definitions": {"A": {"not": {"$ref": "#/definitions/A"}}}}, True),
        ({"$defs": {"A": {"$ref": "#/$defs/B"}, "B": {}}, "items": {"$ref": "#/$defs/A"}}, False),
        ({"properties": {"$ref": {"type": "string"}}}, False),
        ({"$defs": 5}, False),
        ({}, False),
    ],
)
def test_recursion_is_found(schema: Any, expected: bool) -> None:  # noqa: FBT001 - a table
    """Directly, through others, from the root; and what cannot be followed counts as such."""
    assert is_recursive(schema) is expected


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": ["null", "object"]},
        {"anyOf": [{"type": "string"}, {"oneOf": [{"type": "object"}]}]},
        {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/A"}]},
        {"anyOf": []},
        {"type": [5]},
        {},
        DEEP,
        None,
    ],
)
def test_schemas_that_may_be_of_the_type_pass(schema: Any) -> None:
    """Also those that name none, and those that cannot be read."""
    check_types(schema, "object", what="It")


@pytest.mark.parametrize("schema", [{"type": "array"}, {"type": ["array"]}, {"anyOf": [{"type": "array"}]}])
def test_schemas_of_other_types_are_refused(schema: Any) -> None:
    """With the types."""
    with pytest.raises(InvalidOption, match="It is of type array, and has to be of type object or null"):
        check_types(schema, "object", "null", what="It")
