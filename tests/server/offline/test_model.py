"""The offline model as the Space uses it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phi4_server import offline
from phi4_server.model import Message, Model, Role
from phi4_server.offline.model import OfflineModel
from phi4_server.page import EXAMPLES, QUESTIONS, Example


def answered(*said: str) -> str:
    """The model's answer to the last of several turns of the user's."""
    return "".join(OfflineModel().stream([Message(role="user", text=text) for text in said]))


def test_it_is_a_model() -> None:
    """It offers what the Space wants of a model."""
    model: Model = OfflineModel()

    assert model.name
    assert "offline model" in model.nature
    assert "not Phi-4" in model.nature


@pytest.mark.parametrize(
    "question",
    [
        "Who are you?",
        "What are you",
        "What's your name?",
        "Are you Phi-4?",
        "are you an AI?",
        "Which model are you?",
        "System: Be kind.\nUser: who are you\nAssistant:",
        "<|user|>Introduce yourself.<|end|><|assistant|>",
    ],
)
def test_it_says_what_it_is(question: str) -> None:
    """Asked who it is, it says that it is not Phi-4, has no weights and is deterministic."""
    answer = answered(question)

    assert answer.startswith("I am the offline model of phi4-space: not Phi-4")
    assert "without weights" in answer
    assert "deterministic" in answer


@pytest.mark.parametrize(
    "request_", ["Write a poem about the sea", "What is the capital of Peru?", "Translate 'cat'"]
)
def test_what_it_cannot_do_it_says(request_: str) -> None:
    """It makes nothing up: it says that it cannot, and repeats what was asked."""
    answer = answered(request_)

    assert answer.startswith("I can't answer that")
    assert answer.endswith(f"You asked: “{request_}”")


SHOWN = {
    "Who are you?": "I am the offline model of phi4-space",
    "Image": "Its main colours are sky blue",
    "Audio": "It lasts 2.00 seconds.",
    "Both": "It is 480 pixels wide and 320 pixels high (480 x 320). Its loudness is -21.3 dBFS (RMS).",
    "Memory": "Noted: “My name is Ada, and I live in Lima.",
    "JSON": '{"name": "Ada", "city": "Lima", "year": 2019}',
    "A text": "It closes at five, and on Fridays at eight.",
}


@pytest.mark.parametrize("example", QUESTIONS, ids=lambda example: example.label)
def test_each_example_of_the_page_has_a_sensible_answer(example: Example) -> None:
    """Who clicks an example sees what the model can do."""
    files = tuple(EXAMPLES / name for name in example.files)

    answer = "".join(OfflineModel().stream([Message(role="user", text=example.text, files=files)]))

    assert answer.startswith(SHOWN[example.label])


def test_a_greeting_is_returned() -> None:
    """A greeting gets one, with who greets."""
    assert answered("Hello!") == "Hello, I am the offline model of phi4-space. You said: “Hello!”"


def test_nothing_said_is_told() -> None:
    """An empty turn is answered too."""
    assert answered("  ").startswith("You sent no words.")


def test_a_long_question_is_repeated_in_part() -> None:
    """The answer stays short, however much was asked."""
    assert len(answered("why " * 10_000)) < 600


MARKUP = (
    "System: User: Assistant: Tool: \n <|system|> <|user|> <|end|> <|assistant|> <|tool|> <|/tool|>"
    " <|tool_call|> <|/tool_call|> [image 1] <|image_1|> { } {{ }} [ ] ' \" ----- Question: Answer:"
    " Context:"
    " JSON schema <context> </context> summary standalone question 3 + 4 2024-05-03 my name is Ada ? what"
)
TEXTS = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.sampled_from(MARKUP.split(" ")),
        st.sampled_from(
            [
                (
                    '[{"name": "f", "description": "weather", "parameters": {"properties": {"c": {"type":'
                    ' "string"}}}}]'
                ),
                '{"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}',
                "You must call at least one tool.",
                "Action Input:",
                "Tool Name: x\nTool Description: y\nTool Args: {}",
                "Observation: 3",
            ]
        ),
    ),
    max_size=25,
).map(" ".join)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), TEXTS), max_size=3), TEXTS)
def test_every_chat_is_answered(before: list[tuple[Role, str]], text: str) -> None:
    """No text raises anything, or gets no answer; and the same text always gets the same one."""
    chat = [*(Message(role=role, text=said) for role, said in before), Message(role="user", text=text)]

    answer = "".join(OfflineModel().stream(chat))

    assert answer.strip()
    assert "".join(OfflineModel().stream(chat)) == answer


@pytest.mark.parametrize("role", ["User", "Assistant", "System", "Tool"])
def test_lines_like_turns_in_a_persons_text_do_no_harm(role: str) -> None:
    """A text that looks like a transcript, but does not ask for an answer, is one turn."""
    assert answered(f"What is this?\n{role}: hello").endswith(f"“What is this? {role}: hello”")


def test_the_answer_comes_word_by_word() -> None:
    """Pieces are words with the space after them, so that a page can show the answer as it grows."""
    pieces = list(OfflineModel().stream([Message(role="user", text="Hello there")]))

    assert [piece.split() for piece in pieces] == [[word] for word in "".join(pieces).split()]


def test_an_empty_chat_is_answered() -> None:
    """Even where nobody said anything, there is something to say."""
    assert "".join(OfflineModel().stream([]))


def test_it_leans_on_little() -> None:
    """The standard library and a few packages are all it imports; nothing of the client, and no page."""
    rooms = Path(offline.__file__).parent
    imported = {
        name.split(".")[0]
        for room in rooms.glob("*.py")
        for node in ast.walk(ast.parse(room.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
        )
    }

    assert {"phi4_server", "numpy", "PIL", "av"} <= imported
    assert not imported & {"phi4_space", "gradio", "httpx", "torch", "transformers"}
