"""The event loop that the asynchronous methods need. Knows asyncio; no Space."""

from __future__ import annotations

import asyncio

from phi4_space._errors import LoopNotSupported


def is_asyncio() -> bool:
    """Whether asyncio's loop runs here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def require_asyncio() -> None:
    """Refuses a call where asyncio's loop does not run, as under trio.

    Raises:
        LoopNotSupported: It does not run here.
    """
    if not is_asyncio():
        raise LoopNotSupported("asyncio's event loop does not run here")
