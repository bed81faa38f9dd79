"""The end of a process: by a signal, whenever it comes, or for a reason that turns up in another thread."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Never

from phi4_server.model import ModelFailed

LAST_RESORT_S = 5
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
    def on_signals(self, status: int = 0) -> Iterator[None]:
        """Has SIGINT and SIGTERM interrupt a `with` block, and end the process if the block does not.

        Args:
            status: What the process ends with then, if nothing has failed.
        """

        def stop(_number: int, _frame: FrameType | None) -> Never:
            self.was_stopped = True
            self.by_force(self.status or status)
            raise KeyboardInterrupt

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def check(self) -> None:
        """Interrupts again if a signal has come: what is raised while Python imports may get lost there.

        Raises:
            KeyboardInterrupt: One has.
        """
        if self.was_stopped:
            raise KeyboardInterrupt

    def by_force(self, status: int) -> None:
        """Ends the process with a status in a while, if it has not ended by itself."""
        last_resort = threading.Timer(LAST_RESORT_S, os._exit, [status])
        last_resort.daemon = True
        last_resort.start()

    @staticmethod
    def at_once(status: int) -> Never:
        """Ends the process now. Threads that load or fetch would hold it back, or abort it at its end."""
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

    @property
    def status(self) -> int:
        """The status with which the process ends."""
        return 0 if self.failure is None else 1
