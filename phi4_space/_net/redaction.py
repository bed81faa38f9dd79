"""Credentials removed from what is shown: server messages, errors and their causes. Knows texts; no sockets.

A server may repeat what it received, verbatim or encoded, and truncated anywhere. A text is therefore
searched for parts of a credential as well. A model's answer is not touched: it belongs to the caller.
"""

from __future__ import annotations

import dataclasses
import html
import json
import re
import sys
import traceback
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, wraps
from typing import Any, ClassVar, ParamSpec, Protocol, TypeVar
from urllib.parse import quote, quote_plus

from phi4_space._errors import Phi4Error
from phi4_space._secret import SecretLike


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


D = TypeVar("D", bound=_Dataclass)
P = ParamSpec("P")
T = TypeVar("T")
REDACTED = "[redacted]"
_RUN = 8  # consecutive characters of a credential that are removed
_MIN_SECRET = 6  # characters; a shorter credential could be any word
_MAX_TEXT = 10_000  # characters of a server's message that are shown
_HTTP_ATTRIBUTES = (
    "_request",
    "request",
    "response",
    "doc",
)  # where other libraries' errors keep what was sent and received
_SAFE_ATTRIBUTES = frozenset({"partial_text", "space", "step"})  # of our errors: not from a server message


class Redaction:
    """Removes known credentials.

    Args:
        secrets: The credentials.
    """

    def __init__(self, secrets: Iterable[SecretLike]) -> None:
        self._secrets = tuple(secrets)

    def text(self, text: str) -> str:
        """The text without credentials or parts of them, and no longer than an error message may be."""
        if len(text) > _MAX_TEXT:
            text = f"{text[:_MAX_TEXT]}…"
        for form in self._short_forms:
            text = text.replace(form, REDACTED)
        parts, end = [], 0
        for start in (at for at in range(len(text) - _RUN + 1) if text[at : at + _RUN] in self._runs):
            if start >= end:
                parts += [text[end:start], REDACTED]
            end = start + _RUN
        return "".join([*parts, text[end:]]) if parts else text

    def fields(self, value: D) -> D:
        """A dataclass instance without credentials in its strings; lists and mappings are left alone."""
        values = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        changes = {name: clean for name, old in values.items() if (clean := self._clean(old)) != old}
        return dataclasses.replace(value, **changes) if changes else value

    def error(self, error: BaseException, *, outer: BaseException | None = None) -> None:
        """Removes credentials, requests and responses from an error and its causes, and clears their frames.

        Args:
            error: The error, as it leaves this package's code.
            outer: The exception that the caller was handling before, which is left alone with its causes.
        """
        for one in _chain(error, outer):
            traceback.clear_frames(
                one.__traceback__
            )  # frames that are still running, the caller's, are not cleared
            self._strip(one)
        for one in _chain(error, outer):
            if any(self._exposes(cause) for cause in (one.__cause__, one.__context__) if cause is not outer):
                one.__cause__ = one.__context__ = None  # a foreign message cannot be changed

    def _strip(self, error: BaseException) -> None:
        own = vars(error)
        if isinstance(error, Phi4Error):
            own |= {name: self._clean(value) for name, value in own.items() if name not in _SAFE_ATTRIBUTES}
        else:
            own |= {name: None for name in _HTTP_ATTRIBUTES if name in own}
        error.args = self._clean(error.args)
        if error.__suppress_context__:
            error.__context__ = error.__cause__  # the only one that a traceback shows

    def _exposes(self, cause: BaseException | None) -> bool:
        return cause is not None and self.text(str(cause)) != str(cause)

    def _clean(self, value: Any) -> Any:
        match value:
            case str():
                return self.text(value)
            case bytes():
                return f"{len(value)} bytes"
            case tuple():
                return tuple(self._clean(part) for part in value)
            case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
                return self.fields(value)
            case _:
                return value

    @cached_property
    def _short_forms(self) -> tuple[str, ...]:
        return tuple(form for form in self._forms() if _MIN_SECRET <= len(form) < _RUN)

    @cached_property
    def _runs(self) -> frozenset[str]:
        return frozenset(form[at : at + _RUN] for form in self._forms() for at in range(len(form) - _RUN + 1))

    def _forms(self) -> Iterator[str]:
        for secret in self._secrets:
            if len(secret.get_secret_value()) >= _MIN_SECRET:
                yield from set(_forms(secret.get_secret_value()))


def _chain(error: BaseException, outer: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes, except what the caller was handling before."""
    seen, pending = {id(outer)}, [error]
    while pending:
        one = pending.pop()
        seen.add(id(one))
        yield one
        causes = [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
        pending += [cause for cause in causes if cause is not None and id(cause) not in seen]


def _forms(secret: str) -> Iterator[str]:
    """The ways in which servers may write a credential."""
    quoted = (quote(secret, safe=""), quote_plus(secret))
    yield from (secret, html.escape(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1])
    yield from (*quoted, *(re.sub("%..", lambda found: found[0].lower(), form) for form in quoted))
    for lead in range(3):  # its offset in a group of base64
        size = lead + len(secret.encode())
        first, last = (
            (8 * lead + 5) // 6,
            8 * size // 6,
        )  # only the characters that encode no bits of the neighbours
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(b"\0" * lead + secret.encode()).decode()[first:last]


def discreet(function: Callable[P, T]) -> Callable[P, T]:
    """Keeps the arguments of a function out of the traceback when it raises an error of this package."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        outer = sys.exception()
        try:
            return function(*args, **kwargs)
        except Phi4Error as exc:
            del args, kwargs
            for one in _chain(exc, outer):
                traceback.clear_frames(one.__traceback__)
            raise

    return call
