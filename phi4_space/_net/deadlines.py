"""Deadlines for a request and for a whole piece of work. Knows clocks and timeouts; no HTTP and no Space."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio

from phi4_space._errors import DeadlineExceeded
from phi4_space._timeouts import Timeouts

T = TypeVar("T")


class Deadline:
    """The end of `Timeouts.total`, counted from now, for several pieces of work together.

    Args:
        timeouts: The client's.
        what: What was not done, if the time runs out, as the beginning of a sentence.
    """

    def __init__(self, timeouts: Timeouts, what: str) -> None:
        self._timeouts = timeouts
        self._what = what
        self._latest = anyio.current_time() + _seconds(timeouts.total)

    async def run_within(self, work: Awaitable[T]) -> T:
        """Awaits a piece of work, no longer than there is time.

        Raises:
            DeadlineExceeded: The time ran out.
        """
        with anyio.CancelScope(deadline=self._latest):
            return await work
        raise _exceeded("total", self._timeouts, self._what)


@contextmanager
def within_total(timeouts: Timeouts, what: str) -> Iterator[None]:
    """Ends the `with` block after `Timeouts.total`.

    Args:
        timeouts: The client's.
        what: The beginning of the error's sentence: what was not done in time.

    Raises:
        DeadlineExceeded: The time ran out.
    """
    with anyio.move_on_after(timeouts.total) as scope:
        yield
    if scope.cancelled_caught:
        raise _exceeded("total", timeouts, what)


@contextmanager
def within_request(timeouts: Timeouts) -> Iterator[Callable[[], None]]:
    """Ends one request after `Timeouts.request`, or after `Timeouts.total` if that is sooner.

    Yields:
        A function to call whenever a chunk of the request was sent: it restarts the time of the request, not
        that of the total.

    Raises:
        DeadlineExceeded: The time ran out.
    """
    latest = anyio.current_time() + _seconds(timeouts.total)

    def sent() -> None:
        scope.deadline = min(latest, anyio.current_time() + _seconds(timeouts.request))

    with anyio.CancelScope() as scope:
        sent()
        yield sent
    if scope.cancelled_caught:
        which = "total" if scope.deadline == latest else "request"
        raise _exceeded(which, timeouts, "There was no complete response")


def _seconds(timeout: float | None) -> float:
    return math.inf if timeout is None else timeout


def _exceeded(which: str, timeouts: Timeouts, what: str) -> DeadlineExceeded:
    seconds: float = getattr(timeouts, which)
    return DeadlineExceeded(f"{what} within {seconds:g} s", which=which, seconds=seconds)
