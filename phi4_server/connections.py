"""A server's connections: how many, and how long one may dawdle. Knows HTTP/1.1 and its clients; no Gradio.

Uvicorn times a connection only while it is idle after an answer: not before its first request, not while
headers trickle in, and not while nobody reads an answer.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from phi4_server.shares import Shares, client_of

HEADERS_S = 20.0
"""How long a request's headers may take, from the connection or the answer before."""

READING_S = 60.0
"""How long an answer may wait for somebody to read it."""

_OTHER_FILES = 200


def room_for(connections: int) -> int:
    """How many connections there may be: as many as are wanted, if the system lets so many files be open.

    A connection may need a second file, and the system's own habit is a bound of 1024 that may be raised.
    """
    try:
        import resource  # noqa: PLC0415  not there on every system
    except ImportError:
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * connections + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return min(connections, (soft - _OTHER_FILES) // 2)
    return connections


class Connection(H11Protocol):
    """One connection. When there are too many, the newest of whoever holds most is closed."""

    def __init__(self, *args: Any, shares: Shares[Connection], **options: Any) -> None:
        """Counts among `shares`; all else is Uvicorn's."""
        super().__init__(*args, **options)
        self._shares = shares
        self._headers: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Opens, if there is room, or at the expense of whoever holds most."""
        super().connection_made(transport)
        self._await_headers()
        self._shares.hold(self, client_of(self.client))
        if self._shares.crowded:
            self._shares.largest()[-1].abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Closes."""
        super().connection_lost(exc)
        self._shares.free(self)
        for timer in filter(None, (self._headers, self._reading)):
            timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Reads; headers that are not there in time end the connection."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._await_headers()
        elif self._headers is not None:
            self._headers.cancel()
            self._headers = None

    def pause_writing(self) -> None:
        """Waits for the client to read, for a while."""
        super().pause_writing()
        self._reading = self.loop.call_later(READING_S, self.abort)

    def resume_writing(self) -> None:
        """Goes on."""
        super().resume_writing()
        if self._reading is not None:
            self._reading.cancel()

    def abort(self) -> None:
        """Closes at once, whatever is not sent yet."""
        self._shares.free(self)
        self.transport.abort()

    def _await_headers(self) -> None:
        if self._headers is None:
            self._headers = self.loop.call_later(HEADERS_S, self.abort)
