"""Deadlines for a request and for a whole piece of work. Knows clocks and timeouts; no HTTP and no Space."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio

from phi4_space._errors import DeadlineExceeded
from phi4_space._timeouts import Timeouts


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
