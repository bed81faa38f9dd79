"""How long a GPU is asked for, and what of an answer fits into that; no model is asked."""

from __future__ import annotations

import pickle

import pytest

from phi4_server.weights import zero_gpu
from phi4_server.weights.generation.question import Media, Prompt, Question
from phi4_server.weights.zero_gpu import LONGEST_S, duration, in_time


def question(tokens: int = 100, *, most: int = 200, images: int = 0) -> Question:
    picture = Media(name="a.png", kind="image", data=b"png", tokens=1)
    return Question(prompt=Prompt(ids=(1,) * tokens, images=(picture,) * images), most=most)


def test_longer_questions_and_answers_are_given_longer() -> None:
    """By the prompt's tokens, its files and the most that the answer may have."""
    assert duration(question()) < duration(question(tokens=20_000))
    assert duration(question()) < duration(question(most=800))
    assert duration(question()) < duration(question(images=5))


def test_nobody_is_asked_for_more_than_there_may_be() -> None:
    """Nor for less than starting takes; whole seconds always."""
    assert duration(question(tokens=100_000, most=100_000)) == LONGEST_S
    assert 20 <= duration(question(tokens=1, most=1)) < 40
    assert isinstance(duration(question()), int)


def test_an_answer_is_cut_to_the_time() -> None:
    """One that is asked for to be long gets all there is; one of no set length gets less."""
    asked = in_time(question(most=100_000), is_asked=True)
    unasked = in_time(question(most=100_000), is_asked=False)

    assert duration(asked) == LONGEST_S
    assert unasked.most == 1024 < asked.most
    assert duration(unasked) < LONGEST_S


def test_a_short_answer_stays_as_it_was_asked_for() -> None:
    """Nothing else of the question changes, either."""
    assert in_time(question(most=50), is_asked=True) == question(most=50)
    assert in_time(question(most=50), is_asked=False) == question(most=50)


def test_a_very_long_chat_may_still_be_answered() -> None:
    """With one token at least."""
    assert in_time(question(tokens=10_000_000), is_asked=True).most == 1


def test_what_crosses_is_plain() -> None:
    """A question is pickled on its way to the process with the GPU."""
    assert pickle.loads(pickle.dumps(question(images=2))) == question(images=2)  # noqa: S301 - our own


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("1", True), ("", False), ("false", False)])
def test_zero_gpu_is_known_by_its_variable(
    *, monkeypatch: pytest.MonkeyPatch, value: str, expected: bool
) -> None:
    """The one by which `spaces` knows it."""
    monkeypatch.setenv("SPACES_ZERO_GPU", value)
    assert zero_gpu.is_zero_gpu() is expected
