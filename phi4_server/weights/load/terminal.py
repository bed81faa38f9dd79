"""Progress on a terminal: one line that changes, or, in a log, a line now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from phi4_server.model import Progress

_EVERY_S = 10
_LIVE_EVERY_S = 0.1
_WIDTH = 100
_START_OF_LINE, _REST_OF_LINE = "\r", "\x1b[K"


class TerminalReport:
    """Writes what it is called with, from any thread."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        """Writes to `stream`: over and over in one line where that is a terminal, else every ten seconds."""
        self._stream, self._clock = stream, clock
        self._is_live = stream.isatty()
        self._lock = threading.Lock()
        self._what, self._last = "", 0.0
        self._is_open = False

    def __call__(self, progress: Progress) -> None:
        """Writes how far it is; what is new altogether at once, what goes on not too often."""
        what, now = progress.text.partition(":")[0], self._clock()
        with self._lock:
            pause = _LIVE_EVERY_S if self._is_live else _EVERY_S
            is_end = progress.fraction == 1
            if what == self._what and now - self._last < pause and not (is_end and self._is_live):
                return
            self._what, self._last = what, now
            self._write(_line(progress))

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Ends the line that changes, and begins no other for as long as a `with` block writes elsewhere."""
        with self._lock:
            if self._is_open:
                self._stream.write("\n")
                self._stream.flush()
            self._is_open = False
            yield

    def _write(self, line: str) -> None:
        if self._is_live:
            self._stream.write(f"{_START_OF_LINE}{line[:_WIDTH]}{_REST_OF_LINE}")
            self._is_open = True
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()


def _line(progress: Progress) -> str:
    return progress.text if progress.fraction is None else f"{progress.text} ({progress.fraction:.0%})"
