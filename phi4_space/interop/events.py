"""A turn's events and parts of its reply, as dicts. Knows values; no framework."""

from __future__ import annotations

from typing import Any

from phi4_space._turns import BrokenCall, Event, ReplyFile, Timing


def to_dict(value: Event | Timing | ReplyFile | BrokenCall) -> dict[str, Any]:
    """The fields of a value that holds no other one, at a tenth of what `dataclasses.asdict` costs."""
    return {name: getattr(value, name) for name in value.__slots__}
