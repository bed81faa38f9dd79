"""Credentials cut out of what is shown: a server's words, errors and their causes. Knows texts; no sockets.

A server may repeat what it was sent, as it was sent or encoded, and cut short anywhere. So a text is searched
for runs of characters that a credential has, too. What a model answers is not touched: it is the caller's.
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

from pydantic import SecretStr

from phi4_space._errors import Phi4Error


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


D = TypeVar("D", bound=_Dataclass)
P = ParamSpec("P")
T = TypeVar("T")
CUT = "[redacted]"
_RUN = 8  # characters of a credential, in a row, that are cut out
_SHORTEST = 6  # a credential that is shorter could be any word
_LONGEST = 10_000  # characters of a server's words, in whatever is shown
_HOLDERS = ("_request", "request", "response", "doc")  # where foreign errors keep what was sent and received
_OURS = frozenset({"partial_text", "space", "step"})  # attributes of our errors that no server words are in


class Redaction:
    """Cuts known credentials out.

    Args:
        secrets: The credentials.
    """

    def __init__(self, secrets: Iterable[SecretStr]) -> None:
        self._secrets = tuple(secrets)

    def text(self, text: str) -> str:
        """The text without credentials, nor parts of them; no longer than an error's words may be."""
        if len(text) > _LONGEST:
            text = f"{text[:_LONGEST]}…"
        for word in self._words:
            text = text.replace(word, CUT)
        kept, end = [], 0
        for start in (at for at in range(len(text) - _RUN + 1) if text[at : at + _RUN] in self._runs):
            if start >= end:
                kept += [text[end:start], CUT]
            end = start + _RUN
        return "".join([*kept, text[end:]]) if kept else text

    def fields(self, value: D) -> D:
        """The dataclass's instance without credentials in its strings; lists and mappings stay."""
        found = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        changes = {name: clean for name, old in found.items() if (clean := self._clean(old)) != old}
        return dataclasses.replace(value, **changes) if changes else value

    def error(self, error: BaseException, *, outer: BaseException | None = None) -> None:
        """Takes credentials, requests and responses from an error and its causes, and their frames' locals.

        Args:
            error: The error, where it leaves this package's code.
            outer: What the caller was handling before; it and its causes are the caller's own.
        """
        for one in _chain(error, outer):
            traceback.clear_frames(one.__traceback__)  # those that run on keep theirs: the caller's
            self._strip(one)
        for one in _chain(error, outer):
            if any(self._tells(cause) for cause in (one.__cause__, one.__context__) if cause is not outer):
                one.__cause__ = one.__context__ = None  # its words cannot be changed

    def _strip(self, error: BaseException) -> None:
        own = vars(error)
        if isinstance(error, Phi4Error):
            own |= {name: self._clean(value) for name, value in own.items() if name not in _OURS}
        else:
            own |= {name: None for name in _HOLDERS if name in own}
        error.args = self._clean(error.args)
        if error.__suppress_context__:
            error.__context__ = error.__cause__  # nobody is shown another one

    def _tells(self, cause: BaseException | None) -> bool:
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
    def _words(self) -> tuple[str, ...]:
        return tuple(form for form in self._forms() if _SHORTEST <= len(form) < _RUN)

    @cached_property
    def _runs(self) -> frozenset[str]:
        return frozenset(form[at : at + _RUN] for form in self._forms() for at in range(len(form) - _RUN + 1))

    def _forms(self) -> Iterator[str]:
        for secret in self._secrets:
            if len(secret.get_secret_value()) >= _SHORTEST:
                yield from set(_forms(secret.get_secret_value()))


def _chain(error: BaseException, outer: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes, but for what the caller was handling before."""
    seen, waiting = {id(outer)}, [error]
    while waiting:
        one = waiting.pop()
        seen.add(id(one))
        yield one
        causes = [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]
        waiting += [cause for cause in causes if cause is not None and id(cause) not in seen]


def _forms(secret: str) -> Iterator[str]:
    """A credential as servers may write it."""
    quoted = (quote(secret, safe=""), quote_plus(secret))
    yield from (secret, html.escape(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1])
    yield from (*quoted, *(re.sub("%..", lambda found: found[0].lower(), form) for form in quoted))
    for lead in range(3):  # where it may begin in what base64 takes for a group
        size = lead + len(secret.encode())
        first, last = (
            (8 * lead + 5) // 6,
            8 * size // 6,
        )  # the characters that hold no bits of its neighbours'
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(b"\0" * lead + secret.encode()).decode()[first:last]


def discreet(function: Callable[P, T]) -> Callable[P, T]:
    """Has no traceback show what a function was called with, when it fails with an error of ours."""

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
