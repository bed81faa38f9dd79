from __future__ import annotations

from typing import Any

import pytest

from phi4_space import InvalidOption
from phi4_space.interop import (
    SAMPLING_OPTIONS,
    check_options,
    merge_options,
    refuse_unknown,
    sampling_options,
    to_stop,
)


def test_sampling_options_are_found_among_others() -> None:
    """Those that are set; the rest of a call's arguments are no business of theirs."""
    kwargs = {"temperature": 0, "top_p": None, "do_sample": False, "stop": ["a"], "model": "phi-4"}

    assert sampling_options(kwargs) == {"temperature": 0, "do_sample": False}


def test_a_later_layer_counts_and_none_leaves_an_earlier_one() -> None:
    """Whichever name each has for an option; so that None means the same everywhere: not set."""
    merged = merge_options(
        {"temperature": 0.5, "max_tokens": 5, "stop": ["a"], "top_p": None},
        {"temperature": None, "max_new_tokens": 7, "stop": []},
        {"max_completion_tokens": None},
    )

    assert merged == {"temperature": 0.5, "max_tokens": 7, "stop": []}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"temperature": True}, "temperature is a number from 0, not True"),
        ({"temperature": "0.5"}, "temperature is a number from 0, not of type str"),
        ({"max_new_tokens": 2.5}, "max_tokens is a whole number from 1, not 2.5"),
        ({"stop": 5}, "stop must be a string or a list"),
        ({"stop": [""]}, "stop must hold strings that are not empty"),
    ],
)
def test_options_are_checked_as_a_call_checks_them(options: dict[str, Any], reason: str) -> None:
    """The error names the option and what it may be; what is not set, and other arguments, pass."""
    check_options({"temperature": None, "stop": "", "model": 5, "logit_bias": {}})
    with pytest.raises(InvalidOption, match=reason):
        check_options(options)


def test_no_sampling_option_is_listed_twice() -> None:
    """The list is read as a set, and shown as it is."""
    assert len(set(SAMPLING_OPTIONS)) == len(SAMPLING_OPTIONS)


@pytest.mark.parametrize(
    ("stop", "expected"), [("END", ["END"]), (["a", "b"], ["a", "b"]), (None, None), ("", None), ([], [])]
)
def test_one_stop_string_is_as_good_as_a_list(stop: Any, expected: Any) -> None:
    """No stop string at all is fine, too."""
    assert to_stop(stop) == expected


def test_an_unknown_argument_is_refused() -> None:
    """It may be another library's name for the server to ask."""
    refuse_unknown(["stop"], ["stop"], what="A call")
    with pytest.raises(InvalidOption, match=r"A call takes no argument 'stopp'\. Did you mean stop\?"):
        refuse_unknown(["stop", "stopp"], ["stop"], what="A call")
