"""Media behind URLs, downloaded under a policy. Knows no Space, no token, no cookie and no proxy.

The addresses of a host are checked, and the connection is made to one of those very addresses: the name is
not resolved twice, since the second result may differ. This is also why proxies from the environment are not
used: they would resolve the name once more, elsewhere. TLS is still verified against the name.
"""

from __future__ import annotations

import math
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import cast

import anyio
import httpx

from phi4_space._errors import UrlRefused
from phi4_space._net.certificates import ssl_context
from phi4_space._net.fetch_policy import FetchPolicy
from phi4_space._net.urls import Target, check_addresses, to_target

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Resolves a host to its IP addresses, for a port; raises OSError where there are none."""
OpenTransport = Callable[[], httpx.AsyncBaseTransport]
"""Makes the transport for one request."""

_MAX_LENGTH_DIGITS = 30  # of a Content-Length; no real one has more
_HEADERS = {"User-Agent": "phi4-space", "Accept": "*/*", "Accept-Encoding": "identity"}


class Budget:
    """What the URLs of one turn may use together: time, bytes, connections. Made for one turn, on its loop.

    Args:
        policy: What is allowed.
    """

    def __init__(self, policy: FetchPolicy) -> None:
        self._policy = policy
        self._slots = anyio.CapacityLimiter(policy.at_a_time)
        self._bytes_left = policy.total_bytes
        self._deadline = math.inf

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        """Waits until one more URL may be loaded, and ends the `with` block when the time for all is up.

        Raises:
            UrlRefused: The time is up.
        """
        total = self._policy.total_timeout
        self._deadline = min(self._deadline, anyio.current_time() + total)
        try:
            with anyio.fail_after(self._deadline - anyio.current_time()):
                async with self._slots:
                    yield
        except TimeoutError as exc:
            raise UrlRefused(
                f"The URLs of one turn took longer than {total:g} s in total",
                advice="Pass fewer URLs, or raise FetchPolicy.total_timeout.",
            ) from exc

    def spend(self, count: int) -> None:
        """Takes a number of bytes off what all URLs may still use.

        Raises:
            UrlRefused: Fewer are left.
        """
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise UrlRefused(
                f"The URLs of one turn hold more than {self._policy.total_bytes} bytes in total",
                advice="Pass fewer or smaller files, or raise FetchPolicy.total_bytes.",
            )


async def fetch(
    url: str,
    *,
    policy: FetchPolicy,
    budget: Budget | None = None,
    resolve: Resolve | None = None,
    open_transport: OpenTransport | None = None,
) -> bytes:
    """Loads the content of a URL.

    Args:
        url: An http(s) URL without user and password.
        policy: What is allowed.
        budget: What the URLs of the turn share; None for a URL on its own.
        resolve: Resolves a host; the system's resolver by default.
        open_transport: Makes the transport for one request; a plain connection by default.

    Raises:
        UrlRefused: The policy does not allow it, or it could not be loaded. The message shows URLs without
            their query.
    """
    if not policy.enabled:
        raise UrlRefused("URLs are not loaded, because FetchPolicy.enabled is False")
    target = to_target(url, policy)
    budget = budget or Budget(policy)
    async with budget.slot():
        return await _follow(
            target,
            policy,
            budget,
            resolve=resolve or _resolve,
            open_transport=open_transport or _open_transport,
        )


async def _follow(
    target: Target, policy: FetchPolicy, budget: Budget, *, resolve: Resolve, open_transport: OpenTransport
) -> bytes:
    """The content of the target, or of what it redirects to."""
    try:
        with anyio.fail_after(policy.timeout):
            for _ in range(policy.max_redirects + 1):
                addresses = await _resolve_target(target, policy, resolve)
                # One transport for each hop: a kept connection was verified for the previous hop's name.
                async with open_transport() as transport:
                    content = await _load(transport, target, addresses, policy, budget)
                if isinstance(content, bytes):
                    return content
                target = to_target(content, policy, redirected_from=target)
    except TimeoutError as exc:
        raise UrlRefused(f"{target} took longer than {policy.timeout:g} s") from exc
    raise UrlRefused(f"There were more than {policy.max_redirects} redirects, the last to {target}")


async def _resolve_target(target: Target, policy: FetchPolicy, resolve: Resolve) -> Sequence[str]:
    """The addresses of a target's host; at least one, and each of them allowed."""
    try:
        addresses = await resolve(target.host, target.port)
    except OSError as exc:
        raise UrlRefused(f"The host of {target} was not found: {exc.strerror}") from exc
    check_addresses(addresses, target, policy)
    return addresses


async def _load(
    transport: httpx.AsyncBaseTransport,
    target: Target,
    addresses: Sequence[str],
    policy: FetchPolicy,
    budget: Budget,
) -> bytes | str:
    """The content of the target, or the URL that it redirects to."""
    try:
        async with aclosing(await _send(transport, target, addresses, policy)) as response:
            if response.has_redirect_location:
                return str(response.headers["Location"])
            _check(response, target, policy)
            return await _read(response, target, policy, budget)
    except (httpx.HTTPError, OSError) as exc:
        raise UrlRefused(f"{target} could not be loaded: {str(exc) or type(exc).__name__}") from exc


async def _send(
    transport: httpx.AsyncBaseTransport, target: Target, addresses: Sequence[str], policy: FetchPolicy
) -> httpx.Response:
    """Sends the request to the first address that accepts a connection."""
    timeout = httpx.Timeout(policy.timeout, connect=policy.timeout / len(addresses))
    requests = [
        httpx.Request(
            "GET",
            target.url.copy_with(host=address),
            headers={**_HEADERS, "Host": target.url.netloc.decode()},
            extensions={"sni_hostname": target.host.rstrip("."), "timeout": timeout.as_dict()},
        )
        for address in addresses
    ]
    for request in requests[:-1]:
        with suppress(httpx.ConnectError, httpx.ConnectTimeout):
            return await transport.handle_async_request(request)
    return await transport.handle_async_request(requests[-1])


def _check(response: httpx.Response, target: Target, policy: FetchPolicy) -> None:
    status, length = response.status_code, response.headers.get("Content-Length", "")[:_MAX_LENGTH_DIGITS]
    if status != httpx.codes.OK:
        raise UrlRefused(f"{target} answered with HTTP status {status}", status=status)
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        # The request asked for no compression, and a small body may unpack to any size.
        raise UrlRefused(f"{target} sent a compressed response, which was not asked for")
    if length.isdecimal() and int(length) > policy.max_bytes:
        raise _too_large(target, policy)


async def _read(response: httpx.Response, target: Target, policy: FetchPolicy, budget: Budget) -> bytes:
    data = bytearray()
    async with aclosing(cast("AsyncGenerator[bytes]", response.aiter_bytes())) as chunks:
        async for chunk in chunks:
            data += chunk
            budget.spend(len(chunk))
            if len(data) > policy.max_bytes:
                raise _too_large(target, policy)
    return bytes(data)


def _too_large(target: Target, policy: FetchPolicy) -> UrlRefused:
    return UrlRefused(
        f"{target} is larger than {policy.max_bytes} bytes",
        advice="Pass a smaller file, or raise FetchPolicy.max_bytes.",
    )


async def _resolve(host: str, port: int) -> Sequence[str]:
    entries = await anyio.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(address[0] for *_, address in entries))


def _open_transport() -> httpx.AsyncBaseTransport:
    # Not a client, which would add cookies, follow redirects, read the environment and log the whole URL.
    return httpx.AsyncHTTPTransport(verify=ssl_context(), trust_env=False)
