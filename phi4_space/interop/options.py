"""Options of a call, as other models take them. Knows names; not what becomes of an option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from phi4_space._sampling import SAMPLING_OPTIONS
from phi4_space._turn.request import Options, refuse_unknown

__all__ = ["SAMPLING_OPTIONS", "refuse_unknown", "sampling_options", "to_stop"]


def sampling_options(kwargs: Mapping[str, Any]) -> Options:
    """The sampling options among a call's keyword arguments, under the client's names.

    Those set to None are left out.
    """
    named = {
        SAMPLING_OPTIONS[name]: kwargs[name] for name in SAMPLING_OPTIONS if kwargs.get(name) is not None
    }
    return cast("Options", named)


def to_stop(stop: str | Sequence[str] | None) -> Sequence[str] | None:
    """Stop strings as the client takes them: a single string is one, and None or "" none."""
    return ([stop] if stop else None) if isinstance(stop, str) else stop
