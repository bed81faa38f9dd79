"""Which contract a Space fulfils. Knows which kinds of Spaces there are, best first; not how they work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from phi4_space._errors import ContractNotMet
from phi4_space._gradio.chat_completion import find_chat_completion
from phi4_space._gradio.chat_interface import find_chat_interface
from phi4_space._gradio.config import Config, Endpoint, Slot
from phi4_space._gradio.contract import Contract, Wanted
from phi4_space._gradio.two_step import ANSWER, SUBMIT, find_named_steps, find_two_step
from phi4_space._net.error_mapping import label, strip_markup

_MOST_NAMES = 8  # of a Space's functions, in an error
_MOST_SLOTS = 10  # of a function's inputs or outputs, in an error


class Find(Protocol):
    """Finds the contracts of one kind in a /config."""

    def __call__(self, config: Config, wanted: Wanted) -> Sequence[Contract]:
        """All that there are; `ContractNotMet` where one is meant to be, and takes something else."""


CONTRACTS: tuple[Find, ...] = (find_chat_completion, find_named_steps, find_chat_interface, find_two_step)


def choose(
    config: Config,
    *,
    space: str,
    endpoint: str | None = None,
    extra_inputs: Mapping[str, object] | None = None,
) -> Contract:
    """The best contract that a Space fulfils.

    Args:
        config: What the Space says of itself.
        space: "owner/name" or URL of the Space.
        endpoint: A function that has to belong to the contract; None where any contract will do.
        extra_inputs: Values of additional inputs, by their exact labels.

    Raises:
        ContractNotMet: It fulfils none, or several of one kind, or none that has that endpoint; the text says
            what is there.
        InvalidOption: There is no such additional input, or not with this value.
    """
    wanted = Wanted(space=space, endpoint=endpoint)
    groups, unfit = [], []
    for find in CONTRACTS:
        try:
            groups.append(find(config, wanted))
        except ContractNotMet as exc:
            unfit.append(exc)
    found = [contract for group in groups for contract in group]
    if not found:
        # What is there and does not fit says more than what is not there at all.
        raise unfit[0] if unfit else _nothing_known(config)
    contract = _best(groups) if endpoint is None else _named(found, endpoint)
    return contract.with_extra(extra_inputs) if extra_inputs else contract


def _best(groups: Sequence[Sequence[Contract]]) -> Contract:
    best = next(filter(None, groups))
    if len(best) > 1:
        names = _shown([contract.endpoints[-1] for contract in best])
        example = names[0] if names else "NAME"
        raise ContractNotMet(
            f"The Space has {len(best)} chats, {' and '.join(names) or 'without names'}",
            advice=f'Pick one, such as with SpaceClient(endpoint="{example}") or --endpoint {example}.',
            missing=("endpoint",),
            found=names,
        )
    return best[0]


def _named(found: Sequence[Contract], endpoint: str) -> Contract:
    for contract in found:
        if endpoint in contract.endpoints:
            return contract
    names = _shown([name for contract in found for name in contract.endpoints])
    raise ContractNotMet(
        f"The Space answers at {', '.join(names)}, and endpoint= asks for another",
        advice="Write endpoint= with one of these, or leave it out.",
        missing=(strip_markup(endpoint),),
        found=names,
    )


def _nothing_known(config: Config) -> ContractNotMet:
    named = config.named()
    missing = tuple(name for name in (SUBMIT, ANSWER) if name not in named)
    public = [one for one in named.values() if one.is_documented and not one.is_private][:_MOST_NAMES]
    functions = ", ".join(map(_described, public)) or "no public endpoints"
    return ContractNotMet(
        f"The Space has no gr.ChatInterface, {' and '.join(f'no {name}' for name in missing)};"
        f" it has {functions}",
        missing=missing,
        found=_shown([one.name for one in public]),
    )


def _described(endpoint: Endpoint) -> str:
    inputs, outputs = (_kinds(slots) for slots in (endpoint.inputs, endpoint.outputs))
    return f"{label(endpoint.name)} ({inputs} -> {outputs})"


def _kinds(slots: Sequence[Slot]) -> str:
    more = ["..."] if len(slots) > _MOST_SLOTS else []
    return ", ".join([*(label(slot.kind) or "?" for slot in slots[:_MOST_SLOTS]), *more]) or "nothing"


def _shown(names: Sequence[str]) -> tuple[str, ...]:
    """Names, fit to be shown, and no more than that."""
    return tuple(filter(None, map(label, names)))[:_MOST_NAMES]
