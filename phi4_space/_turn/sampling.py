"""Sampling options, of which the contract carries none. Knows what to tell their user; no Space, no turn."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping

from phi4_space._errors import InvalidOption, OptionIgnored
from phi4_space._sampling import to_sampling

_WHAT = "the Space takes no sampling options"
_ADVICE = (
    "Leave it out, or have a Space of your own set it for all of its turns. SpaceClient(strict=True) makes "
    'this an error; warnings.simplefilter("ignore", phi4_space.OptionIgnored) silences it.'
)


class SamplingPolicy:
    """What becomes of sampling options: each is refused, or ignored with one warning in all.

    Args:
        strict: Whether they are refused.
    """

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._warned: set[str] = set()

    def check(self, names: Collection[str]) -> None:
        """Refuses options where they are to be refused.

        Raises:
            InvalidOption: There are some.
        """
        if self._strict and names:
            raise InvalidOption(
                f"{', '.join(names)}: {_WHAT}",
                advice="Leave them out, or have a Space of your own set them for all of its turns.",
            )

    def warn(self, options: Mapping[str, object]) -> None:
        """Warns the caller's caller of options that are ignored, of each the first time.

        Args:
            options: What it handed in.
        """
        if self._strict:
            return
        for name in to_sampling(options):
            if name not in self._warned:
                self._warned.add(name)
                warnings.warn(f"{name} is ignored: {_WHAT}. {_ADVICE}", OptionIgnored, stacklevel=3)
