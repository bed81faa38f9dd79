from __future__ import annotations

from typing import Any

import pytest

from phi4_space import InvalidOption
from phi4_space.interop import SAMPLING_OPTIONS, refuse_unknown, sampling_options, to_stop


def test_sampling_options_are_found_among_others() -> None:
    """Those that are set; the rest of a call's arguments are no business of theirs."""
    kwargs = {"temperature": 0, "top_p": None, "do_sample": False, "stop": ["a"], "model": "phi-4"}

    assert sampling_options(kwargs) == {"temperature": 0, "do_sample": False}


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
