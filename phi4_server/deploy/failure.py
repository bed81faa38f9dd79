"""Why a Space could not be put on Hugging Face. Knows no Hub and no command line."""

from __future__ import annotations

from typing import Literal

Reason = Literal["invalid", "login", "refused", "busy", "unreachable", "build"]
"""The kinds of failures: a wrong argument; the token; the Hub's "no"; its "not now"; no connection; and a
Space that does not build or start."""


class DeployFailed(Exception):
    """A Space was not put on Hugging Face, or does not run there.

    Attributes:
        what: What happened, in one sentence.
        advice: What to do about it, or "".
        reason: The kind of failure.
        status: The HTTP status, if the Hub answered with one.
        retry_after: Seconds to wait before trying again, if the Hub named them.
        log: The end of the Space's log, if it has to do with that.
    """

    def __init__(
        self,
        what: str,
        advice: str = "",
        *,
        reason: Reason,
        status: int | None = None,
        retry_after: float | None = None,
        log: tuple[str, ...] = (),
    ) -> None:
        """Holds what is to be reported."""
        super().__init__(f"{what.rstrip('.')}. {advice}".strip())
        self.what = what
        self.advice = advice
        self.reason: Reason = reason
        self.status = status
        self.retry_after = retry_after
        self.log = log


def invalid(what: str, advice: str = "") -> DeployFailed:
    """A wrong argument."""
    return DeployFailed(what, advice, reason="invalid")
