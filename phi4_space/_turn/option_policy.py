"""Which sampling options are sent, once the contract is known. Knows whom to warn; no Space, no requests."""

from __future__ import annotations

from collections.abc import Mapping

from phi4_space._caller import Caller
from phi4_space._errors import InvalidOption
from phi4_space._status import Takes

_ADVICE = (
    "Leave it out, or have a Space of your own set it for all of its turns. SpaceClient(strict=True) makes "
    'this an error; warnings.simplefilter("ignore", phi4_space.OptionIgnored) silences it.'
)


class OptionPolicy:
    """What becomes of sampling options that a Space does not take: refused, or ignored with one warning each.

    Args:
        strict: Whether they are refused.
    """

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._warned: set[str] = set()

    def choose(self, options: Mapping[str, object], takes: Takes, caller: Caller) -> dict[str, object]:
        """The options that the Space takes.

        Args:
            options: Those that are set.
            takes: What the Space takes.
            caller: Who is warned of the others, of each the first time.

        Raises:
            InvalidOption: The Space does not take one, and that is to be refused; or not with this value.
        """
        ignored = [name for name in options if name not in takes.options]
        if self._strict and ignored:
            raise InvalidOption(
                f"{', '.join(ignored)}: {_instead(takes)}",
                advice="Leave it out, or have a Space of your own set it for all of its turns.",
            )
        for name in ignored:
            if name not in self._warned:
                caller.warn(f"{name} is ignored: {_instead(takes)}. {_ADVICE}")
                self._warned.add(name)  # only then, where warnings are errors
        taken = {name: value for name, value in options.items() if name in takes.options}
        return {name: takes.options[name].check(name, value) for name, value in taken.items()}


def _instead(takes: Takes) -> str:
    """What a Space takes that does not take an option."""
    return f"this Space takes {', '.join(takes.names)}" if takes.names else "the Space takes no such option"
