"""Options of a call, as other models take them. Knows names; not what becomes of an option."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from phi4_space._errors import InvalidOption
from phi4_space._prompt.stop import to_stop as check_stop
from phi4_space._sampling import NAMES, SAMPLING_OPTIONS, to_sampling
from phi4_space._secret import SecretLike
from phi4_space._synonyms import ALIASES
from phi4_space._turn.request import Options, refuse_unknown

__all__ = [
    "ALIASES",
    "SAMPLING_OPTIONS",
    "check_options",
    "merge_options",
    "own_names",
    "refuse_unknown",
    "sampling_options",
    "to_stop",
]


_SHARED = (*NAMES, "stop")
_FOREIGN = {*ALIASES, "n"}


def own_names(
    given: Mapping[str, Any], known: Collection[str], *, last_counts: bool = False
) -> dict[str, Any]:
    """Arguments under our names, where they have another model's (`ALIASES`); others are left as they are.

    `n=1`, one answer, is what there is anyway, and is left out.

    Args:
        given: The arguments.
        known: Our names of those that may be given.
        last_counts: Whether the last counts, where one has two names and two values.

    Raises:
        InvalidOption: One has two names and two values, and the last does not count.
    """
    if given.keys().isdisjoint(_FOREIGN):
        return dict(given)
    own: dict[str, Any] = {}
    names: dict[str, str] = {}
    for name, written in given.items():
        meant = name if name in known or ALIASES.get(name) not in known else ALIASES[name]
        value = _root(written) if meant == "space" != name else written
        if (name == "n" and isinstance(value, int) and value == 1) or (
            value is None and meant in own and meant != "token"
        ):
            continue
        is_set = meant in own and (own[meant] is not None or meant == "token")  # None: the environment's
        if not last_counts and is_set and _bare(own[meant]) != _bare(value):
            raise InvalidOption(
                f"{names[meant]} and {name} mean the same, and differ", advice="Give one of them."
            )
        own[meant], names[meant] = value, name
    return own


def _root(url: object) -> object:
    """The server's root, where a URL is that of its API for OpenAI's clients."""
    return url.strip().rstrip("/").removesuffix("/v1") if isinstance(url, str) else url


def _bare(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretLike) else value


def merge_options(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments from several layers, under our names; a later one overrides an earlier.

    None is not set: what an earlier layer has remains, and where none has anything the name is left out.

    Raises:
        InvalidOption: A layer has two names and two values for one.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        merged |= {name: value for name, value in own_names(layer, _SHARED).items() if value is not None}
    return merged


def sampling_options(kwargs: Mapping[str, Any]) -> Options:
    """The sampling options among a call's keyword arguments, under the client's names.

    Those set to None are left out.

    Raises:
        InvalidOption: One has two names and two values.
    """
    named = own_names(kwargs, NAMES)
    return cast(
        "Options", {name: value for name, value in named.items() if name in NAMES and value is not None}
    )


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
