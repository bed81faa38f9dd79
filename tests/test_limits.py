"""The limits on what a server may send: values, checked."""

from __future__ import annotations

import dataclasses

import pytest

from phi4_space._errors import InvalidOption, LimitExceeded, UnexpectedAnswer
from phi4_space._limits import Limits


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Limits)])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "8", None])
def test_senseless_limits(name: str, value: object) -> None:
    """A limit that is not a positive whole number is refused, by the name of the field."""
    with pytest.raises(InvalidOption, match=rf"Limits\.{name} must be"):
        Limits(**{name: value})  # type: ignore[arg-type]


def test_limits_are_values() -> None:
    """Limits compare and hash by what they say."""
    assert Limits() == Limits()
    assert len({Limits(), Limits(), Limits(body=1)}) == 2


def test_the_error_names_the_limit_to_raise() -> None:
    """Whoever meets a limit reads which it was, and how to raise it."""
    error = LimitExceeded("The body has more than 5 bytes", which="body", limit=5)

    assert isinstance(error, UnexpectedAnswer)
    assert (error.which, error.limit) == ("body", 5)
    assert "Raise Limits.body" in str(error)
