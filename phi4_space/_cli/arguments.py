"""The values of command line arguments: media and questions. Knows typer's strings; no Space."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from phi4_space import InvalidInput

_NOT_A_PATH = re.compile(r"https?://|data:", re.IGNORECASE)


def to_media(argument: str) -> str | Path:
    """An image or audio file: an http(s) URL, a data URI, or else a local path."""
    return argument if _NOT_A_PATH.match(argument) else Path(argument).expanduser()


def read_question(argument: str | None) -> str:
    """The question, from the command line or from standard input.

    Args:
        argument: The argument on the command line. "-" means standard input, and so does None unless standard
            input is a terminal.

    Raises:
        InvalidInput: Standard input is not text.
    """
    if argument not in {None, "-"}:
        return argument or ""
    if argument is None and sys.stdin.isatty():
        return ""
    try:
        return sys.stdin.read().removesuffix("\n")
    except UnicodeDecodeError as exc:
        raise InvalidInput(
            "Standard input is not text", advice="Pass images and audio with --media."
        ) from exc
