"""The app.py of a Space with weights: as a process of its own, and its generator in a forked one."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NamedTuple

import gradio as gr
import media
import pytest
from device_api import DeviceApi, running_device_api
from started import started

from phi4_server.deploy.folder import to_folder, write
from phi4_server.deploy.program import WeightsProgram
from phi4_server.model import ChatRequest, End, Message
from phi4_server.weights import zero_gpu
from phi4_server.weights.generation.loaded import Weights
from phi4_server.weights.generation.question import Question
from phi4_server.weights.model import Preparer
from phi4_server.weights.zero_gpu import ZeroGpuModel
from phi4_space import Delta, Media, QuotaExceeded, SpaceClient, SpaceError


class ZeroGpuSpace(NamedTuple):
    """A Space as on ZeroGPU, and what hands out its GPU."""

    url: str
    api: DeviceApi


FORK = multiprocessing.get_context("fork") if os.name == "posix" else None
posix = pytest.mark.skipif(FORK is None, reason="ZeroGPU forks")


@pytest.fixture(scope="module")
def weights(native_folder: Path) -> Weights:
    """The tiny model, loaded as an app.py does it."""
    return zero_gpu.load(str(native_folder))


def request(text: str = "What is it?", *files: Path, **options: float) -> ChatRequest:
    return ChatRequest(messages=(Message(role="user", text=text, files=files),), options=options)


def forked(weights: Weights) -> zero_gpu.Answer:
    """What `spaces.GPU` makes of a generator on ZeroGPU: each call runs in a process of its own."""
    assert FORK is not None

    def answer(question: Question) -> Iterator[str | End]:
        ours, theirs = FORK.Pipe()
        stop = FORK.Event()
        process = FORK.Process(target=_work, args=(weights, question, theirs, stop), daemon=True)
        process.start()
        try:
            while (piece := _received(ours)) is not None:
                if isinstance(piece, Exception):
                    raise piece
                assert isinstance(piece, str | End)
                yield piece
        except GeneratorExit:
            stop.set()
            raise
        finally:
            process.join(60)
            process.kill()
            assert process.exitcode == 0

    return answer


def _received(pipe: Connection) -> object:
    """The next piece; one comes at least every half second, unless the machine is very busy."""
    assert pipe.poll(60)
    return pipe.recv()


def _work(weights: Weights, question: Question, pipe: Connection, stop: Event) -> None:
    """In a thread of its own, as `spaces` does: OpenMP hangs in a forked thread that has used it before."""
    with ThreadPoolExecutor(1) as executor:
        executor.submit(_iterate, weights, question, pipe, stop)
    pipe.send(None)


def _iterate(weights: Weights, question: Question, pipe: Connection, stop: Event) -> None:
    pieces = zero_gpu.answer(weights, question)
    try:
        for piece in pieces:
            if stop.is_set():  # looked at after a yield, as `spaces` does
                pieces.close()
                break
            pipe.send(piece)
    except Exception as error:  # noqa: BLE001  all of them cross
        pipe.send(error if isinstance(error, gr.Error) else RuntimeError(type(error).__name__))


@posix
def test_an_answer_from_a_forked_process_is_the_same(weights: Weights) -> None:
    """Though the parent's engine has a thread already, which the fork does not have."""
    here = [
        *ZeroGpuModel(weights, lambda asked: zero_gpu.answer(weights, asked)).complete(request(max_tokens=8))
    ]
    there = [*ZeroGpuModel(weights, forked(weights)).complete(request(max_tokens=8))]

    assert "".join(piece for piece in here if isinstance(piece, str)) == "".join(
        piece for piece in there if isinstance(piece, str)
    )
    assert here[-1] == there[-1]
    assert isinstance(here[-1], End)
    assert here[-1].usage is not None
    assert here[-1].usage.output_tokens <= 8


@posix
def test_files_cross_as_bytes(weights: Weights, tmp_path: Path) -> None:
    """An image and audio, decoded before: the process with the GPU reads no file."""
    picture, sound = tmp_path / "a.png", tmp_path / "b.wav"
    picture.write_bytes(media.square(220, 40, 40))
    sound.write_bytes(media.tone(440))
    model = ZeroGpuModel(weights, forked(weights))
    pieces = [*model.complete(request("What is in it?", picture, sound, max_tokens=4))]
    model.close()

    assert isinstance(pieces[-1], End)
    assert pieces[-1].usage is not None
    assert pieces[-1].usage.input_tokens > 545


@posix
def test_who_leaves_is_noticed_in_the_fork(weights: Weights) -> None:
    """Between two pieces the work ends, and the process with it."""
    pieces = ZeroGpuModel(weights, forked(weights)).complete(request(max_tokens=3000))
    for _ in range(3):
        next(pieces)
    began = time.monotonic()
    pieces.close()

    assert time.monotonic() - began < 30  # all of it takes minutes


@posix
def test_errors_cross_as_gradios_own(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    """With text and title, whatever they were; a bug is none of the user's, and is said to the owner."""
    for error, title, text in (
        (ValueError("a.png is broken"), "Error", "a.png is broken"),
        (KeyError("boom"), "Model failed", "The model failed: KeyError"),
    ):

        def fail(_weights: Weights, error: Exception = error) -> object:
            raise error

        monkeypatch.setattr(zero_gpu, "_engine", fail)
        with pytest.raises(gr.Error) as caught:
            [*ZeroGpuModel(weights, forked(weights)).complete(request())]
        assert caught.value.title == title
        assert text in caught.value.message


def test_an_answer_that_takes_too_long_ends_as_one(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    """On ZeroGPU it would end as an error otherwise: it is cut, and says so."""
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setattr(zero_gpu, "duration", lambda _: zero_gpu._RESERVE_S)
    question = Preparer(weights).question(request(max_tokens=2000))
    *_, last = zero_gpu.answer(weights, question)

    assert last == End(finish_reason="length")


@pytest.mark.loopback
def test_the_folder_of_a_space_with_weights_runs(native_folder: Path, tmp_path: Path) -> None:
    """As on a Space with a processor or a GPU of its own: loaded at the top level, asked by our client."""
    folder = tmp_path / "space"
    files = {**to_folder(WeightsProgram("owner/phi4"), space="ada/phi4", hardware="zero-a10g")}
    files["app.py"] = files["app.py"].replace(b"'owner/phi4'", repr(str(native_folder)).encode())
    write(files, folder)
    with started(folder, patience=100) as url, SpaceClient(url, max_retries=0) as space:
        reply = space.reply("Who are you?", max_tokens=5)
        seen = space.reply("What is it?", media=[Media(media.square(220, 40, 40), "red.png")], max_tokens=5)

    assert reply.usage is not None
    assert reply.usage.output_tokens <= 5
    assert seen.usage is not None
    assert seen.usage.input_tokens > 545


@pytest.fixture(scope="module")
def zero_gpu_space(native_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZeroGpuSpace]:
    """The folder of a Space, run by the package `spaces` as on ZeroGPU; the GPU alone is a processor.

    That package finds no torch, so that it moves nothing to CUDA: schedules, forks and queues are its own.
    """
    folder = tmp_path_factory.mktemp("zero") / "space"
    files = {**to_folder(WeightsProgram("owner/phi4"), space="ada/phi4", hardware="zero-a10g")}
    app = files["app.py"].decode()
    app = app.replace("import spaces", "import sys; sys.modules['torch'] = None\nimport spaces")
    app = app.replace("from phi4_server.app", "del sys.modules['torch']\nfrom phi4_server.app")
    app = app.replace(
        "zero_gpu.load('owner/phi4')",
        f"zero_gpu.load({str(native_folder)!r}, device='cpu')",
    )
    write({**files, "app.py": app.encode()}, folder)
    with running_device_api() as api:
        own = {"SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": api.url}
        with started(folder, patience=100, **own) as url:
            yield ZeroGpuSpace(url, api)


def _wait_for_releases(api: DeviceApi) -> None:
    """Each GPU is given back, before its time is over."""
    deadline = time.monotonic() + 30
    while api.asked.count("/release") < api.asked.count("/schedule"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@posix
@pytest.mark.loopback
def test_zero_gpu_answers_by_our_client(zero_gpu_space: ZeroGpuSpace) -> None:
    """It was reported at its launch; a GPU is asked for by the chat and its options, and given back."""
    space, api = zero_gpu_space
    with SpaceClient(space, max_retries=0) as client:
        short = client.reply("Who are you?", max_tokens=5)
        picture = Media(media.square(220, 40, 40), "red.png")
        seen = client.reply("What is it?", media=[picture], max_tokens=5)
        with closing(client.stream("Who are you?")) as events:  # what is asked for it is enough
            next(event for event in events if isinstance(event, Delta))
        _wait_for_releases(api)

    assert "/startup-report" in api.asked
    assert api.durations[-3] <= api.durations[-2] < api.durations[-1]
    assert short.usage is not None
    assert short.usage.output_tokens <= 5
    assert seen.usage is not None
    assert seen.usage.input_tokens > 545


@posix
@pytest.mark.loopback
def test_zero_gpu_is_given_back_by_who_leaves(zero_gpu_space: ZeroGpuSpace) -> None:
    """The process with the GPU notices it, and answers the next one."""
    space, api = zero_gpu_space
    with SpaceClient(space, max_retries=0) as client:
        with closing(client.stream("Who are you?", max_tokens=2000)) as events:
            next(event for event in events if isinstance(event, Delta))
        _wait_for_releases(api)
        assert client.reply("Who are you?", max_tokens=3).usage is not None


@posix
@pytest.mark.loopback
def test_zero_gpus_errors_are_known_to_our_client(zero_gpu_space: ZeroGpuSpace) -> None:
    """A quota that is used up is one, and a file that is none keeps its own words."""
    space, api = zero_gpu_space
    with SpaceClient(space, max_retries=0) as client:
        with pytest.raises(SpaceError, match=r"broken\.png"):
            client.reply("What is it?", media=[Media(b"\x89PNG\r\n\x1a\nbroken", "broken.png")])
        api.left = 3
        try:
            with pytest.raises(QuotaExceeded):
                client.reply("Who are you?", max_tokens=5)
        finally:
            api.left = None
