"""The line of a program that a warning is about. Knows Python's frames; no Space and no options."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import takewhile
from types import FrameType
from typing import Any

from phi4_space._errors import OptionIgnored

_OURS = ("phi4_space", "langchain_phi4", "llama_index_phi4")
_BETWEEN = {
    *_OURS,
    *("langchain", "langchain_classic", "langchain_core", "langgraph", "langsmith", "tenacity"),
    *("llama_index", "llama_index_instrumentation", "workflows"),
    *("asyncio", "concurrent", "contextlib", "contextvars", "functools", "threading", "wrapt"),
}
"""Packages that may stand between the program that asks and this one."""
_LOOPS = {"asyncio.events", "asyncio.base_events", "asyncio.runners"}
"""Modules that begin a task's steps: what stands behind them runs the loop, and did not call."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The line that asked: warnings point at it, though the turn runs in another task or thread.

    Attributes:
        filename: Its file.
        lineno: Its number.
        module: Its module.
        registry: Where Python remembers which warnings that module has had.
        method: The method that was called, where the line that called it cannot be known, as in a task or
            thread of its own: the line is then the nearest that is known. "" otherwise.
    """

    filename: str
    lineno: int
    module: str
    registry: dict[Any, Any] = field(repr=False, compare=False)
    method: str = ""

    def warn(self, message: str) -> None:
        """Warns of an option that is ignored."""
        if self.method:
            message = f"In a call of {self.method}, {message}"
        warnings.warn_explicit(
            message, OptionIgnored, self.filename, self.lineno, module=self.module, registry=self.registry
        )


_noted: ContextVar[Caller | None] = ContextVar("_noted", default=None)


@contextmanager
def on_behalf_of(caller: Caller | None) -> Iterator[None]:
    """Has `calling_line` return a caller that was noted earlier; None notes nobody.

    An adapter notes who called its own method, since its framework calls this package from tasks and threads
    of its own.
    """
    token = _noted.set(caller)
    try:
        yield
    finally:
        _noted.reset(token)


def calling_line() -> Caller:
    """The line of the program that asks, beyond this package, the adapters and their frameworks.

    Where there is none, as in a thread of a framework's own, it is the line that called this package, and
    `method` says what was called.
    """
    if (noted := _noted.get()) is not None:
        return noted
    method = sys._getframe(1)  # noqa: SLF001 - as warnings itself does
    nearest = method
    while _package(nearest) in _OURS and nearest.f_back is not None:
        nearest = nearest.f_back
    passed, frame = [method], method.f_back
    while frame is not None and _package(frame) in _BETWEEN:
        passed.append(frame)
        frame = frame.f_back
    here = [*takewhile(lambda one: _module(one) not in _LOOPS, passed)]
    is_exact = frame is not None and len(here) == len(passed)
    frame = frame or nearest
    return Caller(
        frame.f_code.co_filename,
        frame.f_lineno,
        _module(frame),
        frame.f_globals.setdefault("__warningregistry__", {}),
        "" if is_exact else _method_name(here),
    )


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "<unknown>"))


def _package(frame: FrameType) -> str:
    return _module(frame).partition(".")[0]


def _method_name(frames: Sequence[FrameType]) -> str:
    """The outermost method of ours, with the class of its object, such as "ChatPhi4.invoke"."""
    ours = (frame for frame in reversed(frames) if _package(frame) in _OURS)
    calls = ((type(frame.f_locals.get("self")), frame.f_code.co_name) for frame in ours)
    return next((f"{owner.__name__}.{name}" for owner, name in calls if hasattr(owner, name)), "phi4_space")
