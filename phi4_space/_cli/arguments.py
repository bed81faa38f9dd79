"""The values of command line arguments: media and questions. Knows typer's strings; no Space."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from phi4_space import InvalidInput

_NOT_A_PATH = re.compile(r"https?://|data:", re.IGNORECASE)


def to_media(argument: str) -> str | Path:
    """An image or audio file: an http(s) URL, a data URI, or else a local path."""
    return argument if _NOT_A_PATH.match(argument) else Path(argument).expanduser()


def to_extra_inputs(arguments: Sequence[str]) -> dict[str, object]:
    """Values of additional inputs, from arguments such as "Web search=false".

    Args:
        arguments: For each the input's label, an equals sign, and its value: JSON, or else text.

    Raises:
        InvalidInput: One has no equals sign.
    """
    values: dict[str, object] = {}
    for argument in arguments:
        name, sign, text = argument.partition("=")
        if not sign:
            raise InvalidInput(
                f"--extra-input {argument!r} has no value", advice="Write --extra-input 'LABEL=VALUE'."
            )
        values[name] = _to_value(text)
    return values


def _to_value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


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
