"""Options of a call, as other models take them. Knows names; not what becomes of an option."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast

from phi4_space._errors import InvalidOption
from phi4_space._sampling import SAMPLING_OPTIONS
from phi4_space._turn.request import Options

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


def refuse_unknown(names: Iterable[str], known: Collection[str], *, what: str) -> None:
    """Refuses arguments that nobody reads: one may be another library's name for the server to ask.

    Args:
        names: The names of the arguments.
        known: The names that are read.
        what: What was called with them, for the error's text.

    Raises:
        InvalidOption: There is one; the advice says what it is called here, or the nearest name.
    """
    for name in names:
        if name not in known:
            raise InvalidOption.unknown(name, known, what=what)
