"""Several answers at once: each is what it would be alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import tiny_answers
from tiny_answers import endless, plain, png, question, text_of, wav, whole

from phi4_server.model import End, ModelFailed
from phi4_server.weights.generation.answer import read
from phi4_server.weights.generation.engine import Engine
from phi4_server.weights.generation.loaded import Weights
from phi4_server.weights.generation.question import Question
from phi4_server.weights.generation.row import Row


@pytest.fixture(scope="module")
def weights(native_folder: Path) -> Weights:
    """The tiny model."""
    return tiny_answers.loaded(native_folder)


@pytest.fixture(autouse=True)
def calls(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """How many rows and columns each step of the model had."""
    decoder = type(weights.model.get_base_model().model)  # what answers words is another of its kind
    kept, sizes = decoder.forward, list[tuple[int, int]]()

    def forward(*args: Any, **options: Any) -> Any:
        given = options.get("input_ids")
        sizes.append(tuple((options["inputs_embeds"] if given is None else given).shape[:2]))
        return kept(*args, **options)

    monkeypatch.setattr(decoder, "forward", forward)
    return sizes


def begun(engine: Engine, asked: Sequence[Question]) -> list[Row]:
    """Answers that are begun in the same moment."""
    rows = [engine.prepare(each) for each in asked]
    engine._start()
    engine._queue.put_back(rows)
    return rows


def together(engine: Engine, asked: Sequence[Question]) -> list[tuple[str, End] | ValueError]:
    """The answers to questions that are asked in the same moment."""
    answers: list[tuple[str, End] | ValueError] = []
    for row in begun(engine, asked):
        try:
            answers.append(whole([*read(row, engine._weights.tokenizer)]))
        except ValueError as error:
            answers.append(error)
    return answers


Case = Callable[[Weights], list[Question]]
CASES: dict[str, Case] = {
    "words of several lengths": lambda w: [
        question(w, text, max_tokens=16) for text in ("A", "What is in this picture?", "hello " * 30)
    ],
    "words with images": lambda w: [
        question(w, "And this?", max_tokens=12),
        question(w, "What is it?", [png()], max_tokens=12),
        question(w, "Both?", [png(64, 200, seed=2), png(seed=3)], max_tokens=9),
        question(w, "All?", [png(), wav()], max_tokens=12),
    ],
    "words with audio": lambda w: [
        question(w, "And this?", max_tokens=12),
        question(w, "What is it?", [wav(0.4)], max_tokens=12),
        question(w, "Both?", [wav(3.0), wav(1.0, pitch=200)], max_tokens=12),
    ],
    "seeds and options": lambda w: [
        question(w, "A", max_tokens=16, temperature=1.5, seed=1),
        question(w, "A", max_tokens=16, temperature=1.5, seed=2),
        question(w, "B c", max_tokens=16, temperature=0.7, seed=1, top_p=0.8),
        question(w, "B c d e", max_tokens=16, temperature=2.0, seed=5, top_k=7, repetition_penalty=1.3),
        question(w, "Greedy.", max_tokens=16),
        question(w, "Greedy.", max_tokens=16, repetition_penalty=1.9),
    ],
    "stops and lengths": lambda w: [
        question(w, "A", max_tokens=3),
        question(w, "A", max_tokens=20, stop=[text_of(w, plain(w, question(w, "A", max_tokens=6)))[-2:]]),
        question(w, "B", max_tokens=1),
        question(w, "C", max_tokens=20),
    ],
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_rows_are_what_they_are_alone(weights: Weights, calls: list[tuple[int, int]], case: Case) -> None:
    """Whatever stands beside them, in text, counts and end; and they really were one batch."""
    asked = case(weights)
    engine = Engine(weights, at_once=8)
    alone = [whole([*engine.answer(each)]) for each in asked]
    calls.clear()

    answers = together(engine, asked)

    assert answers == alone
    assert max(rows for rows, _ in calls) == len(asked)
    engine.close()


def test_images_and_audio_alone_take_turns(weights: Weights, calls: list[tuple[int, int]]) -> None:
    """One batch cannot have both."""
    asked = [question(weights, "What?", [file], max_tokens=8) for file in (png(), wav(), png(), wav())]
    engine = Engine(weights)
    alone = [whole([*engine.answer(each)]) for each in asked]
    calls.clear()

    assert together(engine, asked) == alone
    assert max(rows for rows, _ in calls) == 2
    engine.close()


def test_one_leaves_and_the_others_go_on(weights: Weights) -> None:
    """As if it had never been there."""
    engine = Engine(endless(weights))
    asked = [question(weights, text, max_tokens=60) for text in ("A", "B and C", "D")]
    alone = [whole([*engine.answer(each)]) for each in asked]
    stays, leaves, stays_too = begun(engine, asked)

    while len(leaves.tokens) < 5:
        time.sleep(0.01)
    leaves.has_left = True
    others = [whole([*read(row, weights.tokenizer)]) for row in (stays, stays_too)]

    assert others == [alone[0], alone[2]]
    assert len(leaves.tokens) < 60
    engine.close()


def test_without_memory_for_all_each_goes_on_alone(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, calls: list[tuple[int, int]]
) -> None:
    """Where it was: what was answered is not answered again."""
    import torch  # noqa: PLC0415  not everywhere

    engine = Engine(endless(weights))
    asked = [question(weights, text, max_tokens=12, temperature=1.0, seed=3) for text in ("A", "B", "C")]
    alone = [whole([*engine.answer(each)]) for each in asked]
    break_batches(weights, monkeypatch, torch.OutOfMemoryError("CUDA out of memory"), after=5)
    calls.clear()

    assert together(engine, asked) == alone
    assert [rows for rows, _ in calls].count(3) == 5
    engine.close()


def test_one_that_fails_fails_alone(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others of its batch are answered."""
    engine = Engine(weights)
    asked = [question(weights, "A", max_tokens=9), question(weights, "B", [png()], max_tokens=9)]
    alone = whole([*engine.answer(asked[0])])
    vision = weights.model.get_base_model().model.embed_tokens_extend.image_embed

    def forward(*_args: Any, **_options: Any) -> Any:
        raise IndexError

    monkeypatch.setattr(vision, "forward", forward)
    good, bad = together(engine, asked)

    assert good == alone
    assert isinstance(bad, ModelFailed)
    engine.close()


def test_who_comes_later_joins(weights: Weights, calls: list[tuple[int, int]]) -> None:
    """They do not wait until all others are done; and all answers are what they would be alone."""
    engine = Engine(endless(weights))
    early = question(weights, "Early?", max_tokens=450, temperature=1.0, seed=3)
    late = question(weights, "Late?", [png()], max_tokens=20)
    alone = whole([*engine.answer(early)]), whole([*engine.answer(late)])
    calls.clear()
    answers: list[Any] = []
    reader = threading.Thread(target=lambda: answers.append(whole([*engine.answer(early)])))
    reader.start()
    time.sleep(0.2)

    answers.append(whole([*engine.answer(late)]))
    assert reader.is_alive()
    reader.join(60)

    assert answers == [alone[1], alone[0]]
    assert max(rows for rows, _ in calls) == 2
    engine.close()


def break_batches(weights: Weights, monkeypatch: pytest.MonkeyPatch, error: Exception, *, after: int) -> None:
    """Lets steps of several rows fail, after some that did not."""
    decoder = type(weights.model.get_base_model().model)  # what answers words is another of its kind
    kept, count = decoder.forward, [0]

    def forward(*args: Any, **options: Any) -> Any:
        given = options.get("input_ids")
        if len(options["inputs_embeds"] if given is None else given) > 1:
            count[0] += 1
            if count[0] > after:
                raise error
        return kept(*args, **options)

    monkeypatch.setattr(decoder, "forward", forward)
