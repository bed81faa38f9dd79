"""A Space's folder, started as the Hub starts it: its own app.py, and Gradio's own launch. Knows no test."""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_KEPT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH")
_STUB = '''"""What the package `spaces` does outside ZeroGPU, where it is not installed."""


def GPU(function=None, **_options):
    return (lambda decorated: decorated) if function is None else function
'''


@contextmanager
def started(
    folder: Path, *, python: str = sys.executable, patience: float = 60, **environment: str
) -> Iterator[str]:
    """The URL of a Space of the Hub's, for as long as a `with` block.

    Args:
        folder: Its folder; what it prints goes into a file beside it.
        python: The interpreter; this one is given what `spaces` is outside ZeroGPU, if it lacks that.
        patience: Seconds until it must be ready.
        environment: Its secrets and variables.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {name: os.environ[name] for name in _KEPT if name in os.environ} | {
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "OMP_NUM_THREADS": "1",
    }
    if python == sys.executable and importlib.util.find_spec("spaces") is None:
        settings["PYTHONPATH"] = str(_stub(folder))
    log = folder.parent / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen(  # noqa: S603 - our own program
            [python, "-u", "app.py"], cwd=folder, stdout=out, stderr=out, env=settings | environment
        ) as process,
    ):
        try:
            yield _url(process, log, patience)
        finally:
            process.terminate()


def _stub(folder: Path) -> Path:
    stub = folder.parent / "stub"
    stub.mkdir()
    (stub / "spaces.py").write_text(_STUB)
    return stub


def _url(process: subprocess.Popen[bytes], log: Path, patience: float) -> str:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"local URL: +(http://\S+)", log.read_text()):
            return found[1]
        time.sleep(0.05)
    raise AssertionError(log.read_text())
