"""A third party vouches for the Space: Gradio's own client, used as public code uses it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from PIL import Image
from servers import Servers


@pytest.fixture
def client(servers: Servers, gradio_python: str) -> Iterator[Client]:
    """A client with a session of its own; it shall not fetch back the files that it has sent."""
    url = servers.url("answering", gradio_python)
    client = Client(url, download_files=False, verbose=False, analytics_enabled=False)
    yield client
    client.close()


@pytest.fixture
def red(tmp_path: Path) -> Path:
    Image.new("RGB", (64, 48), "red").save(tmp_path / "red.png")
    return tmp_path / "red.png"


def ask(client: Client, text: str, *files: Path) -> str:
    """The two calls that public code makes: file the turn, then ask for the answer to what came back."""
    message = {"text": text, "files": [handle_file(file) for file in files]}
    history, _box = client.predict(history=[], message=message, api_name="/process_message")
    answered = client.predict(history=history, api_name="/bot_response")
    return _text(answered[-1]["content"])


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(block["text"] for block in content)


def test_text_turn(client: Client) -> None:
    """A question without files is answered."""
    assert "offline" in ask(client, "Who are you?").lower()


def test_picture_turn(client: Client, red: Path) -> None:
    """A picture goes up with the question and reaches the model."""
    assert "red" in ask(client, "What is the main colour of this picture?", red).lower()


def test_two_turns(client: Client) -> None:
    """The second turn is answered from what the Space kept of the first."""
    ask(client, "My name is Ada.")
    assert "Ada" in ask(client, "What is my name?")


def test_streamed_turn(client: Client) -> None:
    """A job's outputs are growing histories, each answer the start of the next."""
    message = {"text": "Who are you?", "files": []}
    history, _box = client.predict(history=[], message=message, api_name="/process_message")
    job = client.submit(history=history, api_name="/bot_response")
    answers = [_text(shown[-1]["content"]) for shown in job]
    assert len(set(answers)) > 1
    assert all(later.startswith(earlier) for earlier, later in pairwise(answers))


def test_a_whole_chat(client: Client, red: Path) -> None:
    """All roles, a file and options go in one call; its text and its counts come back."""
    chat = {
        "messages": [
            {"role": "system", "content": "The user's name is Ada."},
            {"role": "user", "content": [{"type": "image", "file": 0}, {"type": "text", "text": "Look."}]},
            {"role": "assistant", "content": "Seen."},
            {"role": "user", "content": "What is the main colour of the picture?"},
        ],
        "max_tokens": 50,
    }

    text, summary = client.predict(chat, [handle_file(red)], api_name="/chat_completion")

    assert "red" in text.lower()
    assert summary["finish_reason"] == "stop"
    assert summary["usage"]["completion_tokens"] == len(text.split())


def test_a_whole_chat_that_grows(client: Client) -> None:
    """Each output is the start of the next, and the last has the summary."""
    job = client.submit({"prompt": "Who are you?"}, None, api_name="/chat_completion")
    *growing, (text, summary) = list[tuple[str, Any]](job)

    texts = [grown for grown, _ in growing]
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert len({*texts}) > 3
    assert text == texts[-1]
    assert summary["model"] == "offline model (tokens are words)"
