"""The line of a program that a warning is about. Knows Python's frames; no Space and no options."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from phi4_space._errors import OptionIgnored

_BETWEEN = {
    *("phi4_space", "langchain_phi4", "llama_index_phi4"),
    *("langchain", "langchain_core", "langgraph", "llama_index", "llama_index_instrumentation", "workflows"),
    *("asyncio", "concurrent", "contextlib", "functools", "threading", "wrapt"),
}
"""Packages that may stand between the program that asks and this one."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The line that asked: warnings point at it, though the turn runs in another task or thread.

    Attributes:
        filename: Its file.
        lineno: Its number.
        module: Its module.
        registry: Where Python remembers which warnings that module has had.
    """

    filename: str
    lineno: int
    module: str
    registry: dict[Any, Any] = field(repr=False, compare=False)

    def warn(self, message: str) -> None:
        """Warns of an option that is ignored."""
        warnings.warn_explicit(
            message, OptionIgnored, self.filename, self.lineno, module=self.module, registry=self.registry
        )


def calling_line() -> Caller:
    """The line of the program that asks, beyond this package, the adapters and their frameworks.

    Where there is none, as in a thread of a framework's own, it is the line that called this package.
    """
    method = sys._getframe(1)  # noqa: SLF001 - as warnings itself does
    nearest = method.f_back or method
    frame: FrameType | None = nearest
    while frame is not None and _package(frame) in _BETWEEN:
        frame = frame.f_back
    frame = frame or nearest
    names = frame.f_globals
    return Caller(
        frame.f_code.co_filename,
        frame.f_lineno,
        names.get("__name__", "<unknown>"),
        names.setdefault("__warningregistry__", {}),
    )


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]
