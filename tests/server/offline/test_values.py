"""The values that the offline model finds in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_server.offline.values import find
from phi4_server.offline.words import stem


@pytest.mark.parametrize(
    ("text", "sort", "values"),
    [
        ("3 apples, -4.5 and 1,200", "number", [3, -4.5, 1200]),
        ("f(3), 15kg, v2, B2B", "number", [3, 15]),
        ("on 2024-05-03 at 9:30", "date", ["2024-05-03"]),
        (
            "write to ada@x.org or b.o-b+c@mail.example.com.",
            "email",
            ["ada@x.org", "b.o-b+c@mail.example.com"],
        ),
        ("say \"a b\", 'c d', “e” and 「東京」", "quoted", ["a b", "c d", "e", "東京"]),
        ("it's Ada's and Bob's", "quoted", []),
        ("Ask Ada Lovelace of London.", "name", ["Ada Lovelace", "London"]),
        ("What is the weather in San Francisco, CA?", "name", ["San Francisco, CA"]),
        ("in Paris, Rome and Berlin", "name", ["Paris", "Rome", "Berlin"]),
        ("Weather in Paris. Ada is here. These are fine.", "name", ["Paris", "Ada"]),
        ("tell me about the sea, please", "topic", ["the sea"]),
        ("in the living room to 21", "phrase", ["living room"]),
    ],
)
def test_values_are_found(text: str, sort: str, values: list[object]) -> None:
    """Numbers, dates, times, addresses, quotations and names are found, each as what it is."""
    assert [found.value for found in find(text) if found.sort == sort] == values


def test_a_tools_own_words_are_no_names() -> None:
    """A capital at the beginning does not make a name of what is asked for."""
    assert [found.value for found in find("Email Bob", but=frozenset({stem("email")}))] == ["Bob"]


@given(st.text())
def test_every_value_stands_where_it_says(text: str) -> None:
    """Values have their place in the text, and come in its order."""
    found = find(text)

    assert all(0 <= each.start < each.end <= len(text) for each in found)
    assert [each.start for each in found] == sorted(each.start for each in found)
