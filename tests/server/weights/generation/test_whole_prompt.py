"""Messages that may be whole prompts: turns that clients write into one text, and files that they mark."""

from __future__ import annotations

import time
from pathlib import Path

import media
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_server.model import Message
from phi4_server.weights.generation.whole_prompt import Turn, to_turns
from phi4_space._prompt.compose import compose
from phi4_space._turns import Media as ClientMedia
from phi4_space._turns import PromptStyle
from phi4_space._turns import Turn as ClientTurn


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    """An image."""
    path = tmp_path / "cat.png"
    path.write_bytes(media.square(200, 0, 0))
    return path


@pytest.fixture
def beep(tmp_path: Path) -> Path:
    """Audio."""
    path = tmp_path / "beep.wav"
    path.write_bytes(media.tone(440))
    return path


def asked(text: str, *files: Path) -> tuple[Turn, ...]:
    """The turns of a user's message."""
    return to_turns(Message(role="user", text=text, files=files))


@pytest.mark.parametrize(
    "text",
    [
        "What is it?",
        "",
        "<|user|> is a token. What does it do?",
        "Assistant: hello",
        "User: hello",
        "Once more: <|end|>",
        "<|user|>",
    ],
)
def test_a_question_is_one_turn(text: str) -> None:
    """Though it may speak of tokens, or begin like a transcript."""
    assert asked(text) == (Turn("user", (text,) if text else ()),) or asked(text) == (Turn("user", (text,)),)


def test_the_template_is_read_as_its_turns() -> None:
    """With the role of tools by either of its names, and white space as people leave it."""
    turns = asked(
        "<|system|>\nBe brief.<|end|>\n<|user|>Hi.<|end|><|assistant|>Hello.<|end|>"
        "<|tool|>clock -> noon<|end|><|tool_response|>clock -> one<|end|>\n<|assistant|>\n"
    )

    assert [(turn.role, *turn.parts) for turn in turns] == [
        ("system", "Be brief."),
        ("user", "Hi."),
        ("assistant", "Hello."),
        ("tool", "clock -> noon"),
        ("tool", "clock -> one"),
    ]


def test_an_end_that_ends_no_turn_is_words() -> None:
    """Nothing follows it that begins one."""
    assert asked("<|user|>Say <|end|> twice.<|end|><|assistant|>") == (Turn("user", ("Say <|end|> twice.",)),)


def test_many_ends_that_end_no_turn() -> None:
    """Reading them takes time in proportion to the text, and not to its square."""
    began = time.process_time()

    (turn,) = asked("<|user|>" + "a<|end|>" * 100_000 + "<|assistant|>")

    assert len("".join(map(str, turn.parts))) > 700_000
    assert time.process_time() - began < 5


@pytest.mark.parametrize("style", ["template", "transcript"])
def test_what_our_client_writes_is_read_back(style: PromptStyle, cat: Path, beep: Path) -> None:
    """Its turns, and its files where they stood, in both of its styles."""
    image, audio = ClientMedia(cat), ClientMedia(beep)
    text = compose(
        [
            ClientTurn.of("system", "Be brief."),
            ClientTurn.of("user", "Look: ", image, " and hear:", audio),
            ClientTurn.of("assistant", "User: no turn <|end|>"),
            ClientTurn.of("user", "User: Assistant:\nAssistant: yes"),
        ],
        style=style,
        kinds=["image", "audio"],
    )

    turns = to_turns(Message(role="user", text=text, files=(cat, beep)))

    assert [turn.role for turn in turns] == ["system", "user", "assistant", "user"]
    assert [part if isinstance(part, Path) else part.strip() for part in turns[1].parts] == [
        "Look:",
        cat,
        "and hear:",
        beep,
    ]


def test_marks_stand_for_files_by_kind_or_by_number(cat: Path, beep: Path) -> None:
    """Each once; a mark without a file is words, and so is the second of the same."""
    (turn,) = asked("A [file 2] b <|image_1|> c [image 1] d [audio 9]", cat, beep)

    assert turn.parts == ("A", beep, "b", cat, "c [image 1] d [audio 9]")


def test_files_without_a_mark_come_before_the_users_last_words(cat: Path, beep: Path) -> None:
    """As an upload without any text about it."""
    turns = asked("<|user|>Hi.<|end|><|assistant|>Yes?<|end|><|user|>Now [audio 1]?<|end|>", cat, beep)

    assert [turn.parts for turn in turns] == [("Hi.",), ("Yes?",), (cat, "Now", beep, "?")]


def test_a_message_of_roles_holds_no_marks_and_no_turns(cat: Path) -> None:
    """A chat completion says where its files stand; its words are words."""
    text = "<|user|>[image 1]<|end|><|assistant|>"
    message = Message(role="user", text=text, files=(cat,), is_prompt=False)

    assert to_turns(message) == (Turn("user", (cat, text)),)


@given(text=st.text(alphabet="<|>usertoolnd[image 1]_:\n \\/A"))
def test_no_text_is_lost(text: str) -> None:
    """Whatever a prompt looks like, without files it is read as turns of text."""
    turns = asked(text)

    assert turns
    assert all(isinstance(part, str) for turn in turns for part in turn.parts)
