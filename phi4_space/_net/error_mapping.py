"""A server's error messages, mapped to our errors. Knows texts, titles and statuses; no sockets, no turns.

Gradio reports a handler's failure as a title and a text, with HTTP 200. ZeroGPU's wordings are those of the
`spaces` package 0.32.0 and 0.51.3; both are matched, title first.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Literal

from phi4_space._errors import (
    AuthenticationFailed,
    FileTooLarge,
    GpuAborted,
    LimitExceeded,
    NoGpuAvailable,
    Phi4Error,
    PromptTooLong,
    QueueFull,
    QuotaExceeded,
    RateLimited,
    SpaceBusy,
    SpaceError,
    TooManyFiles,
    UnexpectedAnswer,
    UploadLost,
)
from phi4_space._json import JSON, parse
from phi4_space._limits import Limits
from phi4_space._net.retry_after import to_seconds

Content = Literal["files", "text", "nothing"]
"""What the body of a request holds."""
_TOO_LARGE = 413
_MAX_TEXT = 600
_MAX_LABEL = 100
_EDGE = 2_000  # characters that are examined at either end of a longer text
_MAX_LAYERS = 8  # of escapes within escapes; an honest server hardly nests three
_TAG = re.compile(r"</?[a-z!][^<>]*>", re.IGNORECASE)
# Terminals obey control characters; bidi controls disguise a text; lone surrogates cannot be shown.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_MARKUP = str.maketrans("", "", "<&(")
_TRACEBACK = "Traceback (most recent call last)"
# The lengths of the numbers are bounded, since a server may send anything.
_SECONDS = re.compile(
    r"\((?:(\d{1,9})s requested vs\. (\d{1,9})s left|(\d{1,9})s left vs\. (\d{1,9})s requested)\)"
)
_RETRY_IN = re.compile(r"(?:try again|retry) in (?:(\d{1,4}) days?, )?(\d{1,4}):(\d\d):(\d\d)", re.IGNORECASE)
_QUOTA_TITLES = frozenset({"ZeroGPU quota exceeded", "ZeroGPU pending credits exceeded"})
_QUOTA = re.compile(
    r"exceeded your (?:\w{1,20} ){0,4}(?:Zero)?GPU (?:quota|runs limit)|has reached its GPU limit",
    re.IGNORECASE,
)
_NO_GPU = re.compile(r"No GPU (?:was|is) (?:currently )?available", re.IGNORECASE)
_LIMIT = re.compile(r"maximum allowed size of (\d{1,18}) bytes")
_MOST_FILES = re.compile(r"Too many files\. Maximum number of files is (\d{1,18})")
_MIN_WAIT = 1.0  # seconds; ZeroGPU has been seen to say "Try again in 0:00:00"


def strip_markup(text: str) -> str:
    """Makes a server's text fit to be shown: no markup, control characters or traceback, at most a paragraph.

    Plain text is returned as it is. Of a text that is too long to be shown, only the two ends are examined.
    """
    result = text if len(text) <= 2 * _EDGE else f"{text[:_EDGE]}…{text[-_EDGE:]}"
    for _ in range(_MAX_LAYERS):
        before = result
        result = _strip_traceback(_CONTROL.sub("", _TAG.sub("", html.unescape(result)))).strip()
        if result == before:
            break
    else:  # nested on purpose, so that some markup is left: remove its characters
        result = result.translate(_MARKUP).strip()
    return result if len(result) <= _MAX_TEXT else f"{result[:_MAX_TEXT]}…"


def label(text: str | None) -> str | None:
    """Makes a server's short text, such as a title, fit to be shown on a line; None where nothing is left."""
    line = " ".join(strip_markup(text or "").split())
    return (line if len(line) <= _MAX_LABEL else f"{line[:_MAX_LABEL]}…") or None


def _strip_traceback(text: str) -> str:
    before, *tracebacks = text.split(_TRACEBACK)
    if not tracebacks:
        return text
    # The last line says what failed; in an exception group lines begin with bars, and bars end it.
    lines = (line.strip(" |+-:") for line in reversed(tracebacks[-1].splitlines()))
    message = before.rstrip().removesuffix("Exception Group").rstrip(" |+")
    return f"{message} {next(filter(None, lines), '')}"


def from_handler(  # noqa: PLR0911 - a table of wordings, one row each
    text: str | None, title: str | None
) -> Phi4Error:
    """The error for a handler that failed.

    Args:
        text: The Space's message, or None where it hides it (`show_error=False`).
        title: Its title, by which ZeroGPU's errors are told apart.
    """
    if text is None:
        return SpaceError(
            "The Space's code failed, and the Space does not say why",
            title=title,
            hidden=True,
            advice="Look into the Space's logs, or ask its owner to. A Space of your own shows the reason.",
        )
    if title in _QUOTA_TITLES or _QUOTA.search(text):
        return _quota(text)
    if title == "Queue is full":  # a turn that was already waiting, and was removed to make room
        return QueueFull(text)
    if title == "Model busy":
        return SpaceBusy(text)
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
    found = _RETRY_IN.search(text)
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return max(_MIN_WAIT, ((days * 24 + hours) * 60 + minutes) * 60.0 + seconds)


def from_response(  # noqa: PLR0911 - a table of statuses, one row each
    status: int, body: bytes, headers: Mapping[str, str], *, sent: Content = "nothing"
) -> Phi4Error:
    """The error for an HTTP response other than a success.

    Args:
        status: Its status.
        body: Its body.
        headers: Its headers, names in lower case.
        sent: What the request's body held.
    """
    payload = _parse_json(body)
    message = _message(payload, body, headers)
    retry_after = to_seconds(headers.get("retry-after", ""))
    match status:
        case 400 | 413 if (refusal := _too_much(status, message, sent)) is not None:
            return refusal
        case 401:
            return AuthenticationFailed(f"The server asks for a login: {message}", status=status)
        case 403:
            return AuthenticationFailed(f"The server refused the credentials: {message}", status=status)
        case 429:
            return RateLimited(f"Too many requests: {message}", status=status, retry_after=retry_after)
        case 500 if (failure := _handler_failure(payload)) is not None:
            failure.status = status
            return failure
        case 503 if message.startswith("Queue is full"):
            return QueueFull(message, status=status, retry_after=retry_after)
        case 502 | 503 | 504:
            return SpaceBusy(
                f"The server cannot answer now: {message}", status=status, retry_after=retry_after
            )
        case _:
            return UnexpectedAnswer(
                f"The server answered with HTTP status {status}: {message}", status=status
            )


def _too_much(status: int, message: str, sent: Content) -> Phi4Error | None:
    """The error for a request that was too large, by what was in it; None where that is not what is wrong."""
    found = (_LIMIT if status == _TOO_LARGE else _MOST_FILES).search(message)
    limit = int(found[1]) if found else None
    match status, sent:
        case 400, "files" if found:
            return TooManyFiles(f"The server refused the upload: {message}", limit=limit, status=status)
        case 413, "files":
            what = f"The server refused the upload because of its size: {message}"
            return FileTooLarge(what, limit=limit, status=status)
        case 413, "text":
            what = f"The server refused the prompt because of its size: {message}"
            return PromptTooLong(what, limit=limit, status=status)
        case _:
            return None


def _handler_failure(payload: JSON) -> Phi4Error | None:
    """`run/predict` reports a handler's failure as a 500 whose JSON has an `error`, which may be null."""
    if not isinstance(payload, dict) or "error" not in payload:
        return None
    text, title = payload["error"], payload.get("title")
    return from_handler(
        None if text is None else strip_markup(str(text)), label(title) if isinstance(title, str) else None
    )


def _message(payload: JSON, body: bytes, headers: Mapping[str, str]) -> str:
    if "html" in headers.get("content-type", ""):
        return strip_markup(headers.get("x-error-message", "")) or "a web page"
    if isinstance(payload, dict):
        detail = payload.get("detail", payload.get("error", payload))
        detail = detail.get("error", detail) if isinstance(detail, dict) else detail
        return strip_markup(detail if isinstance(detail, str) else json.dumps(detail, ensure_ascii=False))
    return strip_markup(body.decode("utf-8", "replace")) or "no message"


def _parse_json(body: bytes) -> JSON:
    try:
        return parse(body, Limits())
    except (ValueError, LimitExceeded):
        return None
