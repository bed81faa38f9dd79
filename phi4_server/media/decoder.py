"""The decoder: keeps workers, and hands files to them. Knows no format and no model.

Formats of media are decoded by much code in C, on bytes that a stranger chose. So it is done where a crash, a
hang or a bomb costs the answer to that file, and nobody else's.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from phi4_server.media.limits import DecodeLimits
from phi4_server.media.scope import CURRENT, CancelScope
from phi4_server.media.worker import Decoded, Worker

_LOOK_EVERY_S = 0.1


class Decoder:
    """Decodes files in child processes, which are started when first needed, kept, and replaced.

    Safe to use from several threads.
    """

    def __init__(self, *functions: str, limits: DecodeLimits | None = None) -> None:
        """Starts nothing yet.

        Args:
            functions: What may be called on files, as "package.module:name". Each takes a path and strings,
                returns what has a method `packed` (see `phi4_server.media.child.Packable`), and raises a
                ValueError that says why the file cannot be decoded.
            limits: What a file may cost; None means the defaults.
        """
        self._functions = functions
        self._limits = limits or DecodeLimits()
        self._slots = threading.BoundedSemaphore(self._limits.workers)
        self._idle: list[Worker] = []
        weakref.finalize(self, _end, self._idle)  # runs at the end of the program, too

    def decode(self, function: str, path: Path, *arguments: str) -> Decoded:
        """What a function makes of a file, in the time that the turn has (`phi4_server.media.scope`).

        Args:
            function: One of the decoder's functions.
            path: The file.
            arguments: What else the function takes.

        Raises:
            ValueError: It cannot be decoded; the text names it and says why.
            ChildProcessError: No child process can be started.
        """
        scope = CURRENT.get() or CancelScope()
        try:
            with self._slot(scope), self._worker() as worker:
                return worker.decode(function, path, *arguments, scope=scope)
        except ValueError as refusal:
            raise ValueError(f"{path.name} cannot be decoded: {refusal}") from None

    @contextmanager
    def _slot(self, scope: CancelScope) -> Iterator[None]:
        while not self._slots.acquire(timeout=_LOOK_EVERY_S):
            if scope.over:
                raise ValueError("too many files are being decoded; try again later")
        try:
            yield
        finally:
            self._slots.release()

    @contextmanager
    def _worker(self) -> Iterator[Worker]:
        worker = self._take()
        try:
            yield worker
        finally:
            if worker.fit:
                self._idle.append(worker)
            else:
                worker.close()

    def _take(self) -> Worker:
        with suppress(IndexError):  # none is idle
            while not (worker := self._idle.pop()).alive:
                worker.close()
            return worker
        return Worker(self._functions, self._limits)

    def close(self) -> None:
        """Ends the workers that are idle; the others end with this process at the latest."""
        _end(self._idle)


def _end(workers: list[Worker]) -> None:
    while workers:
        workers.pop().close()
