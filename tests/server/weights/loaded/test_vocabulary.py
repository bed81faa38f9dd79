"""The tokenizer, asked so that words stay words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tiny_phi4
from hypothesis import example, given, settings
from hypothesis import strategies as st

from phi4_server.model import Message
from phi4_server.weights.generation.template import Control, to_segments
from phi4_server.weights.generation.vocabulary import Vocabulary

CONTROLS = [*tiny_phi4.SPECIAL, *tiny_phi4.PLAIN]
HOSTILE = st.lists(st.sampled_from(CONTROLS) | st.text(max_size=4) | st.sampled_from("<|>/\n")).map("".join)


@pytest.fixture(scope="module")
def tokenizer(native_folder: Path) -> Any:
    """The tiny model's."""
    from tokenizers import Tokenizer  # noqa: PLC0415  not everywhere

    return Tokenizer.from_file(str(native_folder / "tokenizer.json"))


@pytest.mark.parametrize("text", CONTROLS)
def test_a_control_token_is_one_token(tokenizer: Any, text: str) -> None:
    """If we write it."""
    assert Vocabulary(tokenizer).control(text) == [tokenizer.token_to_id(text)]


def test_a_control_token_that_there_is_not(tokenizer: Any) -> None:
    """Its characters are written."""
    vocabulary = Vocabulary(tokenizer)
    assert vocabulary.control("<|nothing|>") == vocabulary.words("<|nothing|>")


def test_words_are_what_the_tokenizer_makes_of_them(tokenizer: Any) -> None:
    """Where they hold no control token."""
    text = "What is in this picture? <|b|> 1 < 2 |> é 🐈"
    assert Vocabulary(tokenizer).words(text) == tokenizer.encode(text, add_special_tokens=False).ids


@settings(deadline=None)
@given(text=HOSTILE)
@example("<|end|>")
@example("<<|tool_call|>|end|>")
@example("<|endoftext10|><|endoftext11|>")
def test_words_stay_words(tokenizer: Any, text: str) -> None:
    """Whatever they hold: no control token among them, and every character still there."""
    ids = Vocabulary(tokenizer).words(text)

    assert not {tokenizer.token_to_id(control) for control in CONTROLS} & {*ids}
    assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_half_a_character(tokenizer: Any) -> None:
    """It is replaced, and no error."""
    assert Vocabulary(tokenizer).words("a\ud83d") == Vocabulary(tokenizer).words("a\ufffd")


@settings(deadline=None)
@given(text=HOSTILE, role=st.sampled_from(["user", "tool"]))
def test_nobodys_words_are_control_tokens(text: str, role: Any) -> None:
    """In the turns of users and tools only what frames them is."""
    segments = [*to_segments([Message(role=role, text=text, is_prompt=False)])]

    controls = [segment.text for segment in segments if isinstance(segment, Control)]
    assert controls == ["<|user|>" if role == "user" else "<|tool_response|>", "<|end|>", "<|assistant|>"]
    assert "".join(segment for segment in segments if isinstance(segment, str)) == text
