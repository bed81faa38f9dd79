"""A whole Space in front of an engine: both contracts, leaving, errors, and the key, which is nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import media
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from servers import ROOT
from upstream import Play, Upstream, answer, delta, refusal, running_upstream

from phi4_server.__main__ import main
from phi4_space import Phi4Error, SpaceClient

pytestmark = pytest.mark.loopback
KEY = "sk-sentinel-4f1d9c2b7a6e"


@dataclass
class Space:
    """A running Space: its URL, the engine behind it, and, once it has ended, what it printed."""

    url: str
    engine: Upstream
    printed: str = ""


@contextmanager
def running(*options: str) -> Iterator[Space]:
    """A Space in front of a playing engine, whose key is in the environment."""
    with running_upstream(answer("Hello", " there.")) as engine:
        command = [
            sys.executable,
            "-m",
            "phi4_server",
            "--upstream",
            engine.url,
            "--port",
            "0",
            "--with-parent",
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "ENGINE_KEY": KEY}
        with subprocess.Popen(  # noqa: S603  our own program
            [*command, "--upstream-key-env", "ENGINE_KEY", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        ) as process:
            assert process.stdout is not None
            ready = process.stdout.readline()
            space = Space(ready.split()[-1], engine, ready)
            yield space
            process.terminate()
            space.printed += process.stdout.read()


@pytest.fixture(scope="module")
def kept() -> Iterator[Space]:
    """One for the tests that do not end it."""
    with running() as space:
        yield space


@pytest.fixture
def space(kept: Space) -> Space:
    """The same, its engine as at the start."""
    kept.engine.plays[:] = [answer("Hello", " there.")]
    kept.engine.asked.clear()
    kept.engine.left.clear()
    return kept


def test_a_turn_of_the_public_contract(space: Space) -> None:
    """Our client's conversation reaches the engine with its roles."""
    with SpaceClient(space.url) as client:
        chat = client.conversation()
        assert chat.reply("Hi.").text == "Hello there."
        assert chat.reply("And now?").text == "Hello there."

    assert space.engine.asked[-1].body["messages"] == [
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": "Hello there."},
        {"role": "user", "content": "And now?"},
    ]


def test_a_chat_completion(space: Space, tmp_path: Path) -> None:
    """Roles, options, a schema and files reach the engine; its counts come back."""
    cat = tmp_path / "cat.png"
    cat.write_bytes(media.square(9, 9, 9))
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image", "file": 0}]
    body = {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": parts}],
        "response_format": {"type": "json_object"},
        "temperature": 0.5,
        "max_tokens": 9,
        "stop": ["END"],
    }

    text, summary = Client(space.url, verbose=False).predict(
        body, [handle_file(cat)], api_name="/chat_completion"
    )

    assert text == "Hello there."
    assert summary["usage"] == {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    assert summary["model"] == "phi-4-mm"
    asked = space.engine.asked[-1].body
    assert (asked["temperature"], asked["max_tokens"], asked["stop"]) == (0.5, 9, ["END"])
    assert asked["response_format"] == {"type": "json_object"}
    assert [message["role"] for message in asked["messages"]] == ["system", "user"]
    assert [part["type"] for part in asked["messages"][1]["content"]] == ["text", "image_url"]


@pytest.mark.parametrize(("choice", "is_enforced"), [("auto", False), ("required", False), ("none", True)])
def test_a_schema_does_not_forbid_calls(space: Space, choice: str, *, is_enforced: bool) -> None:
    """Where a tool may be called, an engine that enforced the schema of the answer would forbid it."""
    body = {
        "messages": [{"role": "user", "content": "What time is it?"}],
        "tools": [{"type": "function", "function": {"name": "clock"}}],
        "tool_choice": choice,
        "response_format": {"type": "json_object"},
    }

    Client(space.url, verbose=False).predict(body, None, api_name="/chat_completion")

    asked = space.engine.asked[-1].body
    assert ("response_format" in asked) is is_enforced
    assert "tools" not in asked
    assert '<|tool|>[{"name": "clock"' in asked["messages"][0]["content"]


def test_leaving_closes_the_engines_stream(space: Space) -> None:
    """A user who leaves in the midst of an answer frees the engine, over either contract."""
    space.engine.plays[:] = [Play([delta("Once upon a time")], then="silence")]
    with SpaceClient(space.url) as client:
        for event in client.stream("Tell me a story."):
            if "Once" in str(event):
                break
        assert space.engine.left.wait(20)

    space.engine.left.clear()
    job = Client(space.url, verbose=False).submit(
        {"messages": [{"role": "user", "content": "Hi."}]}, None, api_name="/chat_completion"
    )
    next(iter(job))
    job.cancel()
    assert space.engine.left.wait(20)


@pytest.mark.parametrize(
    ("play", "title", "text"),
    [
        (refusal(429, {"error": {"message": "later"}}, Retry_After="99"), "Model busy", "too much to do"),
        (refusal(401, {"error": {"message": KEY}}), "Model failed", "refused the key"),
        (refusal(400, {"error": {"message": "no"}}), "Error", "refused the request"),
    ],
)
def test_failures_reach_the_user_by_name(space: Space, play: Play, title: str, text: str) -> None:
    """Over both contracts; a program tells by the title whether to come again."""
    space.engine.plays[:] = [play]

    with SpaceClient(space.url, max_retries=0) as client, pytest.raises(Phi4Error, match=text):
        client.reply("Hi.")
    with pytest.raises(AppError, match=text) as caught:
        Client(space.url, verbose=False).predict(
            {"messages": [{"role": "user", "content": "Hi."}]}, None, api_name="/chat_completion"
        )

    assert caught.value.title == title


def test_the_page_says_who_answers(space: Space) -> None:
    """It names the model and the engine's host; what the program prints names them, too."""
    page = httpx.get(f"{space.url}/config", trust_env=False).text

    assert f"phi-4, run by an engine at {space.engine.url.split('/')[2]}" in page
    assert space.printed.startswith("phi-4 at 127.0.0.1:")


def test_the_key_is_nowhere() -> None:
    """The page, its config, errors and what the program prints hold no part of it, though the engine does."""
    with running("--show-error") as space:
        texts = [httpx.get(space.url + path, trust_env=False).text for path in ("/", "/config", "/info")]
        for play in (
            refusal(500, {"error": {"message": f"Bearer {KEY}"}}),
            refusal(400, KEY),
            Play([f"data: {KEY}\n\n".encode()]),
        ):
            space.engine.plays[:] = [play]
            with SpaceClient(space.url, max_retries=0) as client, pytest.raises(Phi4Error) as caught:
                client.reply("Hi.")
            texts += [repr(caught.value), str(caught.value)]
        assert space.engine.asked[-1].headers["authorization"] == f"Bearer {KEY}"

    shown = "".join([*texts, space.printed])
    assert not any(KEY[at : at + 8] in shown for at in range(len(KEY) - 7))


@pytest.mark.parametrize(
    ("models", "text"),
    [
        ((), "With --upstream-model, the Space starts without it."),
        (("a", "b"), "has these models: 'a', 'b'."),
    ],
)
def test_a_space_without_a_models_name_does_not_start(models: tuple[str, ...], text: str) -> None:
    """The program ends with 1, and says what to do."""
    with running_upstream(answer("."), models=models) as engine:
        command = [sys.executable, "-m", "phi4_server", "--upstream", engine.url, "--port", "0"]
        done = subprocess.run(  # noqa: S603  our own program
            command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
        )

    assert done.returncode == 1
    assert text in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "others", [["--script", "s.json"], ["--model", "offline"], ["--upstream-adapters", "vision"]]
)
def test_options_that_do_not_go_together(capsys: pytest.CaptureFixture[str], others: list[str]) -> None:
    """The program ends with 2, and says which."""
    with pytest.raises(SystemExit) as caught:
        main(["--upstream", "http://127.0.0.1:1", *others])

    assert caught.value.code == 2
    assert "--upstream" in capsys.readouterr().err
