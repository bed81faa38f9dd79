"""A whole Space in front of the tiny model: both contracts, our client, and both frameworks."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tiny_answers
from langchain_core.messages import HumanMessage
from llama_index.core.llms import ChatMessage
from tiny_answers import png, question, text_of, wav, whole

from langchain_phi4 import ChatPhi4
from llama_index_phi4 import Phi4
from phi4_server.embedded import embedded_space
from phi4_server.media.normal_form import NormalFile
from phi4_server.weights.generation.engine import Engine
from phi4_server.weights.generation.loaded import Weights
from phi4_space import Delta, Media, Phi4Error, SpaceClient

pytestmark = pytest.mark.loopback
ENDPOINTS = ["process_message", "chat_completion"]


@pytest.fixture(scope="module")
def url(native_folder: Path) -> Iterator[str]:
    """The Space."""
    with embedded_space(model=str(native_folder), options=["--device", "cpu"], timeout=110) as url:
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
    text, expected = short(weights, files)

    assert client.reply(text, media=media[kind]).text == expected


def short(weights: Weights, files: Sequence[NormalFile] = ()) -> tuple[str, str]:
    """A question whose answer ends by itself before long, and that answer, which was made here.

    Plain `generate` cannot be asked: it fails when the model itself writes an image's token.
    """
    engine = Engine(weights)
    for text in ("What is it?", "Where?", "Who?", "Why not?", "Name it."):
        answer, end = whole([*engine.answer(question(weights, text, files, max_tokens=300))])
        if end.finish_reason == "stop":
            break
    engine.close()
    return text, answer


def test_it_counts(chat: SpaceClient, weights: Weights) -> None:
    """Tokens of the prompt and of the answer."""
    asked = question(weights, "What is it?", max_tokens=9)

    reply = chat.reply("What is it?", max_tokens=9)

    assert reply.usage is not None
    assert reply.usage.input_tokens == len(asked.prompt.ids)
    assert reply.usage.output_tokens == len(tiny_answers.plain(weights, asked))


def test_it_streams(client: SpaceClient, weights: Weights) -> None:
    """In pieces that are the answer together."""
    text, expected = short(weights)

    texts = [event.text for event in client.stream(text) if isinstance(event, Delta)]

    assert "".join(texts) == expected


def test_several_at_once(url: str, weights: Weights) -> None:
    """Each gets its own answer."""
    texts = [f"Number {number}?" for number in range(4)]
    with SpaceClient(url, max_retries=0) as client, ThreadPoolExecutor(4) as threads:
        replies = [*threads.map(lambda text: client.reply(text, max_tokens=12).text, texts)]

    assert replies == [
        text_of(weights, tiny_answers.plain(weights, question(weights, text, max_tokens=12)))
        for text in texts
    ]


def test_a_stop_string(chat: SpaceClient, weights: Weights) -> None:
    """Ends the answer before it, and the counts are there all the same."""
    tokens = tiny_answers.plain(weights, question(weights, "Where?", max_tokens=20))
    stop = text_of(weights, tokens)[6:8]

    reply = chat.reply("Where?", max_tokens=20, stop=[stop])

    assert reply.text == text_of(weights, tokens).partition(stop)[0]
    assert reply.usage is not None
    assert reply.usage.output_tokens < 20


def test_a_seed(chat: SpaceClient) -> None:
    """The same gives the same answer."""

    def answer(seed: int) -> str:
        return chat.reply("Dream.", max_tokens=12, temperature=1.5, seed=seed).text

    assert answer(1) == answer(1) != answer(2)


def test_leaving_frees_the_model(
    client: SpaceClient, weights: Weights, media: dict[str, list[Media]]
) -> None:
    """The next one is answered, and does not wait for what was left."""
    for event in client.stream("A", media=media["audio"]):
        if isinstance(event, Delta):
            break
    text, expected = short(weights)

    assert client.reply(text).text == expected


def test_an_option_out_of_its_bounds(chat: SpaceClient) -> None:
    """The user sees which."""
    with pytest.raises(Phi4Error, match="repetition_penalty must be at least"):
        chat.reply("Hi.", repetition_penalty=1000.0)


def test_langchain(url: str, weights: Weights) -> None:
    """ChatPhi4 answers, about an image, too, and has the counts."""
    image = {"type": "image", "base64": b64encode(png().data).decode(), "mime_type": "image/png"}
    message = HumanMessage([image, {"type": "text", "text": "What is it?"}])
    asked = question(weights, "What is it?", [png()], max_tokens=12)

    answer = ChatPhi4(space=url, max_tokens=12).invoke([message])

    assert answer.text == text_of(weights, tiny_answers.plain(weights, asked))
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["input_tokens"] == len(asked.prompt.ids)


def test_llama_index(url: str, weights: Weights) -> None:
    """Phi4 answers."""
    asked = question(weights, "What is it?", max_tokens=12)

    answer = Phi4(space=url, max_tokens=12).chat([ChatMessage(role="user", content="What is it?")])

    assert answer.message.content == text_of(weights, tiny_answers.plain(weights, asked))
