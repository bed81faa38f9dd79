"""What a client has from outside the program: clock, network, names. Knows no settings and no Space."""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx


def new_session_hash() -> str:
    """A session's name, 128 random bits: it is the only key to what the session holds."""
    return secrets.token_hex(16)


def new_call_id() -> str:
    """A tool call's id."""
    return f"call_{uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Environment:
    """What a client has from outside the program; tests pass their own.

    Attributes:
        transport: Carries all requests in place of the network.
        clock: Seconds, never going back.
        sleep: Waits for so many seconds.
        new_session_hash: Makes the name of a new session.
        new_call_id: Makes the id of a tool call.
    """

    transport: httpx.AsyncBaseTransport | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    new_session_hash: Callable[[], str] = new_session_hash
    new_call_id: Callable[[], str] = new_call_id
