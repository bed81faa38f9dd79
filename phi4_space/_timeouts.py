"""How long each step of a turn may take. Knows numbers only."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from phi4_space._errors import InvalidOption

_MAX_SECONDS = 10**9  # of whole numbers, which may be too large for a float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each step may take, in seconds; `None` means no limit.

    Attributes:
        connect: To open a connection.
        request: For the complete response to one request, after it was sent; and, while it is being sent, for
            each chunk of it, so that an upload that makes progress is not cut off.
        idle: Without anything from the Space while it works; it sends a heartbeat at least every 15 s.
        queue: In the Space's queue, before the Space starts on the turn.
        total: For the whole turn, including retries and a second question; also for an upload, a step by
            hand, and a status. A turn begins once its media are read and, in a conversation, the turn before
            it is over.
        wake: For a Space that sleeps or builds to come up; 0 does not wait.
    """

    connect: float | None = 10.0
    request: float | None = 60.0
    idle: float | None = 45.0
    queue: float | None = 600.0
    total: float | None = 1200.0
    wake: float = 300.0

    def __post_init__(self) -> None:
        """Refuses invalid values.

        Raises:
            InvalidOption: A value is negative, or not a number.
        """
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None and field.name != "wake":
                continue
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not value >= 0 or (isinstance(value, int) and value > _MAX_SECONDS):
                raise InvalidOption(
                    f"Timeouts.{field.name} must be a number of seconds, 0 or more, not {str(value)[:20]}"
                )
