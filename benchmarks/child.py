"""Programs of this folder in processes of their own, so that their CPU time is not the measured process's."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextmanager
def running(module: str, *arguments: str) -> Iterator[list[str]]:
    """Runs a module for as long as the block, and yields the words of the first line that it prints."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(  # noqa: S603  our own programs
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            yield process.stdout.readline().split() if process.stdout else []
        finally:
            process.terminate()


def printed(module: str, *arguments: str) -> list[float]:
    """The numbers that a module prints in the last line, when it has ended."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True)  # noqa: S603  see above
    return [float(word) for word in done.stdout.splitlines()[-1].split()]


def end_with_parent() -> None:
    """Ends this process when nobody holds its standard input any more."""

    def watch() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
