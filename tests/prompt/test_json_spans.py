"""Where JSON stands in a text: all of it that is whole, and nothing that is only a part."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_space._prompt.json_spans import find_json

A, B = '{"a": 1}', '{"b": [2, {"c": "}"}]}'


def found(text: str, *, lists: bool = False) -> list[str]:
    """What is whole."""
    return [text[span.start : span.end] for span in find_json(text, lists=lists) if span.is_complete]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("I cannot.", []),
        (A, [A]),
        (f"{A}{B}", [A, B]),
        (f"First {A}, then {B}.", [A, B]),
        (f"{{curly}} {{{A}}} {{ not this }}", [A]),
        (f"[see] [1] [{A}] [2]", [f"[{A}]"]),
        ('{"a": "{\\"b\\": 1}"}', ['{"a": "{\\"b\\": 1}"}']),
        ('{"a": "\\\\"} {}', ['{"a": "\\\\"}', "{}"]),
        ('{ "a" : -1.5e3 , "b" : null }', ['{ "a" : -1.5e3 , "b" : null }']),
        ('{"a": [[], {}, [1, "x"], 2]}', ['{"a": [[], {}, [1, "x"], 2]}']),
        # broken: its parts do not count
        ('{"a": 1,}', []),
        ('{"a": [1,]}', []),
        ('{"a": [1 2]}', []),
        ('{"a" 1}', []),
        ('{"a": {"b": 1} "c": 2}', []),
        ('{"a": [{"b": 1} {"c": 2}]}', []),
        ('{"a": [{"b": 1} {"c": 2}, {"d": 3}', []),
        ('{"a": "x {"b": 1} y", "c": 2}', []),
        ('{"a": {"b": 1', []),
        ('{"a": {"b": 1}, ', []),
        ('{"a": "b \\', []),
        ('{"a": ["b", {"c": 1}, ', []),
        (f'{{"a": "unfinished {B}'.replace('"b"', "b").replace('"c"', "c").replace('"}"', "x"), []),
        # broken: what follows does
        (f'{{"a": 1,}} or {B}', [B]),
        (f'{{"a": [ no, {A}', [A]),
        (f'He says {{"a}} and {B}', [B]),
        (f'{{"b": "c{A}', [A]),
        (f'{{"b": [1,]}}, {A}', [A]),
        (f'{{"b": [1,]}} {A} {B}, {A}', [A, B, A]),
        (f'<think>{{"b": [ no</think>{A} {B}', [A, B]),
        (f'It begins with {{"a" and ends. {A}, that is it', [A]),
        ('{"{": []} or {}', ['{"{": []}', "{}"]),
        # empty objects within what is no JSON
        ("{a: 1, b: {}}", []),
        ("None: {} or {  }", ["{}", "{  }"]),
    ],
)
def test_whole_json_is_found(text: str, expected: list[str]) -> None:
    """The outermost, in order; of what is broken or cut off, no part passes for the whole."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("As in [1]: [2, 3]", ["[1]", "[2, 3]"]),
        ("[see] [a] []", ["[]"]),
        ('{"a": [1]} ["x", [null]]', ['{"a": [1]}', '["x", [null]]']),
        ("[1, 2", []),
        ("[1, [2] 3]", []),
        ("[" * 20_000, []),
        ("[" * 20_000 + "]" * 20_000 + "[1]", []),
    ],
)
def test_lists_are_found_where_they_count(text: str, expected: list[str]) -> None:
    """Each of them; one that is nested too deeply for Python is none, nor is anything in it."""
    assert found(text, lists=True) == expected


@pytest.mark.parametrize(
    ("text", "fenced"),
    [
        (f"```json\n{A}\n```\n{B}", [True, False]),
        (f"```{A}``` {B}", [True, False]),
        (f"{A} ~~~\n{B}\n~~~", [False, True]),
        (f"````md\n```json\n{A}\n```\n````\n{B}", [True, False]),
        (f"~~~\n```\n{A}\n~~~\n{B}", [True, False]),
        ('{"a": "```"}\n' + B, [False, False]),
        (f"```python\nprint()\n```\n{A}\n```json\n{B}", [False, True]),
    ],
)
def test_fences_are_seen(text: str, fenced: list[bool]) -> None:
    """From an opening one to one as long without a language; in a string they count for nothing."""
    assert [span.is_fenced for span in find_json(text, lists=False)] == fenced


@pytest.mark.parametrize(
    ("text", "thought"),
    [
        (f"<think>{A}</think>{B}", [True, False]),
        (f"{A}</THINK>{B}", [True, False]),
        (f"{A}<thinking>{B}</thinking>", [False, True]),
        (f"<think>{A}", [False]),
        (f"<think>{A}<think>{A}</think>{B}<think>{A}</think>", [True, True, False, True]),
        ('{"a": "</think>"} ' + B, [False, False]),
    ],
)
def test_thoughts_are_seen(text: str, thought: list[bool]) -> None:
    """Also where only their end is marked; where only their beginning is, nothing is known of them."""
    assert [span.is_thought for span in find_json(text, lists=False)] == thought


def test_what_is_broken_is_found_as_such() -> None:
    """Of several in a row the last, up to its last bracket, or to the end of the text."""
    text = '{"a" 1} {"b" 2} {"c": 3} {"d": '

    assert [(text[span.start : span.end], span.is_complete) for span in find_json(text, lists=False)] == [
        ('{"b" 2}', False),
        ('{"c": 3}', True),
        ('{"d": ', False),
    ]


def test_more_json_than_any_answer_holds_is_left() -> None:
    """What stands behind tens of thousands of objects is not read."""
    assert len(found("{} " * 30_000)) == 20_000


texts = st.text('{}[]"\\,: \n`a', max_size=3)
parts = st.lists(texts, max_size=2) | st.dictionaries(texts, texts | st.integers() | st.none(), max_size=2)
objects = st.dictionaries(texts, texts | parts, max_size=2)


@given(st.lists(objects | st.lists(objects, min_size=1, max_size=2), max_size=3))
def test_any_json_is_found_amid_prose(parts: list[Any]) -> None:
    """Whatever its strings hold."""
    written = [json.dumps(part) for part in parts]

    assert found(" and so, ".join(["Well", *written, "that is it."])) == written


@given(
    st.lists(st.sampled_from([*'{}[]",:\\ a1', '{"a":', "```", "</think>", "{}"])).map("".join), st.booleans()
)
def test_whole_json_is_json_by_its_brackets(
    text: str,
    lists: bool,  # noqa: FBT001 - hypothesis hands it in
) -> None:
    """In any text: parts are in order, apart, and begin and end as an object or a list does."""
    end = 0
    for span in find_json(text, lists=lists):
        assert end <= span.start < span.end <= len(text) or not span.is_complete
        if span.is_complete:
            assert text[span.start] + text[span.end - 1] in ("{}", "[]")
            end = span.end
