"""The end of a process for a reason that turned up in another thread, after it began to serve."""

from __future__ import annotations

import signal

from phi4_server.model import ModelFailed


class Ending:
    """Stops the server as SIGTERM does, and keeps why.

    Attributes:
        failure: Why it was stopped; None as long as it was not, or where a person did it.
    """

    def __init__(self) -> None:
        """Nothing has failed yet."""
        self.failure: ModelFailed | None = None

    def __call__(self, failure: ModelFailed) -> None:
        """Stops the server, from any thread."""
        self.failure = failure
        signal.raise_signal(signal.SIGTERM)  # its handler runs in the main thread

    @property
    def status(self) -> int:
        """The status with which the process ends."""
        return 0 if self.failure is None else 1
