"""Options of a call, as other models take them. Knows names; not what becomes of an option."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from phi4_space._errors import InvalidOption

SAMPLING_OPTIONS = (
    *("temperature", "max_tokens", "max_completion_tokens", "max_new_tokens", "top_p", "top_k", "min_p"),
    *("frequency_penalty", "presence_penalty", "repetition_penalty", "seed", "do_sample"),
    *("n", "logprobs", "logit_bias"),
)
"""How callers of other models steer the choice of tokens; the client decides what becomes of each."""


def sampling_options(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The sampling options among a call's keyword arguments; those set to None are left out."""
    return {name: kwargs[name] for name in SAMPLING_OPTIONS if kwargs.get(name) is not None}


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
