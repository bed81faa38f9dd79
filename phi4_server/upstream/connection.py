"""How an engine is asked: requests, headers, timeouts. Knows HTTP; not what is asked or answered."""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import aclosing, asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from phi4_server.model import ModelFailed
from phi4_server.network_environment import certificates_in_use, fault_of, proxy_for
from phi4_server.upstream.errors import ErrorReader
from phi4_server.upstream.events import EventTooLarge, read_events, read_start
from phi4_server.upstream.settings import UpstreamSettings

_CONNECT_S = 10.0
_WRITE_S = 60.0
_HEADERS = {
    "Accept-Encoding": "identity",  # what is compressed might unpack to any size
    "Content-Type": "application/json",
    "User-Agent": "phi4-space",
}


class Connection:
    """Connections to one engine, for one event loop.

    Attributes:
        errors: Puts in words what goes wrong here.
    """

    def __init__(self, settings: UpstreamSettings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Opens nothing yet.

        Args:
            settings: Which engine.
            transport: Carries the requests instead of the network, for tests.

        Raises:
            ModelFailed: The environment names certificates or a proxy that cannot be used.
        """
        self._address = settings.address
        self._silence = settings.silence
        self.errors = ErrorReader(host=settings.address.host, key=settings.key)
        try:
            self._client = self._open(settings, transport)
        except (OSError, ValueError, ImportError, httpx.InvalidURL) as problem:
            fault = fault_of(problem)
            if fault is None:
                raise
            raise ModelFailed(f"{fault}. Set it right, or unset it.") from None

    def _open(
        self, settings: UpstreamSettings, transport: httpx.AsyncBaseTransport | None
    ) -> httpx.AsyncClient:
        address = settings.address
        return httpx.AsyncClient(
            auth=_KeyAuth(settings),
            timeout=httpx.Timeout(_CONNECT_S, read=settings.silence, write=_WRITE_S, pool=None),
            limits=httpx.Limits(max_connections=None),  # whoever asks is bounded already
            cookies=_no_cookies(),
            follow_redirects=False,  # they would take the key and the chat to whatever host they name
            trust_env=False,  # what it says was read already
            proxy=None if address.is_local or transport is not None else proxy_for(address.url),
            # Without TLS no certificate matters, nor that the environment names some.
            verify=httpx.create_ssl_context(trust_env=not address.is_local)
            if address.url.scheme == "https"
            else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            transport=transport,
        )

    async def stream(self, body: bytes, *, has_files: bool = False) -> AsyncGenerator[str, None]:
        """Yields the events of an answer, "[DONE]" included; closing it closes the engine's stream.

        Args:
            body: What is asked, as JSON.
            has_files: Whether images or audio are in it.

        Raises:
            UpstreamFailure: There is no answer, or no whole one.
        """
        async with self._sent("POST", self._address.chat, body, has_files=has_files) as response:
            if "text/event-stream" not in response.headers.get("Content-Type", "").lower():
                raise self.errors.from_body(await read_start(response), has_files=has_files)
            async with aclosing(read_events(response)) as events:
                async for event in events:
                    yield event

    async def get_models(self) -> bytes:
        """The list of models, as it comes.

        Raises:
            UpstreamFailure: There is none.
        """
        async with self._sent("GET", self._address.models) as response:
            return await read_start(response)

    async def close(self) -> None:
        """Closes all connections."""
        await self._client.aclose()

    @asynccontextmanager
    async def _sent(
        self, method: str, url: str, body: bytes | None = None, *, has_files: bool = False
    ) -> AsyncIterator[httpx.Response]:
        """The response of success to a request; what breaks while it is read is put in words."""
        try:
            request = self._client.build_request(method, url, content=body, headers=_HEADERS)
            response = await self._client.send(request, stream=True)
            async with aclosing(response):
                is_plain = response.headers.get("Content-Encoding", "identity") == "identity"
                if not response.is_success:
                    raise self.errors.from_response(
                        response.status_code,
                        await read_start(response) if is_plain else b"",
                        retry_after=response.headers.get("Retry-After"),
                        has_files=has_files,
                    )
                if not is_plain:
                    raise self.errors.broken("it is compressed, which was not asked for")
                yield response
        except httpx.ReadTimeout:
            raise self.errors.silent(self._silence) from None
        except EventTooLarge:
            raise self.errors.broken("one of its events is too large") from None
        except (httpx.ReadError, httpx.RemoteProtocolError):
            raise self.errors.cut() from None
        except (httpx.HTTPError, httpx.InvalidURL) as problem:  # its text may hold the URL
            raise self.errors.unreachable(_reason(problem)) from None


_REASONS: dict[type[Exception], str] = {
    httpx.ConnectError: "no connection",
    httpx.ConnectTimeout: f"no connection within {_CONNECT_S:g} seconds",
    httpx.WriteError: "the connection broke",
    httpx.WriteTimeout: "it reads nothing",
    httpx.ProxyError: "the proxy of this machine's environment makes no connection",
}


def _reason(problem: Exception) -> str:
    """Why there was no response, in a few words of ours: those of httpx may repeat a URL or a password."""
    if "CERTIFICATE_VERIFY_FAILED" in str(problem):
        named = certificates_in_use()
        return "its certificate is not trusted" + (f" (those of {named} are)" if named else "")
    reason = _REASONS.get(type(problem), type(problem).__name__)
    status = re.match(r"[1-5]\d\d\b", str(problem), re.ASCII)  # what a proxy says begins with one
    return f"{reason} (HTTP {status[0]})" if status else reason


def _no_cookies() -> CookieJar:
    """A jar that keeps none: one that came with a user's answer would go with another's chat."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))


class _KeyAuth(httpx.Auth):
    """Puts the key on a request at the last moment: no argument and no local variable holds it before."""

    def __init__(self, settings: UpstreamSettings) -> None:
        self._settings = settings

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._settings.key is not None:
            request.headers["Authorization"] = f"Bearer {self._settings.key}"
            if self._settings.address.is_azure:
                request.headers["api-key"] = self._settings.key
        yield request
