"""A Space whose model is ready once a file is there: `python loading.py FILE --port 0`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from phi4_server import ChatRequest, End
from phi4_server.__main__ import main
from phi4_server.model import Progress

FILE = Path(sys.argv.pop(1))


class Loading:
    """Answers "ready" once it is."""

    name = "Loading"
    nature = "It takes its time."
    options = frozenset[str]()

    def progress(self) -> Progress | None:
        return None if FILE.exists() else Progress("Loading the weights", 0.5)

    def complete(self, request: ChatRequest) -> Iterator[str | End]:  # noqa: ARG002
        assert self.progress() is None
        yield "ready"


if __name__ == "__main__":
    sys.exit(main(models={"loading": Loading}))
