"""Answers that were made to keep their readers busy: ten times the text takes ten times the work.

The forms were found by an attack, and by reading the patterns: each keeps a reader from an end, has it begin
again, or has much held back.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

import pytest
from growth import assert_independent, assert_proportional

import phi4_space as p4
from phi4_space._json import JsonEnd, parse
from phi4_space._limits import Limits
from phi4_space._net.error_mapping import from_handler, from_response, label, strip_markup
from phi4_space._prompt.call_block import CallBlock
from phi4_space._prompt.call_reader import CallReader
from phi4_space._prompt.json_answer import JsonReader
from phi4_space._prompt.response_format import ResponseFormat
from phi4_space._prompt.stop import StopReader
from phi4_space._turn.answer import Answer

OPEN, CLOSE = "<|tool_call|>", "<|/tool_call|>"
CALL = '{"name": "f", "arguments": {}}'


def row(unit: str, *, front: str = "", end: str = "") -> Callable[[int], str]:
    """A text of about so many characters: a unit again and again."""
    return lambda size: front + unit * (size // len(unit)) + end


ANSWERS: dict[str, Callable[[int], str]] = {
    # marked calls
    "openings": row(OPEN),
    "openings, plural": row("<|tool_calls|>"),
    "closings": row(CLOSE),
    "openings and closings": row(OPEN + CLOSE),
    "empty objects": row(OPEN + "{}"),
    "empty lists": row(OPEN + "[]"),
    "lists that are no calls": row(OPEN + "[1] so "),
    "calls without a closing": row(OPEN + CALL),
    "calls and text": row("x" + OPEN + CALL + CLOSE),
    "many calls in one": row(CALL + ",", front=OPEN + "[", end=CALL + "]" + CLOSE),
    "brackets behind a marker": row("[", front=OPEN),
    "braces behind a marker": row("{", front=OPEN),
    "nested behind a marker": row('{"a":', front=OPEN),
    "quotes behind a marker": row('"', front=OPEN + "["),
    "backslashes behind a marker": row("\\", front=OPEN + '["'),
    "angles behind a marker": row("<", front=OPEN),
    "halves of markers behind a marker": row("<|tool_call|", front=OPEN),
    "blanks behind a marker": row(" ", front=OPEN),
    "letters behind a marker": row("x", front=OPEN),
    "brackets too many": row("]", front=OPEN + "[]"),
    "bare calls behind a marker": row(CALL, front=OPEN + "x"),
    "numbers behind a marker": row("1", front=OPEN + "["),
    # calls of functools
    "functools": row("functools[{}]"),
    "functools without an end": row("functools[{"),
    "functools and blanks": row("functools" + " " * 60),
    "halves of functools": row("functool"),
    # bare calls
    "bare calls": row(CALL),
    "bare calls of no tool": row('{"name": "other", "arguments": {}}'),
    "bare calls without an end": row('{"name": "f", "arguments": {'),
    "bare arguments": row('{"arguments":'),
    "bare arguments that end": row('{"arguments":{}}'),
    "bare names": row('{"name":"'),
    "bare names with escapes": row('{"name":"f\\"'),
    "a long bare name": row("f", front='{"name":"'),
    "a long bare name of escapes": row('\\"', front='{"name":"'),
    "a bare call with a long text": row("x", front='{"name": "f", "arguments": {"x": "', end='"}}'),
    # other models' calls, and slips
    "tags": row("<tool_call>{"),
    "tags and names": row("<tool_call>a "),
    "tags that close": row("<tool_call>x</tool_call>"),
    "empty tags": row("<tool_call></tool_call>"),
    "functions in tags": row("<function=f>"),
    "functions that close": row("<function=f></function>"),
    "long functions": row("<function=" + "f" * 120),
    "lists of calls": row("[TOOL_CALLS]["),
    "names of calls": row("[TOOL_CALLS]" + "a" * 120),
    "tags of any name": row("<a>"),
    "long tags of any name": row("<" + "a" * 40 + ">" + " " * 60),
    "tags of any name and calls": row("<a>" + CALL),
    "tags of any name that close": row("<a>" + CALL + "</a>"),
    "escaped tags": row("&lt;a&gt;"),
    "boxes": row("[TOOL]"),
    "labels behind markers": row(OPEN + "```json" + " " * 60),
    "shells": row('{"calls":['),
    "shells of calls": row('{"calls":[' + CALL + "]}"),
    "shells of names in a namespace": row('{"calls":[{"name":"functions.'),
    "markers in a string": row(OPEN, front=OPEN + '["'),
    "markers in a string that ends": row(CLOSE, front=OPEN + '["', end='"]'),
    "strings that never end": row(OPEN + '["' + CLOSE),
    "strings that never end, of escapes": row(OPEN + '[\\"' + CLOSE),
    "strings that end late": row(OPEN + '["' + CLOSE + "x" * 900 + '" x'),
    "invocations": row('<invoke name="f">'),
    "parameters": row("<parameter=a>", front="<function=f>", end="</function>"),
    "parameters that close": row("<parameter=a>1</parameter>", front="<function=f>", end="</function>"),
    "separated calls": row("<｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜>"),
    "openings of separated calls": row("<｜tool▁calls▁begin｜>"),
    "separated calls without an end": row("<｜tool▁call▁begin｜>f<｜tool▁sep｜>{"),
    "tags of Python": row("<|python_tag|>"),
    "wrapped calls": row('{"type":"function","function":' + CALL + "}"),
    "wrapped calls without an end": row('{"type":"function","function":'),
    "keys beside a call": row('{"id": "1", "type": "function", "index": 1, '),
    "long ids": row('{"id": "' + "a" * 190 + '", '),
    "ids in ids": row('{"id":"'),
    "quotes of Python's": row("{'name': '"),
    "calls of Python's": row("{'name': 'f', 'arguments': {}}"),
    "apostrophes behind a marker": row("'", front=OPEN + "["),
    "escaped apostrophes behind a marker": row("'\\", front=OPEN + "["),
    "commas behind a marker": row(",", front=OPEN + "[", end="]"),
    "commas and blanks behind a marker": row("1," + " " * 60, front=OPEN + "[", end="]"),
    "calls on lines behind a marker": row(CALL + "\n", front=OPEN),
    "calls and blanks": row(CALL + " " * 70),
    "calls and brackets": row(CALL + "]" * 70),
    "calls and closings": row(CALL + CLOSE),
    "bare calls that are long": row("x", front='{"name": "f", "arguments": {"x": "'),
    "labelled fences": row("```tool_call\n"),
    "labelled fences of calls": row("```tool_call\n" + CALL + "\n```\n"),
    "calls in backticks": row("`" + CALL),
    # fences
    "fences": row("```"),
    "backticks": row("`"),
    "fenced calls": row(f"```json\n{CALL}\n"),
    "fenced calls without an end": row('```json\n{"name": "f", "arguments": {'),
    # nothing
    "brackets": row("["),
    "braces": row("{"),
    "brackets and braces": row("[{"),
    "brackets and blanks": row("[" + " " * 64),
    "braces, blanks and quotes": row("{" + " " * 64 + '"'),
    "angles": row("<"),
    "halves of markers": row("<|tool_call|"),
    "letters": row("x"),
    "blanks": row(" "),
    "lines": row("\n"),
    # stop strings
    "beginnings of a stop string": row("EN"),
    "first letters of a stop string": row("E"),
    "calls behind the beginning of a stop string": row(OPEN + CALL + CLOSE, front="EN"),
    "beginnings and calls": row("EN" + OPEN + CALL + CLOSE),
    "first letters of a long stop string": row("a"),
}
STOP = ("END", "a" * 500 + "b")


def read(text: str, pieces: int) -> None:
    """Reads an answer that grows in so many snapshots."""
    answer = Answer(("f", "g"), lambda: "id", stop=STOP)
    for number in range(1, pieces + 1):
        for _ in answer.read(text[: len(text) * number // pieces]):
            pass
    answer.close()


@pytest.mark.parametrize("form", ANSWERS)
def test_an_answer_takes_work_in_proportion(form: str) -> None:
    """Whatever it is made of, and in one piece."""
    text = ANSWERS[form]

    assert_proportional(lambda size: lambda: read(text(size), 1), 1_000, 10_000, 100_000)


CHEAP = [
    *("closings", "blanks behind a marker", "letters behind a marker", "angles behind a marker"),
    *("brackets too many", "functools and blanks", "bare calls of no tool", "a long bare name", "letters"),
    *("a long bare name of escapes", "brackets and blanks", "first letters of a stop string", "angles"),
]


@pytest.mark.parametrize("form", CHEAP)
def test_a_long_answer_takes_work_in_proportion(form: str) -> None:
    """Also where a million characters come at once."""
    text = ANSWERS[form]

    assert_proportional(lambda size: lambda: read(text(size), 1), 100_000, 1_000_000)


@pytest.mark.parametrize("form", ["letters", "letters behind a marker", "brackets", "beginnings and calls"])
def test_an_answer_that_grows_costs_its_news(form: str) -> None:
    """Ten times the snapshots of a text ten times as long: each is read for what is new in it alone."""
    text = ANSWERS[form]

    assert_proportional(lambda size: lambda: read(text(size), size // 100), 10_000, 100_000)


def test_calls_that_are_held_back_behind_a_stop_string_are_not_looked_at_again() -> None:
    """However many pieces come, and whatever they hold."""

    def feed(count: int) -> None:
        reader = StopReader[int](["END"])
        reader.feed(["EN"])
        for number in range(count):
            reader.feed([number])
        assert len(reader.close()) == count + 1

    assert_proportional(lambda count: lambda: feed(count), 1_000, 10_000)


def test_each_character_of_a_call_is_looked_at_once() -> None:
    """Where a marker comes soon, what stands behind it is not looked at: counted, not timed."""
    looked = 0

    class Counted(JsonEnd):
        """Counts the characters that it is made to look at."""

        def follow(self, text: str, stop: int) -> int | None:
            """As it does, counting."""
            nonlocal looked
            looked += stop - self.seen
            return super().follow(text, stop)

    text = "x" * 100_000
    block = CallBlock("marked", 0)
    block._json = Counted(0)  # to count
    for end in range(1_000, len(text) + 1, 1_000):
        assert block.follow(text[:end]) == 0
    near = CallBlock("marked", 0)
    near._json = Counted(0)  # to count
    assert near.follow(f"x{OPEN}{text}") == 1

    assert looked <= 101_000
    assert looked <= 101_000


def test_little_is_moved_when_something_is_let_go_of() -> None:
    """However much comes at once, what was read is not moved again for each call in it: counted."""
    held = 0

    class Watched(CallReader):
        """Notes how much it holds when it lets go of something."""

        def _release(self, length: int) -> str:
            nonlocal held
            held = max(held, len(self._held))
            return super()._release(length)

    Watched(["f"]).feed((OPEN + CALL + CLOSE) * 10_000)

    assert 0 < held < 20_000


def test_as_many_tools_as_you_like_are_on_offer() -> None:
    """To look for a name among many takes hardly longer than among few."""

    def work(count: int) -> Callable[[], object]:
        reader = CallReader([f"tool_{number}" for number in range(count)])
        return lambda: reader.feed('{"name": "tool_x", "arguments": {}}' * 2_000)

    assert_independent(work, 10, 2_000)


# --- JSON -----------------------------------------------------------------------------------------------

TEXTS: dict[str, Callable[[int], str]] = {
    "lists": row("[],", front="[", end="[]]"),
    "objects": row("{},", front="[", end="{}]"),
    "keys": row('"a":1,', front="{", end='"a":1}'),
    "numbers": row("1,", front="[", end="1]"),
    "fractions": row("1.5,", front="[", end="1.5]"),
    "digits": row("9"),
    "digits of a fraction": row("9", front="0."),
    "zeros of an exponent": row("0", front="1e"),
    "strings": row('"",', front="[", end='""]'),
    "a string": row("x", front='"', end='"'),
    "escapes": row("\\n", front='"', end='"'),
    "surrogates": row("\\ud800", front='"', end='"'),
    "pairs of surrogates": row("\\ud83d\\ude00", front='"', end='"'),
    "backslashes": row("\\"),
    "quotes": row('"'),
    "openings": row("["),
    "closings": row("]"),
    "commas": row(","),
    "colons": row(":"),
    "blanks": row(" "),
    "blanks at the end": row(" ", front="[]"),
    "words": row("true,", front="[", end="true]"),
    "NaN": row("NaN,", front="[", end="NaN]"),
    "one word": row("a"),
    "nested": lambda size: "[" * (size // 200) + "]" * (size // 200),
}


def try_to_parse(text: str, limits: Limits) -> None:
    """Reads JSON, or what is none."""
    with contextlib.suppress(ValueError, p4.LimitExceeded):
        parse(text, limits)


@pytest.mark.parametrize("form", TEXTS)
def test_json_takes_work_in_proportion(form: str) -> None:
    """Whatever it is made of, and whether it is any; with limits as they are, and so that all is counted."""
    text = TEXTS[form]

    def work(size: int) -> Callable[[], object]:
        source = text(size)

        def both() -> None:
            try_to_parse(source, Limits())
            try_to_parse(source, all_of(source))

        return both

    assert_proportional(work, 1_000, 10_000, 100_000, 1_000_000)


def all_of(text: str) -> Limits:
    """Limits that a text does not reach, and for which it has to be counted."""
    return Limits(values=len(text) - 1, depth=10**6)


JSON_ANSWERS: dict[str, Callable[[int], str]] = {
    **{f"JSON, {name}": text for name, text in TEXTS.items()},
    "openings of objects": row("{ "),
    "an opening and blanks": row(" ", front="{"),
    "openings and blanks": row("{" + " " * 500),
    "objects that never end": row('{"a":'),
    "objects in objects that end": lambda size: '{"a":' + '{"b":{}},' * (size // 9),
    "prose with brackets": row("[see] "),
}


@pytest.mark.parametrize("form", JSON_ANSWERS)
def test_json_in_an_answer_is_found_in_proportion(form: str) -> None:
    """In as many pieces as it is long, each of which may end it."""
    text = JSON_ANSWERS[form]

    def work(size: int) -> Callable[[], object]:
        answer = text(size)

        def feed() -> None:
            reader = JsonReader(ResponseFormat({"type": ["object", "array"]}))
            for start in range(0, len(answer), 100):
                reader.feed(answer[start : start + 100])

        return feed

    assert_proportional(work, 1_000, 10_000, 100_000)


BROKEN_JSON: dict[str, Callable[[int], str]] = {
    "braces": row("{"),
    "brackets": row("["),
    "nested": row('{"a":'),
    "backslashes": row("\\", front='{"a":"'),
    "quotes": row('"', front='{"a":'),
    "keys": row('"a":1,', front="{", end='"a":1}'),
    "beginnings of objects": row('{"'),
    "keys without a value": row('{"a" '),
    "values without an end": row('{"a":1 '),
    "lists of objects": row('[{"a":'),
    "nested, then broken": row('{"a":[', end="x y"),
    "beginnings in strings": row('{"x":"{"x":1'),
    "escaped quotes": row('{"x":"{\\"'),
    "quotes and braces": row('"{'),
    "closings and beginnings": row('}{"a"'),
    "fences": row("```"),
    "fences that stay open": row('```json\n{"a":\n'),
    "fenced objects": row('```json\n{"a":1}\n```\n'),
    "small objects": row('{"a":1} '),
    "small lists": row('[{"a":1}] '),
    "wrappers": row('{"X":{"Y":1}} '),
    "empty objects in braces": row("{x: {} "),
    "a wrapper of many": lambda size: "{" + ",".join(f'"k{n}":{{"b":1}}' for n in range(size // 15)) + "}",
    "JSON in a string": lambda size: json.dumps('{"a":' * (size // 6)),
    "thoughts": row('<think>{"a":1}</think>'),
    "ends of thoughts": row('</think>{"a":1}'),
    "as deep as may be": row('{"a":' * 90 + "1" + "}" * 90 + " "),
}


@pytest.mark.parametrize("form", BROKEN_JSON)
def test_an_answer_is_settled_on_in_proportion(form: str) -> None:
    """Whatever may be the JSON in it, or looks like it, and none of which fits."""
    text = BROKEN_JSON[form]
    wanted = ResponseFormat({"type": ["object", "array"], "required": ["b"], "minItems": 10**9})

    def work(size: int) -> Callable[[], object]:
        reader = JsonReader(wanted)
        reader.feed(text(size))
        return reader.settle

    assert_proportional(work, 10_000, 100_000, 1_000_000)


# --- Words of failures ----------------------------------------------------------------------------------

WORDS: dict[str, Callable[[int], str]] = {
    "letters": row("x"),
    "blanks": row(" "),
    "openings of tags": row("<a "),
    "tags": row("<a>"),
    "tags in tags": lambda size: "<a" * (size // 4) + ">" * (size // 4),
    "closings of tags": row(">"),
    "escapes": row("&lt;"),
    "escapes in escapes": lambda size: "&" + "amp;" * (size // 4),
    "escapes of digits": row("9", front="&#"),
    "ampersands": row("&"),
    "tracebacks": row("Traceback (most recent call last)"),
    "tracebacks and lines": row("Traceback (most recent call last)\n| "),
    "bars": row("| "),
    "controls": row("\x1b"),
    "quotas": row("exceeded your "),
    "a long quota": row("a ", front="exceeded your "),
    "times": row("try again in 1 days, "),
}


@pytest.mark.parametrize("form", WORDS)
def test_words_of_a_server_take_work_in_proportion(form: str) -> None:
    """As a notice, as a title, as a handler's failure and as the body of an error."""
    words = WORDS[form]

    def work(size: int) -> Callable[[], object]:
        text = words(size)
        bodies = text.encode(), json.dumps({"detail": text}).encode(), json.dumps({"error": text}).encode()

        def parse_wait() -> None:
            label(text)
            from_handler(strip_markup(text), None)
            for body in bodies:
                from_response(500, body, {})

        return parse_wait

    assert_proportional(work, 1_000, 10_000, 100_000, 1_000_000)
