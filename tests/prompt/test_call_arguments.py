"""The arguments of a call: read as models write them, and written as JSON whatever a caller put there."""

from __future__ import annotations

import json
import math
from array import array
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr
from pydantic import v1 as pydantic_v1

from phi4_space._errors import InvalidOption
from phi4_space._limits import Limits
from phi4_space._prompt.call_arguments import (
    parse_lenient,
    read_arguments,
    to_json_arguments,
    to_json_value,
)


class Colour(Enum):
    """An enum of strings."""

    RED = "red"


class Word(StrEnum):
    """One that is a string itself."""

    HELLO = "hello"


class Count(IntEnum):
    """One that is a number itself."""

    TWO = 2


class Day(Enum):
    """One whose values are dates."""

    FIRST = date(2026, 1, 1)


class Place(BaseModel):
    """A model of pydantic."""

    name: str
    seen: date
    height: float = math.nan


class OldPlace(pydantic_v1.BaseModel):
    """A model of pydantic 1."""

    name: str
    seen: date


@dataclass
class Point:
    """A dataclass."""

    x: int
    at: time


ID = UUID("12345678-1234-5678-1234-567812345678")
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        ("é", "é"),
        (NOON, "2026-01-02T12:00:00Z"),
        (datetime(2026, 1, 2, 12, 0), "2026-01-02T12:00:00"),  # noqa: DTZ001 - what a caller may have
        (date(2026, 1, 2), "2026-01-02"),
        (time(12, 30), "12:30:00"),
        (timedelta(hours=1), "PT1H"),
        (ID, str(ID)),
        (Decimal("1.10"), "1.10"),
        (Colour.RED, "red"),
        (Word.HELLO, "hello"),
        (Count.TWO, 2),
        (Day.FIRST, "2026-01-01"),
        (Path("a/b"), str(Path("a/b"))),
        (PurePosixPath("a/b"), "a/b"),
        (b"caf\xc3\xa9", "café"),
        (bytearray(b"\xff\xfe"), "//4="),
        (memoryview(b"x"), "x"),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        ((1, (2, NOON)), [1, [2, "2026-01-02T12:00:00Z"]]),
        (deque([date(2026, 1, 2)]), ["2026-01-02"]),
        (array("i", [1, 2]), [1, 2]),
        (MappingProxyType({"a": {ID}}), {"a": [str(ID)]}),
        ({date(2026, 1, 2): 1, 2: 3, None: 4, True: 5, Colour.RED: 6, 1.5: 7}, None),
        (Place(name="Rome", seen=date(2026, 1, 2)), {"name": "Rome", "seen": "2026-01-02", "height": None}),
        (OldPlace(name="Rome", seen=date(2026, 1, 2)), {"name": "Rome", "seen": "2026-01-02"}),
        (Point(1, time(1)), {"x": 1, "at": "01:00:00"}),
        ([math.nan, math.inf, -math.inf], [None, None, None]),
        (SecretStr("hush"), "**********"),
    ],
)
def test_a_value_is_written_as_json_would(value: object, expected: object) -> None:
    """As pydantic writes it (agent-framework 2219), the same in every process."""
    if isinstance(value, dict):
        expected = {"2026-01-02": 1, "2": 3, "null": 4, "true": 5, "red": 6, "1.5": 7}

    assert to_json_value(value) == expected
    json.dumps(to_json_value(value), allow_nan=False)


class Sly:
    """An object that fails when it is looked at."""

    def tolist(self) -> Any:
        """Does not."""
        raise KeyError(self)


def doubled(times: int) -> list[Any]:
    """A list that is small, and whose text is not."""
    value: list[Any] = []
    for _ in range(times):
        value = [value, value]
    return value


def endless() -> list[Any]:
    """A list in itself."""
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (object(), "object is not a JSON type"),
        ([int], "type is not a JSON type"),
        (Place, "is not a JSON type"),
        (Sly(), "Sly is not a JSON type"),
        ({(1, 2): 3}, "a key of it is a tuple"),
        ("\ud800", "lone surrogate"),
        (doubled(60), "more than"),
        (doubled(200), "nested deeper"),
        (endless(), "nested deeper than 100 levels, or in itself"),
        ([10**5_000], "digits"),
        ({10**5_000: 1}, "digits"),
    ],
)
def test_an_argument_without_a_form_is_named(value: object, why: str) -> None:
    """The call, the argument, and what is wrong with it."""
    with pytest.raises(InvalidOption) as refused:
        to_json_arguments({"a": 1, "b": value}, "add")

    assert "the argument 'b' of the call of 'add': " in refused.value.what
    assert why in refused.value.what


def test_what_is_passed_is_not_changed() -> None:
    """Arguments are converted into new ones."""
    arguments: Mapping[Any, Any] = {"a": [NOON], 1: 2}

    assert to_json_arguments(arguments, "f") == {"a": ["2026-01-02T12:00:00Z"], "1": 2}
    assert arguments == {"a": [NOON], 1: 2}


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), json_values))
def test_json_stays_as_it_is(arguments: dict[str, Any]) -> None:
    """What JSON has a type for is not touched, and is read back the same."""
    assert to_json_arguments(arguments, "f") == arguments
    assert read_arguments(json.dumps(arguments)) == arguments
    assert read_arguments(json.dumps(json.dumps(arguments))) == arguments


@given(
    st.dictionaries(
        st.text(alphabet="ab'\"\\\n,]} é"),
        st.none() | st.booleans() | st.integers() | st.text(alphabet="ab'\"\\\n\t,]} True"),
    )
)
def test_pythons_repr_is_read(arguments: dict[str, Any]) -> None:
    """A dict as Python prints it is read as what it was."""
    assert parse_lenient(repr(arguments)) == arguments


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2,], }', {"a": [1, 2]}),
        ('{"a": "b\nc\td"}', {"a": "b\nc\td"}),
        ("{'it\\'s': \"it's\"}", {"it's": "it's"}),
        ("[True, False, None, true]", [True, False, None, True]),
        ('{"a": "True, None,]"}', {"a": "True, None,]"}),
    ],
)
def test_slips_that_leave_no_doubt_are_read(text: str, value: object) -> None:
    """What is in a string stays as it is."""
    assert parse_lenient(text) == value


@pytest.mark.parametrize(
    "text", ["{a: 1}", "{'a': 1", "{'it's': 1}", "[1 2]", "[,]", "[1,,]", "{'a': Ann}", '"', "'", "["]
)
def test_what_is_in_doubt_is_not_read(text: str) -> None:
    """The error is about the text as it was written."""
    with pytest.raises(json.JSONDecodeError) as caught:
        parse_lenient(text, Limits())

    assert caught.value.doc == text


@pytest.mark.parametrize(
    "arguments", [None, "", "  \n", "null", '""', '"{}"', "{}", {}, MappingProxyType({})]
)
def test_no_arguments_are_none(arguments: object) -> None:
    """However they were left out (langchain 27602, vllm 19419, llama_index 22821)."""
    assert read_arguments(arguments) == {}


@pytest.mark.parametrize(
    "arguments",
    [5, [], "[1]", "x", '"x"', "NaN", '{"a": NaN}', "[" * 1_000, json.dumps(json.dumps(json.dumps("{}")))],
)
def test_arguments_that_are_no_object_are_not_guessed(arguments: object) -> None:
    """The tool is named."""
    with pytest.raises(ValueError, match="the arguments of 'f' are"):
        read_arguments(arguments, "f")
