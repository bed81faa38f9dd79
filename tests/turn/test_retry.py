"""Whether a turn that failed is tried again, after how long, on which session, and what is looked up anew."""

from __future__ import annotations

from typing import Any

import pytest

from phi4_space._errors import (
    AuthenticationFailed,
    ConnectionFailed,
    ContractNotMet,
    DeadlineExceeded,
    FileTooLarge,
    GpuAborted,
    InvalidOption,
    LimitExceeded,
    NoGpuAvailable,
    Phi4Error,
    QueueFull,
    QuotaExceeded,
    RateLimited,
    SpaceError,
    SpaceNotReady,
    StreamLost,
    TurnCancelled,
    UnexpectedAnswer,
    UploadLost,
)
from phi4_space._turn.retry import Decision, Facts, decide

FIRST = Facts()
SHOWN = Facts(has_text=True, was_filed=True)
KNOWN = Facts(is_known=True)
FILED = Facts(is_known=True, was_filed=True)
FILES = Facts(has_files=True, was_filed=True)
LOOKED_UP = Facts(refreshed=frozenset({"contract"}))
UPLOADED = Facts(refreshed=frozenset({"uploads", "start"}))


def at(step: Any, failure: Phi4Error) -> Phi4Error:
    """The failure, at a step."""
    failure.locate(step=step, space="x")
    return failure


HIDDEN = SpaceError("?", hidden=True)
TABLE: list[tuple[Phi4Error, Facts, Decision]] = [
    # what passes by itself
    (ConnectionFailed("x"), FIRST, Decision(wait=True, refresh="start")),
    (StreamLost("x"), FIRST, Decision(wait=True, refresh="start")),
    (GpuAborted("x"), FIRST, Decision(wait=True)),
    (NoGpuAvailable("x"), FIRST, Decision(wait=True)),
    (UploadLost("x"), FILES, Decision(wait=True, refresh="uploads")),
    # text that was passed on cannot be taken back
    (ConnectionFailed("x"), SHOWN, Decision(refresh="start")),
    (StreamLost("x"), SHOWN, Decision(refresh="start")),
    (GpuAborted("x"), SHOWN, Decision()),
    # what a server asks one to wait; more than half a minute is the caller's to decide on
    (RateLimited("x", retry_after=0.0), FIRST, Decision(wait=0.0)),
    (RateLimited("x", retry_after=30.0), FIRST, Decision(wait=30.0)),
    (RateLimited("x", retry_after=30.1), FIRST, Decision()),
    # nor is more than the turn has time for
    (RateLimited("x", retry_after=5.0), Facts(left=5.0), Decision(wait=5.0)),
    (RateLimited("x", retry_after=5.1), Facts(left=5.0), Decision()),
    (GpuAborted("x"), Facts(left=0.0), Decision()),
    (RateLimited("x"), FIRST, Decision(wait=True)),
    (QuotaExceeded("x", retry_after=1.0), FIRST, Decision()),
    # a turn that was filed and joined no queue joins it again
    (QueueFull("x"), FILED, Decision(wait=True, session="same")),
    (QueueFull("x", retry_after=60.0), FILED, Decision(session="same")),
    # what the Space has of us may be gone
    (at("predict", UnexpectedAnswer("x", status=500)), FIRST, Decision(wait=True, refresh="contract")),
    (at("post", UnexpectedAnswer("x", status=404)), FIRST, Decision(wait=True, refresh="contract")),
    (at("post", UnexpectedAnswer("x", status=405)), UPLOADED, Decision(wait=True, refresh="contract")),
    (at("predict", UnexpectedAnswer("x", status=500)), LOOKED_UP, Decision(refresh="contract")),
    (at("predict", UnexpectedAnswer("x", status=500)), SHOWN, Decision(refresh="contract")),
    (at("get", UnexpectedAnswer("x", status=500)), FIRST, Decision()),
    (at("predict", UnexpectedAnswer("x", status=418)), FIRST, Decision()),
    (at("predict", HIDDEN), FILES, Decision(wait=True, refresh="contract")),
    (at("predict", SpaceError("?", hidden=True)), FIRST, Decision()),
    (at("get", SpaceError("?", hidden=True)), FILES, Decision()),
    (at("predict", SpaceError("?")), FILES, Decision()),
    # deadlines: of one request they pass, of the turn they do not
    (DeadlineExceeded("x", which="connect"), FIRST, Decision(wait=True)),
    (DeadlineExceeded("x", which="request"), FIRST, Decision(wait=True)),
    (DeadlineExceeded("x", which="idle"), FIRST, Decision()),
    (DeadlineExceeded("x", which="queue"), FIRST, Decision()),
    (DeadlineExceeded("x", which="total"), FIRST, Decision()),
    # one that is not up was waited for already
    (SpaceNotReady("x"), FIRST, Decision()),
    # what was refused before anything was sent leaves a session that knows the conversation as it is
    (FileTooLarge("x"), KNOWN, Decision(session="untouched")),
    (InvalidOption("x"), KNOWN, Decision(session="untouched")),
    (FileTooLarge("x"), FIRST, Decision()),
    (FileTooLarge("x"), FILED, Decision()),
    # the rest
    (AuthenticationFailed("x"), FIRST, Decision()),
    (ContractNotMet("x"), FIRST, Decision()),
    (LimitExceeded("x"), FIRST, Decision()),
    (SpaceError("x"), FIRST, Decision()),
    (TurnCancelled("x"), FIRST, Decision()),
]


@pytest.mark.parametrize(
    ("failure", "facts", "decision"), TABLE, ids=[f"{type(row[0]).__name__}-{row[2].wait}" for row in TABLE]
)
def test_what_follows_from_a_failure(failure: Phi4Error, facts: Facts, decision: Decision) -> None:
    """The failure and a few facts decide, nothing else."""
    assert decide(failure, facts) == decision


def test_to_try_at_once_is_to_try() -> None:
    """A server that asks to wait for 0 seconds does not ask to give up."""
    assert Decision(wait=0.0).again
    assert Decision(wait=True).again
    assert not Decision().again
