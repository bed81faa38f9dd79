"""Bounds of what JSON files say."""

from __future__ import annotations

import math

import pytest

from phi4_server.model import ModelFailed
from phi4_server.weights.load import bounds

THREE = {"a": bounds.Number(0, 1, is_whole=False, count=3)}
WHOLE = {"a": bounds.Number()}


@pytest.mark.parametrize(
    ("those", "value"),
    [
        (WHOLE, 1),
        ({"a": bounds.Number(may_lack=True)}, None),
        (THREE, [0, 0.5, 1]),
        ({"a": bounds.Unset()}, {}),
        ({"a": bounds.Text()}, "x"),
        ({"a": bounds.Tokens()}, [0, 4]),
        ({"a": bounds.Tokens()}, 0),
        ({"b": bounds.Number()}, "another key"),
        ({"a.b.c": bounds.Number()}, {"b": 1}),
        ({"a.b": bounds.Number()}, {"b": 1}),
    ],
)
def test_what_is_within(those: bounds.Bounds, value: object) -> None:
    """It passes, and so does what is not there."""
    bounds.check("x.json", {"a": value}, those)


@pytest.mark.parametrize(
    ("those", "value", "text"),
    [
        (WHOLE, None, r"x\.json: a must be a whole number from 1 to .*, not None"),
        (WHOLE, 0, "not 0"),
        (WHOLE, 1.0, "not 1.0"),
        (WHOLE, True, "not True"),
        (WHOLE, "x" * 99, r"not 'x{39}\.\.\."),
        (THREE, 5, "a must be a list of 3, each a number from 0 to 1, not 5"),
        (THREE, [0, 0], "not"),
        (THREE, [0, 0, math.nan], "not"),
        ({"a.b": bounds.Number()}, {"b": -1}, r"a\.b must be"),
        ({"a": bounds.Unset()}, True, "a must be left out"),
        ({"a": bounds.Text()}, [], "a must be a string"),
        ({"a": bounds.Tokens()}, "x", "a must be the id of a token, or a list of such, not 'x'"),
        ({"a": bounds.Tokens()}, [None], "a must be the id"),
    ],
)
def test_what_is_beyond(those: bounds.Bounds, value: object, text: str) -> None:
    """It is named, with its file and its bounds."""
    with pytest.raises(ModelFailed, match=text):
        bounds.check("x.json", {"a": value}, those)
