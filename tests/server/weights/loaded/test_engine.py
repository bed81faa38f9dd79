"""One answer at a time: what plain `model.generate` answers, in pieces, and how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import tiny_answers
from tiny_answers import endless, plain, png, question, text_of, wav, whole

from phi4_server.media.normal_form import NormalFile
from phi4_server.model import ModelBusy, ModelFailed
from phi4_server.weights.generation import batch, pixels
from phi4_server.weights.generation.engine import Engine
from phi4_server.weights.generation.loaded import Weights
from phi4_server.weights.generation.question import Question

FILES: dict[str, Sequence[NormalFile]] = {
    "words": [],
    "an image": [png()],
    "two images": [png(), png(64, 600, seed=1)],
    "audio": [wav()],
    "two audios": [wav(1.0), wav(2.5, pitch=300)],
    "an image and audio": [png(), wav()],
}


@pytest.fixture(scope="module")
def weights(native_folder: Path) -> Weights:
    """The tiny model."""
    return tiny_answers.loaded(native_folder)


@pytest.fixture
def engine(weights: Weights) -> Iterator[Engine]:
    """An engine of its own."""
    engine = Engine(weights)
    yield engine
    engine.close()


@pytest.fixture
def endless_engine(weights: Weights) -> Iterator[Engine]:
    """One whose answers are as long as they may be."""
    engine = Engine(endless(weights))
    yield engine
    engine.close()


def long(weights: Weights, *, max_tokens: int = 3000) -> Question:
    """A question whose answer goes on for some seconds."""
    return question(weights, "A B", seed=1, temperature=3.0, max_tokens=max_tokens)


@pytest.mark.parametrize("files", FILES.values(), ids=FILES)
def test_it_answers_what_generate_does(weights: Weights, engine: Engine, files: Sequence[NormalFile]) -> None:
    """Token by token, with the adapter that the files need; the counts are exact."""
    asked = question(weights, "What is this?", files, max_tokens=24)
    expected = plain(weights, asked)

    text, end = whole([*engine.answer(asked)])

    assert text == text_of(weights, expected)
    assert end.usage is not None
    assert (end.usage.input_tokens, end.usage.output_tokens) == (len(asked.prompt.ids), len(expected))
    assert end.finish_reason == ("stop" if expected[-1] in weights.ends else "length")


def test_it_comes_in_pieces(weights: Weights, endless_engine: Engine) -> None:
    """As it is made, and not only at its end."""
    pieces = endless_engine.answer(long(weights))

    texts = list(islice(filter(None, pieces), 3))
    pieces.close()

    assert all(isinstance(text, str) for text in texts), "the answer was there before three pieces were"


def test_stop_strings(weights: Weights, engine: Engine) -> None:
    """The answer ends before one, and is counted up to it, wherever tokens were cut."""
    asked = question(weights, max_tokens=24)
    tokens = plain(weights, asked)
    text = text_of(weights, tokens)
    stop = text[5:8]
    needed = next(n for n in range(1, 25) if stop in text_of(weights, tokens[:n]))

    answer, end = whole([*engine.answer(question(weights, max_tokens=24, stop=["never", stop]))])

    assert answer == text[: text.index(stop)]
    assert (end.finish_reason, end.stopped_by) == ("stop", stop)
    assert end.usage is not None
    assert end.usage.output_tokens == needed


def test_a_seed_gives_the_same_answer_again(weights: Weights, engine: Engine) -> None:
    """Another gives another; without one, each is another."""

    def answer(seed: int | None = None) -> str:
        asked = question(weights, max_tokens=20, temperature=2.0)
        asked = replace(asked, sampling=replace(asked.sampling, seed=seed))
        return whole([*engine.answer(asked)])[0]

    assert answer(7) == answer(7) != answer(8)
    assert answer() != answer()


def test_a_temperature_of_zero_takes_the_likeliest(weights: Weights, engine: Engine) -> None:
    """With a seed, and whatever else is set."""
    asked = question(weights, max_tokens=20, temperature=0, top_p=0.5, seed=4)

    expected = text_of(weights, plain(weights, asked))

    assert whole([*engine.answer(asked)])[0] == expected


def test_a_repetition_penalty(weights: Weights, engine: Engine) -> None:
    """Is what transformers makes of it."""
    asked = question(weights, max_tokens=20, repetition_penalty=1.8)
    expected = plain(weights, asked, repetition_penalty=1.8)

    assert expected != plain(weights, asked)
    assert whole([*engine.answer(asked)])[0] == text_of(weights, expected)


def test_an_answer_is_as_long_as_it_may_be(weights: Weights, endless_engine: Engine) -> None:
    """It says so."""
    text, end = whole([*endless_engine.answer(long(weights, max_tokens=1))])

    assert end.finish_reason == "length"
    assert end.usage is not None
    assert end.usage.output_tokens == 1
    assert len(text) <= len("<|tool_response|>")


def test_leaving_ends_it_within_a_token(
    weights: Weights, endless_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model computes at most one more."""
    steps = count_steps(weights, monkeypatch)
    pieces = endless_engine.answer(long(weights))
    while not next(pieces):
        pass
    pieces.close()
    left = steps()
    wait_until_idle(endless_engine)

    assert steps() - left <= 2
    assert whole([*endless_engine.answer(question(weights, max_tokens=2))])[1].usage is not None


def test_leaving_while_waiting(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model never sees it."""
    engine = Engine(endless(weights), at_once=1)
    first = engine.answer(long(weights))
    while not next(first):
        pass
    second = engine.answer(question(weights, "Me, too."))
    assert next(second) == ""
    second.close()
    first.close()
    wait_until_idle(engine)
    steps = count_steps(weights, monkeypatch)
    time.sleep(0.1)

    assert steps() == 0
    engine.close()


def test_somebody_who_waits_gets_a_pulse(weights: Weights) -> None:
    """Twice a second at least, so that leaving is noticed."""
    engine = Engine(endless(weights), at_once=1)
    first = engine.answer(long(weights))
    while not next(first):
        pass
    second = engine.answer(question(weights, "Me, too.", max_tokens=2))
    began = time.monotonic()

    assert [next(second), next(second)] == ["", ""]
    assert time.monotonic() - began < 5
    first.close()
    assert whole([*second])[1].finish_reason == "length"
    engine.close()


def test_what_fails_ends_with_an_error(
    weights: Weights,
    endless_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its kind alone is told; the log has the rest. The next one is answered."""
    fail_at(weights, monkeypatch, KeyError("secret"), step=3)
    with pytest.raises(ModelFailed, match="KeyError") as caught:
        whole([*endless_engine.answer(long(weights))])

    assert "secret" not in str(caught.value)
    assert "the model failed" in caplog.text
    assert whole([*endless_engine.answer(question(weights, max_tokens=2))])[1].finish_reason == "length"


@pytest.mark.parametrize(
    "text", ["CUDA out of memory. Tried to allocate 2 GiB", "DefaultCPUAllocator: can't allocate memory: you"]
)
def test_out_of_memory(weights: Weights, engine: Engine, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """An error with the numbers, and what to do; the next one is answered."""
    import torch  # noqa: PLC0415  not everywhere

    asked = question(weights, "Which?", [png(448, 448)], max_tokens=9)
    error = torch.OutOfMemoryError(text) if "CUDA" in text else RuntimeError(text)
    fail_at(weights, monkeypatch, error, step=3)

    with pytest.raises(ValueError, match="ran out of memory") as caught:
        whole([*engine.answer(asked)])

    assert f"{len(asked.prompt.ids)} tokens (1.png 545), and 2 of the answer" in str(caught.value)
    assert "--max-image-side" in str(caught.value)
    assert whole([*engine.answer(question(weights, max_tokens=2))])[1].finish_reason == "length"


def test_closing_ends_all_of_them(weights: Weights) -> None:
    """Nobody waits for ever: neither who is being answered, nor who waits, nor who comes later."""
    engine = Engine(endless(weights), at_once=1)
    problems = []

    def read() -> None:
        try:
            whole([*engine.answer(long(weights))])
        except ModelBusy as busy:
            problems.append(busy)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    engine.close()
    for thread in threads:
        thread.join(5)

    assert len(problems) == 3
    with pytest.raises(ModelBusy):
        next(engine.answer(long(weights)))


def test_nobody_waits_for_a_worker_that_is_gone(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ended it."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    engine = Engine(endless(weights))
    fail_at(weights, monkeypatch, SystemExit(), step=2)

    for _ in range(2):
        with pytest.raises(ModelFailed, match="stopped working: SystemExit"):
            whole([*engine.answer(long(weights))])


def test_a_gpu_that_is_lost(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some errors all calls fail: then the server's owner hears of it, and so does whoever asks."""
    import torch  # noqa: PLC0415  not everywhere

    def fail() -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", fail)
    failures: list[ModelFailed] = []
    engine = Engine(endless(weights), on_failure=failures.append)
    fail_at(weights, monkeypatch, RuntimeError("CUDA error: device-side assert triggered"), step=2)

    for _ in range(2):
        with pytest.raises(ModelFailed, match=r"The GPU failed, .* start the server again"):
            whole([*engine.answer(long(weights))])
    assert [str(failure)[:14] for failure in failures] == ["The GPU failed"]


def test_files_become_tensors_when_their_turn_comes(
    weights: Weights, endless_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chat that waits holds its PNGs alone, and of one that was left no more images are read."""
    read: list[bytes] = []
    row = endless_engine.prepare(question(weights, "Which?", [png(), png(seed=1), png(seed=2)]))
    kept = pixels.to_pixels

    def to_pixels(pngs: Iterator[bytes], *rest: Any) -> Any:
        def leave() -> Iterator[bytes]:
            for each in pngs:
                read.append(each)
                row.has_left = True
                yield each

        return kept(leave(), *rest)

    monkeypatch.setattr(batch, "to_pixels", to_pixels)
    assert read == []
    batch.embed(row, weights)

    assert len(read) == 1
    assert row.embedded is None


def decoder_of(weights: Weights) -> Any:
    """What each step calls."""
    return weights.model.get_base_model().model


def count_steps(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that tells how many steps there were since."""
    decoder = type(decoder_of(weights))  # what answers words is another of its kind
    kept, count = decoder.forward, [0]

    def forward(*args: Any, **options: Any) -> Any:
        count[0] += 1
        return kept(*args, **options)

    monkeypatch.setattr(decoder, "forward", forward)
    return lambda: count[0]


def fail_at(weights: Weights, monkeypatch: pytest.MonkeyPatch, error: BaseException, *, step: int) -> None:
    """Lets one step fail, counted from 1."""
    decoder = type(decoder_of(weights))  # what answers words is another of its kind
    kept, count = decoder.forward, [0]

    def forward(*args: Any, **options: Any) -> Any:
        count[0] += 1
        if count[0] == step:
            raise error
        return kept(*args, **options)

    monkeypatch.setattr(decoder, "forward", forward)


def wait_until_idle(engine: Engine) -> None:
    """Waits until an answer after all others has begun, which means that they are over."""
    weights = engine._weights
    whole([*engine.answer(question(weights, "Idle?", max_tokens=1))])
