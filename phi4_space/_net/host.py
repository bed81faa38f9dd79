"""One server and how it is asked: where, with what credentials, for how long and how much. Knows no Gradio.

All requests are made here, but those for media behind URLs.
"""

from __future__ import annotations

import json as jsons
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

import httpx
from pydantic import SecretStr

from phi4_space._errors import InvalidOption, LimitExceeded, Step, UnexpectedAnswer
from phi4_space._json import parse
from phi4_space._limits import Limits
from phi4_space._net.bodies import HEADERS, messages, read
from phi4_space._net.credentials import HeaderAuth
from phi4_space._net.deadlines import within_request
from phi4_space._net.error_mapping import plain
from phi4_space._net.http import Border, check, to_httpx
from phi4_space._net.origin import Origin
from phi4_space._net.redaction import Redaction
from phi4_space._timeouts import Timeouts

_PIECE = 64 * 1024  # bytes of a request that are sent at once
Hook = Callable[[httpx.Request], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One server.

    Attributes:
        origin: Where it is.
        name: What it is called in errors.
        headers: What each request carries.
        credentials: What lets each request in, as headers.
        redaction: Cuts credentials out of what is shown of its words.
        timeouts: How long each request may take.
        limits: How much it may send.
    """

    origin: Origin
    name: str
    headers: Mapping[str, str]
    credentials: Sequence[tuple[str, SecretStr]]
    redaction: Redaction
    timeouts: Timeouts
    limits: Limits

    def border(self, step: Step) -> Border:
        """Translates what is raised while the server is asked."""
        return Border(step, space=self.name, timeouts=self.timeouts, redaction=self.redaction)

    def client(self, open_client: Callable[[], httpx.AsyncClient], *hooks: Hook) -> httpx.AsyncClient:
        """A client that sends nothing to any other server, whoever built the request.

        Args:
            open_client: Makes the client.
            *hooks: Called with each request that is sent.
        """

        async def check_origin(request: httpx.Request) -> None:
            self.origin.check(request.url)

        client = open_client()
        client.event_hooks = {"request": [check_origin, *hooks]}
        return client

    async def ask(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        *,
        json: object = None,
        files: Sequence[tuple[str, tuple[str, bytes, str]]] | None = None,
    ) -> Any:
        """Sends one request and reads the JSON it is answered with.

        Args:
            client: Carries it; one that is the server's own, from `client`.
            method: Its method.
            path: Where on the server, segments behind slashes.
            json: What to send as JSON.
            files: What to send as a form, each as its field, and its name, content and media type.

        Raises:
            Phi4Error: The answer is no success, too late, too large, or no JSON; the class says which.
        """
        request = client.build_request(
            method,
            self.origin.url(path),
            headers={
                **self.headers,
                **HEADERS,
                **({} if json is None else {"Content-Type": "application/json"}),
            },
            content=None if json is None else _to_content(json),
            files=files,
            timeout=to_httpx(self.timeouts, read=self.timeouts.request),
        )
        with within_request(self.timeouts) as sent:
            response = await self._send(client, request, sent)
            try:
                body = await self._body(response)
            finally:
                await response.aclose()
        check(response, body)
        return _from_content(response, body, self.limits)

    async def listen(
        self, client: httpx.AsyncClient, path: str, *, params: Mapping[str, str]
    ) -> AsyncGenerator[str, None]:
        """Asks for an event stream, and yields the data of its events.

        Args:
            client: Carries the request; one that is the server's own, from `client`.
            path: Where on the server, segments behind slashes.
            params: The query.

        Raises:
            Phi4Error: The answer is no success, or no event stream, or more of it than is allowed.
        """
        request = client.build_request(
            "GET",
            self.origin.url(path),
            params=params,
            headers={**self.headers, **HEADERS, "Accept": "text/event-stream"},
            timeout=to_httpx(self.timeouts, read=self.timeouts.idle),
        )
        with within_request(self.timeouts) as sent:
            response = await self._send(client, request, sent)
        try:
            if not response.is_success:
                with within_request(self.timeouts):
                    check(response, await self._body(response))
            async with aclosing(messages(response, self.limits)) as found:
                async for message in found:
                    yield message
        finally:
            with suppress(httpx.HTTPError):
                await response.aclose()

    async def _send(
        self, client: httpx.AsyncClient, request: httpx.Request, sent: Callable[[], None]
    ) -> httpx.Response:
        request.stream = _Pieces(request.stream, sent)
        return await client.send(
            request, stream=True, auth=HeaderAuth(self.credentials), follow_redirects=False
        )

    async def _body(self, response: httpx.Response) -> bytes:
        return b"" if response.has_redirect_location else await read(response, self.limits)


class _Pieces(httpx.AsyncByteStream):
    """A request's body in small pieces, so that one sees it move on."""

    def __init__(self, whole: httpx.SyncByteStream | httpx.AsyncByteStream, sent: Callable[[], None]) -> None:
        assert isinstance(whole, httpx.AsyncByteStream)  # noqa: S101 - as all are that httpx makes of bytes
        self._whole = whole
        self._sent = sent

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._whole:
            for start in range(0, len(part), _PIECE):
                yield part[start : start + _PIECE]
                self._sent()


def _to_content(json: object) -> bytes:
    try:
        return jsons.dumps(json, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise InvalidOption(f"What was handed in cannot be written as JSON: {exc}") from None


def _from_content(response: httpx.Response, body: bytes, limits: Limits) -> Any:
    try:
        return parse(body, limits)
    except LimitExceeded as exc:
        exc.status = response.status_code
        raise
    except ValueError:
        kind = plain(response.headers.get("content-type", "")) or "nothing that says its type"
        raise UnexpectedAnswer(
            f"The server answered with {kind}, not JSON", status=response.status_code
        ) from None
