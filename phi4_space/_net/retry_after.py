"""The header Retry-After: seconds, or a date. Knows its forms; no status and no error."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"\d+(?:\.\d*)?|\.\d+", re.ASCII)
_MAX_LENGTH = 1_000  # characters
_SHORTEST = 1.0  # second; servers have been seen to say 0
_LONGEST = 1e9  # seconds, some thirty years; what is longer is as long


def to_seconds(value: str, *, now: Callable[[], float] = time.time) -> float | None:
    """How long to wait before the next request, at least a second; None where the header does not say.

    Args:
        value: The header: a number of seconds, or a date in any of HTTP's three forms.
        now: The time, as `time.time` has it.
    """
    value = value.strip()[:_MAX_LENGTH]
    seconds = float(value) if _SECONDS.fullmatch(value) else _until(value, now)
    return None if seconds is None else min(max(_SHORTEST, seconds), _LONGEST)


def _until(date: str, now: Callable[[], float]) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:  # HTTP's dates are UTC, also in the form that does not say so
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp() - now()
