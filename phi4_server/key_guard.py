"""Who may use the APIs for other programs: those who send the key. Knows HTTP; no page and no model."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from fastapi.datastructures import Headers
from fastapi.responses import PlainTextResponse

_Message = MutableMapping[str, Any]
_App = Callable[..., Awaitable[None]]


class KeyGuard:
    """ASGI middleware that passes requests for some paths on only if they have the key."""

    def __init__(self, app: _App, *, key: str, paths: Sequence[str]) -> None:
        """Stands before `app`.

        Args:
            app: What answers.
            key: What `Authorization: Bearer ...` has to hold.
            paths: How the paths begin that it guards.
        """
        self._app = app
        self._key = key.encode()
        self._paths = tuple(paths)

    async def __call__(
        self, scope: _Message, receive: Callable[..., Any], send: Callable[[_Message], Awaitable[None]]
    ) -> None:
        """Passes a request on, or answers 401 before any of its body is read."""
        is_guarded = scope["type"] == "http" and scope["path"].startswith(self._paths)
        if is_guarded and not self._knows_key(Headers(raw=scope["headers"])):
            refusal = PlainTextResponse(
                "This server asks for a key: send it as Authorization: Bearer KEY.",
                status_code=401,
                headers={"www-authenticate": "Bearer"},
            )
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _knows_key(self, headers: Headers) -> bool:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        # The time that this takes says nothing of where they differ.
        return scheme.lower() == "bearer" and hmac.compare_digest(key.strip().encode(), self._key)
