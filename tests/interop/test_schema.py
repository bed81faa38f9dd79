from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, TypedDict

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.v1 import BaseModel as BaseModelV1

from phi4_space import InvalidOption, ResponseFormat
from phi4_space.interop import (
    PydanticCheck,
    is_pydantic,
    pydantic_schema,
    to_response_format,
    typed_dict_schema,
)

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


class Berth(BaseModel):
    """A place for a ship."""

    pier: str


class Visit(BaseModel):
    """A ship's stay."""

    model_config = ConfigDict(strict=True)

    day: dt.date
    berths: list[Berth] = Field(default=[Berth(pier="A")], examples=[[{"properties": {}}]])


class Pier(TypedDict, total=False):
    """Where ships lie."""

    name: str


class OldVisit(BaseModelV1):
    """The same, of pydantic 1."""

    nights: int


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, ResponseFormat()),
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}, ResponseFormat(SCHEMA)),
        ({"type": "json_schema", "name": "x", "schema": SCHEMA}, ResponseFormat(SCHEMA)),
        (ResponseFormat(SCHEMA), ResponseFormat(SCHEMA)),
        (SCHEMA, ResponseFormat(SCHEMA)),
        ({"type": ["object", "null"]}, ResponseFormat({"type": ["object", "null"]})),
        ({"properties": {}}, ResponseFormat({"properties": {}})),
        (Berth, ResponseFormat(Berth.model_json_schema(), check=PydanticCheck(Berth))),
        (Pier, ResponseFormat(typed_dict_schema(Pier))),
    ],
)
def test_every_form_of_a_response_format_is_read(spec: object, expected: ResponseFormat | None) -> None:
    """Those of OpenAI's two APIs, a pydantic class, a JSON Schema and the client's own."""
    assert to_response_format(spec) == expected


@pytest.mark.parametrize("spec", [{"type": "xml"}, {}, "json", int, {"type": "json_schema"}, 5, [SCHEMA]])
def test_what_is_no_format_is_refused(spec: object) -> None:
    """The advice says what is taken."""
    with pytest.raises(InvalidOption, match=r"response_format is .*json_object"):
        to_response_format(spec)


def test_a_check_reads_json_as_json() -> None:
    """A strict model takes a date from JSON, though not from a Python string."""
    check = PydanticCheck(Visit)

    assert check({"day": "2026-11-28"}) == Visit(day=dt.date(2026, 11, 28))
    with pytest.raises(ValidationError, match="day"):
        check({"day": "soon"})


def test_a_check_reads_models_of_pydantic_1() -> None:
    """Their errors are ValueErrors as well."""
    assert PydanticCheck(OldVisit)({"nights": 3}) == OldVisit(nights=3)
    with pytest.raises(ValueError, match="nights"):
        PydanticCheck(OldVisit)({})


def test_a_check_is_a_value() -> None:
    """Equal ones are equal, and no address stands in a repr: caches have it in their keys."""
    assert PydanticCheck(Visit) == PydanticCheck(Visit)
    assert "0x" not in repr(PydanticCheck(Visit))


def test_defaults_that_json_cannot_hold_are_left_out() -> None:
    """A model needs none of them to answer; others stay."""

    class Range(BaseModel):
        low: float = 0.0
        high: float = float("inf")

    properties = pydantic_schema(Range)["properties"]

    assert properties["low"]["default"] == 0.0
    assert "default" not in properties["high"]


def test_a_closed_schema_has_no_other_fields_at_any_depth() -> None:
    """And what only looks like a schema, such as an example, is left as it is."""
    plain, closed = pydantic_schema(Visit), pydantic_schema(Visit, closed=True)

    assert "additionalProperties" not in str(plain)
    assert closed["additionalProperties"] is False
    assert closed["$defs"]["Berth"]["additionalProperties"] is False
    assert closed["properties"]["berths"]["examples"] == [[{"properties": {}}]]
    assert plain == pydantic_schema(Visit)


def test_a_class_without_a_schema_is_refused_by_name() -> None:
    """Pydantic has errors of several kinds for that."""

    class Caller(BaseModel):
        call: Callable[[], int]

    with pytest.raises(InvalidOption, match="Caller has no JSON Schema"):
        pydantic_schema(Caller)


@pytest.mark.parametrize(("model", "expected"), [(Visit, True), (OldVisit, False), (int, False), (5, False)])
def test_classes_of_pydantic_2_are_told_apart(model: Any, expected: bool) -> None:  # noqa: FBT001 - a table
    """Objects and classes of pydantic 1 are none."""
    assert is_pydantic(model) is expected
