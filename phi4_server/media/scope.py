"""How long somebody waits for files to be decoded. Knows no process: it is handed what ends one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class CancelScope:
    """The time that one turn has for all its files; another thread may end it early.

    Safe to use from several threads.
    """

    def __init__(self, seconds: float = 60.0) -> None:
        """Ends after that many seconds, or with `cancel`."""
        self._deadline = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._cancelled = False
        self._kill: Callable[[], None] | None = None

    def cancel(self) -> None:
        """Ends it now, and what is under way in it."""
        with self._lock:
            self._cancelled = True
            if self._kill:
                self._kill()

    @property
    def over(self) -> bool:
        """Whether its time is over, or it was cancelled."""
        return self._cancelled or time.monotonic() >= self._deadline

    @contextmanager
    def guard(self, kill: Callable[[], None], *, seconds: float = threading.TIMEOUT_MAX) -> Iterator[None]:
        """Calls `kill`, from another thread, if the block is still running when its time ends.

        Args:
            kill: Makes the block come to its end; it never blocks itself.
            seconds: The block's own limit; the scope's end comes first where it is nearer.

        Raises:
            TimeoutError: `kill` was called, or the scope was over from the start.
        """
        killed = threading.Event()

        def end() -> None:
            killed.set()
            kill()

        timer = threading.Timer(min(seconds, self._deadline - time.monotonic()), end)
        timer.daemon = True
        with self._lock:
            if self.over:
                raise TimeoutError
            self._kill = end
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()  # so that `kill` is never called after the block
            with self._lock:
                self._kill = None
        if killed.is_set():
            raise TimeoutError


CURRENT: ContextVar[CancelScope | None] = ContextVar("CURRENT", default=None)
"""The scope of the turn that is being answered in this context, if somebody has set one."""
