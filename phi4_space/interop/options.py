"""Options of a call, as other models take them. Knows names; not what becomes of an option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from phi4_space._sampling import SAMPLING_OPTIONS
from phi4_space._turn.request import Options, refuse_unknown

__all__ = ["SAMPLING_OPTIONS", "merge_options", "refuse_unknown", "sampling_options", "to_stop"]


def merge_options(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments from several layers; a later one overrides an earlier, whichever name it has for an option.

    Those that are None in the end are left out.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        options = {SAMPLING_OPTIONS[name] for name in layer if name in SAMPLING_OPTIONS}
        merged = {name: value for name, value in merged.items() if SAMPLING_OPTIONS.get(name) not in options}
        merged |= layer
    return {name: value for name, value in merged.items() if value is not None}


def sampling_options(kwargs: Mapping[str, Any]) -> Options:
    """The sampling options among a call's keyword arguments, under the client's names.

    Those set to None are left out.
    """
    given = ((SAMPLING_OPTIONS.get(name), value) for name, value in kwargs.items() if value is not None)
    named = {name: value for name, value in given if name is not None}
    return cast("Options", named)


def to_stop(stop: str | Sequence[str] | None) -> Sequence[str] | None:
    """Stop strings as the client takes them: a single string is one, and None or "" none."""
    return ([stop] if stop else None) if isinstance(stop, str) else stop
