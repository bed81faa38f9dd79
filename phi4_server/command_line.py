"""The options of the command that runs a Space, and how a mistake in them is reported. Opens nothing."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Never

from phi4_server import api_key, login, model_choice
from phi4_server.bounds import DEFAULTS, MB, Bounds
from phi4_server.model_choice import Making

PROGRAM = "phi4_server"
"""The name of the command where no other command started it."""


class Parser(argparse.ArgumentParser):
    """Reports a mistake in two lines: what is wrong, with the nearest option, and where all are listed."""

    def error(self, message: str) -> Never:
        """Ends the process with 2.

        Raises:
            SystemExit: Always.
        """
        self.exit(2, f"{self.prog}: error: {message}\n{self.prog} --help lists the options.\n")

    def parse_args(  # type: ignore[override]  # its other form, with a namespace, has no use here
        self, args: Sequence[str] | None = None
    ) -> argparse.Namespace:
        """The options, if all of them are known.

        Raises:
            SystemExit: One is not, or is wrong.
        """
        options, rest = self.parse_known_args(args)
        # A word behind an unknown option is its value, which may be a password.
        if unknown := [word for word in rest if word.startswith("-")]:
            self.error("; ".join(map(self._unknown, unknown)))
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return options

    def _unknown(self, word: str) -> str:
        name = word.partition("=")[0]
        names = [*self._option_string_actions]
        longer = sorted((known for known in names if known.startswith(name)), key=len)
        close = longer or difflib.get_close_matches(name.lower(), names, n=1)
        return f"unrecognized option: {name}" + (f", did you mean {close[0]}?" if close else "")


def parser(models: Mapping[str, Making], program: str = PROGRAM) -> Parser:
    """All options.

    Args:
        models: What `--model` may name, the default first.
        program: What the command is called in its messages.
    """
    what = "Run a Space with the API of the public Phi-4-multimodal Space, until Ctrl-C or SIGTERM."
    found = Parser(program, description=what, allow_abbrev=False)
    offer = found.add_argument
    model_choice.add_options(found, models)
    offer(
        "--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 means all (default: %(default)s)"
    )
    login.add_options(found)
    api_key.add_options(found)
    offer(
        "--allowed-host",
        action="append",
        metavar="NAME",
        help="a host name that browsers may use, may be repeated; localhost and IP addresses always work",
    )
    offer(
        "--port",
        type=_port,
        default=7860,
        help="port to listen on; 0 picks a free one (default: %(default)s)",
    )
    offer("--whole", action="store_true", help="send each answer in one piece instead of streaming it")
    offer(
        "--words-per-second", type=_positive(float), metavar="R", help="limit how fast answers are streamed"
    )
    offer(
        "--at-once",
        type=_positive(int),
        default=8,
        metavar="N",
        help="answers worked on at the same time (default: %(default)s)",
    )
    _offer_bounds(found)
    offer(
        "--show-error",
        action="store_true",
        default=True,
        help="show the text of unexpected errors to users (the default)",
    )
    offer("--hide-errors", action="store_false", dest="show_error", help="write them to the log only")
    offer("--with-parent", action="store_true", help="stop when standard input is closed")
    return found


def _offer_bounds(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("limits", "Requests beyond a limit are refused with an explanation.")
    for name, bound, kind, what in (
        ("--max-file-size", "file", _size, "size of one file, such as 20mb"),
        ("--max-files", "files", _positive(int), "files in a message; a chat may have five times as many"),
        (
            "--max-text",
            "text",
            _positive(int),
            "characters in a message or an answer; a chat may have two and a half times as many",
        ),
        ("--max-turns", "turns", _positive(int), "questions in a chat"),
        ("--max-queue", "queue", _positive(int), "questions waiting in the queue"),
        ("--max-waiting", "waiting", _positive(int), "questions of one session waiting in the queue"),
        (
            "--max-sessions",
            "sessions",
            _positive(int),
            "sessions kept; a long chat counts as several",
        ),
        ("--max-idle", "idle", _positive(float), "seconds a session is kept after its last use"),
        ("--max-disk", "disk", _size, "disk space for uploads, such as 2gb"),
        ("--max-connections", "connections", _positive(int), "open connections"),
    ):
        default = getattr(DEFAULTS, bound)
        default, metavar = (f"{default // MB}mb", "SIZE") if kind is _size else (default, "N")
        group.add_argument(
            name,
            dest=bound,
            type=kind,
            default=default,
            metavar=metavar,
            help=f"{what} (default: %(default)s)",
        )


def bounds(options: argparse.Namespace) -> Bounds:
    """The limits that the options set."""
    return Bounds(**{part.name: getattr(options, part.name) for part in dataclasses.fields(Bounds)})


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:  # noqa: PLR2004  the last port there is
        raise argparse.ArgumentTypeError("must be a number from 0 to 65535")
    return int(text)


def _positive(number: Callable[[str], float]) -> Callable[[str], float]:
    def positive(text: str) -> float:
        value = number(text)
        if not 0 < value < math.inf:
            raise argparse.ArgumentTypeError("must be more than 0")
        return value

    return positive


def _size(text: str) -> int:
    size = re.fullmatch(r"0*([1-9]\d{0,14}) ?([kmgt]?)b?", text.lower(), re.ASCII)
    if size is None:
        raise argparse.ArgumentTypeError("must be a number with b, kb, mb, gb or tb, such as 20mb")
    return int(size[1]) << 10 * " kmgt".index(size[2] or " ")
