"""One worker: a child process that decodes one file after another. Knows no format, and no other worker.

The child is `python -m phi4_server.media.child`. It is not multiprocessing's, which would run the program's
main module again, a server perhaps. Its replies are JSON and raw bytes, never pickles: a decoder that was
taken over can lie about its file, and run nothing here.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from phi4_server.media.limits import DecodeLimits
from phi4_server.media.scope import CancelScope

_LINE = 64 * 1024
_TIME_IS_UP = getattr(signal, "SIGXCPU", None)
_KEPT = (
    *("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
    *("PYTHONHOME", "SYSTEMROOT"),
)
"""What a child needs of the environment to start; the rest, with its credentials, is not its business."""

_log = logging.getLogger(__name__)

Decoded = tuple[Mapping[str, Any], bytes]
"""What a file was decoded into: values as JSON has them, and raw bytes, such as pixels or samples."""


class Worker:
    """A child process, ready to decode.

    Attributes:
        fit: Whether another file can be given to it.
    """

    def __init__(self, functions: Sequence[str], limits: DecodeLimits) -> None:
        """Starts it and waits until it is ready.

        Args:
            functions: What it may be asked to call, as "package.module:name".
            limits: What a file may cost.

        Raises:
            ChildProcessError: It did not start; its own words are on standard error.
        """
        self._limits = limits
        self._files = 0
        settings = json.dumps({"functions": functions, "limits": dataclasses.asdict(limits)})
        self._process = subprocess.Popen(  # noqa: S603  this very interpreter, with a module of ours
            [sys.executable, "-P", "-m", "phi4_server.media.child", settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for the server, which ends its workers itself
        )
        self._requests = cast("BinaryIO", self._process.stdin)
        self._replies = cast("BinaryIO", self._process.stdout)
        self.fit = False
        with suppress(TimeoutError), CancelScope(limits.start_s).guard(self._process.kill):
            self.fit = self._replies.readline(_LINE) == b"ready\n"
        if not self.fit:
            self.close()
            raise ChildProcessError(f"no decoder could be started (exit status {self._process.returncode})")

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether its process is running."""
        return self._process.poll() is None

    def decode(self, function: str, path: Path, *arguments: str, scope: CancelScope) -> Decoded:
        """What a function makes of a file.

        Args:
            function: One of the functions that the worker was started with.
            path: The file.
            arguments: What else the function takes.
            scope: How long to wait at most.

        Raises:
            ValueError: It cannot be decoded; the text says why.
        """
        request = [function, str(path.absolute()), *arguments]
        try:
            with scope.guard(self._process.kill, seconds=self._limits.wall_s):
                self.fit = False  # until it has answered as it should
                reply = self._exchange(request)
        except TimeoutError:
            raise ValueError("it took too long") from None
        if reply is None:
            raise ValueError(self._failure())
        self._files += 1
        self.fit = self._files < self._limits.files
        fields, data = reply
        if "refusal" in fields:
            raise ValueError(str(fields["refusal"]))
        return fields, data

    def _exchange(self, request: list[str]) -> Decoded | None:
        """The reply to a request; None where none came, or none that makes sense."""
        with suppress(OSError):  # it is gone: then it does not answer, either
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()
        try:
            fields = json.loads(self._replies.readline(_LINE))
            size = fields.pop("bytes")
        except Exception:  # noqa: BLE001  whoever took the decoder over may write what they like
            return None
        if not isinstance(size, int) or not 0 <= size <= self._limits.reply:
            return None
        data = self._replies.read(size)
        return (fields, data) if len(data) == size else None

    def _failure(self) -> str:
        """Ends it after it did not answer as it should, and says why: what had ended it already stays so."""
        self.close()
        _log.warning("a decoder ended with exit status %s", self._process.returncode)
        if _TIME_IS_UP is not None and self._process.returncode == -_TIME_IS_UP:
            return "it took too long"
        return "its decoder failed"

    def close(self) -> None:
        """Ends its process, whatever it is doing."""
        self.fit = False
        self._process.kill()
        self._process.wait()
        self._replies.close()
        with suppress(OSError):  # what was still to be written to it has no reader
            self._requests.close()


def _environment() -> dict[str, str]:
    # It shall find what this process finds, also from a checkout.
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "OPENBLAS_NUM_THREADS": "1",  # there is nothing to multiply, and each thread takes memory
        "MALLOC_ARENA_MAX": "1",
    }
