"""When the steps of a turn were reached, and which deadline comes next. Knows clocks; no Space."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

import anyio

from phi4_space._errors import DeadlineExceeded
from phi4_space._timeouts import Timeouts
from phi4_space._turns import Timing

T = TypeVar("T")
Mark = Literal["queued", "started", "first_text"]


class Stopwatch:
    """Measures one turn, retries included.

    Args:
        timeouts: What it may take.
        clock: Seconds, never going back.
    """

    def __init__(self, timeouts: Timeouts, clock: Callable[[], float]) -> None:
        self._timeouts = timeouts
        self._clock = clock
        self._began = clock()
        self._marks: dict[Mark, float] = {}

    def restart(self) -> None:
        """Forgets the marks of an attempt that failed; the total goes on."""
        self._marks.clear()

    def mark(self, name: Mark) -> None:
        """Notes that a step was reached, the first time."""
        self._marks.setdefault(name, self._elapsed())

    def timing(self) -> Timing:
        """The marks, and now as the end."""
        return Timing(**self._marks, done=self._elapsed())

    async def within(self, work: Awaitable[T]) -> T:
        """Awaits a piece of work, no longer than the turn has time.

        Raises:
            DeadlineExceeded: The time was up; `which` names the deadline.
        """
        which, left = self._next_deadline()
        with anyio.move_on_after(left):
            return await work
        seconds = getattr(self._timeouts, which)
        what = "The turn did not leave the queue" if which == "queue" else "The turn was not over"
        raise DeadlineExceeded(f"{what} within {seconds:g} s", which=which, seconds=seconds)

    def _elapsed(self) -> float:
        return self._clock() - self._began

    def _next_deadline(self) -> tuple[str, float | None]:
        elapsed = self._elapsed()
        left = {"total": math.inf if self._timeouts.total is None else self._timeouts.total - elapsed}
        if "queued" in self._marks and "started" not in self._marks and self._timeouts.queue is not None:
            left["queue"] = self._marks["queued"] + self._timeouts.queue - elapsed
        which = min(left, key=lambda name: left[name])
        return which, None if math.isinf(left[which]) else max(0.0, left[which])
