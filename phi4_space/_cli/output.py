"""The output of the command: for a person at a terminal, in a pipe, as JSON. Knows no network."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from typing import Protocol

from rich.console import Console
from rich.status import Status as LiveLine
from rich.text import Text

from phi4_space import (
    Delta,
    Event,
    Notice,
    Progress,
    Queued,
    Reply,
    Rewritten,
    Started,
    Thought,
    Timing,
    Waking,
)
from phi4_space._cli.failures import INTERRUPTED, INVALID, Failure

# Characters that a terminal obeys, or that change the order or lines of others. Joiners are kept, since
# scripts and emoji need them.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"
    r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # the direction of writing
    r"\u2028\u2029\u206a-\u206f\ufff9-\ufffb\ud800-\udfff]"  # lines; long obsolete; halves of letters
)
_MIN_ETA = 1.0  # seconds; a shorter wait is not worth showing
_LEVELS = {"info": "cyan", "success": "green", "warning": "yellow", "error": "red"}


class Display(Protocol):
    """The output of a command."""

    def show_status(self, status: str) -> None:
        """Shows what is being done now."""

    def show_notice(self, notice: Notice) -> None:
        """Shows a message that stays on the screen."""

    def show_event(self, event: Event) -> None:
        """Shows an event of a turn."""

    def show_failure(self, failure: Failure) -> None:
        """Shows the error that ended the command or a turn."""

    def close(self) -> None:
        """Clears the status line and ends the current line."""


class TextDisplay:
    """For people: the answer on stdout; everything else on stderr, at a terminal as one line that changes.

    Args:
        timed: Whether to show, at a terminal, the time of each step after an answer.
    """

    def __init__(self, *, timed: bool = True) -> None:
        self._stderr = console(stderr=True)
        self._timed = timed
        self._live: LiveLine | None = None
        self._status = ""
        self._in_line = False  # whether the last line of the answer is not ended yet
        self._in_thought = False  # whether that of a thought is not
        self._thought: int | None = None  # the number of the one that was shown last

    def show_status(self, status: str) -> None:
        """Shows what is being done now."""
        if status == self._status:
            return
        self._status = status
        self._end_thought()
        if not self._stderr.is_terminal:
            self._stderr.print(Text(_one_line(status)))
        elif self._live is None:
            self._live = self._stderr.status(_cut(status))
            self._live.start()
        else:
            self._live.update(_cut(status))

    def show_notice(self, notice: Notice) -> None:
        """Shows a message that stays on the screen."""
        self._begin_aside()
        title = f"{notice.title}: " if notice.title else ""
        self._stderr.print(Text(visible(f"{title}{notice.text}"), style=_LEVELS.get(notice.level, "")))

    def show_event(self, event: Event) -> None:
        """Shows an event of a turn."""
        match event:
            case Delta(text):
                self._write(text)
            case Rewritten(text):
                self.show_notice(Notice("The Space replaced its answer:", "warning"))
                self._end_line()
                self._write(text)
            case Notice():
                self.show_notice(event)
            case Thought():
                self._think(event)
            case Reply():
                self._finish(event)
            case _:
                if not self._in_line:  # a status line would overwrite the answer
                    self.show_status(describe(event))

    def show_failure(self, failure: Failure) -> None:
        """Shows the error that ended the command or a turn."""
        self.close()
        if failure.exit_code == INTERRUPTED:
            self._stderr.print(Text("Interrupted."))
            return
        parts = [("Error: ", "bold red"), (f"{failure.what.rstrip('.')}.", "red")]
        if failure.where:
            parts.append((f" [{failure.where}]", "dim"))
        if failure.advice:
            parts.append((f"\n{failure.advice}", ""))
        if failure.space and failure.exit_code != INVALID:
            parts.append((f'\nRun "phi4 doctor --space {failure.space}" to check the Space.', "dim"))
        self._stderr.print(Text.assemble(*((visible(text), style) for text, style in parts)))

    def close(self) -> None:
        """Clears the status line and ends the current line."""
        self._clear()
        self._end_thought()
        self._end_line()
        self._thought = None

    def _write(self, text: str) -> None:
        self._clear()
        self._end_thought()
        self._in_line = not text.endswith("\n")  # set first, in case writing is interrupted
        sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
        sys.stdout.flush()

    def _finish(self, reply: Reply) -> None:
        self.close()
        if not reply.text and not reply.files:
            self.show_notice(Notice("The answer is empty.", "warning"))
        for file in reply.files:
            kind = f" ({file.mime_type})" if file.mime_type else ""
            self.show_notice(Notice(_one_line(f"{file.name}{kind}, at {file.path}"), title="File"))
        if self._timed and self._stderr.is_terminal:
            self._stderr.print(Text(describe_timing(reply.timing), style="dim"))

    def _think(self, thought: Thought) -> None:
        """Shows what is new of a thought, on standard error, and its title before it."""
        self._clear()
        is_another = thought.rewritten or thought.number != self._thought
        if is_another or (self._in_line and sys.stdout.isatty()):
            self._begin_aside()
        title = f"{_one_line(thought.title)}\n" if is_another and thought.title else ""
        self._thought = thought.number
        if text := f"{title}{visible(thought.text)}":
            self._stderr.print(Text(text, style="dim"), end="", soft_wrap=True)
            self._in_thought = not text.endswith("\n")

    def _begin_aside(self) -> None:
        """Ends the current line of a thought; at a terminal that of the answer, too."""
        self._end_thought()
        if sys.stdout.isatty():  # elsewhere nothing is added to the answer
            self._end_line()

    def _end_thought(self) -> None:
        if self._in_thought:
            self._stderr.print()
            self._in_thought = False

    def _end_line(self) -> None:
        """Ends the current line of the answer, if there is one."""
        if self._in_line:
            sys.stdout.write("\n")
            sys.stdout.flush()
            self._in_line = False

    def _clear(self) -> None:
        self._status = ""
        if self._live is not None:
            self._live.stop()
            self._live = None


class JsonDisplay:
    """For programs: one JSON object a line on stdout for each event; the last is the reply or the error."""

    def show_status(self, status: str) -> None:
        """Does nothing: programs do not need it."""

    def show_notice(self, notice: Notice) -> None:
        """Writes the notice as an event."""
        self.show_event(notice)

    def show_event(self, event: Event) -> None:
        """Writes the event, under its name in lower case."""
        print_json({"event": type(event).__name__.lower(), **asdict(event)})

    def show_failure(self, failure: Failure) -> None:
        """Writes the failure as an event named "error"."""
        print_json({"event": "error", **asdict(failure)})

    def close(self) -> None:
        """Does nothing: every line is complete."""


def console(*, stderr: bool = False) -> Console:
    """A console that wraps lines at a terminal only."""
    result = Console(stderr=stderr, highlight=False)
    result.soft_wrap = not result.is_terminal
    return result


def print_json(value: object) -> None:
    """Writes one line of JSON to stdout and flushes it; in ASCII, which every encoding supports."""
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


def visible(text: str) -> str:
    """The text without control characters, so that a Space cannot control the terminal.

    Characters that change the direction of writing, and so can disguise a text, are removed as well.
    """
    return _CONTROL.sub("", text)


def describe(event: Waking | Queued | Started | Progress) -> str:
    """The state of a turn, in one line."""
    match event:
        case Waking(stage, waited):
            return f"The Space is not up yet ({stage}); waited {waited:.0f} s so far"
        case Queued(position, size, eta):
            place = "next" if position == 0 else f"{position} ahead"
            return f"In the queue: {place}, {size} in all{_about(eta)}"
        case Started(eta):
            return f"The Space is working{_about(eta)}"
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
    activity = progress.description or "The Space is working"
    if progress.fraction is not None:
        return f"{activity}: {progress.fraction:.0%}"
    if progress.done is None:
        return activity
    total = "" if progress.total is None else f" of {progress.total:g}"
    return f"{activity}: {progress.done:g}{total} {progress.unit}"


def _about(eta: float | None) -> str:
    return f", about {eta:.0f} s" if eta is not None and eta >= _MIN_ETA else ""


def _one_line(text: str) -> str:
    return visible(text).replace("\n", " ")


def _cut(text: str) -> Text:
    return Text(_one_line(text), no_wrap=True, overflow="ellipsis")
