"""Whether a turn that failed is tried again, and how. Knows errors and a few facts; does nothing itself.

A turn is tried again only before its first text, and on a new session: filing a turn writes the session's
State, so on the same one it would stand there twice. Thoughts are no text: those of the next
attempt replace them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from phi4_space._errors import (
    ConnectionFailed,
    DeadlineExceeded,
    InvalidInput,
    Phi4Error,
    QueueFull,
    SpaceError,
    SpaceUnavailable,
    StreamLost,
    UnexpectedAnswer,
    UploadLost,
)

LONGEST_WAIT = 30.0
"""Seconds; a longer Retry-After is the caller's to decide on."""

Refresh = Literal["start", "uploads", "contract"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """How far the attempt came.

    Attributes:
        has_text: Whether text of its answer was passed on.
        was_filed: Whether the Space has the turn.
        is_known: Whether the session knew the turns before.
        has_files: Whether the turn has files.
        refreshed: What was looked up anew in this turn already.
        left: Seconds until the turn must be over.
    """

    has_text: bool = False
    was_filed: bool = False
    is_known: bool = False
    has_files: bool = False
    refreshed: frozenset[Refresh] = frozenset()
    left: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows from a failure.

    Attributes:
        wait: Whether to try again: True after the usual while, a number after so many seconds.
        session: What becomes of the session: "new" gives it up; "same" tries again on it, where the turn
            was filed and joined no queue; "untouched" may serve the next turn, as nothing was sent.
        refresh: What may have changed meanwhile: "start" has the Space asked whether it restarted; "uploads"
            and "contract" have everything that is remembered of its start looked up anew.
    """

    wait: bool | float = False
    session: Literal["new", "same", "untouched"] = "new"
    refresh: Refresh | None = None

    @property
    def again(self) -> bool:
        """Whether to try again."""
        return self.wait is not False


def decide(failure: Phi4Error, facts: Facts) -> Decision:
    """What follows from an attempt's failure."""
    refresh = _refresh(failure, facts)
    return Decision(wait=_wait(failure, facts, refresh), session=_session(failure, facts), refresh=refresh)


def _refresh(failure: Phi4Error, facts: Facts) -> Refresh | None:
    match failure:
        case ConnectionFailed() | StreamLost():
            return "start"
        case UploadLost():
            return "uploads"
        # A server answers 404 or 500 to a number that it does not know.
        case UnexpectedAnswer(step="predict" | "post", status=404 | 405 | 500):
            return "contract"
        # With show_error off a Space hides that an uploaded file is gone.
        case SpaceError(step="predict", hidden=True) if facts.has_files:
            return "contract"
        case _:
            return None


def _wait(failure: Phi4Error, facts: Facts, refresh: Refresh | None) -> bool | float:
    if facts.has_text or not facts.left or isinstance(failure, SpaceUnavailable):
        return False  # one that is not up was waited for already
    if refresh == "contract":
        return "contract" not in facts.refreshed
    if isinstance(failure, DeadlineExceeded) and failure.which not in {"connect", "request"}:
        return False
    if failure.retryable and failure.retry_after is not None:
        return failure.retry_after if failure.retry_after <= min(LONGEST_WAIT, facts.left) else False
    return failure.retryable


def _session(failure: Phi4Error, facts: Facts) -> Literal["new", "same", "untouched"]:
    if isinstance(failure, QueueFull):
        return "same"
    refused = isinstance(failure, InvalidInput) and not facts.was_filed
    return "untouched" if refused and facts.is_known else "new"
