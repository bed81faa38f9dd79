"""Objects of pydantic classes whose fields are all optional, made of JSON that has none of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, RootModel
from pydantic.v1 import BaseModel as BaseModelV1

from phi4_space import ResponseFormat
from phi4_space.interop import PydanticCheck


class Home(BaseModel):
    """Where somebody lives."""

    city: str | None = None


class Person(BaseModel):
    """Somebody, of whom nothing is needed."""

    names: list[str] = []
    type: str | None = None
    home: Home | None = None
    homes: list[Home] = []
    by_name: dict[str, Home] = {}
    full: str | None = Field(None, alias="fullName")
    age: int | None = Field(None, validation_alias=AliasChoices("years", AliasPath("born", 0)))


class Open(Person):
    """Anything may come."""

    model_config = ConfigDict(extra="allow")


class OldHome(BaseModelV1):
    """The same in pydantic 1."""

    city: str | None = None


class OldPerson(BaseModelV1):
    """The same in pydantic 1."""

    names: list[str] = []
    home: OldHome | None = None


class OldList(BaseModelV1):
    """A list, in pydantic 1."""

    __root__: list[OldHome]


ANN = {"names": ["Ann"]}


def find(model: Any, value: Any) -> Any:
    """The JSON that is found in an answer, or what is wrong with it."""
    found = ResponseFormat(check=PydanticCheck(model)).find(json.dumps(value))
    return found.complaint or json.loads(found.text)


@pytest.mark.parametrize("model", [Person, OldPerson])
@pytest.mark.parametrize(
    "value",
    [
        ANN,
        {"KW": ANN},
        {"Person": ANN},
        {"properties": ANN},
        {"type": "object", "properties": ANN},
        {"name": "Person", "arguments": ANN},
        {"answer": json.dumps(ANN)},
        [ANN],
        {"data": [ANN]},
    ],
)
def test_an_object_is_taken_out_of_a_wrapper(model: Any, value: Any) -> None:
    """llama_index 21024, ollama-instructor 6: without a schema in the prompt, too."""
    if model is Person and "type" in value:
        value = {"title": "Person", "properties": ANN}
    assert find(model, value) == ANN


@pytest.mark.parametrize("model", [Person, OldPerson])
@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"nome": ["Ann"]}, "none of the properties"),
        ({"KW": {"nome": ["Ann"]}}, "none of the properties"),
        ({"draft": ANN, "final": ANN}, "none of the properties"),
        ({"home": {"Home": {"city": "Oslo"}}}, "none of the properties 'city'"),
        ({"properties": {"names": {"type": "array"}}}, "the JSON Schema itself"),
    ],
)
def test_an_object_of_defaults_is_no_answer(model: Any, value: Any, complaint: str) -> None:
    """Nor is one that holds such an object, nor the schema that the caller's own prompt described."""
    assert complaint in find(model, value)


@pytest.mark.parametrize(
    "value",
    [
        {"homes": [{"city": "Oslo"}, {"Home": {"city": "Oslo"}}]},
        {"by_name": {"x": {"Home": {"city": "Oslo"}}}},
        {"properties": {"type": {"type": "string"}}},
        Person.model_json_schema(),
    ],
)
def test_none_is_taken_out_of_parts(value: Any) -> None:
    """A list's and a dict's objects are looked at, and a part of a schema may look like an object."""
    assert isinstance(find(Person, value), str)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"home": {}},
        {"home": None},
        {"fullName": "Ann"},
        {"years": 5},
        {"born": [5]},
        {"names": [], "more": 1},
        {"homes": [{"city": "Oslo"}, {}]},
        {"by_name": {"x": {"city": "Oslo"}}},
    ],
)
def test_what_a_class_reads_is_an_answer(value: Any) -> None:
    """By whatever name it reads it."""
    assert find(Person, value) == value


def test_a_class_that_takes_more_has_it() -> None:
    """It passes nothing over, but no schema is an answer."""
    assert find(Open, {"KW": ANN}) == {"KW": ANN}
    assert "the JSON Schema itself" in find(Open, Open.model_json_schema())


def test_root_models_are_what_they_hold() -> None:
    """A mapping's objects are judged, and so is what an older root model holds."""
    by_name = RootModel[dict[str, Home]]
    assert find(by_name, {"x": {"city": "Oslo"}}) == {"x": {"city": "Oslo"}}
    assert "none of the properties 'city'" in find(by_name, {"x": {"Home": 5}})
    wanted = ResponseFormat({"type": "array"}, check=PydanticCheck(OldList))
    assert "none of the properties 'city'" in str(wanted.find('[{"Home": {"city": "Oslo"}}]').complaint)


def test_other_checks_judge_alone() -> None:
    """A function that makes no object of a class, and a class's own method."""
    assert ResponseFormat(check=lambda _: None).find('{"KW": {}}').text == '{"KW": {}}'
    wanted = ResponseFormat(check=Person.model_validate)
    assert "none of the properties" in str(wanted.find('{"KW": 5}').complaint)


class Text(BaseModel):
    """What its validator reads from anything."""

    model_config = ConfigDict(extra="ignore")
    home: Any = None


def test_what_no_json_object_was_is_not_judged() -> None:
    """As where a validator makes an object of a word."""
    wanted = ResponseFormat(check=lambda _: Text(home=Home()))
    assert wanted.find('{"home": "Oslo"}').text == '{"home": "Oslo"}'
