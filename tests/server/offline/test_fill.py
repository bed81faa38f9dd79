"""JSON that the offline model fills from a text."""

from __future__ import annotations

import json
from datetime import date, datetime
from enum import StrEnum
from types import GenericAlias
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, TypeAdapter, create_model

from phi4_server.offline.fill import fill
from phi4_server.offline.words import stem

TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
NUMBER = {"type": "number"}
FLAG = {"type": "boolean"}
DAY = {"type": "string", "format": "date"}


def having(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    """An object's schema; all properties are required unless some are named."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
    }


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (
            having(name=TEXT, age=WHOLE, email=TEXT),
            "Ada Lovelace is 36 years old. Her email is ada@x.org",
            {"name": "Ada Lovelace", "age": 36, "email": "ada@x.org"},
        ),
        (
            having(origin=TEXT, destination=TEXT, day=DAY, direct=FLAG),
            "Book a direct flight, origin New York, destination Los Angeles, on 2024-05-03",
            {"origin": "New York", "destination": "Los Angeles", "day": "2024-05-03", "direct": True},
        ),
        (
            having(title=TEXT, author=TEXT, year=WHOLE),
            "The book 'Dunes' was written by Frank Herrick in 1965.",
            {"title": "Dunes", "author": "Frank Herrick", "year": 1965},
        ),
        (having(a=NUMBER, b=NUMBER), "add 3 and 4.5", {"a": 3, "b": 4.5}),
        (having(rooms=WHOLE, nights=WHOLE), "5 nights in 2 rooms", {"rooms": 2, "nights": 5}),
        (having(width=WHOLE, height=WHOLE), "height 20 and width 30", {"width": 30, "height": 20}),
        (
            having(amount=NUMBER, from_currency=TEXT, to_currency=TEXT),
            "How much is 100 USD in EUR?",
            {"amount": 100, "from_currency": "USD", "to_currency": "EUR"},
        ),
        (
            having(quiet=FLAG, debug=FLAG),
            "Run in debug mode",
            {"quiet": False, "debug": True},
        ),
        (having(name=TEXT), "Create a customer named '你好啊集团'", {"name": "你好啊集团"}),
    ],
)
def test_a_text_fills_an_object(schema: dict[str, Any], text: str, value: object) -> None:
    """Numbers, names, quotations, dates, flags and the rest of what is asked go where they belong."""
    assert fill(schema, text).value == value


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (having(["city"], city=TEXT, unit={"enum": ["celsius", "kelvin"]}), "in Oslo", {"city": "Oslo"}),
        (
            having(["city"], city=TEXT, unit={"enum": ["celsius", "kelvin"]}),
            "in Oslo, in Kelvin",
            {"city": "Oslo", "unit": "kelvin"},
        ),
        (having(unit={"enum": ["celsius", "kelvin"], "default": "kelvin"}), "warm", {"unit": "kelvin"}),
        (having(days={**WHOLE, "default": 3}), "weather", {"days": 3}),
        (having([], days={**WHOLE, "default": 3}), "weather for 5 days", {"days": 5}),
        (having(n={"anyOf": [WHOLE, {"type": "null"}]}), "nothing", {"n": None}),
        (having(n={"anyOf": [WHOLE, {"type": "null"}]}), "take 4", {"n": 4}),
        (having(n={**WHOLE, "minimum": 5}), "from 3 to 7", {"n": 7}),
        (
            {**having(who={"$ref": "#/$defs/P"}), "$defs": {"P": having(name=TEXT, home=having(city=TEXT))}},
            "Ada lives in Oslo",
            {"who": {"name": "Ada", "home": {"city": "Oslo"}}},
        ),
        (having([], a=TEXT), "", {}),
        ({}, "", None),
    ],
)
def test_defaults_choices_and_optional_places_are_respected(
    schema: dict[str, Any], text: str, value: object
) -> None:
    """What may be left out is; what has a default takes it; a choice takes what is said."""
    assert fill(schema, text).value == value


def test_what_is_missing_is_counted() -> None:
    """A required place that the text says nothing for is counted, unless it has something to fall back on."""
    schema = having(city=TEXT, days={**WHOLE, "default": 1}, unit={"enum": ["a"]}, count=WHOLE)

    filled = fill(schema, "weather", but=frozenset({stem("weather")}))

    assert filled.missing == 2
    assert filled.found == 0


def test_facts_fill_what_they_are_called() -> None:
    """What is known beside the text fills the places of its name, in any spelling."""
    schema = having(mainColor=TEXT, width=WHOLE, Background_color=TEXT)

    filled = fill(schema, "", facts={"color": "red", "width": 64, "background color": "white"})

    assert filled.value == {"mainColor": "red", "width": 64, "Background_color": "white"}


class Mood(StrEnum):
    """Some names."""

    GOOD = "good"
    BAD = "bad"


class Node(BaseModel):
    """A schema that holds itself."""

    value: int
    next: Node | None = None
    children: list[Node] = []


LEAVES = st.one_of(
    st.sampled_from(
        [str, int, float, bool, date, datetime, Mood, Node, Literal["a", 3], dict[str, int], Any]
    ),
    st.tuples(st.integers(-99, 99), st.integers(0, 50)).map(
        lambda at: Annotated[int, Field(ge=at[0], le=at[0] + at[1])]
    ),
    st.integers(-9, 9).map(lambda at: Annotated[float, Field(gt=at, lt=at + 1)]),
    st.tuples(st.integers(0, 9), st.integers(0, 20)).map(
        lambda at: Annotated[str, Field(min_length=at[0], max_length=at[0] + at[1])]
    ),
)
NAMES = st.sampled_from(["name", "age", "city", "query", "is_open", "startDate", "from_", "tags", "größe"])


def made(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields that are all required, as pydantic takes them."""
    return {name: (kind, ...) for name, kind in fields.items()}


def grown(kinds: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Kinds made of others: lists, choices, optional ones, objects."""
    return st.one_of(
        st.tuples(kinds, st.integers(0, 3)).map(
            lambda of: Annotated[GenericAlias(list, (of[0],)), Field(min_length=of[1], max_length=of[1] + 2)]
        ),
        st.tuples(kinds, kinds).map(lambda of: of[0] | of[1] if not {Any} & {*of} else Any),
        kinds.map(lambda of: of | None if of is not Any else Any),
        st.dictionaries(NAMES, kinds, min_size=1, max_size=4).map(
            lambda fields: create_model("Made", **made(fields))
        ),
    )


KINDS = st.recursive(LEAVES, grown, max_leaves=6)
TEXTS = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        [
            "Ada Lovelace is 36 years old, lives in London since 2024-05-03, ada@x.org, 'quoted', at 3 pm",
            "from Paris to Rome 3 4 5.5 -7 AB-12 123 ac good and not open, tags: a, b and c",
            "x: 1, y: 2, true false null",
        ]
    ),
)


@settings(deadline=None)
@given(KINDS, TEXTS)
def test_what_is_filled_fits_the_schema(kind: Any, text: str) -> None:
    """For any schema that pydantic writes, and any text, the JSON is what pydantic then takes."""
    adapter = TypeAdapter(kind)

    filled = fill(adapter.json_schema(), text)

    adapter.validate_json(json.dumps(filled.value))


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "type",
                        "properties",
                        "items",
                        "required",
                        "anyOf",
                        "enum",
                        "$ref",
                        "allOf",
                        "minimum",
                        "minItems",
                        "pattern",
                        "additionalProperties",
                        "a",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    ),
    st.text(max_size=30),
)
def test_nonsense_for_a_schema_is_filled_too(schema: object, text: str) -> None:
    """A schema that is not valid raises nothing, and what comes out is JSON."""
    json.dumps(fill(schema, text).value)
