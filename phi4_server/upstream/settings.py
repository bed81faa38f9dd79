"""Which engine answers, and as what: settings, and the options that hold them. Opens nothing."""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from phi4_server.media.formats import MediaKind
from phi4_server.upstream.address import Address, to_address

_SILENCE_S = 120
_ONLY_WITH = {
    "upstream_model": None,
    "upstream_key_env": None,
    "upstream_adapters": None,
    "upstream_timeout": _SILENCE_S,
}
"""Options that make sense with `--upstream` alone, and what they are where they were not given."""
_READABLE = "The key goes to {} over plain http: others on the way can read it.\n"
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}", re.ASCII)
"""What looks like a variable's name; a key has small letters, or other characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """Names under which an engine serves its model with one of Phi-4's adapters; None for the model's own."""

    vision: str | None = None
    speech: str | None = None

    def choose(self, model: str, kinds: Iterable[MediaKind]) -> str:
        """The name to ask for: images need the vision adapter, with audio or without, and audio the other."""
        present = {*kinds}
        if "image" in present:
            return self.vision or model
        if "audio" in present:
            return self.speech or model
        return model


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """Which engine answers.

    Attributes:
        address: Where it is.
        model: Its model's name; None means the only one that it has.
        adapters: Names of the model with an adapter.
        key: Its key.
        silence: Seconds that it may be silent, before its answer and in it.
    """

    address: Address
    model: str | None = None
    adapters: Adapters = Adapters()
    key: str | None = field(default=None, repr=False)
    silence: float = _SILENCE_S


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--upstream` and what goes with it."""
    group = parser.add_argument_group(
        "an engine of its own",
        "Have one answer that speaks OpenAI's chat completions: vLLM, llama.cpp.",
    )
    offer = group.add_argument
    offer("--upstream", type=_address, metavar="URL", help="its address, such as http://127.0.0.1:8000/v1")
    offer("--upstream-model", metavar="NAME", help="its model; may be left out if it has only one")
    offer("--upstream-key-env", metavar="NAME", help="the environment variable that holds its key")
    offer(
        "--upstream-adapters",
        type=_adapters,
        metavar="vision=NAME,speech=NAME",
        help="the models to ask for instead where a chat has images, and where it has audio alone",
    )
    offer(
        "--upstream-timeout",
        type=_seconds,
        metavar="S",
        default=_SILENCE_S,
        help="seconds that it may be silent (default: %(default)s)",
    )


def to_settings(options: argparse.Namespace) -> UpstreamSettings | None:
    """The engine that was asked for, if any; its key's environment variable is gone afterwards.

    A key that others can read on its way is warned of, on standard error.

    Raises:
        argparse.ArgumentTypeError: The options do not go together, or the variable holds no key.
    """
    if options.upstream is None:
        if given := [name for name, unset in _ONLY_WITH.items() if getattr(options, name) != unset]:
            raise argparse.ArgumentTypeError(f"--{given[0].replace('_', '-')} needs --upstream")
        return None
    settings = UpstreamSettings(
        address=options.upstream,
        model=options.upstream_model,
        adapters=options.upstream_adapters or Adapters(),
        key=None if options.upstream_key_env is None else _key(options.upstream_key_env),
        silence=options.upstream_timeout,
    )
    if settings.key is not None and settings.address.is_readable:
        sys.stderr.write(_READABLE.format(settings.address.host))
    return settings


def _key(variable: str) -> str:
    """The key that a variable holds.

    Raises:
        argparse.ArgumentTypeError: It holds none; the text repeats nothing that may be a key.
    """
    shown = variable if _VARIABLE.fullmatch(variable) else "the variable of that name"
    key = os.environ.pop(variable, "").strip()
    if not key:
        hint = "" if shown == variable else "; give a variable's name, and not the key"
        raise argparse.ArgumentTypeError(f"--upstream-key-env: {shown} holds no key in the environment{hint}")
    if not key.isascii() or not key.isprintable():
        raise argparse.ArgumentTypeError(
            f"--upstream-key-env: the key in {shown} has characters that are not printable ASCII"
        )
    return key


def _address(text: str) -> Address:
    try:
        return to_address(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None


def _adapters(text: str) -> Adapters:
    pairs = [part.strip().partition("=") for part in text.split(",")]
    names = {name.strip(): value.strip() for name, _, value in pairs}
    if len(names) < len(pairs) or not names.keys() <= {"vision", "speech"} or not all(names.values()):
        raise argparse.ArgumentTypeError("must be vision=NAME, speech=NAME or both, with a comma")
    return Adapters(**names)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value
