"""Which contract a Space fulfils. Knows which kinds of Spaces there are, best first; not how they work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from phi4_space._errors import ContractNotMet
from phi4_space._gradio.chat_completion import find_chat_completion
from phi4_space._gradio.chat_interface import find_chat_interface
from phi4_space._gradio.config import Config, Endpoint, Slot
from phi4_space._gradio.contract import Contract, Wanted
from phi4_space._gradio.two_step import (
    ANSWER,
    SUBMIT,
    answers_alone,
    answers_from_state,
    find_named_steps,
    find_two_step,
)
from phi4_space._net.error_mapping import label, strip_markup

_MOST_NAMES = 8  # of a Space's functions, in an error
_MOST_SLOTS = 10  # of a function's inputs or outputs, in an error


class Find(Protocol):
    """Finds the contracts of one kind in a /config."""

    def __call__(self, config: Config, wanted: Wanted) -> Sequence[Contract]:
        """All that there are; `ContractNotMet` where one is meant to be, and takes something else."""


CONTRACTS: tuple[tuple[Find, ...], ...] = (
    (find_chat_completion,),
    (find_named_steps,),
    (find_chat_interface, find_two_step),
)
"""The kinds of Spaces, best first; those beside each other are found by their shape, and none is better."""


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
        ContractNotMet: It fulfils none, or several that are as good, or none that has that endpoint; the text
            says what is there.
        InvalidOption: There is no such additional input, or not with this value.
    """
    wanted = Wanted(space=space, endpoint=endpoint)
    groups: list[list[Contract]] = []
    unfit: list[ContractNotMet] = []
    for kinds in CONTRACTS:
        group: list[Contract] = []
        groups.append(group)
        for find in kinds:
            try:
                group.extend(find(config, wanted))
            except ContractNotMet as exc:
                unfit.append(exc)
    found = [contract for group in groups for contract in group]
    if not found:
        # What is there and does not fit says more than what is not there at all.
        raise unfit[0] if unfit else _nothing_known(config)
    contract = _only(next(filter(None, groups))) if endpoint is None else _named(found, endpoint)
    return contract.with_extra(extra_inputs) if extra_inputs else contract


def _only(chats: Sequence[Contract]) -> Contract:
    if len(chats) == 1:
        return chats[0]
    names = _fit_labels([contract.endpoints[-1] for contract in chats])
    example = next((name for name in names if names.count(name) == 1), None)
    advice = f'Pick one, such as with SpaceClient(endpoint="{example}") or --endpoint {example}.'
    raise ContractNotMet(
        f"The Space has {len(chats)} chats, {' and '.join(names) or 'without names'}",
        advice="Ask its author to name them, each in its own way." if example is None else advice,
        missing=("endpoint",),
        found=names,
    )


def _named(found: Sequence[Contract], endpoint: str) -> Contract:
    # The same two steps may be found by their names and by their shape.
    chats = {contract.fn_index: contract for contract in reversed(found) if endpoint in contract.endpoints}
    if chats:
        return _only([*chats.values()])
    names = _fit_labels([name for contract in found for name in contract.endpoints])
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
    chat = _unknown_chat(config)
    private = ", and functions kept from programs" if any(one.is_private for one in config.endpoints) else ""
    return ContractNotMet(
        f"The Space has no gr.ChatInterface, {' and '.join(f'no {name}' for name in missing)};"
        f" it has {functions}{chat}{private}",
        missing=missing,
        found=_fit_labels([one.name for one in public]),
    )


def _unknown_chat(config: Config) -> str:
    """Of which kind the chat of a page is, if it has one that this client does not run."""
    if (kept := next(filter(answers_from_state, config.endpoints), None)) is not None:
        return f", and a chat whose history is in a gr.State: {_name(kept)} takes no Chatbot to answer from"
    if (whole := next(filter(answers_alone, config.endpoints), None)) is not None:
        return f", and a chat answered by one function, {_name(whole)}"
    return ""


def _name(endpoint: Endpoint) -> str:
    return label(endpoint.name) or "unnamed"


def _described(endpoint: Endpoint) -> str:
    inputs, outputs = (_kinds(slots) for slots in (endpoint.inputs, endpoint.outputs))
    return f"{label(endpoint.name)} ({inputs} -> {outputs})"


def _kinds(slots: Sequence[Slot]) -> str:
    more = ["..."] if len(slots) > _MOST_SLOTS else []
    return ", ".join([*(label(slot.kind) or "?" for slot in slots[:_MOST_SLOTS]), *more]) or "nothing"


def _fit_labels(names: Sequence[str]) -> tuple[str, ...]:
    """Names, fit to be shown, and no more than that."""
    return tuple(filter(None, map(label, names)))[:_MOST_NAMES]
