"""Exceptions of httpx and httpx-sse, one of each class. Knows no errors of ours."""

from __future__ import annotations

import inspect
from typing import Any

import httpx
import httpx_sse

FOREIGN = sorted(
    {
        kind
        for module in (httpx, httpx_sse)
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, Exception)
    },
    key=lambda kind: kind.__name__,
)


def made(kind: type[Exception]) -> Exception:
    """An error of a foreign class, whatever its constructor takes."""
    if issubclass(kind, OSError):
        return kind("foreign words")
    request = httpx.Request("GET", "https://phi.example/config")
    needed = inspect.signature(kind).parameters
    kwargs: dict[str, Any] = {"message": "foreign words", "request": request}
    kwargs["response"] = httpx.Response(500, request=request)
    return kind(**{name: kwargs[name] for name in needed if name in kwargs})
