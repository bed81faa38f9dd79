"""What an engine says when it does not answer, as the Space's errors. Knows engines' words; sends nothing.

A server may repeat what it was sent. So what it says is shown only if no part of the key is in it that is
long enough to be known as one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from phi4_server.model import ModelBusy, ModelFailed
from phi4_server.retry_after import to_seconds

LONGEST_WAIT = 30.0
"""Seconds; who is to wait longer is told so instead."""

_DAY = 86_400
_TEMPORARY = frozenset({408, 425, 429, 502, 503, 504})
_RUN = 8
"""Characters of a key that make a part of it; fewer stand in any text by chance."""

_MOST = 500
"""Characters of a message that are shown."""

_TOO_LONG = re.compile(
    r"context[ _-]?(length|size|window)|exceed_context|maximum context|too many tokens", re.IGNORECASE
)
_MEDIA = re.compile(r"\b(image|audio|multi-?modal|mmproj|input_audio|media)", re.IGNORECASE)
_NO_QUOTA = "insufficient_quota"
_KEY = (ModelFailed, "{engine} refused the key{code}: see --upstream-key-env.")
_NOTHING_THERE = (
    ModelFailed,
    "{engine} has no such model, or nothing at this address{code}{words}: see --upstream-model.",
)
_NO_MONEY = (ModelFailed, "{engine} has no quota left for its owner{code}{words}.")
_OTHER = (ModelFailed, "{engine} failed{code}{words}: see its log.")
_LASTING: Mapping[int, tuple[type[ValueError], str]] = {
    401: _KEY,  # what it says of a key may hold half of it
    403: _KEY,
    404: _NOTHING_THERE,
    405: _NOTHING_THERE,
    402: _NO_MONEY,
    429: _NO_MONEY,
    413: (ValueError, "The chat{files} too large for the engine{code}{words}."),
}
_LASTING_KINDS: Mapping[int, tuple[type[ValueError], str]] = {
    3: (ModelFailed, "{engine} sends requests elsewhere{code}: see --upstream."),
    4: (ValueError, "The engine refused the request{code}{words}."),
}


class UpstreamFailure(Exception):
    """An engine did not answer.

    Attributes:
        error: What the user is shown.
        wait: Whether the same request may succeed a little later; a number means after that many seconds.
    """

    def __init__(self, error: ValueError, *, wait: bool | float = False) -> None:
        """See the class."""
        super().__init__(str(error))
        self.error = error
        self.wait = wait


@dataclass(frozen=True, slots=True)
class _Report:
    """What an engine reports of a failure: its message, and its codes."""

    message: str = ""
    codes: tuple[str, ...] = ()
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReader:
    """Puts an engine's failures in words.

    Attributes:
        host: Where the engine is.
        key: Its key, which is never repeated.
    """

    host: str
    key: str | None = field(default=None, repr=False)

    def from_response(
        self, status: int, body: bytes, *, retry_after: str | None = None, has_files: bool = False
    ) -> UpstreamFailure:
        """What follows from a response that is no answer.

        Args:
            status: Its status.
            body: The beginning of its body, of any kind.
            retry_after: Its header of that name.
            has_files: Whether the request held images or audio.
        """
        return self._failure(status, _read(body), retry_after=retry_after, has_files=has_files)

    def from_event(self, error: Any, *, has_files: bool = False) -> UpstreamFailure:
        """What follows from an error in the midst of a stream."""
        report = _from_error(error)
        return self._failure(report.status, report, has_files=has_files)

    def from_body(self, body: bytes, *, has_files: bool = False) -> UpstreamFailure:
        """What follows from a response of success whose body is no stream: some servers send errors so."""
        report = _read(body)
        if not report.message:
            return self.broken("it is not an event stream")
        return self._failure(report.status, report, has_files=has_files)

    def unreachable(self, reason: str) -> UpstreamFailure:
        """What follows where there was no response, for a reason in a few words."""
        return UpstreamFailure(
            ModelBusy(f"The engine at {self.host} cannot be reached: {reason}."), wait=True
        )

    def silent(self, seconds: float) -> UpstreamFailure:
        """What follows where nothing came for too long."""
        return UpstreamFailure(ModelBusy(f"The engine at {self.host} was silent for {seconds:g} seconds."))

    def cut(self) -> UpstreamFailure:
        """What follows where a stream ended before the answer."""
        return UpstreamFailure(
            ModelBusy(f"The engine at {self.host} broke off before its answer was whole."), wait=True
        )

    def filtered(self) -> UpstreamFailure:
        """What follows where a filter has cut the answer."""
        return UpstreamFailure(ValueError("The engine's content filter broke the answer off."))

    def broken(self, reason: str) -> UpstreamFailure:
        """What follows where it sent something else than a chat completion, for a reason in a few words."""
        return UpstreamFailure(
            ModelFailed(f"The engine at {self.host} did not answer with a chat completion: {reason}.")
        )

    def without_key(self, text: str) -> str:
        """What an engine says as it may be shown: "" where the key is in it, or a part of it."""
        return "" if self._is_secret(text) else text

    def _failure(
        self, status: int | None, report: _Report, *, retry_after: str | None = None, has_files: bool = False
    ) -> UpstreamFailure:
        if status is not None and status in _TEMPORARY and _NO_QUOTA not in report.codes:
            return self._busy(status, report, to_seconds(retry_after))
        return UpstreamFailure(self._lasting(status, report, has_files=has_files))

    def _busy(self, status: int, report: _Report, seconds: float | None) -> UpstreamFailure:
        what = "has too much to do" if status == 429 else f"is not ready{_code(status)}"  # noqa: PLR2004
        later = "" if seconds is None else f" It asks to come again {_when(seconds)}."
        error = ModelBusy(f"The engine at {self.host} {what}{self._words(report)}.{later}")
        if seconds is None:
            return UpstreamFailure(error, wait=True)
        return UpstreamFailure(error, wait=seconds if seconds <= LONGEST_WAIT else False)

    def _lasting(self, status: int | None, report: _Report, *, has_files: bool) -> ValueError:
        engine, words = f"The engine at {self.host}", self._words(report)
        if _TOO_LONG.search(" ".join((report.message, *report.codes))):
            return ValueError(f"The chat is too long for the engine{words}.")
        if has_files and status not in {401, 403, 404} and _MEDIA.search(report.message):
            return ValueError(f"The engine's model does not take these files{words}.")
        code = status or 0  # an error in a stream may come without one
        kind, text = _LASTING.get(code) or _LASTING_KINDS.get(code // 100, _OTHER)
        files = " and its files are" if has_files else " is"
        return kind(text.format(engine=engine, code=_code(status), words=words, files=files))

    def _words(self, report: _Report) -> str:
        text = re.sub(r"[\s\x00-\x1f\x7f]+", " ", report.message).strip(" .:")
        text = self.without_key(text)
        if not text:
            return ""
        return f": {text[:_MOST]}" + ("…" if len(text) > _MOST else "")

    def _is_secret(self, text: str) -> bool:
        if self.key is None:
            return False
        return any(
            form[at : at + _RUN] in text
            for form in (self.key, quote(self.key, safe=""))
            for at in range(max(1, len(form) - _RUN + 1))
        )


def _read(body: bytes) -> _Report:
    """What a response's body says; nothing where it is a web page."""
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _Report() if "<" in text[:200] else _Report(text)
    if isinstance(value, list) and value:  # Google's
        value = value[0]
    if not isinstance(value, Mapping):
        return _Report(value if isinstance(value, str) else "")
    return _from_error(next((value[name] for name in ("error", "detail") if value.get(name)), value))


def _from_error(error: Any) -> _Report:
    match error:
        case str():
            return _Report(error)
        case Mapping():
            codes = [error.get(name) for name in ("code", "type", "status")]
            return _Report(
                _string(error.get("message") or error.get("msg")),
                tuple(str(code)[:_MOST] for code in codes if isinstance(code, str | int)),
                next((code for code in codes if _is_status(code)), None),
            )
        case [first, *_]:  # FastAPI's, one for each field that is wrong
            return _from_error(first)
        case _:
            return _Report()


def _code(status: int | None) -> str:
    return "" if status is None else f" (HTTP {status})"


def _when(seconds: float) -> str:
    return f"in {seconds:.0f} seconds" if seconds <= _DAY else "in more than a day"


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _is_status(code: object) -> bool:
    return isinstance(code, int) and 400 <= code < 600  # noqa: PLR2004  HTTP's own
