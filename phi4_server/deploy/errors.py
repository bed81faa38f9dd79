"""huggingface_hub's errors in plain sentences. Knows its classes by what they carry.

Its errors have one class for most answers of the Hub, and others for what goes wrong before: those of httpx2
where the Hub cannot be reached, of urllib3 and requests in older versions.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from phi4_server.deploy.failure import DeployFailed, Reason, invalid
from phi4_server.deploy.mask import Mask
from phi4_server.network_environment import fault_of
from phi4_server.retry_after import to_seconds

TOKENS = "https://huggingface.co/settings/tokens"
BILLING = "https://huggingface.co/settings/billing"
STATUS = "https://status.huggingface.co"
_LONGEST = 300
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class _Answer:
    """What an answer of the Hub means."""

    what: str
    advice: str
    reason: Reason


_ANSWERS = {
    400: _Answer(
        "The Hub did not understand the request", "Is this phi4-space too old, or too new?", "refused"
    ),
    401: _Answer(
        "The Hub does not know this token",
        f"Set HF_TOKEN to a valid token from {TOKENS}, or run: hf auth login",
        "login",
    ),
    402: _Answer(
        "The Hub asks for a payment",
        f"Add a plan or a payment method at {BILLING}, or take other hardware: "
        "zero-a10g is open to free accounts.",
        "refused",
    ),
    403: _Answer(
        "The token may not do that",
        f"Take one with write permission for this owner from {TOKENS}; some hardware needs a plan, too.",
        "login",
    ),
    404: _Answer(
        "The Hub has no such Space, or does not show it to this token",
        "Check the owner and the token.",
        "invalid",
    ),
    409: _Answer(
        "There is something of that name already, or it was changed at the same time",
        "Run the command again, or choose another name.",
        "refused",
    ),
    429: _Answer(
        "The Hub has had too many requests", "Wait some minutes, and run the command again.", "busy"
    ),
}
_FAILS = _Answer("The Hub itself fails", f"Look at {STATUS}, and run the command again later.", "busy")
_UNKNOWN = _Answer(
    "The Hub refused it", "If its words do not help, please report it to phi4-space.", "refused"
)


_SHAPES = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What the library and our own reading raise for an answer that has another shape."""
_PLAIN = Mask(())


@contextmanager
def in_plain_words(doing: str, mask: Mask = _PLAIN) -> Iterator[None]:
    """Makes a `DeployFailed` of what huggingface_hub raises in a `with` block.

    Args:
        doing: What is being done, as in "while {doing}".
        mask: What no text may show, though the Hub repeats it.
    """
    try:
        yield
    except DeployFailed:
        raise
    except Exception as problem:
        failure = to_failure(problem, doing, mask)
        if failure is None:
            raise
        raise failure from None  # the library's own text holds what the Hub said


def to_failure(problem: Exception, doing: str, mask: Mask = _PLAIN) -> DeployFailed | None:
    """What an error means; None for one that is none of huggingface_hub's, but a bug."""
    name = type(problem).__name__
    status = getattr(getattr(problem, "response", None), "status_code", None)
    if isinstance(status, int):
        return _answered(problem, status, doing, mask)
    if refused := _refused(problem, name, mask):
        return refused
    if fault := fault_of(problem):
        return DeployFailed(mask.over(fault), "Set it right, or unset it.", reason="unreachable")
    if isinstance(problem, _SHAPES):
        return DeployFailed(
            f"The Hub answered something else than expected, while {doing} ({name})",
            f"Is HF_ENDPOINT right? If it is, look at {STATUS}, and update huggingface_hub.",
            reason="refused",
        )
    if _is_no_connection(problem):
        return DeployFailed(
            f"The Hub cannot be reached while {doing}: {_short(mask.over(str(problem))) or name}",
            "Check the network and a proxy, and run the command again: it goes on where it was.",
            reason="unreachable",
        )
    return None


def _refused(problem: Exception, name: str, mask: Mask) -> DeployFailed | None:
    """What the library itself does not do, without the Hub."""
    if name == "OfflineModeIsEnabled":
        return DeployFailed(
            "HF_HUB_OFFLINE is set, so that the Hub may not be asked",
            "Unset it; --dry-run needs no network.",
            reason="unreachable",
        )
    if name == "HFValidationError":
        advice = 'Write "owner/name": letters, digits, ".", "_" and "-", 96 of them at most in a part.'
        return invalid(f"This is no name of a Space: {_short(mask.over(str(problem)))}", advice)
    if isinstance(problem, ValueError) and "README" in str(problem):
        advice = "This is an error of phi4-space: please report it."
        return DeployFailed(
            f"The Hub does not take the README: {_short(mask.over(str(problem)))}", advice, reason="refused"
        )
    return None


def _answered(problem: Exception, status: int, doing: str, mask: Mask) -> DeployFailed:
    answer = _FAILS if status >= _SERVER_ERROR else _ANSWERS.get(status, _UNKNOWN)
    words = _short(mask.over(str(getattr(problem, "server_message", None) or "")))
    details = f"; it says: {words}" if words else ""
    return DeployFailed(
        f"{answer.what} ({status}, while {doing}){details}",
        answer.advice,
        reason=answer.reason,
        status=status,
        retry_after=_retry_after(problem),
    )


def _is_no_connection(problem: Exception) -> bool:
    """Whether it is a connection's: httpx's, httpx2's and requests' classes share these names."""
    names = {kind.__name__ for kind in type(problem).__mro__}
    return isinstance(problem, ConnectionError | TimeoutError) or bool(
        names & {"TransportError", "RequestException"}
    )


def _retry_after(problem: Exception) -> float | None:
    return to_seconds(str(getattr(problem, "response").headers.get("Retry-After", "")))  # noqa: B009  duck-typed


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
