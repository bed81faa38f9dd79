"""Which URLs may be loaded, judged by their text and by the addresses of their hosts. Knows no sockets.

A URL may come from a web page or from a model, and lead to something that only this machine can reach.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import httpx

from phi4_space._errors import UrlRefused
from phi4_space._net.fetch_policy import PORTS, FetchPolicy

_HOST = re.compile(r"[\w-]{1,63}(\.[\w-]{1,63})*\.?|(?=.*:)[0-9a-f:.]+", re.ASCII | re.IGNORECASE)
_MAX_SHOWN = 200

_GLOBAL_UNICAST = ip_network("2000::/3")
_NAT64 = ip_network("64:ff9b::/96")
_ISATAP = {0x0000_5EFE, 0x0200_5EFE}
_LOW_32_BITS = 0xFFFF_FFFF
# Listed here in addition to what ipaddress knows, which differs from version to version of Python.
_NOT_GLOBAL = [
    ip_network(network)
    for network in (
        # IANA's registry of special IPv4 addresses
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by a provider's customers; one cloud serves credentials there
        "127.0.0.0/8",
        "169.254.0.0/16",  # where most clouds serve credentials to their machines
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments; one cloud serves credentials there
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
        # services that exist inside a cloud only
        "129.224.0.0/17",  # AWS's VPC Lattice
        "161.26.0.0/16",  # IBM's infrastructure
        "166.8.0.0/14",  # IBM's services
        "168.63.129.16/32",  # Azure's host, as its machines see it
        # IANA's registry of special IPv6 addresses, those that are global unicast
        "2001::/23",  # among them Teredo, which embeds an IPv4 address
        "2001:db8::/32",
        "2002::/16",  # 6to4, which also embeds one
        "2620:4f:8000::/48",
        "3ffe::/16",
        "3fff::/20",
    )
]


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be loaded, judged by its text.

    Attributes:
        url: The URL; its query may contain secrets.
    """

    url: httpx.URL

    @property
    def host(self) -> str:
        """The host name, as the network knows it."""
        return self.url.raw_host.decode()

    @property
    def port(self) -> int:
        """The port, which is the scheme's default where the URL names none."""
        return PORTS[self.url.scheme] if self.url.port is None else self.url.port

    def __str__(self) -> str:
        """The URL as error messages show it: without its query, which may contain secrets, and shortened."""
        path = self.url.raw_path.partition(b"?")[0]
        return f"{self.url.scheme}://{(self.url.netloc + path).decode()[:_MAX_SHOWN]}"


def to_target(text: str, policy: FetchPolicy, *, redirected_from: Target | None = None) -> Target:
    """Checks what can be checked of a URL by its text.

    Args:
        text: The URL; one relative to `redirected_from` where that is given.
        policy: What is allowed.
        redirected_from: The target whose redirect led here.

    Raises:
        UrlRefused: It is not allowed, or not a valid URL of a host that may exist.
    """
    try:
        url = redirected_from.url.join(text) if redirected_from else httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as exc:
        raise UrlRefused("The URL is not valid") from exc
    if url.scheme not in policy.schemes:
        raise UrlRefused(f"URLs with the scheme {url.scheme!r} are not loaded")
    target = Target(url)
    if redirected_from and (redirected_from.url.scheme, url.scheme) == ("https", "http"):
        raise UrlRefused(f"{redirected_from} redirects from https to http")
    if url.userinfo:
        raise UrlRefused(f"{target} contains a user name or a password")
    if not _HOST.fullmatch(target.host) or not 0 < target.port < 1 << 16:
        raise UrlRefused(f"{target} does not name a valid host and port")
    return target


def check_addresses(addresses: Sequence[str], target: Target, policy: FetchPolicy) -> None:
    """Checks the addresses of a host; one that is not allowed is enough to refuse it.

    Raises:
        UrlRefused: There is no address, or one that is not allowed.
    """
    if not addresses:
        raise UrlRefused(f"The host of {target} has no address")
    if not policy.allow_private and not all(is_global(ip_address(address)) for address in addresses):
        raise UrlRefused(
            f"The host of {target} is not on the public internet",
            advice=f"{UrlRefused.usual_advice} If you trust all URLs, use FetchPolicy(allow_private=True).",
        )


def is_global(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is on the public internet, and embeds no other address that is not."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_global(address.ipv4_mapped)
        if address in _NAT64:
            return is_global(IPv4Address(int(address) & _LOW_32_BITS))
        if address not in _GLOBAL_UNICAST or address.scope_id or _is_isatap(address):
            return False
    return address.is_global and not any(address in network for network in _NOT_GLOBAL)


def _is_isatap(address: IPv6Address) -> bool:
    """Whether an address is an ISATAP one, which tunnels to the IPv4 address in it."""
    return int(address) >> 32 & _LOW_32_BITS in _ISATAP
