"""How the tokens of an answer are chosen: settings, and their bounds. Needs nothing but Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OPTIONS = frozenset({"temperature", "max_tokens", "top_p", "top_k", "seed", "repetition_penalty"})
"""The options that are honoured."""

_COLDEST = 1e-4
"""Below it, scores that are divided by it leave what a float can hold, and nothing is left to chance."""

_LARGEST = 2**63 - 1
"""What a tensor of whole numbers holds."""
_BOUNDS = {
    "temperature": (0, 100),
    "top_p": (0, 1),
    "top_k": (0, _LARGEST),
    "repetition_penalty": (0.01, 100),
    "max_tokens": (1, _LARGEST),
    "seed": (-_LARGEST - 1, _LARGEST),
}
_WHOLE = frozenset({"top_k", "max_tokens", "seed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the tokens of an answer are chosen.

    Attributes:
        temperature: How bold the choice is; 0 takes the likeliest token each time.
        top_p: Only the likeliest tokens that together have this probability are chosen from.
        top_k: Only so many of the likeliest are; 0 for any number.
        repetition_penalty: Above 1 it makes tokens less likely that the prompt or the answer has already.
        seed: The same seed gives the same answer to the same chat; None gives another each time.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int | None = None

    @property
    def is_random(self) -> bool:
        """Whether chance has a part in it."""
        return self.temperature >= _COLDEST

    @property
    def is_plain(self) -> bool:
        """Whether the likeliest token is taken, as the model has it."""
        return not self.is_random and self.repetition_penalty == 1.0


def to_sampling(options: Mapping[str, float]) -> Sampling:
    """How a request's options have tokens chosen.

    Without a temperature, the likeliest token is taken; with `top_p` or `top_k` the temperature is 1 then.

    Raises:
        ValueError: One of them is out of its bounds; the text says which, and what they are.
    """
    for name, value in options.items():
        _check(name, value)
    unset = 1.0 if options.keys() & {"top_p", "top_k"} else 0.0
    return Sampling(
        temperature=float(options.get("temperature", unset)),
        top_p=float(options.get("top_p", 1.0)),
        top_k=int(options.get("top_k", 0)),
        repetition_penalty=float(options.get("repetition_penalty", 1.0)),
        seed=int(options["seed"]) if "seed" in options else None,
    )


def _check(name: str, value: float) -> None:
    if name not in _BOUNDS:
        raise ValueError(f"The model has no option {name}; it has {', '.join(sorted(_BOUNDS))}.")
    least, most = _BOUNDS[name]
    if not least <= value <= most or (name == "top_p" and not value):
        above = "more than" if name == "top_p" else "at least"
        raise ValueError(f"{name} must be {above} {least:g} and at most {most:g}, not {_written(value)}.")
    if name in _WHOLE and not float(value).is_integer():
        raise ValueError(f"{name} must be a whole number, not {value:g}.")


def _written(value: float) -> str:
    try:
        return f"{value:g}"
    except OverflowError:  # a whole number can be larger than what a float holds
        return "a number beyond all bounds"
