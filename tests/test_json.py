"""JSON as text: what is read is fit for all that follows, what is written can be sent, an end is found."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from phi4_space._errors import LimitExceeded
from phi4_space._json import JSON, JsonEnd, mended, parse, write
from phi4_space._limits import Limits

LIMITS = Limits()

# --- read -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, 2.5, -0.0, true, null, "x"]}', {"a": [1, 2.5, -0.0, True, None, "x"]}),
        (b'"\xc3\xb6"', "ö"),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ("12345678901234567890123", 12345678901234567890123),
        ("1e-999", 0.0),
        ("9" * 199 + "e99", float("9" * 199 + "e99")),
        ('"0e0001"', "0e0001"),
        (" \n[ ] ", []),
        ('"[[[{{{"', "[[[{{{"),
        ('"\\u0000"', "\0"),
        # halves of surrogate pairs
        ('"a\\ud800b"', "a\ufffdb"),
        ('"\\udc00\\ud800"', "\ufffd\ufffd"),
        ('"\\ud83d\\ude00 \\ud83d"', "\U0001f600 \ufffd"),
        ('{"\\uDFFF": {"\\uD800": 1}}', {"\ufffd": {"\ufffd": 1}}),
        ('"\\\\ud800"', "\\ud800"),
        ('"a\ud800"', "a\ufffd"),
        ('"\ud83d\ude00"', "\U0001f600"),
    ],
)
def test_json_is_read(text: str | bytes, value: JSON) -> None:
    """As Python reads it; a string that no UTF-8 can hold is mended."""
    read = parse(text, LIMITS)

    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        (b"\xff", "can't decode"),
        ("{'a': 1}", "Expecting property name"),
        ("[1] [2]", "Extra data"),
        ("]", "Expecting value"),
        ('"a\nb"', "control character"),
        ("NaN", "NaN is not JSON"),
        ("[Infinity]", "Infinity is not JSON"),
        ('{"a": -Infinity}', "-Infinity is not JSON"),
        ("1e999", "the number 1e999… is too large"),
        ("-1e999", "too large"),
        ("[1.5E+400]", "too large"),
        ('{"a": 1e0400}', "too large"),
        ("9" * 250 + "e99", "too large"),
        ("1" * 309 + "0", "too large"),
        ("9" * 100_000, "too large"),
        ("[" * 99 + "9" * 5_000 + "]" * 99, "too large"),
        ("[]" + "]" * 200_000, "Extra data"),
    ],
)
def test_what_is_no_json_says_why(text: str | bytes, why: str) -> None:
    """In a few words, as a ValueError; numbers that no float can hold are none."""
    with pytest.raises(ValueError, match=why) as refused:
        parse(text, LIMITS)

    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("text", "which"),
    [
        ("[" * 101 + "]" * 101, "depth"),
        ("[" * 1_000_000, "depth"),
        ('{"a":' * 101 + "1" + "}" * 101, "depth"),
        ("[[" + "[]," * 60 + '"' + "]" * 60 + '",' + "[" * 99 + "]" * 99 + "]]", "depth"),
        ("[" + "1," * 100_000 + "1]", "values"),
        ("{" + '"a":1,' * 50_000 + '"a":1}', "values"),
        ("[" + "{}," * 100_000 + "{}]", "values"),
        ('"a"' * 100_001, "values"),
    ],
)
def test_json_stays_within_the_limits(text: str, which: str) -> None:
    """Nesting and the count of values are known before any value is made."""
    with pytest.raises(LimitExceeded) as refused:
        parse(text, LIMITS)

    assert (refused.value.which, refused.value.limit) == (which, getattr(LIMITS, which))


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("[" * 100 + "]" * 100, Limits()),
        ("[" * 300 + "]" * 300, Limits(depth=300)),
        ("[" + "1," * 99_998 + "1]", Limits()),
        ("[" + "1," * 400_000 + "1]", Limits(values=400_002)),
        ('["' + "[" * 5_000 + '\\"' + "[" * 200_000 + '"]', Limits()),
        (f'["{"," * 300_000}"]', Limits()),
    ],
)
def test_json_up_to_the_limits_is_read(text: str, limits: Limits) -> None:
    """Brackets and commas in strings count for nothing."""
    assert parse(text, limits) == json.loads(text)


def test_a_limit_beyond_what_python_can_follow_is_no_crash() -> None:
    """Who raises the limit that far is told by the same error as for all that cannot be read."""
    with pytest.raises(ValueError, match="too deeply for Python"):
        parse("[" * 100_000 + "]" * 100_000, Limits(depth=10**9))


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
strings = st.text(st.characters(codec="utf-8") | st.sampled_from("\ud800\udbff\udc00\udfff"), max_size=6)
values = st.recursive(
    leaves | strings,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(strings, inner, max_size=4),
    max_leaves=20,
)


@given(values, st.booleans())
def test_what_is_read_can_be_written_and_sent(value: JSON, ascii_: bool) -> None:  # noqa: FBT001 - hypothesis hands it in
    """Whatever JSON says, and however it escapes it; and nothing of it changes but halves of pairs."""
    read = parse(json.dumps(value, ensure_ascii=ascii_), LIMITS)

    text = write(read, LIMITS)
    assert text.encode().decode() == text
    assert parse(text, LIMITS) == read
    if mended(repr(value)) == repr(value) and "\\ud" not in repr(value):
        assert read == value


@example("[" * 200)
@example('{"a":' * 200)
@given(
    st.text(alphabet='[]{}",:\\ \n0123456789.eE+-truefalsn/u\ud800dNaIity', max_size=60)
    | st.lists(st.sampled_from(["[", "]", "{", "}", '"', ",", ":", "\\", "1", "NaN", " "])).map("".join)
)
def test_any_text_is_json_or_says_that_it_is_none(text: str) -> None:
    """As Python's own reader says, but for numbers that are none; never with an error of another kind."""
    try:
        read = parse(text, LIMITS)
    except (ValueError, LimitExceeded):
        return

    assert json.dumps(read) == json.dumps(json.loads(mended(text))) or "\\u" in text


# --- mended ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fit"),
    [("ö", "ö"), ("\ud83d\ude00", "\U0001f600"), ("\ud83d", "\ufffd"), ("\ude00\ud83d", "\ufffd\ufffd")],
)
def test_texts_are_made_fit_to_be_sent(text: str, fit: str) -> None:
    """Pairs are joined, and what has no partner is replaced."""
    assert mended(text) == fit


# --- written --------------------------------------------------------------------------------------------


class Frozen(Mapping[str, Any]):
    """A mapping that is no dict."""

    def __init__(self, **parts: Any) -> None:
        """Holds these."""
        self._parts = parts

    def __getitem__(self, key: str) -> Any:
        """One of them."""
        return self._parts[key]

    def __iter__(self) -> Any:
        """Their names."""
        return iter(self._parts)

    def __len__(self) -> int:
        """How many they are."""
        return len(self._parts)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": (1, [2.5, None]), "ö": True}, '{"a": [1, [2.5, null]], "ö": true}'),
        (MappingProxyType({"x": Frozen(y=1)}), '{"x": {"y": 1}}'),
        ({1: "a"}, '{"1": "a"}'),
    ],
)
def test_a_value_is_written(value: object, text: str) -> None:
    """In its own letters, whatever kind of mapping it is made of."""
    assert write(value, LIMITS) == text


def cycle() -> dict[str, Any]:
    """A value that holds itself, twice."""
    value: dict[str, Any] = {}
    value["a"] = value["b"] = value
    return value


def doubled(times: int) -> Any:
    """A value that is small, and whose text is not."""
    value: Any = 1
    for _ in range(times):
        value = [value, value]
    return value


def deep(depth: int) -> Any:
    """A value nested so deep."""
    value: Any = 1
    for number in range(depth):
        value = [value] if number % 2 else {"a": value}
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"a": {1}}, "set is not a JSON type"),
        (object(), "object is not a JSON type"),
        ({"a": b"x"}, "bytes is not a JSON type"),
        ({(1, 2): 3}, "keys must be str"),
        ([math.nan], "not JSON compliant"),
        ([math.inf], "not JSON compliant"),
        ([10**5_000], "4300 digits"),
        ("\ud800", r"'\\ud800', a lone surrogate"),
        ({"a\udc00": 1}, "a lone surrogate"),
        (cycle(), "nested deeper than 100 levels"),
        (deep(500), "nested deeper than 100 levels"),
        (deep(3_000), "nested deeper than 100 levels"),
        (deep(100_000), "nested deeper than 100 levels"),
        (doubled(60), "more than 100000 values"),
        ([0] * 100_001, "more than 100000 values"),
    ],
)
def test_what_cannot_be_written_says_why(value: object, why: str) -> None:
    """By name, and without following it for ever."""
    with pytest.raises(ValueError, match=why):
        write(value, LIMITS)


def test_a_value_as_deep_as_allowed_is_written() -> None:
    """The limit is one that JSON may reach."""
    assert json.loads(write(deep(100), LIMITS)) == deep(100)


def test_a_limit_beyond_what_python_can_write_is_no_crash() -> None:
    """The error is the one for all that cannot be written."""
    with pytest.raises(ValueError, match="recursion"):
        write(deep(100_000), Limits(depth=10**6, values=10**6))


# --- followed -------------------------------------------------------------------------------------------


@given(
    st.lists(leaves | st.text('[]{}"\\', max_size=4))
    | st.dictionaries(st.text('[]{}"\\', max_size=4), leaves),
    st.lists(st.integers(0, 60), max_size=5),
)
def test_the_end_is_found_however_a_text_is_cut(value: JSON, cuts: list[int]) -> None:
    """Behind the bracket that closes the first one, strings left out, and no sooner."""
    text = json.dumps(value)
    grown = f"  {text}]}} more"
    end = JsonEnd(0)

    found = [
        end.follow(grown, stop) for stop in sorted({*(min(cut, len(grown)) for cut in cuts), len(grown)})
    ]

    assert [place for place in found if place is not None][0] == len(text) + 2  # noqa: RUF015 - the first


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ('["\\\\"] "]', 6),
        ('["\\""] "]', 6),
        ('[\\"]"] ]', 6),
        ("x[]", None),
        ("", None),
        ("  ", None),
        ("{]}", 3),
    ],
)
def test_the_end_of_what_is_hardly_json(text: str, end: int | None) -> None:
    """Escapes count in strings alone, other brackets for nothing, and what begins otherwise has no end."""
    assert JsonEnd(0).follow(text, len(text)) == end
