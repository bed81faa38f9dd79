"""What one turn may take and has taken: time, attempts, notices. Knows clocks and limits; no Space."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal, TypeVar

from anyio.lowlevel import checkpoint

from phi4_space._errors import DeadlineExceeded, LimitExceeded
from phi4_space._limits import Limits
from phi4_space._timeouts import Timeouts
from phi4_space._turns import Timing, Usage

T = TypeVar("T")
Mark = Literal["queued", "started", "first_text"]
_MOMENT = 0.005  # seconds of work in a row, after which others on the loop get their turn


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
        self._timer: asyncio.Timeout | None = None
        self._resumed = self._worked = 0.0
        self._set_deadline()

    def begin_attempt(self) -> None:
        """Counts an attempt, and forgets the marks of the one before; the time goes on."""
        self.attempts += 1
        self._marks.clear()
        self._set_deadline()

    def mark(self, name: Mark) -> None:
        """Notes that a step was reached, the first time."""
        if name not in self._marks:
            self._marks[name] = self._elapsed()
            self._set_deadline()

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
        async with self.within():
            return await work

    @asynccontextmanager
    async def within(self) -> AsyncIterator[None]:
        """Ends the `async with` block once the turn has no more time.

        One timer for all that a block awaits, since one for each message of a stream costs more than to read
        it. A generator may yield in the block if nobody awaits anything between two of its items.

        Raises:
            DeadlineExceeded: The time was up; `which` names the deadline.
        """
        try:
            async with asyncio.timeout_at(self._latest()) as timer:
                self._timer = timer
                yield
        except TimeoutError:
            if not timer.expired():
                raise
            raise self._exceeded() from None
        finally:
            self._timer = None

    def resume(self) -> None:
        """Notes that work begins, after something was awaited.

        Raises:
            DeadlineExceeded: The time was up.
        """
        self._resumed = self._now()

    def has_worked_long(self) -> bool:
        """Whether there was much work since others on the loop had their turn.

        Raises:
            DeadlineExceeded: The time was up.
        """
        now = self._now()
        self._worked += now - self._resumed
        self._resumed = now
        return self._worked > _MOMENT

    async def pause(self) -> None:
        """Lets others on the loop, and the timer, have their turn.

        Raises:
            DeadlineExceeded: The time was up.
        """
        await checkpoint()
        self._worked, self._resumed = 0.0, self._now()

    def _now(self) -> float:
        now = self._clock()
        if now > self._deadline[0]:
            raise self._exceeded()
        return now

    def _exceeded(self) -> DeadlineExceeded:
        _, which = self._deadline
        seconds = getattr(self._timeouts, which)
        what = "The turn did not leave the queue" if which == "queue" else "The turn was not over"
        return DeadlineExceeded(f"{what} within {seconds:g} s", which=which, seconds=seconds)

    def _elapsed(self) -> float:
        return self._clock() - self._began

    def _set_deadline(self) -> None:
        """Notes which deadline is next, and when, by the turn's clock."""
        total, queue = self._timeouts.total, self._timeouts.queue
        self._deadline = math.inf if total is None else self._began + total, "total"
        if queue is not None and "queued" in self._marks and "started" not in self._marks:
            self._deadline = min(self._deadline, (self._began + self._marks["queued"] + queue, "queue"))
        if self._timer is not None:
            self._timer.reschedule(self._latest())

    def _latest(self) -> float | None:
        """When the time is up, by the loop's clock."""
        when, _ = self._deadline
        if math.isinf(when):
            return None
        return asyncio.get_running_loop().time() + max(0.0, when - self._clock())
