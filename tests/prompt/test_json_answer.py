"""JSON as an answer: asked for, found however the answer is cut, and checked."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

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


# --- settled on -----------------------------------------------------------------------------------------


class Names(BaseModel):
    """A model whose field must be there."""

    names: list[str]


class Lax(BaseModel):
    """A model that can be made of nothing."""

    names: list[str] = []
    meta: dict[str, Any] = {}


class Book(BaseModel):
    """A model with a field that schemas have as well."""

    title: str | None = None
    author: str | None = None


class Node(BaseModel):
    """A model whose parts look like the whole."""

    value: int
    children: list[Node] = []


class Order(BaseModel):
    """A model that holds others that can be made of nothing."""

    items: list[Book] = Field(default_factory=list)


def of(model: type[BaseModel]) -> ResponseFormat:
    """The format of a model."""
    return ResponseFormat(model.model_json_schema(), check=model.model_validate)


def schema_of(model: type[BaseModel]) -> str:
    """The schema of a model, as one may repeat it."""
    return json.dumps(model.model_json_schema())


ANN, BOB = '{"names": ["Ann"]}', '{"names": ["Ann", "Bob"]}'
NAMES, LAX, NODE = of(Names), of(Lax), of(Node)

SEVERAL = [
    f"Draft: {ANN}. Final: {BOB}",
    f"{ANN}{BOB}",
    f"<think>{ANN}</think>{BOB}",
    f"It is {ANN}, I think.</think>\n\n{BOB}",
    f'<think>It begins {{"names": [ and so on</think>{BOB}',
    f'<think>like {{"names": ["a", "b</think>{BOB}',
    f"<think>```json\n{ANN}\n```</think>{BOB}",
    f"{BOB}\n<think>Or {ANN}?</think>",
    f'For example:\n```json\n{{"names": "x"}}\n```\nSo: {BOB}',
    f"```json\n{BOB}\n```\nas opposed to {ANN}",
    f"```json\n{ANN}\n```\nrather\n```json\n{BOB}\n```",
    f'Use {{curly}} braces {{like "this"}}: {BOB} and {{so on}}',
    f'{{"names": "see {{}} [here] \\"{{\\""}} {BOB}',
    f'{BOB} {{"other": 1}} {{}}',
    f"As in [1] and [2]: {BOB} [3]",
    f'{{"names": ["Ann",]}} oh, I mean {BOB}',
    f'{BOB} then "{{"a" and so on, as in: {{"a word that goes on and is no property,\nfor it has lines',
    f"[{BOB}]",
    f"{schema_of(Names)}\n{BOB}",
    f"{BOB}\n{schema_of(Names)}",
    json.dumps(BOB),
]


@pytest.mark.parametrize("wanted", [NAMES, LAX])
@pytest.mark.parametrize("answer", SEVERAL)
def test_the_last_json_that_fits_is_the_answer(answer: str, wanted: ResponseFormat) -> None:
    """langchain-google 2002: not the first that looks like JSON; in a fence, if one that fits stands there.

    Drafts, thoughts, examples, prose with braces, the schema itself: whether the schema requires something
    or all of its properties have defaults.
    """
    found = wanted.find(answer)

    assert (found.complaint, json.loads(found.text)) == (None, {"names": ["Ann", "Bob"]})


CUT_OFF = [
    f'{BOB} then {{"names": ["Ann", "B',
    f"Draft: {ANN}. Final: {{",
    f'Draft: {ANN}. Final: {{"na',
    f'Draft: {ANN}. Final: {{"names"',
    f'Draft: {ANN}. Final: {{"names": ["Ann", "B\\',
    f'Draft: {ANN}. Final: {{"names": ["Ann", "Bob"]',
    f'Draft: {ANN}. Final:\n```json\n{{"names": [\n"Ann"',
    f"Draft: {ANN}. Final:\n```json\n",
    f"```json\n{ANN}\n```\nNo:\n```json\n{{",
    f'<think>{ANN}</think>{{"names": ["Ann", "Bo',
    f'{ANN} {{"Lax": {{"names": ["Ann"]',
]


@pytest.mark.parametrize("wanted", [NAMES, LAX])
@pytest.mark.parametrize("answer", CUT_OFF)
@pytest.mark.parametrize("is_cut", [False, True])
def test_no_draft_counts_before_an_answer_that_was_cut_off(
    answer: str,
    wanted: ResponseFormat,
    is_cut: bool,  # noqa: FBT001 - a parameter
) -> None:
    """langchain-google 2002: the reason names the cut, whether or not the Space says that there was one."""
    found = wanted.find(answer, is_cut=is_cut)

    assert (found.text, "cut off" in (found.complaint or "")) == ("", True)


@pytest.mark.parametrize(
    ("answer", "is_answer"),
    [
        (f"{BOB}", True),
        (f"```json\n{BOB}\n```", True),
        (f"```json\n{BOB}\n", True),
        (f"{BOB} I hope that this he", True),
        (f"<think>no: {ANN}</think> {BOB} As you", True),
        (f"Draft: {ANN}. Final:", False),
        (f"Draft: {ANN}.\n\n**Final:**\n", False),
        (f"<think>It may be {ANN}, or", False),
    ],
)
def test_an_answer_that_may_have_no_more_tokens(answer: str, is_answer: bool) -> None:  # noqa: FBT001
    """JSON that is whole counts, unless a colon announces another, or it is in a thought without an end."""
    assert (LAX.find(answer, is_cut=True).complaint is None) == is_answer
    assert LAX.find(answer).complaint is None


WRAPPED = [
    (LAX, f'{{"Lax": {ANN}}}', ANN),
    (LAX, f'{{"properties": {ANN}}}', ANN),
    (LAX, f'{{"title": "Lax", "type": "object", "properties": {ANN}}}', ANN),
    (LAX, f'{{"name": "Lax", "arguments": {ANN}}}', ANN),
    (LAX, f"[{ANN}]", ANN),
    (LAX, json.dumps({"answer": ANN}), ANN),
    (LAX, "{}", "{}"),
    (LAX, "Nothing: {}", "{}"),
    (of(Book), '{"title": "Book", "type": "object", "properties": {"title": "Dune"}}', '{"title": "Dune"}'),
    (ResponseFormat(LIST), '{"items": [1]}', "[1]"),
    (ResponseFormat(LIST), "Here [1, 2] or rather [3]", "[3]"),
    (ResponseFormat({}), "Here: [1, 2]", "[1, 2]"),
    (ResponseFormat({**CITY, "additionalProperties": True}), '{"city": "Oslo", "x": 1}', None),
    (
        ResponseFormat({**CITY, "required": [], "additionalProperties": True}),
        '{"properties": {"city": "X"}}',
        None,
    ),
    (ResponseFormat({"type": "object", "additionalProperties": {"type": "integer"}}), '{"x": 1}', None),
    (ResponseFormat(check=Names.model_validate), f'{{"Names": {ANN}}}', ANN),
]


@pytest.mark.parametrize(("wanted", "answer", "expected"), WRAPPED)
def test_what_was_asked_for_is_unwrapped(wanted: ResponseFormat, answer: str, expected: str | None) -> None:
    """llama_index 21024: where one part alone can be meant; JSON that says `{}` is taken at its word."""
    found = wanted.find(answer)

    assert (found.complaint, json.loads(found.text)) == (None, json.loads(expected or answer))


@pytest.mark.parametrize(
    ("wanted", "answer", "complaint"),
    [
        (LAX, '{"nome": ["Ann"]}', "none of the properties 'meta', 'names'"),
        (LAX, '{"Lax": {"nome": ["Ann"]}}', "none of the properties"),
        (LAX, schema_of(Lax), "the JSON Schema itself"),
        (NAMES, schema_of(Names), "the JSON Schema itself"),
        (of(Book), schema_of(Book), "the JSON Schema itself"),
        (LAX, '{"type": "object", "properties": {"names": 5}}', "5 is not of type 'array'"),
        (LAX, '{"nome": 1} {}', "none of the properties"),
        (LAX, '{"error": {}}', "none of the properties"),
        (LAX, "[{}]", "not of type 'object'"),
        (LAX, f'{{"draft": {ANN}, "final": {BOB}}}', "none of the properties"),
        (NAMES, f"[{ANN}, {BOB}]", "not of type 'object'"),
        (LAX, "{'names': ['Ann'], 'meta': {}}", "not JSON"),
        (LAX, '{"names": ["Ann"] "meta": {}}', "not JSON"),
        (LAX, '{"names": ["Ann"], "meta": {', "not JSON"),
        (LAX, '{"text": "code {} here', "not JSON"),
        (LAX, "", "it has no JSON object$"),
        (LAX, "I cannot.", "it has no JSON object$"),
        (LAX, '"', "it has no JSON object$"),
        (LAX, '"a" "b"', "it has no JSON object$"),
        (LAX, "5", "it has no JSON object$"),
        (LAX, "See [1].", "it has no JSON object$"),
        (ResponseFormat(LIST), "I cannot.", "it has no JSON array$"),
        (ResponseFormat({}), "I cannot.", "it has no JSON object or array$"),
        (NAMES, f'<think>{ANN}</think> {{"nome": 1}}', "'names' is a required property"),
        (NODE, '{"value": 1, "children": [{"value": 2 "children": []}, {"value": 3}]}', "not JSON"),
        (NODE, '{"value": 1, "children": [{"value": 2 "children": []}, {"value": 3}]', "not JSON"),
        (NODE, '{"value": 1, "children": [{"value": 2}, {"val', "not JSON"),
        (of(Order), '{"items": [{"Book": {"title": "Dune"}}]}', r"'author', 'title' \(at \$.items\[0\]\)"),
        (ResponseFormat(), "[1]", "not a JSON object"),
        (ResponseFormat(), '[{"a": 1}, {"b": 2}]', "not a JSON object"),
        (ResponseFormat(LIST), '{"a": [1], "b": [2]}', "not of type 'array'"),
    ],
)
def test_what_does_not_fit_is_never_made_to(wanted: ResponseFormat, answer: str, complaint: str) -> None:
    """ollama-instructor 6: no part of broken JSON, no object of defaults; the complaint says why."""
    found = wanted.find(answer)

    assert found.text == ""
    assert re.search(complaint, found.complaint or "")


def test_json_in_thoughts_counts_where_there_is_no_other() -> None:
    """A model that never ends its thoughts, or says nothing else, still has said it."""
    assert NAMES.find(f"<think>{ANN}").text == NAMES.find(f"<think>{ANN}</think> So.").text == ANN


def test_the_reader_settles_on_what_fits() -> None:
    """What came out as the answer grew was the first; without any that fits it stays."""
    reader, other = JsonReader(NAMES), JsonReader(NAMES)

    assert [reader.feed(f"{ANN} or rather "), reader.feed(BOB)] == [ANN, ""]
    assert (reader.settle(), reader.text) == (None, BOB)
    other.feed('{"nome": 1}')
    assert "'names' is a required property" in (other.settle() or "")
    assert other.text == '{"nome": 1}'


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
