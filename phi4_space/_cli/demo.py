"""The demo: a few questions to a Space on this machine. Knows those questions; no options."""

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
from phi4_space._cli.connection import embedded_server
from phi4_space._cli.output import TextDisplay, console, describe_timing

_PACE = (
    "--words-per-second",
    "25",
)  # the offline model answers at once: slow enough to watch the answer arrive


@dataclass(frozen=True, slots=True)
class _DemoQuestion:
    """A question of the demo.

    Attributes:
        title: What it shows.
        text: The question.
        file: The example file that is sent with it, if any.
    """

    title: str
    text: str
    file: str | None = None


_INTRODUCTION = _DemoQuestion("Who answers", "Who are you?")
_QUESTIONS = (
    _DemoQuestion(
        "A text", "The library opens at nine. The cafe beside it opens at ten. When does the cafe open?"
    ),
    _DemoQuestion("An image", "What are the main colours of this picture?", "hills.png"),
    _DemoQuestion("Audio", "Describe this recording.", "chime.wav"),
)
_NEXT = (
    ("serve", "run this Space, with its web page"),
    ("chat --embedded", "have a conversation with it"),
    ("doctor", "check whether the public Space can answer"),
    ("ask 'What is this?' -m cat.png", "ask the real Phi-4 there"),
)


def run_demo(display: TextDisplay) -> None:
    """Starts a Space, asks it who it is and three more questions, and stops it.

    Raises:
        ChildProcessError: The Space did not start.
        Phi4Error: A turn failed.
    """
    out = console()
    start = time.monotonic()
    display.show_status("Starting a Space on this machine, which takes a few seconds")
    with embedded_server(*_PACE) as url, SpaceClient(url) as space:
        display.close()
        startup = time.monotonic() - start
        out.print(
            Text.assemble(("Space  ", "bold"), url, (f"  on this machine, started in {startup:.1f} s", "dim"))
        )
        for question in (_INTRODUCTION, *_QUESTIONS):
            _ask(question, space, display, out)
    _print_end(out, time.monotonic() - start)


def _ask(question: _DemoQuestion, space: SpaceClient, display: TextDisplay, out: Console) -> None:
    media = [] if question.file is None else [_example(question.file)]
    attached = f"  with {question.file}" if question.file else ""
    out.print()
    out.print(Text.assemble((question.title, "bold cyan"), (attached, "dim")))
    out.print(Text(f"> {question.text}", style="cyan"))
    with closing(space.stream(question.text, media=media)) as events:
        for event in events:
            display.show_event(event)
            if isinstance(event, Reply):
                out.print(Text(describe_timing(event.timing), style="dim"))


def _example(name: str) -> Media:
    return Media((files("phi4_server") / "examples" / name).read_bytes(), name)


def _print_end(out: Console, seconds: float) -> None:
    out.print()
    out.print(Text(f"Done in {seconds:.1f} s; the Space is stopped.", style="bold"))
    width = max(len(arguments) for arguments, _ in _NEXT)
    for arguments, purpose in _NEXT:
        out.print(
            Text.assemble((f"  {_program()} {arguments.ljust(width)}", "green"), (f"  {purpose}", "dim"))
        )


def _program() -> str:
    """How this command was run, which may not be on the path, as in `make demo`."""
    program = Path(sys.argv[0])
    if program.stem == "__main__":
        return "python -m phi4_space"
    return program.name if shutil.which(program.name) else os.path.relpath(program)
