from __future__ import annotations

import base64
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, trim_messages

from langchain_phi4 import ChatPhi4
from langchain_phi4._tokens import to_ids

PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 300_000).decode()


def picture(data: str = PICTURE) -> HumanMessage:
    return HumanMessage(
        [
            {"type": "text", "text": "What is this?"},
            {"type": "image", "base64": data, "mime_type": "image/png"},
        ]
    )


@given(st.text())
def test_every_text_has_tokens(text: str) -> None:
    """Nothing is left out: only the empty text has none, and none has more than its bytes."""
    count = len(to_ids(text))

    assert (count == 0) == (text == "")
    assert count <= len(text.encode("utf-8", "surrogatepass"))


@given(st.text(), st.text())
def test_text_by_text_is_at_least_as_much(one: str, other: str) -> None:
    """Joining texts never makes them longer by more than a cut word."""
    assert len(to_ids(one + " " + other)) <= len(to_ids(one)) + len(to_ids(other)) + 2


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("The quick brown fox jumps over the lazy dog.", 9, 12),
        ("antidisestablishmentarianism", 3, 6),
        ("1234567890", 4, 4),
        ("Der schnelle braune Fuchs springt über den faulen Hund.", 10, 18),
        ("敏捷的棕色狐狸跳过了懒狗", 8, 12),
        ("Быстрая коричневая лиса прыгает", 6, 12),
        ('{"name": "add", "arguments": {"a": 1}}', 12, 24),
    ],
)
def test_estimates_are_near(text: str, least: int, most: int) -> None:
    """Words of usual length are one token, ideographs each one, digits come in threes."""
    assert least <= ChatPhi4().get_num_tokens(text) <= most


def test_equal_words_have_equal_ids() -> None:
    """Ids are stand-ins that can be compared, and fit the vocabulary."""
    one, other = (ChatPhi4().get_token_ids(text) for text in ("hello hello", "hello hello"))

    assert one == other
    assert all(0 <= number < 200_064 for number in one)


def test_ids_may_be_the_users() -> None:
    """custom_get_token_ids goes first, in messages, too."""
    model = ChatPhi4(custom_get_token_ids=lambda text: [len(text)])

    assert model.get_token_ids("four") == [4]
    assert model.get_num_tokens_from_messages([HumanMessage("four")]) == 1 + 4


def test_media_are_not_text() -> None:
    """A picture has a flat price, however large its file; nothing is read or fetched for it."""
    model = ChatPhi4()
    words = model.get_num_tokens_from_messages([HumanMessage("What is this?")])
    url = HumanMessage([{"type": "image_url", "image_url": {"url": "https://media.test/cat.png"}}])

    assert model.get_num_tokens_from_messages([picture()]) == words + 1_000
    assert 1_000 <= model.get_num_tokens_from_messages([url]) < 1_020


def test_roles_calls_and_tools_count() -> None:
    """What the model is told besides words costs tokens."""

    def add(a: int, b: int) -> int:
        """Adds two numbers."""
        return a + b

    model = ChatPhi4()
    call = {"name": "add", "args": {"a": 1, "b": 2}, "id": "1", "type": "tool_call"}
    plain, called = AIMessage(""), AIMessage("", tool_calls=[call])

    count = model.get_num_tokens_from_messages
    assert count([SystemMessage("a"), HumanMessage("b")]) == 2 * (1 + 4)
    assert count([called]) > count([plain])
    assert count([HumanMessage("a")], tools=[add]) > count([HumanMessage("a")]) + 10


def test_messages_are_trimmed_by_it() -> None:
    """langchain-core's own trimming takes the model for a counter."""
    said = [HumanMessage("one " * 100), picture(), HumanMessage("last")]

    kept = trim_messages(said, max_tokens=1_100, token_counter=ChatPhi4(), strategy="last")

    assert kept == said[1:]


def test_nothing_is_loaded() -> None:
    """Counting imports no tokenizer, and the docstrings say that it estimates."""
    script = (
        "import sys; from langchain_phi4 import ChatPhi4; ChatPhi4().get_num_tokens('hi');"
        "sys.exit('transformers' in sys.modules or 'tiktoken' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0  # noqa: S603 - ours
    for method in (ChatPhi4.get_token_ids, ChatPhi4.get_num_tokens_from_messages, ChatPhi4.get_num_tokens):
        assert "estimate" in (method.__doc__ or "")
