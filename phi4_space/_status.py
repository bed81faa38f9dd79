"""How a Space stands, and what is left of an account's GPU seconds. Knows no wire, no I/O."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quota:
    """GPU seconds of a Hugging Face account.

    Attributes:
        total: Seconds in a full quota.
        left: Seconds left now.
        resets_at: When the quota is reset, as the Hub writes it, if known.
    """

    total: float
    left: float
    resets_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of a Space.

    Attributes:
        space: Its URL.
        stage: The Hub's name for its state, "RUNNING" for a server outside the Hub that answers, or
            "UNREACHABLE".
        ready: Whether a turn can be sent to it.
        problem: What is wrong, in one sentence; None if nothing is.
        advice: What to do about it; None if nothing is wrong.
        hardware: The hardware that it runs on, if the Hub knows.
        gradio_version: Its Gradio's version, if it answered.
        endpoints: The endpoints of the contract that it has.
        missing: The endpoints of the contract that it lacks.
        max_file_size: The largest file in bytes; None for no limit.
        queue_size: How many turns are waiting or running, if known.
        quota: The account's quota; None without a token.
        quota_problem: Why there is none though there is a token, where that is known.
        loading: What its model still does before it answers a turn, such as to be downloaded; None where it
            is ready, or does not say.
    """

    space: str
    stage: str
    ready: bool
    problem: str | None = None
    advice: str | None = None
    hardware: str | None = None
    gradio_version: str | None = None
    endpoints: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    max_file_size: int | None = None
    queue_size: int | None = None
    quota: Quota | None = None
    quota_problem: str | None = None
    loading: str | None = None
