"""What one turn may take and has taken: time, attempts, notices. Knows clocks and limits; no Space."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

import anyio

from phi4_space._errors import DeadlineExceeded, LimitExceeded
from phi4_space._limits import Limits
from phi4_space._timeouts import Timeouts
from phi4_space._turns import Timing, Usage

T = TypeVar("T")
Mark = Literal["queued", "started", "first_text"]


class TurnBudget:
    """The time, attempts and notices of one turn, over all its retries and both of its questions.

    Args:
        timeouts: What it may take.
        limits: How many notices it may bring.
        clock: Seconds, never going back.

    Attributes:
        attempts: How often it was tried so far.
        usage: The tokens of all its answers; None where one of them was not counted.
    """

    def __init__(self, timeouts: Timeouts, limits: Limits, clock: Callable[[], float]) -> None:
        self.attempts = 0
        self.usage: Usage | None = Usage(0, 0)
        self._timeouts = timeouts
        self._limits = limits
        self._clock = clock
        self._began = clock()
        self._marks: dict[Mark, float] = {}
        self._notices = 0

    def begin_attempt(self) -> None:
        """Counts an attempt, and forgets the marks of the one before; the time goes on."""
        self.attempts += 1
        self._marks.clear()

    def mark(self, name: Mark) -> None:
        """Notes that a step was reached, the first time."""
        self._marks.setdefault(name, self._elapsed())

    @property
    def has_text(self) -> bool:
        """Whether text came in this attempt."""
        return "first_text" in self._marks

    def count_notice(self) -> None:
        """Counts a notice or progress report.

        Raises:
            LimitExceeded: There are more than `Limits.notices`.
        """
        self._notices += 1
        if self._notices > self._limits.notices:
            what = f"The Space sent more than {self._limits.notices} notices and progress reports"
            raise LimitExceeded(what, which="notices", limit=self._limits.notices)

    def count_tokens(self, usage: Usage | None) -> None:
        """Adds the tokens of an answer; None where they are not known."""
        known = self.usage
        self.usage = (
            usage
            and known
            and Usage(known.input_tokens + usage.input_tokens, known.output_tokens + usage.output_tokens)
        )

    def timing(self) -> Timing:
        """The marks, and now as the end."""
        return Timing(**self._marks, done=self._elapsed())

    def left(self) -> float:
        """Seconds until the turn must be over; infinite without a limit."""
        total = self._timeouts.total
        return math.inf if total is None else max(0.0, total - self._elapsed())

    async def run_within(self, work: Awaitable[T]) -> T:
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
