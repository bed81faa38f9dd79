"""A model that answers from a script, for tests of programs. Knows no page, no sockets and no other model."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Self, TypedDict

from phi4_server.model import Message

_CALLS = "<|tool_call|>{}<|/tool_call|>"
_CUT = f"cut-{secrets.token_hex(16)}"  # an error's text, which nobody else can know
_PIECE = re.compile(r"\s*\S+(?:\s+\Z)?")
_MINUTE = 60.0


class Call(TypedDict):
    """A tool call in a script."""

    name: str
    arguments: Mapping[str, Any]


class ScriptEntry(TypedDict, total=False):
    """One entry of a script. A bare string stands for `{"text": string}`.

    Attributes:
        when: A regular expression. The entry answers each message in which it is found; an entry without it
            answers once, in its turn.
        text: The answer; a list of strings is streamed in exactly these pieces, a string word by word.
        tool_calls: Calls that follow the text, in Phi-4's own format.
        delay: Seconds before the first piece.
        pause: Seconds before each further piece.
        error: Ends the answer, after its text, with an error that shows this to the user.
        cut: Whether the connection breaks after the text.
    """

    when: str
    text: str | Sequence[str]
    tool_calls: Sequence[Call]
    delay: float
    pause: float
    error: str
    cut: bool


Script = Sequence[str | ScriptEntry]
"""Entries of a script, in order."""


class ScriptError(ValueError):
    """A script cannot be used; the text says which entry, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """An entry, checked."""

    when: re.Pattern[str] | None
    pieces: Sequence[str]
    delay: float
    pause: float
    error: str | None
    cut: bool


class ScriptedModel:
    """Answers what its script says, whatever it is asked.

    Entries with `when` come first, in the order of the script; the others answer one message each, whichever
    session it is of. A message that is tried again by its client takes the next one.

    Args:
        script: The entries.

    Raises:
        ScriptError: The script is not one.
    """

    name = "Scripted"
    nature = "No model at all: it answers from a script, for tests."

    def __init__(self, script: Script) -> None:
        """See the class."""
        entries = _checked(script)
        self._patterns = [entry for entry in entries if entry.when is not None]
        self._ordered = iter([entry for entry in entries if entry.when is None])
        self._count = len(entries)
        self._lock = Lock()  # answers are made in several threads

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """The model of a script in a JSON file.

        Raises:
            ScriptError: The file cannot be read, or is no script.
        """
        try:
            return cls(json.loads(path.read_text(encoding="utf-8")))
        except OSError as problem:
            raise ScriptError(f"{path} cannot be read: {problem.strerror}") from problem
        except ScriptError as problem:
            raise ScriptError(f"{path}: {problem}") from problem
        except (ValueError, RecursionError) as problem:
            raise ScriptError(f"{path} is not JSON: {problem}") from problem

    def stream(self, chat: Sequence[Message]) -> Iterator[str]:
        """Yields the answer of the entry whose turn it is.

        Raises:
            ValueError: The entry is an error, or no entry is left.
        """
        entry = self._next(chat[-1].text)
        time.sleep(entry.delay)
        for number, piece in enumerate(entry.pieces):
            if number:
                time.sleep(entry.pause)
            yield piece
        if entry.cut:
            raise ValueError(_CUT)
        if entry.error is not None:
            raise ValueError(entry.error)

    def _next(self, text: str) -> _Entry:
        for entry in self._patterns:
            if entry.when is not None and entry.when.search(text):
                return entry
        with self._lock:
            following = next(self._ordered, None)
        if following is None:
            raise ValueError(
                f"The script has no answer left of its {self._count}; it was asked: {text[:200]}"
            )
        return following


def _checked(script: object) -> list[_Entry]:
    if not isinstance(script, list | tuple):
        raise ScriptError("A script is a list of entries, each a string or an object")
    entries = []
    for number, entry in enumerate(script, start=1):
        try:
            entries.append(_entry({"text": entry} if isinstance(entry, str) else entry))
        except ScriptError as problem:
            raise ScriptError(f"Entry {number}: {problem}") from None
    return entries


def _entry(given: object) -> _Entry:
    if not isinstance(given, dict):
        raise ScriptError("must be a string or an object")
    if unknown := [str(key) for key in given if key not in ScriptEntry.__annotations__]:
        known = ", ".join(ScriptEntry.__annotations__)
        raise ScriptError(f"has no {', '.join(unknown)}; there are {known}")
    if all(given.get(name) is None for name in ("text", "tool_calls", "error", "cut")):
        raise ScriptError("needs a text, tool_calls, an error or a cut")
    return _Entry(
        when=_pattern(given.get("when")),
        pieces=[*_pieces(given.get("text", "")), *_calls(given.get("tool_calls", []))],
        delay=_seconds("delay", given.get("delay", 0)),
        pause=_seconds("pause", given.get("pause", 0)),
        error=_text("error", given.get("error")),
        cut=_flag("cut", given.get("cut", False)),
    )


def _pattern(when: object) -> re.Pattern[str] | None:
    text = _text("when", when)
    try:
        return None if text is None else re.compile(text)
    except (re.error, OverflowError, RecursionError) as problem:
        raise ScriptError(f"when is not a regular expression: {problem}") from problem


def _pieces(text: object) -> list[str]:
    if isinstance(text, str):
        _check_unicode("text", text)
        if not text.strip():
            return [text] if text else []
        return _PIECE.findall(text)
    if isinstance(text, list | tuple) and all(isinstance(piece, str) for piece in text):
        _check_unicode("text", "".join(text))
        return [*text]
    raise ScriptError("text must be a string or a list of strings")


def _calls(calls: object) -> list[str]:
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        raise ScriptError("tool_calls must be a list")
    for call in calls:
        is_call = isinstance(call, Mapping) and call.keys() == {"name", "arguments"}
        if not is_call or not isinstance(call["name"], str) or not isinstance(call["arguments"], Mapping):
            raise ScriptError('a call in tool_calls is {"name": a string, "arguments": an object}')
    try:
        written = json.dumps(calls, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as problem:
        raise ScriptError(f"tool_calls cannot be written as JSON: {problem}") from problem
    _check_unicode("tool_calls", written)
    return [_CALLS.format(written)] if calls else []


def _seconds(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MINUTE:
        raise ScriptError(f"{name} must be a number of seconds from 0 to {_MINUTE:g}")
    return value


def _flag(name: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ScriptError(f"{name} must be true or false")


def _text(name: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ScriptError(f"{name} must be a string")
    _check_unicode(name, value or "")
    return value


def _check_unicode(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ScriptError(f"{name} contains half a character (a lone surrogate)") from None


_AsgiMessage = MutableMapping[str, Any]


class BrokenConnection(ConnectionError):
    """A connection ends here because the script says so."""


class CutConnections:
    """ASGI middleware that breaks an event stream off where a scripted answer says so."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        """Stands before `app`."""
        self._app = app

    async def __call__(
        self,
        scope: _AsgiMessage,
        receive: Callable[..., Any],
        send: Callable[[_AsgiMessage], Awaitable[None]],
    ) -> None:
        """Passes all on until the error of a cut comes by."""

        async def send_until_cut(message: _AsgiMessage) -> None:
            if _CUT.encode() in message.get("body", b""):
                raise BrokenConnection
            await send(message)

        try:
            await self._app(scope, receive, send_until_cut)
        except* BrokenConnection:
            pass  # the response has begun and never ends: uvicorn closes the connection
