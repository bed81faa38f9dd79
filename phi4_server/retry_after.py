"""The header Retry-After: seconds, or a date. Knows its forms; no status and no error."""

from __future__ import annotations

import re
import time
from datetime import UTC
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"\d+(?:\.\d*)?|\.\d+", re.ASCII)
_MAX_LENGTH = 1_000  # characters
_LONGEST = 1e9  # seconds, some thirty years; what is longer is as long


def to_seconds(value: str | None) -> float | None:
    """How long to wait before the next request; None where the header does not say, or is not there.

    Args:
        value: The header: a number of seconds, or a date in any of HTTP's three forms.
    """
    value = (value or "").strip()[:_MAX_LENGTH]
    seconds = float(value) if _SECONDS.fullmatch(value) else _until(value)
    return None if seconds is None else min(max(0.0, seconds), _LONGEST)


def _until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:  # HTTP's dates are UTC, also in the form that does not say so
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp() - time.time()
