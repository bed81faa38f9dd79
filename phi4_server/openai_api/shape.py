"""Refusals of what stands before OpenAI's API, put in OpenAI's shape. Knows HTTP; not why it is refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from phi4_server.openai_api.errors import ApiError
from phi4_server.openai_api.response import Response

_Message = MutableMapping[str, Any]
_FIRST_ERROR = 400


class ErrorShape:
    """ASGI middleware that makes OpenAI's JSON of errors that are plain text, for the paths of its API."""

    def __init__(self, app: Callable[..., Awaitable[None]], *, prefix: str) -> None:
        """Stands before `app`, for paths that begin with `prefix`."""
        self._app = app
        self._prefix = prefix

    async def __call__(
        self, scope: _Message, receive: Callable[..., Any], send: Callable[[_Message], Awaitable[None]]
    ) -> None:
        """Passes all on but the text of errors."""
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
            return
        refused: list[_Message] = []

        async def send_in_shape(message: _Message) -> None:
            if _is_plain_error(message):
                refused.append(message)
            elif refused:
                refused.append(message)
                if not message.get("more_body", False):
                    await _send_error(refused, send)
            else:
                await send(message)

        await self._app(scope, receive, send_in_shape)


def _is_plain_error(message: _Message) -> bool:
    if message["type"] != "http.response.start" or message["status"] < _FIRST_ERROR:
        return False
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/plain")
        for name, value in message["headers"]
    )


async def _send_error(refused: list[_Message], send: Callable[[_Message], Awaitable[None]]) -> None:
    start, *bodies = refused
    text = b"".join(message.get("body", b"") for message in bodies).decode(errors="replace")
    kept = [pair for pair in start["headers"] if pair[0].lower() not in {b"content-type", b"content-length"}]

    async def send_with_headers(message: _Message) -> None:
        headers = [*message.get("headers", ()), *kept]
        await send({**message, "headers": headers} if "headers" in message else message)

    await Response(send_with_headers).error(ApiError(start["status"], text))
