"""Media behind URLs, loaded under a policy. Knows no Space, no token, no cookie and no proxy.

The addresses of a host are checked, and one of those very addresses is connected to: the name is not asked
for twice, since a second answer may differ. That also is why the environment's proxies are not used: they
would resolve the name once more, elsewhere. TLS is verified against the name all the same.
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
from phi4_space._net.pool import ssl_context
from phi4_space._net.urls import FetchPolicy, Target, check_addresses, to_target

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Finds the IP addresses of a host, for a port; OSError where there are none."""
OpenTransport = Callable[[], httpx.AsyncBaseTransport]
"""Makes what carries one request."""

_LONGEST_LENGTH = 30  # digits; more are no length that anything has
_HEADERS = {"User-Agent": "phi4-space", "Accept": "*/*", "Accept-Encoding": "identity"}


class Budget:
    """What the URLs of one turn may cost together. Made for one turn, on the loop that takes it.

    Args:
        policy: What is allowed.
    """

    def __init__(self, policy: FetchPolicy) -> None:
        self._policy = policy
        self._places = anyio.CapacityLimiter(policy.at_a_time)
        self._bytes_left = policy.total_bytes
        self._deadline = math.inf

    @asynccontextmanager
    async def place(self) -> AsyncGenerator[None]:
        """Waits until one more may be loaded, and holds it to the time that is left to all.

        Raises:
            UrlRefused: The time is over.
        """
        total = self._policy.total_timeout
        self._deadline = min(self._deadline, anyio.current_time() + total)
        try:
            with anyio.fail_after(self._deadline - anyio.current_time()):
                async with self._places:
                    yield
        except TimeoutError as exc:
            raise UrlRefused(
                f"The URLs of one turn took longer than {total:g} s together",
                advice="Hand in fewer, or raise FetchPolicy.total_timeout.",
            ) from exc

    def spend(self, count: int) -> None:
        """Takes so many bytes off what is left to all.

        Raises:
            UrlRefused: Fewer are left.
        """
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise UrlRefused(
                f"The URLs of one turn hold more than {self._policy.total_bytes} bytes together",
                advice="Hand in fewer or smaller files, or raise FetchPolicy.total_bytes.",
            )


async def fetch(
    url: str,
    *,
    policy: FetchPolicy,
    budget: Budget | None = None,
    resolve: Resolve | None = None,
    open_transport: OpenTransport | None = None,
) -> bytes:
    """Loads what a URL names.

    Args:
        url: An http(s) URL without user and password.
        policy: What is allowed.
        budget: What is left to the URLs of its turn; without it, it is alone.
        resolve: Finds the addresses of a host; otherwise the system does.
        open_transport: Makes what carries one request; otherwise a plain connection does.

    Raises:
        UrlRefused: The policy does not allow it, or it could not be loaded. URLs in its text are without
            their query.
    """
    if not policy.enabled:
        raise UrlRefused("URLs are not loaded: FetchPolicy.enabled is False")
    target = to_target(url, policy)
    budget = budget or Budget(policy)
    async with budget.place():
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
    """What the target holds, or whatever it redirects to."""
    try:
        with anyio.fail_after(policy.timeout):
            for _ in range(policy.max_redirects + 1):
                addresses = await _find(target, policy, resolve)
                # One transport for each hop: a kept connection was verified for the name of the hop before.
                async with open_transport() as transport:
                    found = await _load(transport, target, addresses, policy, budget)
                if isinstance(found, bytes):
                    return found
                target = to_target(found, policy, came_from=target)
    except TimeoutError as exc:
        raise UrlRefused(f"{target} took longer than {policy.timeout:g} s") from exc
    raise UrlRefused(f"There were more than {policy.max_redirects} redirects, the last to {target}")


async def _find(target: Target, policy: FetchPolicy, resolve: Resolve) -> Sequence[str]:
    """The addresses of a target's host, each of them allowed; at least one."""
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
    """What the target holds, or where it redirects to."""
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
    """Asks the first of the addresses that can be connected to."""
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
    status, length = response.status_code, response.headers.get("Content-Length", "")[:_LONGEST_LENGTH]
    if status != httpx.codes.OK:
        raise UrlRefused(f"{target} answered with HTTP status {status}", status=status)
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        # It was asked for none, and a small body may unpack to any size.
        raise UrlRefused(f"{target} answered with compressed content")
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
        advice="Hand in a smaller file, or raise FetchPolicy.max_bytes.",
    )


async def _resolve(host: str, port: int) -> Sequence[str]:
    found = await anyio.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(address[0] for *_, address in found))


def _open_transport() -> httpx.AsyncBaseTransport:
    # Not a client: it would add cookies, follow redirects, ask the environment, and log the whole URL.
    return httpx.AsyncHTTPTransport(verify=ssl_context(), trust_env=False)
