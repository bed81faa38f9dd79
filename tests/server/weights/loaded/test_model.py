"""The model as the Space takes it: loaded in the background, asked with files, left at any time."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_answers
from tiny_answers import png, question, wav, whole

from phi4_server.media import normal_form
from phi4_server.media.scope import CURRENT
from phi4_server.model import ChatRequest, Message, ModelBusy, ModelFailed, Progress
from phi4_server.weights.generation.engine import Engine
from phi4_server.weights.generation.loaded import Weights
from phi4_server.weights.load.settings import WeightsSettings
from phi4_server.weights.model import WeightsModel

HELLO = ChatRequest(messages=(Message(role="user", text="Hello?"),), options={"max_tokens": 5})


@pytest.fixture(scope="module")
def weights(native_folder: Path) -> Weights:
    """The tiny model."""
    return tiny_answers.loaded(native_folder)


@pytest.fixture(scope="module")
def model(weights: Weights) -> Iterator[WeightsModel]:
    """One that is ready."""
    model = WeightsModel.of(weights)
    yield model
    model.close()


def asked_about(*files: Path, **options: float) -> ChatRequest:
    """A question about files."""
    message = Message(role="user", text="What is this?", files=files)
    return ChatRequest(messages=(message,), options={"max_tokens": 8, **options})


def test_a_folder_answers(native_folder: Path) -> None:
    """It is loaded in the background; who asks meanwhile waits, and notices it."""
    reports: list[Progress] = []
    model = WeightsModel(WeightsSettings(model=str(native_folder)), report=reports.append)

    _, end = whole([*model.complete(HELLO)])

    assert end.usage is not None
    assert model.progress() is None
    assert model.name == "native"
    assert "native" in model.nature
    assert "native" in reports[0].text
    model.close()


def test_files_are_decoded_first(weights: Weights, model: WeightsModel, tmp_path: Path) -> None:
    """And answered as if they had come in their normal form."""
    image, audio = tmp_path / "cat.png", tmp_path / "beep.wav"
    image.write_bytes(png().data)
    audio.write_bytes(wav().data)

    answer = whole([*model.complete(asked_about(image, audio))])

    engine = Engine(weights)
    same = question(weights, "What is this?", [png(), wav()], max_tokens=8)
    assert answer == whole([*engine.answer(same)])
    engine.close()


def test_a_large_image_is_made_smaller(weights: Weights, tmp_path: Path) -> None:
    """As small as the server's option says."""
    from dataclasses import replace  # noqa: PLC0415  here alone

    image = tmp_path / "large.png"
    image.write_bytes(png(1500, 1500).data)
    small = WeightsModel.of(replace(weights, images=replace(weights.images, most_side=448)))

    _, end = whole([*small.complete(asked_about(image, max_tokens=1))])

    assert end.usage is not None
    assert end.usage.input_tokens == len(question(weights, "What is this?", [png(448, 448)]).prompt.ids)
    small.close()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"nothing", "note.png"),
        (png(1792, 8).data, "note.png cannot be taken: 1792 x 8 pixels are too narrow"),
        (wav(1.0, pitch=0).data, "note.png cannot be taken: it is silent"),
    ],
)
def test_a_file_that_cannot_be_taken(model: WeightsModel, tmp_path: Path, data: bytes, text: str) -> None:
    """Is named."""
    file = tmp_path / "note.png"
    file.write_bytes(data)

    with pytest.raises(ValueError, match=text):
        whole([*model.complete(asked_about(file))])


def test_an_option_out_of_its_bounds(model: WeightsModel) -> None:
    """Is named."""
    with pytest.raises(ValueError, match="top_p must be"):
        whole([*model.complete(ChatRequest(messages=HELLO.messages, options={"top_p": 3}))])


def test_leaving_while_files_are_decoded(
    model: WeightsModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gives the decoding up."""
    given_up = threading.Event()

    def normalize(_self: object, _path: Path) -> normal_form.NormalFile:
        scope = CURRENT.get()
        assert scope is not None
        while not scope.over:
            time.sleep(0.01)
        given_up.set()
        raise ValueError

    monkeypatch.setattr(normal_form.Normalizer, "normalize", normalize)
    pieces = model.complete(asked_about(tmp_path / "cat.png"))
    assert next(pieces) == ""
    pieces.close()

    assert given_up.wait(5)


def test_a_model_that_cannot_be_loaded() -> None:
    """Says why, to its owner and to whoever asks, also to those who waited."""
    failures: list[ModelFailed] = []
    gate = threading.Event()

    def load(*_: object) -> Any:
        gate.wait()
        raise ModelFailed("No disk.")

    model = WeightsModel(WeightsSettings(model="a/b"), load=load, on_failure=failures.append)
    assert model.progress() is not None
    pieces = model.complete(HELLO)
    assert next(pieces) == ""
    gate.set()

    for ask in (lambda: [*pieces], lambda: [*model.complete(HELLO)], model.progress):
        with pytest.raises(ModelFailed, match="No disk"):
            ask()
    assert [str(failure) for failure in failures] == ["No disk."]
    model.close()


def test_whatever_loading_raises_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    def load(*_: object) -> Any:
        raise KeyError("x")

    model = WeightsModel(WeightsSettings(model="a/b"), load=load)

    with pytest.raises(ModelFailed, match="cannot be loaded: KeyError"):
        whole([*model.complete(HELLO)])
    model.close()


def test_a_model_that_is_lost_later(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner hears of it, who ends the server, and whoever asks then learns why."""
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    failures: list[ModelFailed] = []
    model = WeightsModel(WeightsSettings(model="a/b"), load=lambda *_: weights, on_failure=failures.append)

    def lose(*_: object) -> None:
        raise ModelFailed("The GPU failed.")

    monkeypatch.setattr(Engine, "_run", lose)
    with pytest.raises(ModelFailed, match="The GPU failed"):
        whole([*model.complete(HELLO)])
    with pytest.raises(ModelFailed, match="The GPU failed"):
        model.progress()
    assert [str(failure) for failure in failures] == ["The GPU failed."]
    model.close()


def test_a_closed_model(weights: Weights) -> None:
    """Is asked in vain, with files and without."""
    model = WeightsModel.of(weights)
    model.close()

    for request in (HELLO, asked_about(Path("cat.png"))):
        with pytest.raises(ModelBusy):
            whole([*model.complete(request)])


def answer_there(weights: Weights, asked: bytes, into: Any) -> None:
    """Answers in a forked process."""
    import torch  # noqa: PLC0415  not everywhere

    torch.set_num_threads(1)
    into.send(whole([*Engine(weights).answer(pickle.loads(asked))]))  # noqa: S301  our own


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_answers(weights: Weights) -> None:
    """With the weights that were loaded before, as ZeroGPU does it; the question is plain data."""
    asked = question(weights, "What?", [png(), wav()], max_tokens=6, seed=1, temperature=1.0)
    here = Engine(weights)
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=answer_there, args=(weights, pickle.dumps(asked), theirs)
    )
    process.start()

    assert mine.poll(30)
    assert mine.recv() == whole([*here.answer(asked)])
    process.join(5)
    here.close()
