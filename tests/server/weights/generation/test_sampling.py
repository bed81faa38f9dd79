"""Options of a request: what they mean together, and their bounds."""

from __future__ import annotations

import pytest

from phi4_server.weights.generation.sampling import Sampling, to_sampling


def test_without_options_the_likeliest_is_taken() -> None:
    """Nothing is left to chance, and nothing is changed."""
    assert to_sampling({}).is_plain


@pytest.mark.parametrize("options", [{"top_p": 0.9}, {"top_k": 5}])
def test_a_choice_of_several_needs_a_temperature(options: dict[str, float]) -> None:
    """It is 1 then, as elsewhere."""
    assert to_sampling(options).temperature == 1


def test_a_temperature_of_nearly_zero_is_zero() -> None:
    """Dividing by it would leave what a float can hold."""
    assert not Sampling(temperature=1e-9).is_random


def test_a_penalty_alone_is_not_plain() -> None:
    """Though chance has no part in it."""
    sampling = to_sampling({"repetition_penalty": 1.1})
    assert not sampling.is_plain
    assert not sampling.is_random


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"temperature": -0.1}, "temperature must be at least 0 and at most 100, not -0.1"),
        ({"temperature": float("nan")}, "temperature must be at least 0"),
        ({"top_p": 0}, "top_p must be more than 0 and at most 1, not 0"),
        ({"top_p": 2}, "top_p must be more than 0 and at most 1, not 2"),
        ({"top_k": -1}, r"top_k must be at least 0 and at most .*, not -1"),
        ({"top_k": 2**63}, "top_k must be at least 0 and at most"),
        ({"max_tokens": 10**400}, "max_tokens must be .*, not a number beyond all bounds"),
        ({"temperature": 10**400}, "temperature must be at least 0 and at most 100"),
        ({"top_k": 1.5}, "top_k must be a whole number, not 1.5"),
        ({"max_tokens": 0}, "max_tokens must be at least 1 and at most .*, not 0"),
        ({"seed": 0.5}, "seed must be a whole number"),
        ({"seed": 2.0**64}, "seed must be at least"),
        ({"repetition_penalty": 0}, "repetition_penalty must be at least 0.01 and at most 100, not 0"),
        ({"repetition_penalty": float("inf")}, "repetition_penalty must be at least 0.01"),
        ({"beams": 4}, "has no option beams"),
    ],
)
def test_bounds(options: dict[str, float], text: str) -> None:
    """What is beyond them is refused, by name."""
    with pytest.raises(ValueError, match=text):
        to_sampling(options)
