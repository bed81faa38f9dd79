"""How long a step may take: values, checked."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from phi4_space._errors import InvalidOption
from phi4_space._timeouts import Timeouts


@pytest.mark.parametrize("field", [part.name for part in dataclasses.fields(Timeouts)])
@pytest.mark.parametrize("value", [-1, -0.5, math.nan, "5", True, [], -math.inf])
def test_no_timeout_is_nonsense(field: str, value: Any) -> None:
    """A timeout is a number of seconds from 0; the refusal names the one that is not."""
    with pytest.raises(InvalidOption, match=f"Timeouts.{field} must be a number of seconds"):
        Timeouts(**{field: value})


@pytest.mark.parametrize("field", [part.name for part in dataclasses.fields(Timeouts)])
def test_any_timeout_may_be_no_time_or_all(field: str) -> None:
    """0 and infinity are durations, and None waits for ever, except for a Space to wake."""
    assert getattr(Timeouts(**{field: 0}), field) == 0
    assert getattr(Timeouts(**{field: math.inf}), field) == math.inf
    if field == "wake":
        with pytest.raises(InvalidOption):
            Timeouts(wake=None)  # type: ignore[arg-type]
    else:
        forever: dict[str, Any] = {field: None}
        assert getattr(Timeouts(**forever), field) is None
