"""Sampling options: what each may be, and what other clients call them. Knows numbers; no Space, no turn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from types import MappingProxyType

from phi4_space._errors import InvalidOption
from phi4_space._synonyms import SAMPLING_ALIASES


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The numbers that an option may be.

    Attributes:
        whole: Whether it is a whole number.
        low: The least.
        high: The greatest.
        exclusive_low: Whether `low` itself is out of bounds.
    """

    whole: bool = False
    low: float = 0
    high: float = math.inf
    exclusive_low: bool = False

    def __str__(self) -> str:
        """What it may be, to go behind "is"."""
        kind = "a whole number" if self.whole else "a number"
        start = f" {'greater than' if self.exclusive_low else 'from'} {_plain(self.low)}"
        end = f" to {_plain(self.high)}"
        return "".join([kind, start * math.isfinite(self.low), end * math.isfinite(self.high)])

    def check(self, name: str, value: object) -> float:
        """The number, as one of Python's own.

        Args:
            name: The option.
            value: What was given for it; numpy's numbers count as numbers.

        Raises:
            InvalidOption: It is something else, or out of bounds.
        """
        number = self._to_number(value)
        if (
            number is None
            or not self.low <= number <= self.high
            or (self.exclusive_low and number == self.low)
        ):
            raise InvalidOption(f"{name} is {self}, not {_shown(value)}")
        return number

    def _to_number(self, value: object) -> float | None:
        if isinstance(value, bool) or not isinstance(value, Integral if self.whole else Real):
            return None
        try:
            number = int(value) if isinstance(value, Integral) else float(value)
            return number if math.isfinite(number) else None
        except OverflowError:  # no float is so large
            return None


BOUNDS: Mapping[str, Bounds] = MappingProxyType(
    {
        "temperature": Bounds(),
        "max_tokens": Bounds(whole=True, low=1),
        "top_p": Bounds(high=1, exclusive_low=True),
        "top_k": Bounds(whole=True),
        "seed": Bounds(whole=True, high=2**63 - 1),
        "repetition_penalty": Bounds(exclusive_low=True),
    }
)
"""The options that calls and clients take, and what each may be."""

_LARGEST_SHOWN = 10**20

_FOREIGN = (
    *("do_sample", "frequency_penalty", "logit_bias", "logprobs", "min_p", "n", "presence_penalty"),
    "top_logprobs",
)
SAMPLING_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        **{name: name for name in BOUNDS},
        **SAMPLING_ALIASES,
        **{name: name for name in _FOREIGN},
    }
)
"""What other models' callers steer the choice of words by, each with the name that it has here.

Calls take the names on the right. Those of them that no Phi-4 Space takes, such as "logit_bias", are ignored
with a warning, as any option is that a Space does not take; they change no more than the choice of words.
"""

NAMES = frozenset(SAMPLING_OPTIONS.values())


def to_sampling(options: Mapping[str, object]) -> dict[str, object]:
    """The sampling options among a call's, checked; those that are None are not set.

    Raises:
        InvalidOption: One of them is no number, or out of bounds; the text names it.
    """
    given = {name: value for name, value in options.items() if name in NAMES and value is not None}
    return {
        name: BOUNDS[name].check(name, value) if name in BOUNDS else value for name, value in given.items()
    }


def _plain(number: float) -> str:
    return str(int(number)) if math.isfinite(number) and number == int(number) else f"{number:g}"


def _shown(value: object) -> str:
    is_short = isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < _LARGEST_SHOWN)
    return repr(value) if is_short else f"of type {type(value).__name__}"
