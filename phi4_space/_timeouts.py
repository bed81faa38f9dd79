"""How long each step of a turn may take. Knows the numbers alone."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from phi4_space._errors import InvalidOption


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each step may take, in seconds; `None` waits for ever.

    Attributes:
        connect: For a connection.
        request: For the whole answer to one request, from when it was sent; and, while it is being sent, for
            each next piece of it, so that an upload that moves on is not cut off.
        idle: Without a word from the Space while it works; it says at least a heartbeat every 15 s.
        queue: In the Space's queue, until it starts.
        total: For the whole turn, retries and a second question included; so for an upload, a step by hand,
            and a status.
        wake: For a Space that sleeps or builds to come up; 0 does not wait.
    """

    connect: float | None = 10.0
    request: float | None = 60.0
    idle: float | None = 45.0
    queue: float | None = 600.0
    total: float | None = 1200.0
    wake: float = 300.0

    def __post_init__(self) -> None:
        """Refuses what is no duration.

        Raises:
            InvalidOption: A value is negative, or no number.
        """
        for part in dataclasses.fields(self):
            value = getattr(self, part.name)
            if value is None and part.name != "wake":
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
                raise InvalidOption(f"Timeouts.{part.name} is a number of seconds, not {value!r}")
