"""Which URLs may be loaded, by their letters and by the addresses of their hosts. Knows no sockets.

A URL may come from a web page or from a model, and lead to what only this machine can reach.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx

from phi4_space._errors import InvalidOption, UrlRefused

_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[\w-]{1,63}(\.[\w-]{1,63})*\.?|(?=.*:)[0-9a-f:.]+", re.ASCII | re.IGNORECASE)
_SHOWN = 200

_GLOBAL_UNICAST = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")
_ISATAP = {0x0000_5EFE, 0x0200_5EFE}
_LOW_32_BITS = 0xFFFF_FFFF
# Held here, and asked of ipaddress as well: what that calls global differs from version to version of Python.
_NOT_GLOBAL = [
    ip_network(network)
    for network in (
        # IANA's registry of special IPv4 addresses
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by a provider's customers; one cloud hands out credentials there
        "127.0.0.0/8",
        "169.254.0.0/16",  # where most clouds hand out their machines' credentials
        "172.16.0.0/12",
        "192.0.0.0/24",  # the protocols' own; one cloud hands out credentials there
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
        # services that are there inside of a cloud alone
        "129.224.0.0/17",  # AWS's VPC Lattice
        "161.26.0.0/16",  # IBM's infrastructure
        "166.8.0.0/14",  # IBM's services
        "168.63.129.16/32",  # Azure's host, as its machines see it
        # IANA's registry of special IPv6 addresses, as far as they are global unicast
        "2001::/23",  # among them Teredo, which hides an IPv4 address
        "2001:db8::/32",
        "2002::/16",  # 6to4, which hides one too
        "2620:4f:8000::/48",
        "3ffe::/16",
        "3fff::/20",
    )
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPolicy:
    """What is allowed for media that are handed in as URLs.

    Attributes:
        enabled: Whether URLs are loaded at all.
        schemes: Which ones: "https", "http" or both. A redirect never leads from https to http.
        allow_private: Whether hosts may have addresses that are not global, such as those of this machine
            and its network. For tests and intranets: a URL may then reach whatever this machine can reach.
        max_bytes: The largest size.
        max_redirects: How many redirects are followed, each checked like the first URL.
        timeout: Seconds that one may take, redirects included.
        at_a_time: How many are loaded at a time; those of one turn wait for each other.
        total_bytes: The largest size of all media of one turn together.
        total_timeout: Seconds that all media of one turn may take together.
    """

    enabled: bool = True
    schemes: tuple[str, ...] = ("https", "http")
    allow_private: bool = False
    max_bytes: int = 20 * 1024 * 1024
    max_redirects: int = 3
    timeout: float = 20.0
    at_a_time: int = 8
    total_bytes: int = 100 * 1024 * 1024
    total_timeout: float = 60.0

    def __post_init__(self) -> None:
        """Refuses what makes no sense.

        Raises:
            InvalidOption: A value is of the wrong type, or out of range.
        """
        for name in ("enabled", "allow_private"):
            if not isinstance(getattr(self, name), bool):
                raise InvalidOption(f"FetchPolicy.{name} is True or False, not {getattr(self, name)!r}")
        for name, least in (("max_bytes", 1), ("max_redirects", 0), ("at_a_time", 1), ("total_bytes", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InvalidOption(f"FetchPolicy.{name} is a whole number from {least}, not {value!r}")
        for name in ("timeout", "total_timeout"):
            seconds = getattr(self, name)
            if not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
                raise InvalidOption(f"FetchPolicy.{name} is a number of seconds above 0, not {seconds!r}")
        if not isinstance(self.schemes, tuple) or not set(self.schemes) <= _PORTS.keys():
            raise InvalidOption(f'FetchPolicy.schemes is a tuple of "https" and "http", not {self.schemes!r}')


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be loaded, as far as its letters tell.

    Attributes:
        url: The URL; its text may hold secrets.
    """

    url: httpx.URL

    @property
    def host(self) -> str:
        """The host's name, as the network knows it."""
        return self.url.raw_host.decode()

    @property
    def port(self) -> int:
        """The port, also where the URL leaves it to its scheme."""
        return _PORTS[self.url.scheme] if self.url.port is None else self.url.port

    def __str__(self) -> str:
        """The URL as errors may show it: without its query, which may hold secrets, and not endless."""
        path = self.url.raw_path.partition(b"?")[0]
        return f"{self.url.scheme}://{(self.url.netloc + path).decode()[:_SHOWN]}"


def to_target(text: str, policy: FetchPolicy, *, came_from: Target | None = None) -> Target:
    """Checks all of a URL that can be checked by its letters.

    Args:
        text: The URL; one relative to `came_from` where that is given.
        policy: What is allowed.
        came_from: Where a redirect led here.

    Raises:
        UrlRefused: It is not allowed, or no URL of a host that may exist.
    """
    try:
        url = came_from.url.join(text) if came_from else httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as exc:
        raise UrlRefused("The URL is not a valid one") from exc
    if url.scheme not in policy.schemes:
        raise UrlRefused(f"URLs that begin with {url.scheme!r} are not loaded")
    target = Target(url)
    if came_from and (came_from.url.scheme, url.scheme) == ("https", "http"):
        raise UrlRefused(f"{came_from} redirects from https to http")
    if url.userinfo:
        raise UrlRefused(f"{target} carries a user or a password")
    if not _HOST.fullmatch(target.host) or not 0 < target.port < 1 << 16:
        raise UrlRefused(f"{target} names no host or port that exists")
    return target


def check_addresses(addresses: Sequence[str], target: Target, policy: FetchPolicy) -> None:
    """Checks what a host's name stands for; one bad address is enough.

    Raises:
        UrlRefused: There is no address, or one that is not allowed.
    """
    if not addresses:
        raise UrlRefused(f"The host of {target} has no address")
    if not policy.allow_private and not all(is_global(ip_address(address)) for address in addresses):
        raise UrlRefused(
            f"The host of {target} is not on the public internet",
            advice=f"{UrlRefused.usual_advice} If you trust all URLs: FetchPolicy(allow_private=True).",
        )


def is_global(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one host's on the public internet, and stands for no other that is not."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_global(address.ipv4_mapped)
        if address in _NAT64:
            return is_global(IPv4Address(int(address) & _LOW_32_BITS))
        if address not in _GLOBAL_UNICAST or address.scope_id or _is_isatap(address):
            return False
    return address.is_global and not any(address in network for network in _NOT_GLOBAL)


def _is_isatap(address: IPv6Address) -> bool:
    """Whether an address ends as those do that tunnel to the IPv4 address in them."""
    return int(address) >> 32 & _LOW_32_BITS in _ISATAP
