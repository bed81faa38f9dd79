"""One server, and how requests to it are sent: URL, credentials, timeouts and limits. Knows no Gradio.

All requests are sent here, except those for media behind URLs.
"""

from __future__ import annotations

import json as jsons
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, cast

import httpx

from phi4_space._errors import InvalidOption, LimitExceeded, Step, UnexpectedAnswer
from phi4_space._json import parse
from phi4_space._limits import Limits
from phi4_space._net.bodies import HEADERS, read_body, read_events
from phi4_space._net.credentials import HeaderAuth
from phi4_space._net.deadlines import within_request
from phi4_space._net.error_mapping import Content, strip_markup
from phi4_space._net.form import Form
from phi4_space._net.httpx_errors import ErrorTranslation, check
from phi4_space._net.origin import Origin
from phi4_space._net.proxies import Route
from phi4_space._net.redaction import Redaction
from phi4_space._secret import SecretLike
from phi4_space._timeouts import Timeouts

_CHUNK = 64 * 1024  # bytes of a request that are sent at once
Hook = Callable[[httpx.Request], Awaitable[None]]


def to_httpx(timeouts: Timeouts, *, read: float | None) -> httpx.Timeout:
    """The timeouts of one request whose response may pause for `read` seconds between two chunks."""
    return httpx.Timeout(read, connect=timeouts.connect, pool=timeouts.connect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One server.

    Attributes:
        origin: Its URL.
        name: Its name in error messages.
        headers: Headers of each request.
        credentials: Headers with credentials, added to each request as it is sent.
        redaction: Removes credentials from errors.
        route: The way to it.
        timeouts: How long each request may take.
        limits: How much the server may send.
    """

    origin: Origin
    name: str
    headers: Mapping[str, str]
    credentials: Sequence[tuple[str, SecretLike]]
    redaction: Redaction
    route: Route
    timeouts: Timeouts
    limits: Limits

    def translate_errors(self, step: Step) -> ErrorTranslation:
        """Translates, in a `with` block, what is raised while a request is made."""
        return ErrorTranslation(
            step, space=self.name, timeouts=self.timeouts, redaction=self.redaction, route=self.route
        )

    def client(self, open_client: Callable[[], httpx.AsyncClient], *hooks: Hook) -> httpx.AsyncClient:
        """Makes a client that sends nothing to any other server, whoever built the request.

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
        form: Form | None = None,
    ) -> Any:
        """Sends one request and returns the JSON of the response.

        Args:
            client: Sends it; made by `client`.
            method: The HTTP method.
            path: The path on the server, each segment behind a slash.
            json: A body to send as JSON.
            form: Files to send.

        Raises:
            Phi4Error: The response is not a success, too late, too large, or not JSON; the class says which.
        """
        request = client.build_request(
            method,
            self.origin.url(path),
            headers={
                **self.headers,
                **HEADERS,
                **({} if json is None else {"Content-Type": "application/json"}),
                **({} if form is None else form.headers),
            },
            content=form if json is None else _to_content(json),
            timeout=to_httpx(self.timeouts, read=self.timeouts.request),
        )
        sent: Content = "files" if form is not None else "nothing" if json is None else "text"
        response, body = await self._receive(client, request, sent=sent)
        return _from_content(response, body, self.limits)

    async def read(self, client: httpx.AsyncClient, path: str) -> bytes:
        """Requests a file, and returns its bytes.

        Args:
            client: Sends the request; made by `client`.
            path: The path on the server, each segment behind a slash.

        Raises:
            Phi4Error: The response is not a success, too late or too large; the class says which.
        """
        request = client.build_request(
            "GET",
            self.origin.url(path),
            headers={**self.headers, **HEADERS},
            timeout=to_httpx(self.timeouts, read=self.timeouts.request),
        )
        _, body = await self._receive(client, request)
        return body

    async def listen(
        self, client: httpx.AsyncClient, path: str, *, params: Mapping[str, str]
    ) -> AsyncGenerator[str, None]:
        """Requests an event stream, and yields the data of its events.

        Args:
            client: Sends the request; made by `client`.
            path: The path on the server, each segment behind a slash.
            params: The query.

        Raises:
            Phi4Error: The response is not a success, not an event stream, or larger than allowed.
        """
        request = client.build_request(
            "GET",
            self.origin.url(path),
            params=params,
            headers={**self.headers, **HEADERS, "Accept": "text/event-stream"},
            timeout=to_httpx(self.timeouts, read=self.timeouts.idle),
        )
        with within_request(self.timeouts) as on_chunk_sent:
            response = await self._send(client, request, on_chunk_sent)
        try:
            if not response.is_success:
                with within_request(self.timeouts):
                    check(response, await self._body(response))
            async with aclosing(read_events(response, self.limits)) as events:
                async for message in events:
                    yield message
        finally:
            with suppress(httpx.HTTPError):
                await response.aclose()

    async def _receive(
        self, client: httpx.AsyncClient, request: httpx.Request, *, sent: Content = "nothing"
    ) -> tuple[httpx.Response, bytes]:
        with within_request(self.timeouts) as on_chunk_sent:
            response = await self._send(client, request, on_chunk_sent)
            try:
                body = await self._body(response)
            finally:
                await response.aclose()
        check(response, body, sent=sent)
        return response, body

    async def _send(
        self, client: httpx.AsyncClient, request: httpx.Request, on_chunk_sent: Callable[[], None]
    ) -> httpx.Response:
        request.stream = _ChunkedBody(request.stream, on_chunk_sent)
        return await client.send(
            request, stream=True, auth=HeaderAuth(self.credentials), follow_redirects=False
        )

    async def _body(self, response: httpx.Response) -> bytes:
        return b"" if response.has_redirect_location else await read_body(response, self.limits)


class _ChunkedBody(httpx.AsyncByteStream):
    """A request's body in small chunks, so that the progress of an upload is known."""

    def __init__(
        self, body: httpx.SyncByteStream | httpx.AsyncByteStream, on_chunk_sent: Callable[[], None]
    ) -> None:
        self._body = cast("httpx.AsyncByteStream", body)  # httpx makes both kinds in one from bytes
        self._on_chunk_sent = on_chunk_sent

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._body:
            for start in range(0, len(part), _CHUNK):
                yield part[start : start + _CHUNK]
                self._on_chunk_sent()


def _to_content(json: object) -> bytes:
    try:
        return jsons.dumps(json, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise InvalidOption(f"What was passed in cannot be written as JSON: {exc}") from None


def _from_content(response: httpx.Response, body: bytes, limits: Limits) -> Any:
    try:
        return parse(body, limits)
    except LimitExceeded as exc:
        exc.status = response.status_code
        raise
    except ValueError:
        kind = strip_markup(response.headers.get("content-type", "")) or "a response without a content type"
        raise UnexpectedAnswer(
            f"The server answered with {kind}, not JSON", status=response.status_code
        ) from None
