"""Which contract a Space fulfils. Knows which kinds of Spaces there are, best first; not how they work."""

from __future__ import annotations

from typing import Protocol

from phi4_space._errors import ContractNotMet
from phi4_space._gradio.chat_completion import find_chat_completion
from phi4_space._gradio.config import Config
from phi4_space._gradio.contract import Contract
from phi4_space._gradio.two_step import find_two_step
from phi4_space._net.error_mapping import strip_markup


class Find(Protocol):
    """Finds one contract's functions in a /config."""

    def __call__(self, config: Config, *, space: str) -> Contract:
        """The contract; `ContractNotMet` where the Space does not fulfil it."""


CONTRACTS: tuple[Find, ...] = (find_chat_completion, find_two_step)


def choose(config: Config, *, space: str, endpoint: str | None = None) -> Contract:
    """The best contract that a Space fulfils.

    Args:
        config: What the Space says of itself.
        space: "owner/name" or URL of the Space.
        endpoint: A function that has to belong to the contract; None where any contract will do.

    Raises:
        ContractNotMet: It fulfils none; the error is that of the last, which most Spaces have, unless another
            one's function is there and takes something else. Or none has that endpoint.
    """
    fulfilled, failures = [], []
    for find in CONTRACTS:
        try:
            fulfilled.append(find(config, space=space))
        except ContractNotMet as exc:
            failures.append(exc)
    if not fulfilled:
        # What is there and does not fit says more than what is not there at all.
        unfit = (failure for failure in failures if config.named().keys() & {*failure.missing})
        raise next(unfit, failures[-1])
    for contract in fulfilled:
        if endpoint is None or endpoint in contract.endpoints:
            return contract
    found = tuple(name for contract in fulfilled for name in contract.endpoints)
    raise ContractNotMet(
        f"The Space answers at {', '.join(found)}, and endpoint= asks for another",
        missing=(strip_markup(endpoint or ""),),
        found=found,
    )
