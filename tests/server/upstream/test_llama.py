"""A real engine with a very small model: llama.cpp's server, SmolLM2-135M. `make test-model` runs this."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import media
import pytest
from gradio_client import Client
from servers import ROOT

from phi4_server import running_space
from phi4_server.model import ChatRequest, End, Message
from phi4_server.upstream.address import to_address
from phi4_server.upstream.model import UpstreamModel
from phi4_server.upstream.settings import UpstreamSettings
from phi4_space import SpaceClient

pytestmark = [pytest.mark.model, pytest.mark.loopback]
PYTHON = ROOT / ".venv-model" / "bin" / "python"
STORY = "Tell me a very long story about the sea."
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def engine() -> Iterator[str]:
    """Its base URL; two answers at a time."""
    command = [str(PYTHON), str(ROOT / "tests" / "support" / "llama.py"), "0"]
    with subprocess.Popen(  # noqa: S603  a program of ours
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.terminate()


@pytest.fixture(scope="module")
def model(engine: str) -> Iterator[UpstreamModel]:
    """The model behind it, by the name that it lists."""
    found = UpstreamModel(UpstreamSettings(address=to_address(engine)))
    yield found
    found.close()


def request(text: str, *, files: tuple[Path, ...] = (), **others: Any) -> ChatRequest:
    """One question, without chance."""
    options = {"temperature": 0.0, **others.pop("options", {})}
    return ChatRequest(messages=(Message(role="user", text=text, files=files),), options=options, **others)


def asked(model: UpstreamModel, about: ChatRequest) -> tuple[list[str], End]:
    """The pieces and the end of an answer."""
    *pieces, end = model.complete(about)
    assert isinstance(end, End)
    return [piece for piece in pieces if isinstance(piece, str) and piece], end


def busy_slots(engine: str) -> int:
    """How many answers it works on."""
    return sum(slot["is_processing"] for slot in httpx.get(f"{engine}/slots", trust_env=False).json())


def test_text_is_streamed_and_counted(model: UpstreamModel) -> None:
    """Tokens come one by one, and as many as it says."""
    pieces, end = asked(
        model, request("What is the capital of France, in one word?", options={"max_tokens": 40})
    )

    assert "Paris" in "".join(pieces)
    assert end.finish_reason == "stop"
    assert end.usage is not None
    assert abs(end.usage.output_tokens - len(pieces)) <= 2
    assert end.usage.input_tokens > 10
    assert end.model is not None
    assert end.model.startswith("SmolLM2-135M")


def test_roles_are_real(model: UpstreamModel) -> None:
    """Turns before the last are put into the model's own template: each costs the marks around it, too."""
    question = Message(role="user", text="What is 2 + 2?")
    before = (Message(role="user", text="Hi."), Message(role="assistant", text="Hi."))
    short, long = (
        asked(model, ChatRequest(messages=messages, options={"max_tokens": 1}))[1].usage
        for messages in ((question,), (*before, question))
    )

    assert short is not None
    assert long is not None
    assert long.input_tokens >= short.input_tokens + 10


def test_an_answer_is_cut_off(model: UpstreamModel) -> None:
    """max_tokens ends an answer, which says so."""
    pieces, end = asked(model, request(STORY, options={"max_tokens": 8}))

    assert len(pieces) <= 8
    assert end.finish_reason == "length"
    assert end.usage is not None
    assert end.usage.output_tokens == 8


def test_stop_strings_end_an_answer(model: UpstreamModel) -> None:
    """The engine stops there by itself, and counts what it made."""
    whole, _ = asked(model, request(STORY, options={"max_tokens": 30}))
    word = "".join(whole).split()[4]

    pieces, end = asked(model, request(STORY, options={"max_tokens": 30}, stop=(word,)))

    assert "".join(pieces) == "".join(whole).partition(word)[0]
    assert end.finish_reason == "stop"
    assert end.usage is not None


def test_a_schema_is_enforced(model: UpstreamModel) -> None:
    """The answer is JSON of this schema, whatever a model of this size would have written."""
    about = request("Ada is 36 years old. Write it as JSON.", options={"max_tokens": 60}, schema=PERSON)

    pieces, _ = asked(model, about)

    value = json.loads("".join(pieces))
    assert value.keys() == {"name", "age"}
    assert isinstance(value["age"], int)


def test_any_object_is_json(model: UpstreamModel) -> None:
    """The empty schema asks for any object."""
    pieces, end = asked(model, request("Write a JSON object.", options={"max_tokens": 200}, schema={}))

    assert "".join(pieces).lstrip().startswith("{")
    if end.finish_reason == "stop":
        assert isinstance(json.loads("".join(pieces)), dict)


def test_leaving_frees_the_engine(model: UpstreamModel, engine: str) -> None:
    """Whoever leaves in the midst of an answer frees the slot that it took."""
    with closing(model.complete(request(STORY, options={"max_tokens": 1500}))) as pieces:
        assert any(pieces)
        assert busy_slots(engine) == 1
    deadline = time.monotonic() + 10
    while busy_slots(engine):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_more_than_it_can_do_at_once(model: UpstreamModel) -> None:
    """Four at once, on two slots, are all answered, and alike."""
    answers: list[str] = []
    about = request("What is the capital of France, in one word?", options={"max_tokens": 12})
    threads = [
        threading.Thread(target=lambda: answers.append("".join(asked(model, about)[0]))) for _ in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 4
    assert all(answers)


def test_a_model_without_eyes_says_so(model: UpstreamModel, tmp_path: Path) -> None:
    """An image for a model of words is an error by name, and so is audio."""
    for name, data, kind in (("a.png", media.square(1, 2, 3), "image"), ("a.wav", media.tone(440), "audio")):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(ValueError, match=f"does not take these files: {kind} input is not supported"):
            asked(model, request("What is this?", files=(path,)))


def test_a_chat_too_long_says_so(model: UpstreamModel) -> None:
    """More than the context holds is an error by name."""
    with pytest.raises(
        ValueError, match=r"too long for the engine: request .* exceeds the available context"
    ):
        asked(model, request("sea " * 3000))


def test_through_a_space(engine: str) -> None:
    """Both contracts of a Space lead to it: our client's turn, and a chat completion with its summary."""
    command = [sys.executable, "-m", "phi4_server", "--upstream", engine]
    question = "What is the capital of France, in one word?"
    with running_space(command) as url:
        with SpaceClient(url) as space:
            text = space.reply(question).text
        body = {"messages": [{"role": "user", "content": question}], "temperature": 0, "max_tokens": 40}
        completed, summary = Client(url, verbose=False).predict(body, None, api_name="/chat_completion")

    assert text
    assert "Paris" in completed
    assert summary["finish_reason"] == "stop"
    assert summary["usage"]["completion_tokens"] > 3
    assert summary["model"].startswith("SmolLM2-135M")
