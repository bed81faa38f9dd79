"""A response of OpenAI's API on its way out: JSON, or a stream of events. Knows ASGI and errors; no model."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from phi4_server.openai_api.errors import ApiError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_STREAM = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}


class Response:
    """One response, which begins with the first that is sent."""

    def __init__(self, send: Send) -> None:
        """Nothing is sent yet."""
        self._send = send
        self._is_stream = False

    async def json(
        self, value: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Sends JSON, and nothing after it."""
        await self._start(status, {"content-type": "application/json", **(headers or {})})
        await self._body(_dumps(value), more=False)

    async def event(self, value: Mapping[str, Any]) -> None:
        """Sends an event; the first begins the stream."""
        if not self._is_stream:
            self._is_stream = True
            await self._start(200, _STREAM)
        await self._body(b"data: " + _dumps(value) + b"\n\n", more=True)

    async def done(self) -> None:
        """Ends the stream."""
        await self._body(b"data: [DONE]\n\n", more=False)

    async def error(self, error: ApiError) -> None:
        """Sends an error: with its status, or as the stream's last event."""
        if self._is_stream:
            await self._body(b"data: " + _dumps(error.body) + b"\n\n", more=False)
        else:
            await self.json(error.body, error.status, error.headers)

    async def _start(self, status: int, headers: Mapping[str, str]) -> None:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def _body(self, body: bytes, *, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


async def body(receive: Receive) -> bytes:
    """The body of a request, all of which has come."""
    pieces = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


def _dumps(value: Mapping[str, Any]) -> bytes:
    # Half a character, which no text has, would end the response instead of showing up as what it is.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
