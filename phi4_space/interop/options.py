"""Options of a call, as other models take them. Knows names; not what becomes of an option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from phi4_space._prompt.stop import to_stop as check_stop
from phi4_space._sampling import SAMPLING_OPTIONS, to_sampling
from phi4_space._turn.request import Options, refuse_unknown

__all__ = [
    "SAMPLING_OPTIONS",
    "check_options",
    "merge_options",
    "refuse_unknown",
    "sampling_options",
    "to_stop",
]


def merge_options(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments from several layers; a later one overrides an earlier, whichever name it has for an option.

    None is not set: what an earlier layer has remains, and where none has anything the name is left out.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        given = {name: value for name, value in layer.items() if value is not None}
        options = {SAMPLING_OPTIONS[name] for name in given if name in SAMPLING_OPTIONS}
        merged = {name: value for name, value in merged.items() if SAMPLING_OPTIONS.get(name) not in options}
        merged |= given
    return merged


def sampling_options(kwargs: Mapping[str, Any]) -> Options:
    """The sampling options among a call's keyword arguments, under the client's names.

    Those set to None are left out.
    """
    given = ((SAMPLING_OPTIONS.get(name), value) for name, value in kwargs.items() if value is not None)
    named = {name: value for name, value in given if name is not None}
    return cast("Options", named)


def check_options(options: Mapping[str, Any]) -> None:
    """Checks sampling options and stop strings as a call of the client does.

    Args:
        options: Arguments, under any of the names of `SAMPLING_OPTIONS`; others are not looked at.

    Raises:
        InvalidOption: One makes no sense; the text names it, and says what it may be.
    """
    to_sampling(sampling_options(options))
    if (stop := to_stop(options.get("stop"))) is not None:
        check_stop(stop)


def to_stop(stop: str | Sequence[str] | None) -> Sequence[str] | None:
    """Stop strings as the client takes them: a single string is one, and None or "" none."""
    return ([stop] if stop else None) if isinstance(stop, str) else stop
