"""What a server's words about a failure mean. Knows texts, titles and statuses; no sockets, no turns.

Gradio reports a handler's failure as a title and a text, with HTTP 200. ZeroGPU's wordings were read in
the `spaces` package 0.32.0 and 0.51.3; both are matched, title first.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping

from phi4_space._errors import (
    AuthenticationFailed,
    FileTooLarge,
    GpuAborted,
    LimitExceeded,
    NoGpuAvailable,
    Phi4Error,
    QueueFull,
    QuotaExceeded,
    RateLimited,
    SpaceBusy,
    SpaceError,
    UnexpectedAnswer,
    UploadLost,
)
from phi4_space._json import JSON, parse
from phi4_space._limits import Limits

_LONGEST = 600
_LONGEST_LABEL = 100
_READ = 2_000  # characters that are looked at, at either end of a longer text
_LAYERS = 8  # of escapes within escapes; nobody who means well writes three
_TAG = re.compile(r"</?[a-z!][^<>]*>", re.IGNORECASE)
# A terminal would obey the controls; those of direction show a text as another; half a pair cannot be shown.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_MARKUP = str.maketrans("", "", "<&(")
_TRACEBACK = "Traceback (most recent call last)"
# The lengths of the numbers are bounded, since a server's words may be anything.
_SECONDS = re.compile(
    r"\((?:(\d{1,9})s requested vs\. (\d{1,9})s left|(\d{1,9})s left vs\. (\d{1,9})s requested)\)"
)
_AGAIN = re.compile(r"(?:try again|retry) in (?:(\d{1,4}) days?, )?(\d{1,4}):(\d\d):(\d\d)", re.IGNORECASE)
_QUOTA_TITLES = frozenset({"ZeroGPU quota exceeded", "ZeroGPU pending credits exceeded"})
_QUOTA = re.compile(
    r"exceeded your (?:\w{1,20} ){0,4}(?:Zero)?GPU (?:quota|runs limit)|has reached its GPU limit",
    re.IGNORECASE,
)
_NO_GPU = re.compile(r"No GPU (?:was|is) (?:currently )?available", re.IGNORECASE)
_DIGITS = re.compile(r"\d{1,9}", re.ASCII)
_LIMIT = re.compile(r"maximum allowed size of (\d+) bytes")
_SHORTEST_WAIT = 1.0  # ZeroGPU was seen to say "Try again in 0:00:00"


def plain(text: str) -> str:
    """A server's text as one can show it: no markup, no controls, no traceback, no more than a paragraph.

    What is plain stays as it is. Of a text that is too long to be shown the ends alone are looked at.
    """
    told = text if len(text) <= 2 * _READ else f"{text[:_READ]}…{text[-_READ:]}"
    for _ in range(_LAYERS):
        before, told = told, _without_traceback(_CONTROL.sub("", _TAG.sub("", html.unescape(told)))).strip()
        if told == before:
            break
    else:  # whoever wrote this wants some of it to come through
        told = told.translate(_MARKUP).strip()
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"


def label(text: str | None) -> str | None:
    """A server's word for something, such as a title, as one can show it in a line; None for none."""
    told = " ".join(plain(text or "").split())
    return (told if len(told) <= _LONGEST_LABEL else f"{told[:_LONGEST_LABEL]}…") or None


def _without_traceback(text: str) -> str:
    before, *tracebacks = text.split(_TRACEBACK)
    if not tracebacks:
        return text
    # The last line tells what failed; in a group of failures lines begin with bars, and bars end it.
    lines = (line.strip(" |+-:") for line in reversed(tracebacks[-1].splitlines()))
    said = before.rstrip().removesuffix("Exception Group").rstrip(" |+")
    return f"{said} {next(filter(None, lines), '')}"


def from_handler(  # noqa: PLR0911 - a table of wordings, one row each
    text: str | None, title: str | None
) -> Phi4Error:
    """The error for a handler that failed.

    Args:
        text: The Space's message, or None where it hides it (`show_error=False`).
        title: Its title; ZeroGPU's tell what is wrong.
    """
    if text is None:
        return SpaceError(
            "The Space's code failed, and it keeps the reason to itself",
            title=title,
            hidden=True,
            advice="Look into the Space's logs, or ask its owner to; a Space of your own shows it.",
        )
    if title in _QUOTA_TITLES or _QUOTA.search(text):
        return _quota(text)
    if title == "Queue is full":  # a turn that waited, and had to give way to others
        return QueueFull(text)
    if title == "ZeroGPU queue timeout" or _NO_GPU.search(text):
        return NoGpuAvailable(text, retry_after=_wait(text))
    if "was not uploaded by a user" in text:
        return UploadLost("The Space no longer holds a file that was uploaded to it")
    if "GPU task aborted" in text:
        return GpuAborted(text)
    return SpaceError(f"The Space says: {text}", title=title)


def _quota(text: str) -> QuotaExceeded:
    seconds = _SECONDS.search(text)
    requested, left = (
        (seconds[1] or seconds[4], seconds[2] or seconds[3]) if seconds is not None else (None, None)
    )
    return QuotaExceeded(
        text,
        requested=None if requested is None else float(requested),
        left=None if left is None else float(left),
        retry_after=_wait(text),
    )


def _wait(text: str) -> float | None:
    found = _AGAIN.search(text)
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return max(_SHORTEST_WAIT, ((days * 24 + hours) * 60 + minutes) * 60.0 + seconds)


def from_response(  # noqa: PLR0911 - a table of statuses, one row each
    status: int, body: bytes, headers: Mapping[str, str]
) -> Phi4Error:
    """The error for an HTTP answer that is no success.

    Args:
        status: Its status.
        body: Its body.
        headers: Its headers, names in lower case.
    """
    answer = _json(body)
    told = _told(answer, body, headers)
    retry_after = _retry_after(headers)
    match status:
        case 401 | 403:
            return AuthenticationFailed(f"The server refused the credentials: {told}", status=status)
        case 413:
            limit = _LIMIT.search(told)
            return FileTooLarge(
                f"The server refused the size: {told}", limit=int(limit[1]) if limit else None, status=status
            )
        case 429:
            return RateLimited(f"Too many requests: {told}", status=status, retry_after=retry_after)
        case 500 if (failure := _handler_failure(answer)) is not None:
            failure.status = status
            return failure
        case 503 if told.startswith("Queue is full"):
            return QueueFull(told, status=status, retry_after=retry_after)
        case 502 | 503 | 504:
            return SpaceBusy(
                f"The server is not able to answer now: {told}", status=status, retry_after=retry_after
            )
        case _:
            return UnexpectedAnswer(f"The server answered {status}: {told}", status=status)


def _handler_failure(answer: JSON) -> Phi4Error | None:
    """`run/predict` reports a handler's failure as a 500 whose JSON has an `error`, perhaps null."""
    if not isinstance(answer, dict) or "error" not in answer:
        return None
    text, title = answer["error"], answer.get("title")
    return from_handler(
        None if text is None else plain(str(text)), label(title) if isinstance(title, str) else None
    )


def _told(answer: JSON, body: bytes, headers: Mapping[str, str]) -> str:
    if "html" in headers.get("content-type", ""):
        return plain(headers.get("x-error-message", "")) or "a web page, not an answer"
    if isinstance(answer, dict):
        detail = answer.get("detail", answer.get("error", answer))
        detail = detail.get("error", detail) if isinstance(detail, dict) else detail
        return plain(detail if isinstance(detail, str) else json.dumps(detail, ensure_ascii=False))
    return plain(body.decode("utf-8", "replace")) or "nothing"


def _json(body: bytes) -> JSON:
    try:
        return parse(body, Limits())
    except (ValueError, LimitExceeded):
        return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    told = headers.get("retry-after", "")
    return max(_SHORTEST_WAIT, float(told)) if _DIGITS.fullmatch(told) else None
