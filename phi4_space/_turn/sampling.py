"""Sampling options, of which the contract carries none. Knows what to tell their user; no Space, no turn."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from phi4_space import _synonyms
from phi4_space._errors import InvalidOption, OptionIgnored

_WHAT = "the Space takes no sampling options"
_ADVICE = (
    "Leave it out, or have a Space of your own set it for all of its turns. SpaceClient(strict=True) makes "
    'this an error; warnings.simplefilter("ignore", phi4_space.OptionIgnored) silences it.'
)


def to_sampling(options: object) -> tuple[str, ...]:
    """The names of the options that are set; those whose value is None are not.

    Raises:
        InvalidOption: It is no mapping of names to values, or one of them would say who reads the text, and
            so must not be ignored.
    """
    if not isinstance(options, Mapping) or not all(isinstance(name, str) for name in options):
        raise InvalidOption(
            "sampling is a mapping of names to values", advice='Write sampling={"temperature": 0.2}.'
        )
    for name in options:
        if not _is_sampling(name):
            raise InvalidOption.unknown(name, (), what="sampling")
    return tuple(name for name, value in options.items() if value is not None)


def _is_sampling(name: object) -> bool:
    """Whether ignoring an option of that name changes no more than the choice of words."""
    return isinstance(name, str) and _synonyms.ours(name) is None


class SamplingPolicy:
    """What becomes of sampling options: each is refused, or ignored with one warning in all.

    Args:
        strict: Whether they are refused.
    """

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._told: set[str] = set()

    def check(self, names: tuple[str, ...]) -> None:
        """Refuses options where they are to be refused.

        Raises:
            InvalidOption: There are some.
        """
        if self._strict and names:
            raise InvalidOption(
                f"{', '.join(names)}: {_WHAT}",
                advice="Leave them out, or have a Space of your own set them for all of its turns.",
            )

    def warn(self, options: object) -> None:
        """Warns the caller's caller of options that are ignored, of each the first time.

        Args:
            options: What it handed in; nonsense is left to those who refuse it.
        """
        if self._strict or not isinstance(options, Mapping):
            return
        for name, value in options.items():
            if value is not None and name not in self._told and _is_sampling(name):
                self._told.add(name)
                warnings.warn(f"{name} is ignored: {_WHAT}. {_ADVICE}", OptionIgnored, stacklevel=3)
