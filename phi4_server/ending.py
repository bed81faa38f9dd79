"""The end of a process: by a signal, whenever it comes, or for a reason that turns up in another thread."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Never

from phi4_server.model import ModelFailed

LAST_RESORT_S = 2
"""When the process ends in any case, though a model or a download may not let go of its thread."""


class Ending:
    """Stops the server as SIGTERM does, and keeps why.

    Attributes:
        failure: Why it was stopped; None as long as it was not, or where a person did it.
        was_stopped: Whether a signal has come, from a person or for a failure.
    """

    def __init__(self) -> None:
        """Nothing has failed yet."""
        self.failure: ModelFailed | None = None
        self.was_stopped = False

    def __call__(self, failure: ModelFailed) -> None:
        """Stops the server, from any thread."""
        self.failure = failure
        signal.raise_signal(signal.SIGTERM)  # its handler runs in the main thread

    @contextmanager
    def on_signals(self, status: int = 0, *, say: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Has SIGINT and SIGTERM interrupt a `with` block, and end the process if the block does not.

        Args:
            status: What the process ends with then, if nothing has failed.
            say: Says why it ends, where the block did not notice; otherwise who catches the interrupt does.
        """
        is_left = threading.Event()

        def stop(_number: int, _frame: FrameType | None) -> Never:
            self.was_stopped = True
            self.by_force(self.status or status, say=lambda: is_left.is_set() or say())
            raise KeyboardInterrupt

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            is_left.set()
            for number, handler in before.items():
                signal.signal(number, handler)

    def check(self) -> None:
        """Interrupts again if a signal has come: what is raised while Python imports may get lost there.

        Raises:
            KeyboardInterrupt: One has.
        """
        if self.was_stopped:
            raise KeyboardInterrupt

    def by_force(self, status: int, *, say: Callable[[], object] = lambda: None) -> None:
        """Ends the process with a status in a while, if it has not ended by itself, and says why before."""

        def end() -> None:
            try:
                say()
            finally:
                self.at_once(status)

        last_resort = threading.Timer(LAST_RESORT_S, end)
        last_resort.daemon = True
        last_resort.start()

    @staticmethod
    def at_once(status: int) -> Never:
        """Ends the process now. Threads that load or fetch would hold it back, or abort it at its end."""
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)

    @property
    def status(self) -> int:
        """The status with which the process ends."""
        return 0 if self.failure is None else 1
