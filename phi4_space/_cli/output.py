"""How events and failures look: to a person at a terminal, in a pipe, to a program. Knows no network."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from typing import Protocol

from rich.console import Console
from rich.status import Status as LiveLine
from rich.text import Text

from phi4_space import Delta, Event, Notice, Progress, Queued, Reply, Rewritten, Started, Timing, Waking
from phi4_space._cli.failures import INTERRUPTED, Failure

# What a terminal obeys, or shows other letters in another order or on another line for. Joiners are kept:
# scripts and emoji need them.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # the direction of writing
    r"\u2028\u2029\u206a-\u206f\ufff9-\ufffb\ud800-\udfff]"  # lines; long obsolete; halves of letters
)
_WORTH_TELLING = 1.0  # seconds; nobody needs to be told of a shorter wait
_LEVELS = {"info": "cyan", "success": "green", "warning": "yellow", "error": "red"}


class Show(Protocol):
    """What a command shows its work on."""

    def say(self, doing: str) -> None:
        """Says what is being done now."""

    def note(self, notice: Notice) -> None:
        """Says something that stays on the screen."""

    def tell(self, event: Event) -> None:
        """Shows what happened in a turn."""

    def fail(self, failure: Failure) -> None:
        """Shows that and why it ended badly."""

    def close(self) -> None:
        """Leaves the screen as a prompt wants to find it."""


class Narration:
    """For people: the answer on stdout; all else on stderr, at a terminal as one line that changes.

    Args:
        timed: Whether a terminal is told, after each answer, how long its steps took.
    """

    def __init__(self, *, timed: bool = True) -> None:
        self._aside = console(stderr=True)
        self._timed = timed
        self._line: LiveLine | None = None
        self._last = ""
        self._open = False  # whether a line of the answer waits for its end

    def say(self, doing: str) -> None:
        """Says what is being done now."""
        if doing == self._last:
            return
        self._last = doing
        if not self._aside.is_terminal:
            self._aside.print(Text(_one_line(doing)))
        elif self._line is None:
            self._line = self._aside.status(_cut(doing))
            self._line.start()
        else:
            self._line.update(_cut(doing))

    def note(self, notice: Notice) -> None:
        """Says something that stays on the screen."""
        if sys.stdout.isatty():  # elsewhere the answer shall stay as it is
            self._end_line()
        title = f"{notice.title}: " if notice.title else ""
        self._aside.print(Text(visible(f"{title}{notice.text}"), style=_LEVELS.get(notice.level, "")))

    def tell(self, event: Event) -> None:
        """Shows what happened in a turn."""
        match event:
            case Delta(text):
                self._write(text)
            case Rewritten(text):
                self.note(Notice("The Space took that back and answers anew:", "warning"))
                self._end_line()
                self._write(text)
            case Notice():
                self.note(event)
            case Reply():
                self._finish(event)
            case _:
                if not self._open:  # a line that changes would overwrite the answer
                    self.say(describe(event))

    def fail(self, failure: Failure) -> None:
        """Shows that and why it ended badly."""
        self.close()
        if failure.exit_code == INTERRUPTED:
            self._aside.print(Text("Interrupted."))
            return
        parts = [("Error: ", "bold red"), (f"{failure.what.rstrip('.')}.", "red")]
        if failure.where:
            parts.append((f" [{failure.where}]", "dim"))
        if failure.advice:
            parts.append((f"\n{failure.advice}", ""))
        if failure.space:
            parts.append((f'\n"phi4 doctor --space {failure.space}" looks at the Space.', "dim"))
        self._aside.print(Text.assemble(*((visible(text), style) for text, style in parts)))

    def close(self) -> None:
        """Leaves the screen as a prompt wants to find it."""
        self._clear()
        self._end_line()

    def _write(self, text: str) -> None:
        self._clear()
        self._open = not text.endswith("\n")  # noted first, for whoever is interrupted while writing
        sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()

    def _finish(self, reply: Reply) -> None:
        self.close()
        if not reply.text:
            self.note(Notice("The answer is empty.", "warning"))
        if self._timed and self._aside.is_terminal:
            self._aside.print(Text(describe_timing(reply.timing), style="dim"))

    def _end_line(self) -> None:
        """Ends an answer's line that is still open."""
        if self._open:
            sys.stdout.write("\n")
            sys.stdout.flush()
            self._open = False

    def _clear(self) -> None:
        self._last = ""
        if self._line is not None:
            self._line.stop()
            self._line = None


class JsonLines:
    """For programs: one JSON object a line on stdout, for each event; the last is the reply or the error."""

    def say(self, doing: str) -> None:
        """Programs need not be told."""

    def note(self, notice: Notice) -> None:
        """Writes the notice as an event."""
        self.tell(notice)

    def tell(self, event: Event) -> None:
        """Writes the event, under its name in lower case."""
        print_json({"event": type(event).__name__.lower(), **asdict(event)})

    def fail(self, failure: Failure) -> None:
        """Writes the failure as an event named "error"."""
        print_json({"event": "error", **asdict(failure)})

    def close(self) -> None:
        """Every line was written whole."""


def console(*, stderr: bool = False) -> Console:
    """A console that wraps words at a terminal, and leaves lines as they are elsewhere."""
    made = Console(stderr=stderr, highlight=False)
    made.soft_wrap = not made.is_terminal
    return made


def print_json(value: object) -> None:
    """Writes one line of JSON to stdout, at once; in ASCII, which every pipe takes."""
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


def visible(text: str) -> str:
    """The text without control characters: what a Space writes shall not command the terminal.

    Nor does it turn the direction of writing, by which a text can show other words than it has.
    """
    return _CONTROL.sub("", text)


def describe(event: Waking | Queued | Started | Progress) -> str:
    """One line on how a turn stands."""
    match event:
        case Waking(stage, waited):
            return f"The Space is not up yet ({stage}); waiting, {waited:.0f} s so far"
        case Queued(position, size, eta):
            place = "next" if position == 0 else f"{position} in front"
            return f"In the queue: {place}, {size} in all{_about(eta)}"
        case Started(eta):
            return f"The Space is at work{_about(eta)}"
        case Progress():
            return _describe_progress(event)


def describe_timing(timing: Timing) -> str:
    """When each step of a turn was reached."""
    marks = {
        "queued": timing.queued,
        "started": timing.started,
        "first text": timing.first_text,
        "done": timing.done,
    }
    return " · ".join(f"{step} {seconds:.2f} s" for step, seconds in marks.items() if seconds is not None)


def _describe_progress(progress: Progress) -> str:
    doing = progress.description or "The Space is at work"
    if progress.fraction is not None:
        return f"{doing}: {progress.fraction:.0%}"
    if progress.done is None:
        return doing
    total = "" if progress.total is None else f" of {progress.total:g}"
    return f"{doing}: {progress.done:g}{total} {progress.unit}"


def _about(eta: float | None) -> str:
    return f", about {eta:.0f} s" if eta is not None and eta >= _WORTH_TELLING else ""


def _one_line(text: str) -> str:
    return visible(text).replace("\n", " ")


def _cut(text: str) -> Text:
    return Text(_one_line(text), no_wrap=True, overflow="ellipsis")
