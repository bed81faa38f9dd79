"""A whole Space in front of the tiny model: both contracts, our client, and both frameworks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny_answers
from servers import ROOT
from tiny_answers import png, question, text_of, wav

from phi4_server.embedded import running_space
from phi4_server.weights.loaded import Weights
from phi4_space import Media, SpaceClient

pytestmark = pytest.mark.loopback
ENDPOINTS = ["process_message", "chat_completion"]


@pytest.fixture(scope="module")
def url(native_folder: Path) -> Iterator[str]:
    """The Space."""
    program = str(ROOT / "tests" / "spaces" / "tiny_weights.py")
    with running_space([sys.executable, program, str(native_folder)]) as url:
        yield url


@pytest.fixture(scope="module")
def weights(native_folder: Path) -> Weights:
    """The same model, here."""
    return tiny_answers.loaded(native_folder)


@pytest.fixture(params=ENDPOINTS)
def client(url: str, request: pytest.FixtureRequest) -> Iterator[SpaceClient]:
    """A client over each of both contracts."""
    with SpaceClient(url, endpoint=request.param, max_retries=0) as client:
        yield client


@pytest.fixture
def chat(url: str) -> Iterator[SpaceClient]:
    """A client over the contract that has options."""
    with SpaceClient(url, endpoint="chat_completion", max_retries=0) as client:
        yield client


@pytest.fixture
def media(tmp_path: Path) -> dict[str, list[Media]]:
    """Files, by what they are."""
    image, audio = tmp_path / "cat.png", tmp_path / "beep.wav"
    image.write_bytes(png().data)
    audio.write_bytes(wav().data)
    both = [Media(image), Media(audio)]
    return {"words": [], "image": both[:1], "audio": both[1:], "both": both}


@pytest.mark.parametrize("kind", ["words", "image", "audio", "both"])
def test_it_answers(client: SpaceClient, weights: Weights, media: dict[str, list[Media]], kind: str) -> None:
    """Words, an image, audio, and both: what plain `generate` answers, over either contract."""
    files = {"words": [], "image": [png()], "audio": [wav()], "both": [png(), wav()]}[kind]
    expected = text_of(weights, tiny_answers.plain(weights, question(weights, "What is it?", files)))

    assert client.reply("What is it?", media=media[kind]).text == expected.strip()


def test_it_counts(chat: SpaceClient, weights: Weights) -> None:
    """Tokens of the prompt and of the answer."""
    asked = question(weights, "What is it?", max_tokens=9)

    reply = chat.reply("What is it?", max_tokens=9)

    assert reply.usage is not None
    assert reply.usage.input_tokens == len(asked.prompt.ids)
    assert reply.usage.output_tokens == len(tiny_answers.plain(weights, asked))
