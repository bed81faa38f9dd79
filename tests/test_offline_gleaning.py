"""The values that the rehearsal model finds in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_server.offline.gleaning import glean
from phi4_server.offline.words import stem


@pytest.mark.parametrize(
    ("text", "sort", "values"),
    [
        ("3 apples, -4.5 and 1,200 or 2e3", "number", [3, -4.5, 1200, 2000.0]),
        ("f(3), 15kg, v2, B2B", "number", [3, 15]),
        ("on 2024-05-03 at 9:30", "number", []),
        ("twenty-one and a dozen", "number", [21, 12]),
        ("on 2024-05-03 and 3 May 2024 and May 3rd, 2024 and 3.5.2024", "date", ["2024-05-03"] * 4),
        ("on 2024-02-31", "date", []),
        ("at 9:30, 3 pm and 12 a.m.", "time", ["09:30:00", "15:00:00", "00:00:00"]),
        (
            "write to ada@x.org or b.o-b+c@mail.example.com.",
            "email",
            ["ada@x.org", "b.o-b+c@mail.example.com"],
        ),
        ("see https://x.org/a?b=1, and www.y.com.", "url", ["https://x.org/a?b=1", "www.y.com"]),
        ("say \"a b\", 'c d', “e” and 「東京」", "quoted", ["a b", "c d", "e", "東京"]),
        ("it's Ada's and Bob's", "quoted", []),
        ("Ask Ada Lovelace of London.", "name", ["Ada Lovelace of London"]),
        ("What is the weather in San Francisco, CA?", "name", ["San Francisco, CA"]),
        ("in Paris, Rome and Berlin", "name", ["Paris", "Rome", "Berlin"]),
        ("Weather in Paris. Ada is here. Monday is fine.", "name", ["Paris", "Ada"]),
        (
            "from the University of Oslo to Leonardo da Vinci",
            "name",
            ["University of Oslo", "Leonardo da Vinci"],
        ),
        ("天気はロンドン", "name", ["天気はロンドン"]),
        ("text him saying I am late", "said", ["I am late"]),
        ("tell me about the sea, please", "topic", ["the sea"]),
        ("meet next Friday or on June 5", "day", ["next Friday", "June 5"]),
        ("on June 5, 2024", "day", []),
        ("in the living room to 21", "phrase", ["living room"]),
        ("what is (3 + 4) * 2?", "sum", ["(3 + 4) * 2"]),
    ],
)
def test_values_are_found(text: str, sort: str, values: list[object]) -> None:
    """Numbers, dates, times, addresses, quotations and names are found, each as what it is."""
    assert [find.value for find in glean(text) if find.sort == sort] == values


def test_a_value_has_the_word_before_it() -> None:
    """The word before a value, articles aside, tells what it is for."""
    cues = {find.value: find.cue for find in glean("from Oslo to the Louvre by Ada")}

    assert cues == {"Oslo": "from", "Louvre": "to", "Ada": "by"}


def test_a_tools_own_words_are_no_names() -> None:
    """A capital at the beginning does not make a name of what is asked for."""
    assert [find.value for find in glean("Email Bob", but=frozenset({stem("email")}))] == ["Bob"]


@given(st.text())
def test_every_value_stands_where_it_says(text: str) -> None:
    """Values have their place in the text, and come in its order."""
    found = glean(text)

    assert all(0 <= find.start < find.end <= len(text) for find in found)
    assert [find.start for find in found] == sorted(find.start for find in found)
