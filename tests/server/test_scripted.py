"""The scripted model, and a Space with it, as a program under test sees them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import phi4_space as p4
from phi4_server import Message, Script, ScriptedModel, ScriptError, embedded_space, running_space
from phi4_server.__main__ import main
from phi4_space.session import Finished


def answer(model: ScriptedModel, text: str = "hi") -> list[str]:
    """The pieces of an answer."""
    return [*model.stream([Message(role="user", text=text)])]


def test_entries_answer_in_order() -> None:
    """Each answers one message, whatever it is."""
    model = ScriptedModel(["one", {"text": "two"}, "three"])

    assert [answer(model) for _ in range(3)] == [["one"], ["two"], ["three"]]


def test_a_pattern_answers_each_message_that_it_fits() -> None:
    """As often as it comes; the others take the next entry in order."""
    model = ScriptedModel(["first", {"when": r"(?i)weather", "text": "sunny"}, "second"])

    asked = ["hello", "Weather?", "the weather", "again"]
    assert [answer(model, text) for text in asked] == [["first"], ["sunny"], ["sunny"], ["second"]]


def test_the_first_pattern_that_fits_answers() -> None:
    """In the order of the script."""
    model = ScriptedModel([{"when": "a", "text": "1"}, {"when": "ab", "text": "2"}])

    assert answer(model, "ab") == ["1"]


def test_a_script_that_is_used_up_says_so() -> None:
    """With what it was asked."""
    model = ScriptedModel(["one"])
    answer(model)

    with pytest.raises(ValueError, match="no answer left of its 1; it was asked: and now"):
        answer(model, "and now")


@given(st.text(min_size=1))
def test_no_character_of_a_text_is_lost(text: str) -> None:
    """Its pieces, joined, are the text."""
    assert "".join(answer(ScriptedModel([text]))) == text


def test_pieces_are_streamed_as_they_are_written() -> None:
    """A list says where an answer is cut."""
    assert answer(ScriptedModel([{"text": ["Ha", "lf a w", "ord"]}])) == ["Ha", "lf a w", "ord"]


def test_delays_stand_before_the_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first waits for delay, each further one for pause."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    answer(ScriptedModel([{"text": ["a", "b", "c"], "delay": 2, "pause": 0.5}]))

    assert slept == [2, 0.5, 0.5]


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("hello", "A script is a list of entries"),
        ({"text": "hello"}, "A script is a list of entries"),
        ([1], "Entry 1: must be a string or an object"),
        (["a", {"txt": "b"}], "Entry 2: has no txt; there are when, text"),
        ([{"when": "a"}], "Entry 1: needs a text, tool_calls, an error or a cut"),
        ([{"when": "(", "text": "a"}], "Entry 1: when is not a regular expression: "),
        ([{"when": 3, "text": "a"}], "Entry 1: when must be a string"),
        ([{"text": 3}], "Entry 1: text must be a string or a list of strings"),
        ([{"text": ["a", 3]}], "Entry 1: text must be a string or a list of strings"),
        ([{"tool_calls": {"name": "f"}}], "Entry 1: tool_calls must be a list"),
        ([{"tool_calls": [{"name": "f"}]}], "Entry 1: a call in tool_calls is "),
        ([{"tool_calls": [{"name": "f", "arguments": {"a": {1}}}]}], "Entry 1: tool_calls cannot be written"),
        ([{"text": "a", "delay": -1}], "Entry 1: delay must be a number of seconds from 0 to 60"),
        ([{"text": "a", "pause": True}], "Entry 1: pause must be a number of seconds from 0 to 60"),
        ([{"text": "a", "delay": float("nan")}], "Entry 1: delay must be a number of seconds from 0 to 60"),
        ([{"error": 5}], "Entry 1: error must be a string"),
        ([{"error": None}], "Entry 1: needs a text, tool_calls, an error or a cut"),
        ([{"text": "half \ud83d"}], "Entry 1: text contains half a character"),
        ([{"error": "half \ud83d"}], "Entry 1: error contains half a character"),
        ([{"tool_calls": [{"name": "\ud83d", "arguments": {}}]}], "Entry 1: tool_calls contains half"),
        ([{"when": "a{99999999999999999999}", "text": "a"}], "Entry 1: when is not a regular expression"),
        ([{"text": "a", "cut": "yes"}], "Entry 1: cut must be true or false"),
    ],
)
def test_what_is_no_script_is_refused(script: Any, problem: str) -> None:
    """The text names the entry, and what it must be."""
    with pytest.raises(ScriptError) as refused:
        ScriptedModel(script)

    assert str(refused.value).startswith(problem)


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "cannot be read: "), (b"{", "is not JSON: "), (b"\xff", "is not JSON: ")]
)
def test_a_file_that_is_no_script_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, problem: str
) -> None:
    """The command ends with 2, and names the file."""
    file = tmp_path / "script.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        main(["--script", str(file), "--port", "0"])

    assert ended.value.code == 2
    assert f"argument --script: {file} {problem}" in capsys.readouterr().err


# --- On a Space ----------------------------------------------------------------------------------------

TOOL = p4.ToolSpec("weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})
SCRIPT: Script = [
    {"when": "Oslo", "tool_calls": [{"name": "weather", "arguments": {"city": "Oslo"}}]},
    {"when": "fail", "error": "The GPU is on fire."},
    {"when": "half", "text": ["Half an", " answer"], "cut": True},
    {"when": "pieces", "text": ["Ha", "lf a w", "ord"]},
    "first",
    "second",
]


@pytest.fixture(scope="module", name="space")
def scripted_space() -> Iterator[p4.SpaceClient]:
    """A Space that answers from the script."""
    with embedded_space(script=SCRIPT) as url, p4.SpaceClient(url, max_retries=0) as client:
        yield client


@pytest.mark.loopback
def test_a_program_is_answered_from_the_script(space: p4.SpaceClient) -> None:
    """In order, in whichever session."""
    assert [space.reply("hello").text, space.conversation().reply("hello").text] == ["first", "second"]


@pytest.mark.loopback
def test_a_program_sees_the_pieces(space: p4.SpaceClient) -> None:
    """As the script cuts them."""
    deltas = [event.text for event in space.stream("in pieces") if isinstance(event, p4.Delta)]

    assert deltas == ["Ha", "lf a w", "ord"]


@pytest.mark.loopback
def test_a_program_is_asked_for_a_call(space: p4.SpaceClient) -> None:
    """As Phi-4 asks for it."""
    (call,) = space.reply("How is the weather in Oslo?", tools=[TOOL]).tool_calls

    assert (call.name, call.arguments) == ("weather", {"city": "Oslo"})


@pytest.mark.loopback
def test_a_program_sees_an_error(space: p4.SpaceClient) -> None:
    """In the script's words."""
    with pytest.raises(p4.SpaceError, match="The GPU is on fire"):
        space.reply("Please fail")


@pytest.mark.loopback
def test_a_program_sees_a_stream_that_breaks(space: p4.SpaceClient) -> None:
    """With what had come until then."""
    with pytest.raises(p4.StreamLost) as lost:
        space.reply("half of it")

    assert lost.value.partial_text == "Half an answer"


@pytest.mark.loopback
def test_a_session_goes_on_after_a_stream_that_broke(space: p4.SpaceClient) -> None:
    """For clients that keep theirs, as a page does."""

    async def main() -> list[str]:
        async with space.asession("a-session-of-its-own") as session:
            chat: list[Any] = []
            for text in ("half of it", "in pieces"):
                filed = await session.predict(text, history=chat)
                with contextlib.suppress(p4.StreamLost):
                    *_, last = [event async for event in session.get(await session.post(filed))]
                    chat = last.data[0] if isinstance(last, Finished) else chat
            return [str(chat)]

    (last,) = asyncio.run(main())
    assert "Half a word" in last
    assert "cut-" not in last


PROGRAM = """
import sys
from phi4_server import ScriptedModel
from phi4_server.__main__ import main

script = [{"text": ["Once upon", " a"], "cut": True}]
sys.exit(main(models={"scripted": lambda: ScriptedModel(script)}))
"""


@pytest.mark.loopback
@pytest.mark.parametrize("in_one_piece", [False, True])
def test_a_program_of_ones_own_can_break_streams(*, in_one_piece: bool) -> None:
    """With a `ScriptedModel` behind `main`, in pieces or whole."""
    command = [sys.executable, "-c", PROGRAM, *(["--whole"] if in_one_piece else [])]
    with (
        running_space(command) as url,
        p4.SpaceClient(url, max_retries=0) as client,
        pytest.raises(p4.StreamLost) as lost,
    ):
        client.reply("Tell me a story")

    assert lost.value.partial_text == ("" if in_one_piece else "Once upon a")


def test_a_blank_text_is_one_piece() -> None:
    """However long it is."""
    assert answer(ScriptedModel([" " * 100_000])) == [" " * 100_000]


def test_a_script_of_ones_own_is_checked_before_a_space_is_started() -> None:
    """The error is the caller's."""
    with pytest.raises(ScriptError, match="Entry 1"), embedded_space(script=[{"txt": "a"}]):  # type: ignore[list-item]  # an untyped caller's
        pass


def test_a_script_is_json(tmp_path: Path) -> None:
    """What `embedded_space` takes, a file holds."""
    file = tmp_path / "script.json"
    file.write_text(json.dumps(SCRIPT), encoding="utf-8")

    assert answer(ScriptedModel.from_file(file), "pieces") == ["Ha", "lf a w", "ord"]
