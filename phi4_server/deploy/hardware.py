"""The hardware that Spaces run on: what it holds, and what it costs. Knows no Hub.

Prices and sizes are those of https://huggingface.co/docs/hub/spaces-gpus in 2026, rules of ZeroGPU those of
https://huggingface.co/docs/hub/spaces-zerogpu and of the package `spaces` 0.51. They change: what is printed
says where to look.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from phi4_server.deploy.failure import invalid

Kind = Literal["cpu", "zero", "gpu"]

CPU_BASIC = "cpu-basic"
ZERO_GPU = "zero-a10g"
"""Its name is older than the cards that it has now."""

PRICES = "https://huggingface.co/pricing"
_WEIGHTS_GB = 11.2
_COMFORT_GB = 24
_DAY_H, _MONTH_H = 24, 720
_NEAR = 0.5
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What a Space runs on.

    Attributes:
        name: What the Hub calls it.
        kind: A processor alone; a card that is there for each answer; or a card of its own.
        memory: Gigabytes of memory, if known.
        card: Gigabytes of memory of one card, if there is one and that is known.
        price: Dollars an hour, if known.
    """

    name: str
    kind: Kind = "gpu"
    memory: int | None = None
    card: int | None = None
    price: float | None = None


HARDWARE = {
    known.name: known
    for known in (
        Hardware(name=CPU_BASIC, kind="cpu", memory=16, price=0.0),
        Hardware(name="cpu-upgrade", kind="cpu", memory=32, price=0.03),
        Hardware(name=ZERO_GPU, kind="zero", card=48, price=0.0),
        Hardware(name="t4-small", memory=15, card=16, price=0.40),
        Hardware(name="t4-medium", memory=30, card=16, price=0.60),
        Hardware(name="l4x1", memory=30, card=24, price=0.80),
        Hardware(name="l4x4", memory=186, card=24, price=3.80),
        Hardware(name="l40sx1", memory=62, card=48, price=1.80),
        Hardware(name="l40sx4", memory=382, card=48, price=8.30),
        Hardware(name="l40sx8", memory=1534, card=48, price=23.50),
        Hardware(name="a10g-small", memory=15, card=24, price=1.00),
        Hardware(name="a10g-large", memory=46, card=24, price=1.50),
        Hardware(name="a10g-largex2", memory=92, card=24, price=3.00),
        Hardware(name="a10g-largex4", memory=184, card=24, price=5.00),
        Hardware(name="a100-large", memory=142, card=80, price=2.50),
        Hardware(name="a100x4", card=80),
        Hardware(name="a100x8", card=80),
        Hardware(name="rtx-pro-6000", card=96),
        Hardware(name="rtx-pro-6000x2", card=96),
        Hardware(name="rtx-pro-6000x4", card=96),
        Hardware(name="rtx-pro-6000x8", card=96),
    )
}
"""All that is known here, by name; a newer huggingface_hub may know more."""


def to_hardware(name: str, others: Iterable[str] = ()) -> Hardware:
    """The hardware of a name.

    Args:
        name: As it was given.
        others: Further names that the Hub knows.

    Raises:
        DeployFailed: There is none of that name; the advice has what may have been meant, and its price.
    """
    if name in HARDWARE:
        return HARDWARE[name]
    further = {other: _of_the_hub(other) for other in sorted({*others} - HARDWARE.keys())}
    if name in further:
        return further[name]
    known = sorted(
        [*HARDWARE.values(), *further.values()], key=lambda one: math.inf if one.price is None else one.price
    )
    near = _meant("-".join(name.lower().replace("_", " ").split()), known)
    names = ", ".join(sorted(one.name for one in known))
    advice = f"Did you mean {' or '.join(map(_with_price, near))}?" if near else f"There are {names}."
    raise invalid(f"There is no hardware {name!r}", advice)


def _of_the_hub(name: str) -> Hardware:
    return Hardware(name=name, kind="cpu" if name.startswith("cpu") else "gpu")


def _meant(typed: str, known: Sequence[Hardware]) -> Sequence[Hardware]:
    """What may have been meant: all that begin so, or else the nearest; of several, the cheapest first.

    A number is not begun: whoever writes a10 means no a100.
    """
    begins = re.compile(rf"{re.escape(typed)}(?!(?<=\d)\d)")
    if typed and (found := [one for one in known if begins.match(one.name)]):
        return found[:_MOST_NAMED]
    nearness = difflib.SequenceMatcher(b=typed)

    def near(one: Hardware) -> float:
        nearness.set_seq1(one.name)
        return nearness.ratio()

    nearest = max(known, key=near)
    return [nearest] if near(nearest) >= _NEAR else []


def _with_price(hardware: Hardware) -> str:
    match hardware.price:
        case None:
            return hardware.name
        case 0:
            return f"{hardware.name} (nothing by the hour)"
        case price:
            return f"{hardware.name} (about ${price:.2f} an hour)"


def check_fit(hardware: Hardware) -> None:
    """Makes sure that the real weights can run on it.

    Raises:
        DeployFailed: They cannot; the text has the numbers.
    """
    if hardware.kind != "cpu":
        return
    held = f"{hardware.memory} GB of memory" if hardware.memory else "its memory"
    raise invalid(
        f"Phi-4's weights do not run on {hardware.name}: they take {_WEIGHTS_GB} GB as bfloat16, beside "
        f"torch and 0.13 GB for each 1,000 tokens of a chat, and {hardware.name} has {held} and no GPU",
        f"Take --hardware {ZERO_GPU}, which is free, or l4x1 with 24 GB; or --model offline to try it out.",
    )


def costs(hardware: Hardware, *, has_weights: bool, is_pro: bool | None = None) -> Iterator[str]:
    """What it costs and which quota counts, in sentences.

    Args:
        hardware: What the Space is to run on.
        has_weights: Whether the model runs there, so that answers need the card.
        is_pro: Whether the account pays for PRO; None where that is not known.
    """
    match hardware.kind:
        case "zero":
            yield from _zero_costs(has_weights=has_weights)
        case "cpu" if hardware.price == 0:
            yield "Hugging Face asks nothing for the hours, and lets it sleep after 48 hours without a visit."
            if not is_pro:
                yield (
                    "New Gradio Spaces on it are for paid plans (PRO, Team, Enterprise); without one the Hub "
                    f"may refuse. {ZERO_GPU} is open to free accounts."
                )
        case _:
            yield from _hourly_costs(hardware)
    if has_weights and hardware.card is not None and hardware.card < _COMFORT_GB:
        yield f"Its card has {hardware.card} GB, and the weights take {_WEIGHTS_GB}: enough for short chats."


def _zero_costs(*, has_weights: bool) -> Iterator[str]:
    yield (
        "ZeroGPU costs nothing by the hour. A free account (mail verified, older than 30 days) may have 2 "
        "such Spaces, a PRO account 10."
    )
    if has_weights:
        yield (
            "Each answer counts against the daily GPU quota of whoever asks, by their token, or by their "
            "network address without one: a few minutes for a free account, 40 with PRO, then $1 for 10."
        )
    else:
        yield "Nothing that it runs needs the GPU, so no quota is used."


def _hourly_costs(hardware: Hardware) -> Iterator[str]:
    if hardware.price is None:
        yield f"It is billed by the minute; {PRICES} has its price, which is not known here."
    else:
        day, month = hardware.price * _DAY_H, hardware.price * _MONTH_H
        yield (
            f"It costs about ${hardware.price:.2f} an hour, billed by the minute: ${day:,.0f} a day, "
            f"${month:,.0f} in 30 days ({PRICES} has today's price)."
        )
    yield "It is billed for as long as it runs, asked or not, until you pause it or set a sleep time."
