"""What is measured, as values: a figure with its spread and goal, a plot, and a subject's report."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

_DEVIATIONS = 1.96
_NOISE, _NOISE_OF_ONE = 0.1, 0.25


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, and between what it lies.

    Attributes:
        value: The median of some samples.
        low: From where it lies, were there endlessly many, in 95 of 100 cases; of a few samples, the least.
        high: Up to where.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> Self:
        """Of one sample and more."""
        ordered, count = sorted(samples), len(samples)
        aside = math.ceil(_DEVIATIONS * math.sqrt(count) / 2)  # ranks, as of a binomial distribution
        low, high = max(count // 2 - aside, 0), min(count // 2 + aside, count - 1)
        return cls(statistics.median(ordered), ordered[low], ordered[high])


def ratio(over: Sequence[float], under: Sequence[float]) -> Spread:
    """How many times one was the other, round by round, so that the machine's moods cancel out."""
    return Spread.of([one / other for one, other in zip(over, under, strict=True)])


def difference(more: Sequence[float], *less: Sequence[float], scale: float = 1.0) -> Spread:
    """By how much one was more than others together, round by round."""
    return Spread.of([scale * (one - sum(rest)) for one, *rest in zip(more, *less, strict=True)])


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure shall be: at most so much, or at least."""

    limit: float
    at_least: bool = False

    def is_met(self, value: float) -> bool:
        """Whether it is."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        """As tables have it."""
        return f"{'>=' if self.at_least else '<='} {self.limit:g}"


def at_most(limit: float) -> Goal:
    """The goal of what costs."""
    return Goal(limit)


def at_least(limit: float) -> Goal:
    """The goal of what is gained."""
    return Goal(limit, at_least=True)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        name: What was measured, and against what.
        spread: Its median, and between what that lies.
        unit: "x" for a ratio.
        goal: What it shall be, if anything.
        more_is_better: Whether that holds where there is no goal.
    """

    name: str
    spread: Spread
    unit: str = "x"
    goal: Goal | None = None
    more_is_better: bool = False

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        return None if self.goal is None else self.goal.is_met(self.spread.value)

    def is_worse_than(self, before: Self) -> bool:
        """Whether it is, beyond noise: the spreads lie apart, and a tenth between the medians.

        Where there was one sample, a quarter lies between.
        """
        new, old = self.spread, before.spread
        noise = _NOISE if new.low < new.high else _NOISE_OF_ONE
        if self.goal.at_least if self.goal else self.more_is_better:
            new, old = old, new
        return new.low > old.high and new.value - old.value > noise * abs(before.spread.value)

    def to_json(self) -> dict[str, Any]:
        """As figures.json has it."""
        spread = {"value": self.spread.value, "low": self.spread.low, "high": self.spread.high}
        return {
            **{name: float(f"{value:.4g}") for name, value in spread.items()},
            "unit": self.unit,
            "goal": None if self.goal is None else str(self.goal),
            "more_is_better": self.more_is_better,
        }

    @classmethod
    def from_json(cls, name: str, written: Mapping[str, Any]) -> Self:
        """Out of it."""
        sign, _, limit = (written["goal"] or "").partition(" ")
        goal = Goal(float(limit), at_least=sign == ">=") if limit else None
        spread = Spread(written["value"], written["low"], written["high"])
        return cls(name, spread, written["unit"], goal, more_is_better=written["more_is_better"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Lines over a common axis.

    Attributes:
        name: Of its file.
        title: Above it.
        x: What the horizontal axis is.
        y: What the vertical axis is.
        lines: The points of each line, by its name.
        logarithmic: Whether the horizontal axis is.
    """

    name: str
    title: str
    x: str
    y: str
    lines: Mapping[str, Sequence[tuple[float, float]]]
    logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What one subject found."""

    figures: Sequence[Figure]
    plots: Sequence[Plot] = field(default=())


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: all of it, or just enough to see that it runs."""

    quick: bool = False

    def __call__(self, full: int, quick: int = 2) -> int:
        """The number of whatever is counted."""
        return quick if self.quick else full
