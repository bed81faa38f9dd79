"""One request, and every foreign error translated at this one border. Knows httpx; no Gradio queue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from phi4_space._errors import (
    ConnectionFailed,
    DeadlineExceeded,
    InvalidOption,
    Phi4Error,
    Step,
    StreamLost,
    UnexpectedAnswer,
)
from phi4_space._failures import from_response
from phi4_space._options import Timeouts
from phi4_space._origin import Origin


def to_httpx(timeouts: Timeouts, *, read: float | None) -> httpx.Timeout:
    """The timeouts of one request whose answer may take `read` seconds between two pieces."""
    return httpx.Timeout(read, connect=timeouts.connect, pool=timeouts.connect)


def kept_to(
    origin: Origin,
    open_client: Callable[[], httpx.AsyncClient],
    *hooks: Callable[[httpx.Request], Awaitable[None]],
) -> httpx.AsyncClient:
    """A client that sends nothing to any other server, whoever built the request.

    Args:
        origin: The server that it is for.
        open_client: Makes the client.
        *hooks: Called with each request that is sent.
    """
    client = open_client()

    async def check_origin(request: httpx.Request) -> None:
        origin.check(request.url)

    client.event_hooks = {"request": [check_origin, *hooks]}
    return client


@contextmanager
def border(step: Step, *, space: str, timeouts: Timeouts) -> Iterator[None]:
    """Lets nothing of httpx's out: its errors become this package's, and all learn where they happened."""
    try:
        yield
    except Phi4Error as exc:
        exc.locate(step=step, space=space)
        raise
    except (httpx.HTTPError, httpx.InvalidURL, httpx.CookieConflict, httpx.StreamError) as exc:
        error = _meaning(exc, step, timeouts)
        error.locate(step=step, space=space)
        raise error from exc


def _meaning(  # noqa: C901, PLR0911, PLR0912 - a table of foreign errors, one row each
    exc: Exception, step: Step, timeouts: Timeouts
) -> Phi4Error:
    told = str(exc) or type(exc).__name__
    match exc:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return _deadline("connect", timeouts, "There was no connection")
        case httpx.TimeoutException() if step == "get":
            return _deadline("idle", timeouts, "The Space said nothing")
        case httpx.TimeoutException():
            return _deadline("request", timeouts, "There was no answer")
        case httpx.ProxyError():
            return ConnectionFailed(f"The proxy let nothing through: {told}", advice="Check the proxy's URL.")
        case httpx.ConnectError():
            return ConnectionFailed(f"There is no connection: {told}")
        case httpx.UnsupportedProtocol() | httpx.InvalidURL():
            return InvalidOption(f"That URL cannot be asked: {told}")
        case httpx.LocalProtocolError():  # whose words may repeat a header, and with it a credential
            return InvalidOption("The request cannot be written in HTTP")
        case httpx.TransportError() if step == "get":
            return StreamLost(f"The answer's stream broke off: {told}")
        case httpx.TransportError():
            return ConnectionFailed(f"The connection broke off: {told}")
        case _:
            return UnexpectedAnswer(f"The answer cannot be read: {told}")


def _deadline(which: str, timeouts: Timeouts, what: str) -> DeadlineExceeded:
    seconds: float | None = getattr(timeouts, which)
    told = what if seconds is None else f"{what} for {seconds:g} s"  # the system has timeouts of its own
    return DeadlineExceeded(told, which=which, seconds=seconds)


def check(response: httpx.Response) -> None:
    """Raises what an answer other than a success means; its body has been read."""
    if response.has_redirect_location:
        # A redirect is not followed: httpx would carry the token's header to whatever host it names.
        target = response.url.join(response.headers["location"])
        raise UnexpectedAnswer(
            f"The server sends one on to {target.scheme}://{target.netloc.decode()}",
            advice="Use that URL as the Space's, if you trust it.",
            status=response.status_code,
        )
    if not response.is_success:
        raise from_response(response.status_code, response.content, response.headers)


async def ask_json(
    client: httpx.AsyncClient,
    method: str,
    url: httpx.URL,
    *,
    headers: Mapping[str, str],
    timeout: httpx.Timeout,  # noqa: ASYNC109 - four timeouts in one, which only httpx can keep apart
    json: object = None,
    files: list[tuple[str, tuple[str, bytes, str]]] | None = None,
) -> Any:
    """Sends one request and reads the JSON it is answered with.

    Raises:
        Phi4Error: The answer is no success, or no JSON; the class says which failure it is.
    """
    response = await client.request(
        method, url, headers=headers, timeout=timeout, json=json, files=files, follow_redirects=False
    )
    check(response)
    try:
        return response.json()
    except (ValueError, RecursionError) as exc:
        kind = response.headers.get("content-type", "nothing that says its type")
        raise UnexpectedAnswer(
            f"The server answered with {kind}, not JSON", status=response.status_code
        ) from exc
