"""How events look to a person, in a pipe, and to a program."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_space import (
    Delta,
    Event,
    Notice,
    Progress,
    Queued,
    Reply,
    ReplyFile,
    Rewritten,
    Sent,
    Started,
    Thought,
    Timing,
    Waking,
)
from phi4_space._cli.failures import Failure
from phi4_space._cli.output import JsonDisplay, TextDisplay, describe, describe_timing, visible


def reply(text: str, *files: ReplyFile) -> Reply:
    return Reply(
        text=text, sent=Sent("hi"), space="http://127.0.0.1:1", model="phi-4-multimodal", files=files
    )


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Waking("BUILDING", 12.4), "The Space is not up yet (BUILDING); waited 12 s so far"),
        (Queued(0, 1), "In the queue: next, 1 in all"),
        (Queued(2, 5, 12.3), "In the queue: 2 ahead, 5 in all, about 12 s"),
        (Started(), "The Space is working"),
        (Started(0.2), "The Space is working"),
        (Started(3.0), "The Space is working, about 3 s"),
        (Progress(1.0, 3.0, "steps"), "The Space is working: 1 of 3 steps"),
        (Progress(7.0, None, "tokens", description="Writing"), "Writing: 7 tokens"),
        (Progress(fraction=0.5, description="Looking"), "Looking: 50%"),
        (Progress(description="Loading"), "Loading"),
    ],
)
def test_describe(event: Waking | Queued | Started | Progress, line: str) -> None:
    """Each event that is no text has one line, and says no more than the Space told."""
    assert describe(event) == line


def test_describe_timing() -> None:
    """The steps that were seen are told in their order, the others left out."""
    assert describe_timing(Timing(queued=0.1, first_text=0.25, done=1.0)) == (
        "queued 0.10 s · first text 0.25 s · done 1.00 s"
    )


@given(st.text())
def test_visible(text: str) -> None:
    """Nothing that commands a terminal is left, and nothing else is lost."""
    result = visible(text)
    assert not any(letter < " " or "\x7f" <= letter <= "\x9f" for letter in result if letter not in "\n\t")
    assert [letter for letter in text if letter in result] == list(result)


@given(st.lists(st.text(min_size=1), min_size=1))
def test_the_answer_alone(pieces: list[str]) -> None:
    """In a pipe, standard output gets the answer letter by letter, and one line end where it has none."""
    with pytest.MonkeyPatch.context() as patch:
        written: list[str] = []
        patch.setattr("sys.stdout", _Pipe(written))
        display = TextDisplay()
        for piece in pieces:
            display.show_event(Delta(piece))
        display.show_event(reply("".join(pieces)))
    answer = "".join(pieces)
    assert "".join(written) == answer + ("" if answer.endswith("\n") else "\n")


class _Pipe:
    def __init__(self, written: list[str]) -> None:
        self.write = written.append

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return False


def test_aside(capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe, each thing that happens is one line on standard error, and what repeats is told once."""
    display = TextDisplay()
    for event in (Queued(0, 1), Queued(0, 1), Started(), Notice("Careful", "warning", "GPU"), Delta("Hi")):
        display.show_event(event)
    display.show_event(Notice("Late"))
    display.show_event(Delta(" there"))
    display.show_event(reply("Hi there"))
    out, err = capsys.readouterr()
    assert out == "Hi there\n"
    assert err == "In the queue: next, 1 in all\nThe Space is working\nGPU: Careful\nLate\n"


def test_rewritten(capsys: pytest.CaptureFixture[str]) -> None:
    """An answer that the Space took back is followed, on a line of its own, by the one that holds."""
    display = TextDisplay()
    for event in (Delta("It is a c"), Rewritten("A dog"), Delta("."), reply("A dog.")):
        display.show_event(event)
    out, err = capsys.readouterr()
    assert out == "It is a c\nA dog.\n"
    assert "replaced its answer" in err


def test_thoughts(capsys: pytest.CaptureFixture[str]) -> None:
    """They are on standard error alone, under their titles, and each begins on a line of its own."""
    display = TextDisplay()
    happened: list[Event] = [
        *(Started(), Thought("Let me", "Thinking"), Thought(" see.", "Thinking"), Thought("", "Thought")),
        *(Delta("It is"), Thought("\nWell", "Thought"), Thought(".", "Thought")),
        *(Thought("", "Used\n a tool", 1), Thought("42\n", number=1), Queued(0, 1), Delta(" so.")),
        *(Thought("No, \x1b[31myes.", rewritten=True), Notice("Careful"), Thought("", rewritten=True)),
    ]
    for event in [*happened, reply("It is so.")]:
        display.show_event(event)

    out, err = capsys.readouterr()
    assert out == "It is so.\n"
    assert err.splitlines() == [
        *("The Space is working", "Thinking", "Let me see.", "", "Well.", "Used  a tool", "42"),
        *("No, [31myes.", "Careful"),
    ]


def test_thoughts_of_the_next_turn(capsys: pytest.CaptureFixture[str]) -> None:
    """They have their titles again; a turn that fails ends the line of its thought."""
    display = TextDisplay()
    display.show_event(Thought("a", "Thinking"))
    display.show_failure(Failure(error="QueueFull", what="Full"))
    display.show_event(Thought("b", "Thinking"))
    display.close()

    assert capsys.readouterr().err.splitlines() == ["Thinking", "a", "Error: Full.", "Thinking", "b"]


def test_thoughts_at_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """They are dim there, and an answer that is interrupted by one goes on below it."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    display = TextDisplay(timed=False)

    for event in (Thought("Let"), Thought(" me"), Delta("It"), Thought(" see"), Delta(" is"), reply("It is")):
        display.show_event(event)

    out, err = capsys.readouterr()
    assert out == "It\n is\n"
    assert err == "\x1b[2mLet\x1b[0m\x1b[2m me\x1b[0m\n\x1b[2m see\x1b[0m\n"


def test_files(capsys: pytest.CaptureFixture[str]) -> None:
    """The files of an answer are named on standard error, and an answer of files alone is not empty."""
    files = ReplyFile("/srv/a\nb.png", "a\nb.png", "image/png"), ReplyFile("/srv/c", "c")

    TextDisplay().show_event(reply("", *files))

    assert capsys.readouterr() == ("", "File: a b.png (image/png), at /srv/a b.png\nFile: c, at /srv/c\n")


def test_empty_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty answer is said to be one."""
    TextDisplay().show_event(reply(""))
    assert capsys.readouterr() == ("", "The answer is empty.\n")


def test_fail(capsys: pytest.CaptureFixture[str]) -> None:
    """A failure says what happened, where, what to do, and who knows more; no control character passes."""
    TextDisplay().show_failure(
        Failure(error="QueueFull", what="It is \x1b[31mfull.", advice="Wait.", space="own/er", step="post")
    )
    assert capsys.readouterr().err.splitlines() == [
        "Error: It is [31mfull. [own/er, step post]",
        "Wait.",
        'Run "phi4 doctor --space own/er" to check the Space.',
    ]


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get a line of JSON for each event, under its name, and nothing on standard error."""
    lines = JsonDisplay()
    lines.show_status("Asking")
    lines.show_notice(Notice("Careful", "warning"))
    lines.show_event(Delta("Hi\n\u2028"))
    lines.show_event(Thought("Hm", "Thinking", 1))
    lines.show_event(reply("Hi", ReplyFile("/srv/c", "c")))
    lines.show_failure(Failure(error="QueueFull", what="Full", exit_code=4))
    out, err = capsys.readouterr()
    events = [json.loads(line) for line in out.splitlines()]
    assert [one["event"] for one in events] == ["notice", "delta", "thought", "reply", "error"]
    assert events[1]["text"] == "Hi\n\u2028"
    assert events[3]["timing"]["done"] == 0.0
    thought = {"event": "thought", "text": "Hm", "title": "Thinking", "number": 1, "rewritten": False}
    assert events[2] == thought
    assert events[3]["files"] == [{"path": "/srv/c", "name": "c", "mime_type": None}]
    assert (events[4]["error"], events[4]["exit_code"]) == ("QueueFull", 4)
    assert err == ""
