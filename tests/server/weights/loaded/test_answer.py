"""An answer, read as its tokens come."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_answers
from hypothesis import given, settings
from hypothesis import strategies as st

from phi4_server.model import End, Usage
from phi4_server.weights.generation.answer import TokenReader, read
from phi4_server.weights.generation.loaded import Weights
from phi4_server.weights.generation.question import Prompt, Question
from phi4_server.weights.generation.row import Row


@pytest.fixture(scope="module")
def weights(native_folder: Path) -> Weights:
    """The tiny model."""
    return tiny_answers.loaded(native_folder)


@settings(deadline=None)
@given(tokens=st.lists(st.integers(0, 400), max_size=60))
def test_pieces_are_the_whole(weights: Weights, tokens: list[int]) -> None:
    """Whatever the tokens are: bytes that make no characters, and special ones, among them."""
    reader = TokenReader(weights.tokenizer)

    pieces = [*map(reader.feed, tokens), reader.close()]

    assert "".join(pieces) == tiny_answers.text_of(weights, tokens)


def test_a_character_in_several_tokens(weights: Weights) -> None:
    """It comes with the last of them."""
    tokens = weights.tokenizer.encode("é🐈", add_special_tokens=False).ids
    reader = TokenReader(weights.tokenizer)

    assert [reader.feed(token) for token in tokens] == ["", "é", "", "", "", "🐈"]


def test_the_tokens_of_calls_are_text(weights: Weights) -> None:
    """Others that control are not."""
    ids = [weights.tokenizer.token_to_id(token) for token in ("<|tool_call|>", "<|end|>", "<|user|>")]
    reader = TokenReader(weights.tokenizer)

    assert "".join(map(reader.feed, ids)) == "<|tool_call|>"


def test_a_stop_string_over_several_pieces(weights: Weights) -> None:
    """None of it is let out, not even while it might still become one."""
    row, ids = begun(weights, "say STOP now", stop=("STOP",))
    pieces: list[str | End] = []
    reader = read(row, weights.tokenizer)
    while not (pieces and isinstance(pieces[-1], End)):
        if ids:
            row.add(ids.pop(0), frozenset())
        pieces.append(next(reader))

    assert tiny_answers.whole(pieces)[0] == "say "
    assert tiny_answers.whole(pieces)[1].stopped_by == "STOP"
    assert row.has_left


def test_what_was_held_back_comes_at_the_end(weights: Weights) -> None:
    """When it can become no stop string any more."""
    row, ids = begun(weights, "say ST", stop=("STOP",))
    for token in ids:
        row.add(token, frozenset())
    row.add(weights.ends[0], frozenset(weights.ends))

    *pieces, end = read(row, weights.tokenizer)

    assert "".join(str(piece) for piece in pieces) == "say ST"
    assert end == End(finish_reason="stop", usage=Usage(input_tokens=1, output_tokens=len(ids) + 1))


def begun(weights: Weights, text: str, stop: tuple[str, ...]) -> tuple[Row, list[int]]:
    """An answer without a token, and the tokens that it will have."""
    asked = Question(prompt=Prompt(ids=(1,)), most=100, stop=stop)
    row = Row(asked, chance=None)
    return row, weights.tokenizer.encode(text, add_special_tokens=False).ids
