"""Which contract a Space fulfils. Knows which kinds of Spaces there are, best first; not how they work."""

from __future__ import annotations

from typing import Protocol

from phi4_space._errors import ContractNotMet
from phi4_space._gradio.config import Config
from phi4_space._gradio.contract import Contract
from phi4_space._gradio.two_step import find_two_step


class Find(Protocol):
    """Finds one contract's functions in a /config."""

    def __call__(self, config: Config, *, space: str) -> Contract:
        """The contract; `ContractNotMet` where the Space does not fulfil it."""


CONTRACTS: tuple[Find, ...] = (find_two_step,)


def choose(config: Config, *, space: str) -> Contract:
    """The best contract that a Space fulfils.

    Args:
        config: What the Space says of itself.
        space: "owner/name" or URL of the Space.

    Raises:
        ContractNotMet: It fulfils none; the error is that of the last, which most Spaces have.
    """
    *better, last = CONTRACTS
    for find in better:
        try:
            return find(config, space=space)
        except ContractNotMet:
            continue
    return last(config, space=space)
