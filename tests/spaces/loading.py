"""A Space whose model is ready some seconds after the page: `python loading.py SECONDS --port 0`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from phi4_server import ChatRequest, End
from phi4_server.__main__ import main
from phi4_server.model import Progress

SECONDS = float(sys.argv.pop(1))


class Loading:
    """Answers "ready" once it is."""

    name = "Loading"
    nature = "It takes its time."
    options = frozenset[str]()

    def __init__(self) -> None:
        """Begins when it is first asked how far it is, which is once the page is there."""
        self._began: float | None = None

    def progress(self) -> Progress | None:
        if self._began is None:
            self._began = time.monotonic()
        done = (time.monotonic() - self._began) / SECONDS
        return None if done >= 1 else Progress("Loading the weights", done)

    def complete(self, request: ChatRequest) -> Iterator[str | End]:  # noqa: ARG002
        assert self.progress() is None
        yield "ready"


if __name__ == "__main__":
    sys.exit(main(models={"loading": Loading}))
