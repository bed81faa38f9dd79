"""Sampling options: which count as set, and what each may be."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from phi4_space._errors import InvalidOption
from phi4_space._sampling import BOUNDS, SAMPLING_OPTIONS, to_sampling
from phi4_space._turn.request import Options


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, {}),
        ({"temperature": 0.2, "tools": []}, {"temperature": 0.2}),
        ({"temperature": 0, "seed": 0, "logprobs": False}, {"temperature": 0, "seed": 0, "logprobs": False}),
        ({"temperature": None, "top_p": 1}, {"top_p": 1}),
        ({"temperature": np.float32(0.5), "max_tokens": np.int64(9)}, {"temperature": 0.5, "max_tokens": 9}),
    ],
)
def test_what_is_none_is_not_set(options: dict[str, object], found: dict[str, object]) -> None:
    """Frameworks pass all their options, None for those that nobody set; zero is a value."""
    read = to_sampling(options)

    assert read == found
    assert all(type(value) in {int, float, bool} for value in read.values())


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("temperature", -0.1, "temperature is a number from 0, not -0.1"),
        ("temperature", "0.2", "temperature is a number from 0, not of type str"),
        ("temperature", True, "temperature is a number from 0, not True"),
        ("temperature", math.nan, "temperature is a number from 0, not nan"),
        ("temperature", math.inf, "temperature is a number from 0, not inf"),
        ("temperature", Decimal(1), "temperature is a number from 0, not of type Decimal"),
        ("max_tokens", 0, "max_tokens is a whole number from 1, not 0"),
        ("max_tokens", 1.5, "max_tokens is a whole number from 1, not 1.5"),
        ("top_p", 0, "top_p is a number greater than 0 to 1, not 0"),
        ("top_p", 1.01, "top_p is a number greater than 0 to 1, not 1.01"),
        ("top_k", -1, "top_k is a whole number from 0, not -1"),
        ("temperature", 10**400, "temperature is a number from 0, not of type int"),
        ("max_tokens", -(10**100), "max_tokens is a whole number from 1, not of type int"),
        ("seed", 2**63, "seed is a whole number from 0 to"),
        ("repetition_penalty", 0, "repetition_penalty is a number greater than 0, not 0"),
    ],
)
def test_what_an_option_cannot_be_is_refused(name: str, value: Any, words: str) -> None:
    """The error names the option, what it may be, and what was given where that is a number."""
    with pytest.raises(InvalidOption) as refused:
        to_sampling({name: value})

    assert words in refused.value.what


def test_a_call_takes_each_option_by_name() -> None:
    """What has bounds is an argument of a call, and what others call it leads to one."""
    assert BOUNDS.keys() <= Options.__annotations__.keys()
    assert {SAMPLING_OPTIONS[name] for name in ("max_tokens", "max_new_tokens", "max_completion_tokens")} == {
        "max_tokens"
    }
