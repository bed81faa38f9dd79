"""What the model is asked, as plain values: all is counted before anything is computed."""

from __future__ import annotations

import pickle
import time
from pathlib import Path

import pytest
import tiny_answers
from tiny_answers import png, question, wav

from phi4_server.media.normal_form import NormalFile
from phi4_server.model import ChatRequest, Message
from phi4_server.weights.generation.audio import to_samples
from phi4_server.weights.generation.loaded import Weights
from phi4_server.weights.generation.question import to_question


@pytest.fixture(scope="module")
def weights(native_folder: Path) -> Weights:
    """The tiny model."""
    return tiny_answers.loaded(native_folder)


def test_files_are_as_many_tokens_as_they_have(weights: Weights) -> None:
    """Each where it stands, images and audio apart."""
    asked = question(weights, "Which?", [png(448, 448), wav(1.0), png(64, 64)])

    assert asked.prompt.ids.count(weights.image_token) == 545 + 545
    assert asked.prompt.ids.count(weights.audio_token) == 13
    assert [file.tokens for file in asked.prompt.images] == [545, 545]
    assert [file.tokens for file in asked.prompt.audio] == [13]
    assert weights.tokenizer.decode(asked.prompt.ids[-12:], skip_special_tokens=False).endswith(
        "Which?<|end|><|assistant|>"
    )


def test_a_file_named_twice_counts_twice(weights: Weights) -> None:
    """And is made ready once."""
    path = Path("a.wav")
    message = Message(role="user", files=(path, path), is_prompt=False)

    asked = to_question(ChatRequest(messages=(message,)), {path: wav(1.0)}, tiny_answers.form(weights))

    assert asked.prompt.ids.count(weights.audio_token) == 26
    assert asked.prompt.audio[0] is asked.prompt.audio[1]


def test_it_can_be_pickled(weights: Weights) -> None:
    """Another process may answer it."""
    asked = question(weights, "Which?", [png(), wav()], seed=3, temperature=0.5)

    assert pickle.loads(pickle.dumps(asked)) == asked  # noqa: S301  our own


def test_an_answer_may_have_what_is_left(weights: Weights) -> None:
    """As many tokens as were asked for, at most 4,096 by themselves, and never more than the context has."""
    assert question(weights, max_tokens=7).most == 7
    assert question(weights).most == 4096
    asked = question(weights, max_tokens=10**9)
    assert asked.most == weights.context - len(asked.prompt.ids)


def test_a_chat_that_is_too_long(weights: Weights) -> None:
    """Is refused with all of the numbers, and with what can be done."""
    form = tiny_answers.form(weights)
    cat, talk = Path("cat.png"), Path("talk.wav")
    message = Message(role="user", text="!" * 400, files=(cat, talk), is_prompt=False)
    small = type(form)(**{name: getattr(form, name) for name in form.__slots__} | {"context": 900})

    with pytest.raises(ValueError, match="tokens, and the model takes 900 together") as caught:
        to_question(ChatRequest(messages=(message,)), {cat: png(448, 448), talk: wav(2.0)}, small)

    assert str(caught.value) == (
        "This chat has 973 tokens, and the model takes 900 together with its answer: cat.png 545, talk.wav"
        " 25, the text 403. Send less text, or start a new chat. Images cost less where they are smaller: the"
        " server's --max-image-side sees to that. Audio costs 12.5 tokens a second: send a shorter part."
    )


def test_a_text_that_is_far_too_long(weights: Weights) -> None:
    """Is refused before all of it is read."""
    form = tiny_answers.form(weights)
    message = Message(role="user", text="<|end|>" * 100_000, is_prompt=False)
    small = type(form)(**{name: getattr(form, name) for name in form.__slots__} | {"context": 900})
    began = time.process_time()

    with pytest.raises(ValueError, match=r"has at least 9\d\d tokens.* the text at least 9\d\d\."):
        to_question(ChatRequest(messages=(message, message)), {}, small)

    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (png(2000, 8), "photo.x cannot be taken: 2000 x 8 pixels are too narrow for the model."),
        (wav(0.02), "photo.x cannot be taken: 20 ms are too short; the model needs 25 ms."),
        (wav(1.0, pitch=0.0), "photo.x cannot be taken: it is silent from beginning to end."),
    ],
)
def test_a_file_that_cannot_be_taken(weights: Weights, file: NormalFile, text: str) -> None:
    """Is refused by name."""
    path = Path("photo.x")
    message = Message(role="user", files=(path,), is_prompt=False)

    with pytest.raises(ValueError, match=r"photo\.x") as caught:
        to_question(ChatRequest(messages=(message,)), {path: file}, tiny_answers.form(weights))

    assert str(caught.value) == text


@pytest.mark.parametrize("seconds", [0.025, 0.0251, 0.11, 0.5, 1.0, 3.3, 41.0])
def test_audio_has_the_tokens_that_the_extractor_counts(weights: Weights, seconds: float) -> None:
    """Upstream's own count, of the features that it makes."""
    asked = question(weights, "", [wav(seconds)])
    samples = to_samples(asked.prompt.audio[0].data)

    features = weights.audio([samples], sampling_rate=16_000, return_tensors="pt")

    assert asked.prompt.audio[0].tokens == int(features["audio_embed_sizes"][0])
