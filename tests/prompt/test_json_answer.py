"""JSON as an answer: asked for, found however the answer is cut, and checked."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from phi4_space import InvalidOption, ResponseFormat
from phi4_space._prompt.json_answer import JsonReader, correct_json

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
LIST = {"type": "array", "items": {"type": "integer"}}


def read(pieces: list[str], wanted: ResponseFormat) -> list[str]:
    """What comes out for each piece of an answer."""
    reader = JsonReader(wanted)
    return [reader.feed(piece) for piece in pieces]


# --- asked for ------------------------------------------------------------------------------------------


def test_the_model_is_told_the_schema() -> None:
    """All of it, on one line, letters as they are; without one, that an object is wanted."""
    schema = {"type": "object", "description": "Städte"}

    assert ResponseFormat(schema).instruction.splitlines() == [
        "Reply with JSON only, no other text, that fits this JSON Schema:",
        '{"description": "Städte", "type": "object"}',
    ]
    assert "one JSON object" in ResponseFormat().instruction


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schema": {"type": "strin"}}, "not a valid JSON Schema"),
        ({"schema": {"type": "object", "default": float("nan")}}, "not a valid JSON Schema"),
        ({"schema": {"type": "object", "default": object()}}, "not a valid JSON Schema"),
        ({"schema": {"type": "string"}}, "property of an object"),
        ({"schema": {"type": ["string", "null"]}}, "property of an object"),
        ({"schema": [CITY]}, "a mapping"),
        ({"schema": "city"}, "a mapping"),
        ({"check": "city"}, "a function"),
    ],
)
def test_a_format_that_no_answer_could_meet_is_refused(options: Any, message: str) -> None:
    """At once, and by what is wrong with it."""
    with pytest.raises(InvalidOption, match=message):
        ResponseFormat(**options)


# --- found ----------------------------------------------------------------------------------------------

ANSWERS = [
    ('{"city": "Oslo"}', ResponseFormat(CITY), '{"city": "Oslo"}'),
    ('```json\n{"city": "Oslo"}\n```', ResponseFormat(CITY), '{"city": "Oslo"}'),
    ('Sure! {name}: {"city": "a } b"} and more {"x": 1}', ResponseFormat(CITY), '{"city": "a } b"}'),
    ('As in [1]: { "city": "Oslo"', ResponseFormat(CITY), '{ "city": "Oslo"'),
    ("Here: [1, 2] {}", ResponseFormat(LIST), "[1, 2]"),
    ("[see] {}", ResponseFormat(), "{}"),
    ('[{"city": "Oslo"}]', ResponseFormat({"$ref": "#/$defs/x", "$defs": {"x": LIST}}), '[{"city": "Oslo"}]'),
    ('null {"city": "Oslo"}', ResponseFormat({"type": ["object", "null"]}), '{"city": "Oslo"}'),
    ("I cannot.", ResponseFormat(CITY), ""),
    ("", ResponseFormat(CITY), ""),
    ("[" * 5000 + '"', ResponseFormat(LIST), "[" * 5000 + '"'),
]


@pytest.mark.parametrize(("answer", "wanted", "found"), ANSWERS)
def test_json_is_found_amid_prose_and_fences(answer: str, wanted: ResponseFormat, found: str) -> None:
    """From its opening to its end; nothing else comes out, and nothing of what was said is lost."""
    reader = JsonReader(wanted)

    assert reader.feed(answer) == reader.text == found
    assert reader.full_text == answer


@given(
    case=st.sampled_from(ANSWERS[:-1]),
    value=st.dictionaries(st.text(), st.recursive(st.integers() | st.text(), st.lists)),
    cuts=st.lists(st.integers(0, 60)),
)
def test_json_comes_out_the_same_however_it_is_cut(
    case: tuple[str, ResponseFormat, str], value: dict[str, Any], cuts: list[int]
) -> None:
    """What was let through never has to be taken back."""
    text = json.dumps(value)
    for answer, wanted, found in (case, (f"Well: {text}, that is it", ResponseFormat(), text)):
        edges = [0, *sorted(cuts), len(answer)]
        pieces = [answer[start:end] for start, end in pairwise(edges) if start < end]
        assert "".join(read(pieces, wanted)) == found


def test_json_comes_as_it_grows() -> None:
    """Piece by piece, not at its end."""
    assert read(["Well, {", '"ci', 'ty": "O', 'slo"}', "\n```"], ResponseFormat(CITY)) == [
        "",
        '{"ci',
        'ty": "O',
        'slo"}',
        "",
    ]


# --- checked --------------------------------------------------------------------------------------------


class City(BaseModel):
    """A model to check with."""

    city: str


@pytest.mark.parametrize(
    ("wanted", "text", "expected"),
    [
        (ResponseFormat(CITY), '{"city": "Oslo"}', None),
        (ResponseFormat(), '{"anything": 1}', None),
        (ResponseFormat(CITY), '{"city": "Os', "not JSON"),
        (ResponseFormat(CITY), "", "not JSON"),
        (ResponseFormat(), '{"a": NaN}', "NaN"),
        (ResponseFormat(LIST), "[" * 100_000, "not JSON"),
        (ResponseFormat(CITY), '{"town": "Oslo"}', "'city' is a required property"),
        (ResponseFormat(CITY), '{"city": 5}', r"\$\.city"),
        (ResponseFormat(LIST), "[1, 2]", None),
        (ResponseFormat(check=City.model_validate), '{"city": "Oslo"}', None),
        (ResponseFormat(check=City.model_validate), '{"city": 5}', "valid string"),
        (ResponseFormat(CITY, City.model_validate), '{"city": "Oslo"}', None),
    ],
)
def test_answers_are_checked(wanted: ResponseFormat, text: str, expected: str | None) -> None:
    """By the schema and by the caller's own check; the error says what is wrong, and where."""
    error = wanted.validation_error(text)

    assert (error is None) if expected is None else re.search(expected, error or "")


def test_a_check_that_fails_for_another_reason_is_the_callers() -> None:
    """Only a ValueError is about the answer."""

    def check(_: Any) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        ResponseFormat(check=check).validation_error("{}")


def test_a_schema_loads_nothing() -> None:
    """A schema from anywhere cannot make us open an address."""
    wanted = ResponseFormat({"$ref": "http://127.0.0.1:9/schema.json"})

    with pytest.raises(InvalidOption, match="outside itself"):
        wanted.validation_error("{}")


def test_the_model_is_told_what_was_wrong() -> None:
    """In the words of the error."""
    assert "'city' is missing" in correct_json("'city' is missing")
