# ruff: noqa: D101 - a class without words has none in its schema
"""TypedDict classes as JSON Schema, in a module whose annotations the classes have not seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired, Optional, Required, TypedDict

import pytest
import typing_extensions
from jsonschema import Draft202012Validator
from pydantic import ConfigDict, Field

from phi4_space import InvalidOption
from phi4_space.interop import is_typed_dict, typed_dict_schema


class Whole(TypedDict):
    """A person."""

    name: str
    age: int


class Partial(TypedDict, total=False):
    name: str
    age: int


class Some(TypedDict):
    name: str
    age: NotRequired[int]


class Most(TypedDict, total=False):
    name: Required[str]
    age: int


class Child(Partial):
    school: str


class PartialChild(Whole, total=False):
    school: str


class Around(TypedDict):
    name: Annotated[Required[str], "Their name"]
    age: NotRequired[Annotated[int, Field(ge=0), "years"]]
    seen: typing_extensions.ReadOnly[bool]
    city: NotRequired[typing_extensions.ReadOnly[str]]


class Described(TypedDict):
    name: Annotated[str, "Their name"]
    age: Annotated[int | None, None, "In years"]
    city: Annotated[str, ..., "Where they live"]
    street: Annotated[str, typing_extensions.Doc("Where in it")]
    house: Annotated[int, Field(description="Its number", gt=0)]
    floor: Annotated[int, 0]
    door: Annotated[str, ...]
    key: Annotated[int, Field(default=3)]


class Empty(TypedDict):
    pass


class Tree(TypedDict):
    """A tree."""

    name: str
    children: list[Tree]


class Left(TypedDict, total=False):
    right: Required[Right]


class Right(TypedDict):
    left: NotRequired[Left]


class Team(TypedDict):
    lead: Optional[Most]  # noqa: UP045 - as many write it
    members: dict[str, list[Some | Whole]]
    pair: tuple[Annotated[Some, "one"], Partial]
    kind: Literal["red", "blue"]


Unseen = TypedDict("Unseen", {"first-name": str, "class": NotRequired[str], "_id": int})


class Configured(TypedDict):
    __pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[misc] # as pydantic has it
    name: str


class Old(typing_extensions.TypedDict, total=False):
    name: str


REQUIRED: list[tuple[Any, list[str]]] = [
    (Whole, ["name", "age"]),
    (Partial, []),
    (Some, ["name"]),
    (Most, ["name"]),
    (Child, ["school"]),
    (PartialChild, ["name", "age"]),
    (Around, ["name", "seen"]),
    (Described, ["name", "city", "street", "house", "door"]),
    (Empty, []),
    (Tree, ["name", "children"]),
    (Left, ["right"]),
    (Team, ["lead", "members", "pair", "kind"]),
    (Unseen, ["first-name", "_id"]),
    (Configured, ["name"]),
    (Old, []),
]


@pytest.mark.parametrize(("cls", "required"), REQUIRED)
def test_keys_are_required_as_the_class_says(cls: Any, required: list[str]) -> None:
    """Langchain 36490 and 34085, instructor 2567: by total, Required and NotRequired, also in strings."""
    schema = typed_dict_schema(cls)

    assert sorted(schema.get("required", [])) == sorted(required)
    assert schema["title"] == cls.__name__
    Draft202012Validator.check_schema(schema)


def test_descriptions_and_defaults_stand_in_annotations() -> None:
    """As a string, as Doc, in a Field, and as LangChain has them."""
    properties = typed_dict_schema(Described)["properties"]

    assert {name: part.get("description") for name, part in properties.items()} == {
        "name": "Their name",
        "age": "In years",
        "city": "Where they live",
        "street": "Where in it",
        "house": "Its number",
        "floor": None,
        "door": None,
        "key": None,
    }
    assert {name: part["default"] for name, part in properties.items() if "default" in part} == {
        "age": None,
        "floor": 0,
        "key": 3,
    }
    assert properties["house"]["exclusiveMinimum"] == 0


def test_classes_in_classes_are_read_alike() -> None:
    """In lists, dicts, tuples, unions and optional values; each once."""
    schema = typed_dict_schema(Team)

    assert sorted(schema["$defs"]) == ["Most", "Partial", "Some", "Whole"]
    assert schema["$defs"]["Some"]["required"] == ["name"]
    assert "required" not in schema["$defs"]["Partial"]
    assert schema["properties"]["kind"]["enum"] == ["red", "blue"]


@pytest.mark.parametrize(
    ("cls", "good", "bad"),
    [
        (Tree, {"name": "a", "children": [{"name": "b", "children": []}]}, {"name": "a", "children": [{}]}),
        (Left, {"right": {"left": {"right": {}}}}, {"right": {"left": {}}}),
    ],
)
def test_classes_may_hold_themselves(cls: Any, good: Any, bad: Any) -> None:
    """At any depth, and with the class at the top."""
    schema = typed_dict_schema(cls)

    assert schema["type"] == "object"
    assert Draft202012Validator(schema).is_valid(good)
    assert not Draft202012Validator(schema).is_valid(bad)


def test_docstrings_and_settings_are_kept() -> None:
    """A class without words has none, and not those of dict."""
    assert typed_dict_schema(Whole)["description"] == "A person."
    assert "description" not in typed_dict_schema(Some)
    assert typed_dict_schema(Configured)["additionalProperties"] is False
    assert typed_dict_schema(Tree, closed=True)["additionalProperties"] is False
    assert "additionalProperties" not in typed_dict_schema(Tree)


def test_what_is_no_json_is_refused_by_name() -> None:
    """Whatever its annotations raise."""

    class Odd(TypedDict):
        call: Callable[[], int]

    class Lost(TypedDict):
        name: Nowhere  # type: ignore[name-defined] # noqa: F821 - there is none

    for cls in (Odd, Lost):
        with pytest.raises(InvalidOption, match=f"{cls.__name__} has no JSON Schema"):
            typed_dict_schema(cls)


@pytest.mark.parametrize(
    ("value", "expected"), [(Whole, True), (dict, False), (5, False), (dict[str, int], False)]
)
def test_classes_are_told_from_others(value: Any, expected: bool) -> None:  # noqa: FBT001 - a table
    """Dict itself is none."""
    assert is_typed_dict(value) is expected
