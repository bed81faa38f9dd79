"""When the steps of a turn were reached, and which deadline runs out first, however often it is tried."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_space._errors import DeadlineExceeded
from phi4_space._limits import Limits
from phi4_space._timeouts import Timeouts
from phi4_space._turn.budget import TurnBudget
from phi4_space._turns import Timing

FOREVER = Timeouts(queue=None, total=None)


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def started(timeouts: Timeouts = FOREVER) -> tuple[TurnBudget, Clock]:
    """A budget and the clock that it looks at."""
    clock = Clock()
    return TurnBudget(timeouts, Limits(), clock), clock


async def nothing() -> str:
    """Work that takes no time."""
    return "done"


def test_each_step_is_marked_when_first_reached() -> None:
    """Times count from the turn's begin, whatever the clock shows; a step reached again keeps its time."""
    budget, clock = started()

    for name in ("queued", "started", "started", "first_text", "queued"):
        clock.now += 1
        budget.mark(name)
    clock.now += 4

    assert budget.timing() == Timing(queued=1.0, started=2.0, first_text=4.0, done=9.0)


def test_a_step_not_reached_has_no_time() -> None:
    """A Space that answers in one piece at once has no other times than its end."""
    budget, clock = started()
    clock.now += 2.5

    assert budget.timing() == Timing(queued=None, started=None, first_text=None, done=2.5)


def test_another_attempt_forgets_the_marks_and_not_the_time() -> None:
    """What the failed attempt reached does not count; the time it took does."""
    budget, clock = started()
    clock.now += 3
    budget.mark("queued")
    budget.mark("first_text")
    assert budget.has_text
    budget.begin_attempt()
    assert not budget.has_text
    clock.now += 4
    budget.mark("queued")

    assert budget.timing() == Timing(queued=7.0, done=7.0)


async def within(budget: TurnBudget) -> Any:
    """Work that does not end."""
    return await budget.run_within(anyio.sleep_forever())


# (timeouts, marks as (name, when), the time now, which runs out)
DEADLINES = [
    (Timeouts(total=10, queue=None), [], 10.0, "total"),
    (Timeouts(total=10, queue=None), [], 11.0, "total"),
    (Timeouts(total=10, queue=5), [], 10.0, "total"),  # not in the queue yet
    (Timeouts(total=None, queue=5), [("queued", 2.0)], 7.0, "queue"),
    (Timeouts(total=100, queue=5), [("queued", 2.0)], 8.0, "queue"),
    (Timeouts(total=6, queue=5), [("queued", 2.0)], 8.0, "total"),  # both are over; the total first
    (Timeouts(total=10, queue=5), [("queued", 2.0), ("started", 3.0)], 10.0, "total"),  # out of it again
    (Timeouts(total=0, queue=0), [], 0.0, "total"),
]


@pytest.mark.parametrize(("timeouts", "marks", "now", "which"), DEADLINES)
def test_the_first_deadline_to_run_out_is_told(
    timeouts: Timeouts, marks: list[tuple[Any, float]], now: float, which: str
) -> None:
    """Work is stopped when the first deadline that counts is over; the error names it and its length."""
    budget, clock = started(timeouts)
    for name, when in marks:
        clock.now = 1000 + when
        budget.mark(name)
    clock.now = 1000 + now

    with pytest.raises(DeadlineExceeded) as over:
        asyncio.run(within(budget))

    assert over.value.which == which
    assert over.value.seconds == getattr(timeouts, which)
    assert f"within {over.value.seconds:g} s" in over.value.what
    assert ("queue" in over.value.what) == (which == "queue")


def test_the_deadline_comes_in_time() -> None:
    """Work that does not end is stopped when its time is up, not when it is looked at next."""
    budget, _ = started(Timeouts(total=0.02))

    with pytest.raises(DeadlineExceeded):
        asyncio.run(asyncio.wait_for(within(budget), 10))


@pytest.mark.parametrize("timeouts", [FOREVER, Timeouts(total=math.inf, queue=math.inf), Timeouts()])
def test_work_in_time_gives_its_result(timeouts: Timeouts) -> None:
    """Within its time, or with no limit at all, the work's result is passed on."""
    budget, _ = started(timeouts)
    budget.mark("queued")

    assert asyncio.run(budget.run_within(nothing())) == "done"


@pytest.mark.parametrize(
    "failure",
    [TimeoutError("the work's own"), DeadlineExceeded("idle", which="idle", seconds=45), KeyError()],
)
@pytest.mark.parametrize("timeouts", [FOREVER, Timeouts()])
def test_the_works_own_failures_stay_its_own(failure: Exception, timeouts: Timeouts) -> None:
    """A failure of the work is passed on as it is; a timeout in it is no deadline of the turn."""
    budget, _ = started(timeouts)

    async def fail() -> None:
        await asyncio.sleep(0)
        raise failure

    with pytest.raises(type(failure)) as caught:
        asyncio.run(budget.run_within(fail()))

    assert caught.value is failure


def test_cancelling_from_outside_is_no_deadline() -> None:
    """A caller who gives up sees a cancelled task, not a timeout."""
    budget, _ = started(Timeouts())

    async def give_up() -> None:
        task = asyncio.create_task(within(budget))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(give_up())


@given(
    st.lists(st.tuples(st.sampled_from(["queued", "started", "first_text"]), st.floats(0, 1e6)), max_size=8)
)
def test_times_never_go_back(steps: list[tuple[Any, float]]) -> None:
    """No mark lies before the begin or behind the end, in whatever order steps are reached."""
    budget, clock = started()
    for name, seconds in steps:
        clock.now += seconds
        budget.mark(name)

    timing = budget.timing()

    marks = [mark for mark in (timing.queued, timing.started, timing.first_text) if mark is not None]
    assert all(0 <= mark <= timing.done for mark in marks)
    assert len(marks) == len({name for name, _ in steps})


@pytest.mark.parametrize(("total", "left"), [(None, math.inf), (10.0, 7.0), (3.0, 0.0), (1.0, 0.0)])
def test_what_is_left_of_the_total(total: float | None, left: float) -> None:
    """Never less than nothing, and no end where the turn may take for ever."""
    budget, clock = started(Timeouts(total=total))
    clock.now += 3

    assert budget.left() == left
