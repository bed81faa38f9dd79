"""Progress on a terminal, and in a log."""

from __future__ import annotations

import io

from phi4_server.model import Progress
from phi4_server.weights.load.terminal import TerminalReport


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Time that passes when it is set."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_line_that_changes() -> None:
    """On a terminal each report takes the place of the last, cut to a line; others have their own."""
    stream, clock = Terminal(), Clock()
    report = TerminalReport(stream, clock)

    report(Progress("Downloading: 1 GB", 0.1))
    clock.now += 1
    report(Progress("Downloading: 2 GB", 0.2))
    with report.apart():
        stream.write("Something else\n")
    with report.apart():
        pass
    report(Progress("Loading"))

    assert stream.getvalue() == (
        "\rDownloading: 1 GB (10%)\x1b[K\rDownloading: 2 GB (20%)\x1b[K\nSomething else\n\rLoading\x1b[K"
    )


def test_not_too_often() -> None:
    """Reports that come in a flood are passed over, except the last, which says that it is done."""
    stream, clock = Terminal(), Clock()
    report = TerminalReport(stream, clock)

    for part in range(101):
        report(Progress("Loading", part / 100))

    assert stream.getvalue() == "\rLoading (0%)\x1b[K\rLoading (100%)\x1b[K"


def test_lines_in_a_log() -> None:
    """Where no one looks at a terminal there is a line every ten seconds, and one for each new thing."""
    stream, clock = io.StringIO(), Clock()
    report = TerminalReport(stream, clock)

    for second in range(25):
        clock.now = 100 + second
        report(Progress(f"Downloading: {second} GB"))
    report(Progress("Loading"))
    with report.apart():
        pass

    assert stream.getvalue().splitlines() == [
        *("Downloading: 0 GB", "Downloading: 10 GB", "Downloading: 20 GB", "Loading")
    ]
