from __future__ import annotations

import pytest

from phi4_space import InvalidInput, InvalidOption, UnsupportedContent
from phi4_space.interop import error_text, errors_at, short_repr


def test_an_error_says_where() -> None:
    """From the outermost place to the innermost; its class stays."""
    places = pytest.raises(InvalidOption, match=r"^messages\[0\]: content\[1\]: no\.$")
    with places, errors_at("messages[0]"), errors_at("content[1]"):
        raise InvalidOption("no")


@pytest.mark.parametrize(
    ("error", "reason"),
    [(RecursionError(), "nested too deep, or in itself"), (KeyError("x"), r"it cannot be read \(KeyError\)")],
)
def test_any_other_error_becomes_ours(error: Exception, reason: str) -> None:
    """Strange data never raise strange errors; the other one is the cause."""
    with pytest.raises(UnsupportedContent, match=f"^x: .*{reason}") as caught, errors_at("x"):
        raise error
    assert caught.value.__cause__ is error


def test_a_long_reason_is_cut_at_its_beginning() -> None:
    """Its end has what is wrong; a place may stand within hundreds of others."""
    with pytest.raises(InvalidInput) as caught, errors_at("x"):
        raise InvalidInput("a" * 1_000 + "end")
    assert caught.value.what.startswith("x: …a")
    assert caught.value.what.endswith("end")
    assert len(caught.value.what) < 420


def test_values_and_errors_are_shown_in_short() -> None:
    """Also where they are endless, or hold what UTF-8 does not."""
    endless: list[object] = []
    endless.append(endless)

    assert len(short_repr("x" * 10_000)) < 100
    assert len(short_repr(endless)) < 100
    assert error_text(ValueError("x" * 10_000)) == "x" * 400
    assert error_text(ValueError("\ud800")) == "\\ud800"
