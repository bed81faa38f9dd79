"""Spaces of our own, served by any Gradio, started when a test first asks for one. Knows no client."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

from phi4_server import running_space

ROOT = Path(__file__).parents[2]

KINDS = {
    "answering": "-m phi4_server --model offline",
    "faulty": "tests/spaces/faulty.py --at-once 1 --max-queue 2 --max-file-size 100kb",
    "whole": "tests/spaces/faulty.py --whole --hide-errors",
    "ordinary": "tests/spaces/ordinary.py",
}
"""What each kind is run with: the offline model; one that fails on demand, one turn at a time; one that
answers several at the same time, in one piece, and keeps its failures to itself; and one whose author took no
care.

Any other kind is a plain Gradio app, one of `tests/spaces/plain.py`.
"""


def program(kind: str) -> str:
    """What a Space of that kind is run with."""
    return KINDS.get(kind) or f"tests/spaces/plain.py {kind}"


@contextmanager
def served(kind: str, python: str = sys.executable) -> Iterator[str]:
    """A Space of its own.

    Args:
        kind: One of `KINDS`.
        python: The interpreter to run it.

    Yields:
        Its URL.
    """
    words = [str(ROOT / word) if word.endswith(".py") else word for word in KINDS[kind].split()]
    with ExitStack() as stack:
        with patch.dict(os.environ, PYTHONPATH=str(ROOT)):  # for interpreters without phi4_server
            url = stack.enter_context(running_space([python, *words]))
        yield url


@contextmanager
def plain_apps(python: str) -> Iterator[Callable[[str], str]]:
    """A process for the plain apps.

    Args:
        python: The interpreter to run them.

    Yields:
        What launches one by its name, and returns its URL.
    """
    program = [python, "-W", "ignore", str(ROOT / "tests/spaces/plain.py")]
    with (
        tempfile.TemporaryFile("a+") as log,  # errors are printed there, which some apps make on demand
        subprocess.Popen(  # noqa: S603 - our own program
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        names, urls = process.stdin, process.stdout

        def launch(name: str) -> str:
            print(name, file=names, flush=True)
            for line in urls:  # Gradio may print lines of its own
                if line.startswith(f"{name} http"):
                    return line.split()[1]
            log.seek(0)
            raise AssertionError(f"{name} did not start:\n{log.read()}")

        yield launch
        process.terminate()


@dataclass
class Servers:
    """One Space of each kind and interpreter, kept until the end."""

    _running: ExitStack = field(default_factory=ExitStack)
    _urls: dict[tuple[str, str], str] = field(default_factory=dict)
    _plain: dict[str, Callable[[str], str]] = field(default_factory=dict)

    def url(self, kind: str, python: str = sys.executable) -> str:
        """The URL of the Space of that kind; the first call starts it."""
        if (kind, python) not in self._urls:
            self._urls[kind, python] = self._start(kind, python)
        return self._urls[kind, python]

    def _start(self, kind: str, python: str) -> str:
        if kind in KINDS:
            return self._running.enter_context(served(kind, python))
        if python not in self._plain:
            self._plain[python] = self._running.enter_context(plain_apps(python))
        return self._plain[python](kind)

    def close(self) -> None:
        """Stops them all."""
        self._running.close()
