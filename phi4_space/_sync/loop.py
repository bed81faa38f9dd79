"""The event loop that the asynchronous methods need. Knows asyncio; no Space."""

from __future__ import annotations

import asyncio

from phi4_space._errors import LoopNotSupported


def require_asyncio() -> None:
    """Refuses a call where asyncio's loop does not run, as under trio.

    Raises:
        LoopNotSupported: It does not run here.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise LoopNotSupported("asyncio's event loop does not run here") from None
