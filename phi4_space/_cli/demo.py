"""The main job, shown: three questions to a Space of one's own. Knows those questions; no options."""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from rich.console import Console
from rich.text import Text

from phi4_space import Media, Reply, SpaceClient
from phi4_space._cli.output import Narration, console, describe_timing
from phi4_space._cli.reach import embedded

_PACE = ("--words-per-second", "25")  # the rehearsal model has its answer at once: slow enough to see it grow


@dataclass(frozen=True, slots=True)
class _Question:
    """A question of the demonstration.

    Attributes:
        kind: What it shows.
        text: The words.
        file: A file that the server ships, if one goes with it.
    """

    kind: str
    text: str
    file: str | None = None


_NATURE = _Question("Who answers", "Who are you?")
_QUESTIONS = (
    _Question(
        "A text", "The library opens at nine. The cafe beside it opens at ten. When does the cafe open?"
    ),
    _Question("A picture", "What are the main colours of this picture?", "hills.png"),
    _Question("A sound", "Describe this recording.", "chime.wav"),
)
_NEXT = (
    ("serve", "this Space, with its page for a browser"),
    ("chat --embedded", "a conversation with it"),
    ("doctor", "whether the public Space can answer"),
    ("ask 'What is this?' -m cat.png", "the real Phi-4, there"),
)


def demonstrate(narration: Narration) -> None:
    """Starts a Space, asks it what it is and three questions, and stops it again.

    Raises:
        ChildProcessError: The Space did not start.
        Phi4Error: A turn failed.
    """
    out = console()
    began = time.monotonic()
    narration.say("Starting a Space on this machine, which takes some seconds")
    with embedded(*_PACE) as url, SpaceClient(url) as space:
        narration.close()
        started = time.monotonic() - began
        out.print(
            Text.assemble(("Space  ", "bold"), url, (f"  on this machine, started in {started:.1f} s", "dim"))
        )
        for question in (_NATURE, *_QUESTIONS):
            _ask(question, space, narration, out)
    _close(out, time.monotonic() - began)


def _ask(question: _Question, space: SpaceClient, narration: Narration, out: Console) -> None:
    media = [] if question.file is None else [_shipped(question.file)]
    attached = f"  with {question.file}" if question.file else ""
    out.print()
    out.print(Text.assemble((question.kind, "bold cyan"), (attached, "dim")))
    out.print(Text(f"> {question.text}", style="cyan"))
    with closing(space.stream(question.text, media=media)) as events:
        for event in events:
            narration.tell(event)
            if isinstance(event, Reply):
                out.print(Text(describe_timing(event.timing), style="dim"))


def _shipped(name: str) -> Media:
    return Media((files("phi4_server") / "examples" / name).read_bytes(), name)


def _close(out: Console, seconds: float) -> None:
    out.print()
    out.print(Text(f"Done in {seconds:.1f} s; the Space is stopped.", style="bold"))
    width = max(len(arguments) for arguments, _ in _NEXT)
    for arguments, purpose in _NEXT:
        out.print(
            Text.assemble((f"  {_program()} {arguments.ljust(width)}", "green"), (f"  {purpose}", "dim"))
        )


def _program() -> str:
    """How this command was called, for who has not got it on the path, as after `make demo`."""
    called = Path(sys.argv[0])
    if called.stem == "__main__":
        return "python -m phi4_space"
    return called.name if shutil.which(called.name) else os.path.relpath(called)
