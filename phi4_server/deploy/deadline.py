"""A call that has to end in time, whatever it waits for. Knows no Hub."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotInTime
from typing import TypeVar

T = TypeVar("T")


def in_time(call: Callable[[], T], seconds: float) -> T:
    """What a call returns.

    It runs in a thread of its own, which is left alone when its time is over: a timeout of sockets would not
    end one whose other end sends a byte now and then.

    Raises:
        TimeoutError: It has not returned in that time.
    """
    future: Future[T] = Future()
    threading.Thread(target=_run, args=(call, future), daemon=True).start()
    try:
        return future.result(seconds)
    except NotInTime:
        if future.done():
            raise
        raise TimeoutError(f"no answer in {seconds:.0f} seconds") from None


def _run(call: Callable[[], T], future: Future[T]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001  all of them cross
        future.set_exception(error)
