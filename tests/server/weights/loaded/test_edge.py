"""Answers that begin with short positions and end beyond: each token is what a full pass would choose."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import tiny_answers
from tiny_answers import endless, png, question, text_of, whole

from phi4_server.weights.generation.batch import embed, to_row
from phi4_server.weights.generation.engine import Engine
from phi4_server.weights.generation.loaded import Weights
from phi4_server.weights.generation.question import Question

EDGE = 4096


@pytest.fixture(scope="module")
def weights(native_folder: Path) -> Weights:
    """The tiny model."""
    return endless(tiny_answers.loaded(native_folder))


def of_length(weights: Weights, length: int, *, max_tokens: int, with_image: bool = False) -> Question:
    """A question of so many tokens."""
    files = [png(64, 64)] if with_image else []
    bare = len(question(weights, "", files).prompt.ids)
    asked = question(weights, "\n" * (length - bare), files, max_tokens=max_tokens)
    assert len(asked.prompt.ids) == length
    return asked


def by_full_passes(weights: Weights, asked: Question) -> str:
    """The answer of which each token comes from a pass over all before it."""
    import torch  # noqa: PLC0415  not everywhere

    row, model = to_row(asked, weights), weights.model
    for _ in range(asked.most):
        embed(row, weights)
        names = [row.adapter]
        with torch.no_grad():
            logits = model(
                inputs_embeds=row.embedded[None], use_cache=False, adapter_names=names, logits_to_keep=1
            ).logits
        row.tokens.append(int(logits[0, -1].argmax()))
    return text_of(weights, row.tokens)


@pytest.mark.parametrize("with_image", [False, True], ids=["words", "image"])
def test_a_row_that_crosses_the_edge(weights: Weights, *, with_image: bool) -> None:
    """The positions of all tokens change there."""
    asked = of_length(weights, EDGE - 4, max_tokens=9, with_image=with_image)
    expected = by_full_passes(weights, asked)  # before the engine's thread has the model
    engine = Engine(weights)

    text, end = whole([*engine.answer(asked)])

    assert text == expected
    assert end.usage is not None
    assert end.usage.output_tokens == 9
    engine.close()


@pytest.mark.parametrize("length", [EDGE, EDGE + 1])
def test_a_prompt_at_the_edge(weights: Weights, length: int) -> None:
    """The first token is still one of the short positions, or the first of the long."""
    asked = of_length(weights, length, max_tokens=3)
    expected = by_full_passes(weights, asked)
    engine = Engine(weights)

    assert whole([*engine.answer(asked)])[0] == expected
    engine.close()


def test_rows_that_cross_it_in_a_batch(weights: Weights) -> None:
    """At different times, beside one that never does."""
    asked = [
        of_length(weights, EDGE - 3, max_tokens=7),
        of_length(weights, EDGE - 5, max_tokens=8, with_image=True),
        question(weights, "Short.", max_tokens=12),
    ]
    expected = [by_full_passes(weights, each) for each in asked]
    engine = Engine(weights)
    answers: list[Any] = [None] * len(asked)

    def read(index: int) -> None:
        answers[index] = whole([*engine.answer(asked[index])])[0]

    threads = [threading.Thread(target=read, args=[index]) for index in range(len(asked))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert answers == expected
    engine.close()
