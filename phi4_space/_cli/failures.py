"""Errors of the command, and its exit statuses. Knows errors and numbers; no terminal, no options."""

from __future__ import annotations

from dataclasses import dataclass

from phi4_space import (
    AuthenticationFailed,
    ConnectionFailed,
    ContractNotMet,
    DeadlineExceeded,
    GpuAborted,
    InvalidConversation,
    InvalidInput,
    Phi4Error,
    QuotaExceeded,
    SpaceBusy,
    SpaceError,
    SpaceUnavailable,
    StreamLost,
    TurnCancelled,
    UnexpectedAnswer,
    UploadRefused,
    UrlRefused,
)

INVALID = 2
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Exit:
    """An exit status.

    Attributes:
        code: The number.
        meaning: What it means.
        errors: The classes of errors that end the command with it.
    """

    code: int
    meaning: str
    errors: tuple[type[BaseException], ...] = ()


EXITS = (
    Exit(0, "success"),
    Exit(1, "a package is missing, or the embedded Space did not start"),
    Exit(INVALID, "invalid arguments, or input that cannot be sent", (InvalidInput,)),
    Exit(3, "the Space is not running; doctor: no turn can be sent to it", (SpaceUnavailable,)),
    Exit(4, "no capacity now: queue full, rate limited, no GPU, quota used up", (SpaceBusy, QuotaExceeded)),
    Exit(5, "the token or login was refused", (AuthenticationFailed,)),
    Exit(6, "it is not a Phi-4 Space that this client knows", (ContractNotMet, UnexpectedAnswer)),
    Exit(7, "no connection, connection lost, or timeout", (ConnectionFailed, StreamLost, DeadlineExceeded)),
    Exit(
        8,
        "the Space refused the question, or its own code or GPU failed",
        (SpaceError, GpuAborted, UploadRefused, TurnCancelled),
    ),
    Exit(9, "deploy: the Space does not build, start or answer"),
    Exit(10, "deploy: the Hub refuses it: plan, payment, a name that is taken"),
    Exit(INTERRUPTED, "interrupted; the job on the Space was cancelled", (KeyboardInterrupt,)),
)
"""All exit statuses; any other error ends the command with 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error, ready to be shown or written as JSON.

    Attributes:
        error: The error's class, such as "QueueFull".
        what: What happened, in one sentence.
        advice: What to do about it, or "".
        exit_code: The exit status of the command.
        space: The Space, if a request was sent to one.
        step: The step of the turn that failed, if it was one.
        status: The HTTP status, if the error is about a response.
        retry_after: Seconds to wait before trying again, if known.
        retryable: Whether the same question may succeed when it is sent again.
        partial_text: The part of the answer that had arrived.
    """

    error: str
    what: str
    advice: str = ""
    exit_code: int = 1
    space: str | None = None
    step: str | None = None
    status: int | None = None
    retry_after: float | None = None
    retryable: bool = False
    partial_text: str = ""

    @property
    def where(self) -> str:
        """The Space and the step, or ""."""
        return ", ".join(part for part in (self.space, self.step and f"step {self.step}") if part)


def to_failure(exc: BaseException) -> Failure:
    """Describes an exception."""
    name, code = type(exc).__name__, exit_code(exc)
    match exc:
        case Phi4Error():
            return Failure(
                error=name,
                what=exc.what,
                advice=_advice(exc),
                exit_code=code,
                space=exc.space,
                step=exc.step,
                status=exc.status,
                retry_after=exc.retry_after,
                retryable=exc.retryable,
                partial_text=exc.partial_text,
            )
        case KeyboardInterrupt():
            return Failure(error="Interrupted", what="Interrupted", exit_code=code)
        case _:
            return Failure(error=name, what=str(exc).strip(), exit_code=code)


def exit_code(exc: BaseException) -> int:
    """The exit status that an exception ends the command with."""
    return next((status.code for status in EXITS if isinstance(exc, status.errors)), 1)


def _advice(exc: Phi4Error) -> str:
    """The error's advice, replaced where it is meant for programmers."""
    match exc:
        case DeadlineExceeded(which="total"):
            return "Allow more time with --timeout."
        case AuthenticationFailed(space=str(space)) if "://" in space:
            return (
                "The Space asks for a login, which the command cannot give: use "
                "SpaceClient(cookies=...) in a program, or serve the Space without one."
            )
        case UrlRefused():
            return "Download the file yourself, and name it with --media."
        case AuthenticationFailed():
            return "Set HF_TOKEN to a valid Hugging Face token that may use the Space."
        case InvalidConversation():
            return "Pass a file that /save wrote, unchanged."
        case _:
            return exc.advice
