"""Whether a value fits a schema: in so much work, however it was made, and in a paragraph at most."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, TypeVar

import pytest
from referencing.exceptions import Unresolvable

from phi4_space._prompt.validation import Validation, check_schema

EXPRESSION: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$ref": "#/$defs/expression",
    "$defs": {
        "expression": {
            "anyOf": [
                {
                    "$schema": "https://json-schema.org/draft/2020-12/schema",
                    "type": "object",
                    "properties": {"op": {"const": op}, "of": {"$ref": "#/$defs/expression"}},
                    "required": ["op", "of"],
                }
                for op in "+-"
            ]
        }
    },
}
"""A schema as pydantic makes one of two models that hold each other."""


TOO_DEEP = "it is nested too deeply to check"
T = TypeVar("T")


def nested(depth: int, key: str = "of", **more: Any) -> Any:
    """An object within an object."""
    value: Any = {**more}
    for _ in range(depth):
        value = {**more, key: value}
    return value


@pytest.mark.parametrize(
    ("schema", "value", "complaint"),
    [
        ({"type": "object"}, {}, None),
        ({"type": "object"}, [], "[] is not of type 'object' (at $)"),
        (
            {"properties": {"a": {"items": {"type": "integer"}}}},
            {"a": [1, "x"]},
            "'x' is not of type 'integer' (at $.a[1])",
        ),
        (
            {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "null"}]},
            [1],
            "1 is not",
        ),
        (MappingProxyType({"items": MappingProxyType({"type": "string"})}), [1], "1 is not of type 'string'"),
        ({"type": "array", "uniqueItems": True}, [{"a": n} for n in range(100)], None),
        ({"type": "array", "uniqueItems": True}, [1, 1], "[1, 1] has non-unique elements (at $)"),
        ({"type": "array", "items": {"type": "integer"}}, list(range(5_000)), None),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"required": ["x"]}}}, {}, "'x' is a required property"),
        (EXPRESSION, {"op": "+", "of": {}}, "is not valid under any of the given schemas"),
    ],
)
def test_a_value_fits_or_says_how_it_does_not(schema: Any, value: Any, complaint: str | None) -> None:
    """In the words of the worst of what is wrong, and where."""
    found = Validation().mismatch(schema, value)

    assert found == complaint or (complaint and complaint in (found or ""))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (EXPRESSION, nested(30, op="*")),
        ({"type": "array", "uniqueItems": True}, [{"a": n} for n in range(3_000)]),
        ({"type": "array", "items": {"type": "integer"}}, ["x"] * 50_000),
        ({"type": "array", "items": {"type": "integer"}}, [0] * 50_000),
        (
            {"anyOf": [{"type": "string"}, {"required": ["b"], "properties": {"of": {"$ref": "#"}}}]},
            nested(40, of="x" * 1_000_000),
        ),
        (
            {"patternProperties": {"x": {}}, "additionalProperties": False},
            {"a" * 40 + str(n): 1 for n in range(90_000)},
        ),
    ],
)
def test_what_is_too_much_work_does_not_fit(schema: dict[str, Any], value: Any) -> None:
    """A value that was made to keep a validator busy is told as one, after a moment."""
    found = Validation().mismatch(schema, value) or ""

    assert "too large to check" in found or len(found) < 1_500


def test_values_that_were_made_for_a_schema_take_no_more_work_than_there_is() -> None:
    """Two models that hold each other double the work at each level: 2 to the power of 30 steps."""
    assert Validation().mismatch(EXPRESSION, nested(30, op="*")) == "it is too large to check"


def test_work_is_for_all_values_together() -> None:
    """So that many small ones cost no more than a large one."""
    validation, schema = Validation(), {"type": "object"}

    found = [validation.mismatch(schema, {}) for _ in range(10_000)]

    assert found[0] is None
    assert found[-1] == "it is too large to check"


@pytest.mark.parametrize("schema", [{"$ref": "#"}, {"allOf": [{"$ref": "#"}]}])
def test_a_schema_that_goes_round_in_circles_is_left(schema: dict[str, Any]) -> None:
    """What has no end is told as too deep."""
    assert Validation().mismatch(schema, {}) == TOO_DEEP


def test_a_complaint_is_a_paragraph() -> None:
    """Though jsonschema repeats what it complains about, and names each key on the way there."""
    long = {"k" * 100_000: "x" * 100_000}

    found = Validation().mismatch({"additionalProperties": {"type": "integer"}}, long)

    assert found is not None
    assert "is not of type 'integer'" not in found  # it would come last
    assert len(found) < 1_500


def test_nothing_is_loaded() -> None:
    """A schema may come from anywhere; what it names outside of it is not asked for."""
    with pytest.raises(Unresolvable):
        Validation().mismatch({"$ref": "http://127.0.0.1:9/schema.json"}, {})


def cycle() -> dict[str, Any]:
    """A schema that holds itself."""
    schema: dict[str, Any] = {"type": "object"}
    schema["properties"] = {"a": schema, "b": schema}
    return schema


def deep(depth: int) -> dict[str, Any]:
    """A schema of objects in objects."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "strin"}, "'strin' is not valid"),
        ({"default": {1}}, "set is not a JSON type"),
        ({"default": object()}, "object is not a JSON type"),
        ({"default": math.nan}, "not JSON compliant"),
        ({"properties": {"\ud800": {}}}, "a lone surrogate"),
        (cycle(), "nested deeper"),
        (deep(500), "nested deeper"),
        (deep(3_000), "nested deeper"),
        ({"enum": list(range(30_000))}, "more than 20000 values"),
        ({"type": "x" * 100_000}, "xxx"),
    ],
)
def test_what_is_no_schema_says_why(schema: dict[str, Any], why: str) -> None:
    """Whatever a caller makes it of, in a few words."""
    with pytest.raises(ValueError, match=why) as refused:
        check_schema(schema)

    assert len(str(refused.value)) < 1_000


def within(calls: int, work: Callable[[], T]) -> T:
    """Does the work within so many calls."""
    return within(calls - 1, work) if calls else work()


def test_a_schema_that_is_too_deep_for_this_place_is_told() -> None:
    """Where the caller's own calls leave little room."""
    within(10, lambda: check_schema(deep(10)))
    with pytest.raises(ValueError, match="nested deeper than"):
        within(700, lambda: check_schema(deep(10)))


def test_a_value_that_is_too_deep_for_this_place_is_told() -> None:
    """As above; and what is not, is checked."""
    schema = {"properties": {"of": {"$ref": "#"}}, "required": ["x"]}

    assert within(10, lambda: Validation().mismatch(schema, nested(20))) != TOO_DEEP
    assert within(700, lambda: Validation().mismatch(schema, nested(3, x=1))) is None
    assert within(700, lambda: Validation().mismatch(schema, nested(60))) == TOO_DEEP


def test_keywords_in_keywords_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's own stop is never reached: a library in Rust would panic there, and not by an Exception."""
    schema = {"properties": {"of": {"$ref": "#"}}, "required": ["x"]}
    monkeypatch.setattr("phi4_space._prompt.validation._calls_left", lambda: 50)

    assert Validation().mismatch(schema, nested(4, x=1)) is None
    assert Validation().mismatch(schema, nested(6, x=1)) == TOO_DEEP


def test_what_was_left_half_way_leaves_room() -> None:
    """Keywords that stop at the first error, as `contains` does, count as done."""
    schema = {"type": "array", "contains": {"minItems": 3, "items": {"type": "integer"}}}

    assert Validation().mismatch(schema, [["x"]] * 500) is not None


def test_a_schema_is_one() -> None:
    """As pydantic makes them, and nested as nobody writes them."""
    check_schema(EXPRESSION)
    check_schema(MappingProxyType(deep(10)))


def test_several_schemas_are_checked_by_one() -> None:
    """Each against its own, in the same dialect."""
    validation = Validation()

    assert validation.mismatch({"type": "object"}, {}) is None
    assert validation.mismatch({"type": "array"}, {}) == "{} is not of type 'array' (at $)"
