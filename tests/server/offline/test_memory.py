"""What the offline model remembers."""

from __future__ import annotations

import pytest

from phi4_server.model import Message
from phi4_server.offline.model import OfflineModel


def told(*said: str) -> str:
    """The model's answer to the last of several turns, in one session."""
    chat: list[Message] = []
    for text in said:
        chat.append(Message(role="user", text=text))
        chat.append(Message(role="assistant", text="".join(OfflineModel().stream(chat))))
    return chat[-1].text


@pytest.mark.parametrize(
    ("said", "question", "answer"),
    [
        ("My name is Ada.", "What is my name?", "I was told: “My name is Ada.”"),
        ("my name is Ada", "what's my name", "I was told: “my name is Ada”"),
        (
            "Remember that the code is 4711.",
            "What is the code?",
            "I was told: “Remember that the code is 4711.”",
        ),
        (
            "Please note: our meeting is on Monday at ten.",
            "When is the meeting?",
            "I was told: “Please note: our meeting is on Monday at ten.”",
        ),
        ("Ada owes me 5 crowns.", "How much does Ada owe me?", "I was told: “Ada owes me 5 crowns.”"),
    ],
)
def test_what_was_said_can_be_asked_back(said: str, question: str, answer: str) -> None:
    """A statement answers a later question, as it was said."""
    assert told(said, "Thanks.", question) == answer


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (
            ["My name is Ada.", "Actually, my name is Bea.", "What is my name?"],
            "I was told: “Actually, my name is Bea.”",
        ),
        (
            ["My sister's name is Eva.", "My name is Ada.", "What is my name?"],
            "I was told: “My name is Ada.”",
        ),
        (
            ["My name is Ada.", "My sister's name is Eva.", "What is my name?"],
            "I was told: “My name is Ada.”",
        ),
        (
            ["My name is Ada.", "My sister's name is Eva.", "What is my sister's name?"],
            "I was told: “My sister's name is Eva.”",
        ),
        (["My name is Ada. What is my name?"], "I was told: “My name is Ada.”"),
        (["The tower is 330 m high. How high is the tower?"], "The tower is 330 m high."),
        (["Tell me a joke.", "What is a joke?"], "I can't answer that"),
    ],
)
def test_the_statement_that_is_meant_is_told(said: list[str], answer: str) -> None:
    """The plainest statement counts, and of equals the latest; questions and requests are none."""
    assert told(*said).startswith(answer)


@pytest.mark.parametrize("question", ["What is my name?", "Do you know where I live?", "What's my age?"])
def test_what_was_never_said_is_not_known(question: str) -> None:
    """Nothing about the user is made up."""
    assert told("The weather is fine.", question) == "I don't know: you have not told me."


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("My name is Ada and I live in Oslo.", "Noted: “My name is Ada and I live in Oslo.”"),
        ("Remember that the code is 4711.", "Noted: “Remember that the code is 4711.”"),
    ],
)
def test_a_statement_of_ones_own_is_noted(said: str, answer: str) -> None:
    """Told something, the model says what it understood."""
    assert told(said) == answer


@pytest.mark.parametrize("style", ["transcript", "template", "session"])
def test_earlier_turns_count_however_they_arrive(style: str) -> None:
    """A client may send the whole conversation again in either style, or leave it to the Space's session."""
    prompts = {
        "transcript": ["User: My name is Ada.\nAssistant: Noted.\nUser: What is my name?\nAssistant:"],
        "template": [
            (
                "<|user|>My name is Ada.<|end|><|assistant|>Noted.<|end|><|user|>What is my"
                " name?<|end|><|assistant|>"
            )
        ],
        "session": ["System: Be kind.\nUser: My name is Ada.\nAssistant:", "What is my name?"],
    }

    assert told(*prompts[style]) == "I was told: “My name is Ada.”"


def test_what_the_system_tells_is_known_too() -> None:
    """Facts in a system turn answer, but not what it says about the assistant's part."""
    system = "You are a kind assistant of the bakery. The bakery opens at seven."

    assert (
        told(f"System: {system}\nUser: When does the bakery open?\nAssistant:")
        == "The bakery opens at seven."
    )
    assert told(f"System: {system}\nUser: What is a kind assistant?\nAssistant:").startswith(
        "I can't answer that"
    )
