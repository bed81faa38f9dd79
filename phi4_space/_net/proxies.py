"""Which proxy carries the requests to a server: the one that was passed, or the environment's. Knows URLs.

The environment's is chosen here and not by httpx, which takes an entry of NO_PROXY that it cannot read, such
as `fe11::/16`, for a proxy that cannot be used, and of those that it reads knows no networks.
"""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.request import getproxies

import httpx

from phi4_space._address import with_scheme
from phi4_space._errors import InvalidOption
from phi4_space._net.certificates import ssl_context
from phi4_space._net.credentials import Proxy

_USERINFO = re.compile(r"(?<=//).*@", re.DOTALL)
_PORTS = {"http": 80, "https": 443}
_MAX_PORT = 65_535
_PORT = re.compile(r":\d{1,5}\Z", re.ASCII)
_HOST = re.compile(r"[\w.-]+|[0-9a-f:.]+", re.IGNORECASE)
_ADVICE = "Give a URL such as http://host:8080, or unset it; for socks5:// install httpx[socks]."


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a server.

    Attributes:
        url: The server's URL.
        passed: The URL of a proxy that was passed.
        trust_env: Whether the environment's proxy is used where none was passed.
    """

    url: str
    passed: str | None = field(default=None, repr=False)
    trust_env: bool = True

    def proxy(self) -> Proxy | None:
        """The proxy; None where there is none.

        Raises:
            InvalidOption: It cannot be used. The text names what it comes from, and hides a password.
        """
        return None if (named := self._named()) is None else _to_proxy(*named)

    def describe(self) -> str:
        """The proxy in a sentence, without its password; "" where there is none."""
        if (named := self._named()) is None:
            return ""
        source, url = named
        return f"Requests go through a proxy, {source}={without_login(url)!r}."

    def _named(self) -> tuple[str, str] | None:
        """What the proxy comes from, and its URL."""
        if self.passed:
            return "proxy", with_scheme(self.passed)
        found = getproxies() if self.trust_env else {}
        url = httpx.URL(self.url)
        kind = next((kind for kind in (url.scheme, "all") if found.get(kind, "").strip()), None)
        if kind is None or is_direct(url, found.get("no", "")):
            return None
        return _variable(kind, found[kind]), with_scheme(found[kind])


NOWHERE = Route("", trust_env=False)
"""No way to any server, and no proxy."""


def without_login(url: str) -> str:
    """A proxy's URL without user and password."""
    return _USERINFO.sub("***@", url)


def is_direct(url: httpx.URL, no_proxy: str) -> bool:
    """Whether NO_PROXY has a server reached without a proxy, as curl, requests and Go read it.

    Entries stand between commas or white space: `*`, a domain with those below it, an address, a network,
    each with or without a port. What is none of these covers nothing.
    """
    return any(_covers(entry, url) for entry in re.split(r"[,\s]+", no_proxy) if entry)


def _covers(entry: str, url: httpx.URL) -> bool:
    scheme, _, rest = entry.lower().rstrip("/").rpartition("://")
    host = rest
    if rest.startswith("[") or rest.count(":") == 1:  # more colons are those of an IPv6 address
        host = _PORT.sub("", rest)
    port = rest[len(host) + 1 :]
    if scheme not in {"", "all", url.scheme} or (port and int(port) != (url.port or _PORTS.get(url.scheme))):
        return False
    return _covers_host(re.sub(r"[\[\]]", "", host), url)


def _covers_host(name: str, url: httpx.URL) -> bool:
    if name == "*":
        return True
    try:
        network = ip_network(name, strict=False)
    except ValueError:
        domain = name.removeprefix("*").strip(".")
        hosts = (
            url.host.rstrip("."),
            url.raw_host.decode("ascii").rstrip("."),
        )  # as people write it, and DNS
        return bool(domain) and any(f".{host}".endswith(f".{domain}") for host in hosts)
    try:
        return ip_address(url.host) in network
    except ValueError:
        return False


def _variable(kind: str, value: str) -> str:
    """The variable's name as the environment has it; some systems have settings besides."""
    names = [
        name for name, set_to in os.environ.items() if name.lower() == f"{kind}_proxy" and set_to == value
    ]
    return names[-1] if names else "the system's proxy"


def _to_proxy(source: str, url: str) -> Proxy:
    if reason := _fault(url):
        raise InvalidOption(f"{source}={without_login(url)!r} cannot be used: {reason}", advice=_ADVICE)
    return Proxy(url, ssl_context=ssl_context() if url.lower().startswith("https:") else None)


def _fault(url: str) -> str | None:
    """What is wrong with a proxy's URL, in words that hold no password; None where nothing is."""
    try:
        # The reason may repeat a part of what was read.
        parts = httpx.Proxy(without_login(url)).url
    except (ValueError, httpx.InvalidURL) as exc:
        return str(exc)
    try:
        httpx.Proxy(url)
    except (ValueError, httpx.InvalidURL):
        return "its user or password has characters that have to be written as %2F and the like"
    if not _HOST.fullmatch(parts.host) or parts.host in {"http", "https"}:
        return "it names no host"
    if parts.port is not None and not 0 < parts.port <= _MAX_PORT:
        return f"there is no port {parts.port}"
    if parts.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
        return "the package socksio is not installed"
    return None
