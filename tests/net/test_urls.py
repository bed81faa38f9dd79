"""Which URLs may be loaded: tables of what passes and what does not."""

from __future__ import annotations

import ipaddress
import math

import hypothesis.strategies as st
import pytest
from hypothesis import given

from phi4_space._errors import InvalidOption, UrlRefused
from phi4_space._net.fetch_policy import FetchPolicy
from phi4_space._net.urls import check_addresses, is_global, to_target

POLICY = FetchPolicy()
INTRANET = FetchPolicy(allow_private=True)

NOT_GLOBAL = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "129.224.0.0/17",
    "161.26.0.0/16",
    "166.8.0.0/14",
    "168.63.129.16/32",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "::/128",
    "::1/128",
    "::/96",
    "::ffff:10.0.0.0/104",
    "::ffff:127.0.0.0/104",
    "::ffff:169.254.0.0/112",
    "64:ff9b::10.0.0.0/104",
    "64:ff9b::127.0.0.0/104",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "2606:4700::5efe:0:0/96",
    "2606:4700::200:5efe:0:0/96",
    "2620:4f:8000::/48",
    "3ffe::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://a.test/cat.png", "the scheme 'ftp' are not loaded"),
        ("cat.png", "the scheme '' are not loaded"),
        ("http://user:word@a.test/cat.png", "http://a.test/cat.png contains a user name or a password"),
        ("http://user@a.test/", "contains a user name or a password"),
        ("http:///cat.png", "not name a valid host and port"),
        ("http://a..test/", "not name a valid host and port"),
        ("http://.test/", "not name a valid host and port"),
        ("http://127..0.0.1/", "not name a valid host and port"),
        (f"http://{'a' * 64}.test/", "not name a valid host and port"),
        ("http://a b.test/", "not name a valid host and port"),
        ("http://[fe80::1%25eth0]/", "not name a valid host and port"),
        ("http://a.test:0/", "not name a valid host and port"),
        ("http://a.test:-1/", "not name a valid host and port"),
        ("http://a.test:port/", "is not valid"),
        ("http://a.test/\n", "is not valid"),
        ("http://\ud800.test/", "is not valid"),
        ("http://999.1.1.1/", "is not valid"),
    ],
)
def test_urls_that_are_refused(url: str, message: str) -> None:
    """What is no http(s) URL of a host that may exist is refused before anything is asked."""
    with pytest.raises(UrlRefused, match=message):
        to_target(url, POLICY)


def test_schemes() -> None:
    """A policy may leave only https."""
    only_https = FetchPolicy(schemes=("https",))
    assert to_target("https://a.test/", only_https).port == 443
    with pytest.raises(UrlRefused, match="the scheme 'http' are not loaded"):
        to_target("http://a.test/", only_https)


@pytest.mark.parametrize(
    ("url", "host", "port", "expected"),
    [
        ("HTTP://A.test", "a.test", 80, "http://a.test/"),
        ("https://a.test/cat.png?key=1#top", "a.test", 443, "https://a.test/cat.png"),
        ("https://a_b.test.:8443/?key=1", "a_b.test.", 8443, "https://a_b.test.:8443/"),
        ("http://bücher.test/été", "xn--bcher-kva.test", 80, "http://xn--bcher-kva.test/%C3%A9t%C3%A9"),
        ("http://xn--/", "xn--", 80, "http://xn--/"),
        ("http://1.2.3.4:81/", "1.2.3.4", 81, "http://1.2.3.4:81/"),
        ("http://[2606:4700::1111]/", "2606:4700::1111", 80, "http://[2606:4700::1111]/"),
    ],
)
def test_urls_that_may_be_loaded(url: str, host: str, port: int, expected: str) -> None:
    """A URL's host and port are those the network knows, and it is shown without its query."""
    target = to_target(url, POLICY)
    assert (target.host, target.port, str(target)) == (host, port, expected)


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/cat.png", "https://a.test:81/cat.png"),
        ("cat.png?key=1", "https://a.test:81/pets/cat.png"),
        ("//b.test/", "https://b.test/"),
        ("https://b.test/cat.png", "https://b.test/cat.png"),
    ],
)
def test_redirects_may_be_relative(location: str, leads_to: str) -> None:
    """Where a redirect leads is read as seen from where it was met."""
    redirected_from = to_target("https://a.test:81/pets/?key=1", POLICY)
    assert str(to_target(location, POLICY, redirected_from=redirected_from)) == leads_to


@given(
    st.text(max_size=40), st.sampled_from(["", "http:", "http://", "https://user:s3cret@", "http://a.test:"])
)
def test_any_text(text: str, start: str) -> None:
    """Any text is either a URL that may be loaded, or refused by that name."""
    try:
        target = to_target(start + text, POLICY)
    except UrlRefused as refusal:
        text = str(refusal)
    else:
        text = str(target)
        assert target.url.scheme in POLICY.schemes
        assert target.host
        assert not target.url.userinfo
    assert "s3cret" not in text


def test_one_bad_address_is_enough() -> None:
    """A host is refused if any of its addresses is not global, so that no order of trying matters."""
    target = to_target("http://a.test/?token=s3cret", POLICY)
    check_addresses(["1.1.1.1", "2606:4700::1111"], target, POLICY)
    check_addresses(["1.1.1.1", "10.0.0.1"], target, INTRANET)
    with pytest.raises(
        UrlRefused, match=r"http://a\.test/ is not on the public internet.*allow_private=True"
    ):
        check_addresses(["1.1.1.1", "10.0.0.1"], target, POLICY)


def test_a_host_needs_an_address() -> None:
    """No address is none that is allowed."""
    target = to_target("http://a.test/", POLICY)
    with pytest.raises(UrlRefused, match=r"http://a\.test/ has no address"):
        check_addresses([], target, INTRANET)


@given(st.sampled_from(NOT_GLOBAL).flatmap(lambda network: st.ip_addresses(network=network)))
def test_addresses_that_are_not_global(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    """No address of a network that is not the public internet's passes, nor one that stands for such."""
    assert not is_global(address)


@pytest.mark.parametrize("network", NOT_GLOBAL)
def test_edges_of_networks(network: str) -> None:
    """The first and the last address of such a network do not pass either."""
    edges = ipaddress.ip_network(network)
    assert not is_global(edges[0])
    assert not is_global(edges[-1])


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "93.184.216.34",
        "2606:4700::1111",
        "2001:4860:4860::8888",
        "2a00:1450:4001:81b::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ],
)
def test_addresses_that_are_global(address: str) -> None:
    """Hosts of the public internet pass, in IPv6's disguises of IPv4 too."""
    assert is_global(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "options",
    [
        {"enabled": 1},
        {"allow_private": "no"},
        {"max_bytes": 0},
        {"max_bytes": 1e6},
        {"max_bytes": True},
        {"max_redirects": -1},
        {"timeout": 0},
        {"timeout": None},
        {"timeout": math.nan},
        {"timeout": math.inf},
        {"at_a_time": 0},
        {"at_a_time": 1.0},
        {"total_bytes": 0},
        {"total_timeout": 0},
        {"total_timeout": math.inf},
        {"schemes": ("ftp",)},
        {"schemes": "https"},
    ],
)
def test_senseless_policies(options: dict[str, object]) -> None:
    """A policy of the wrong types or out of range is refused, by the name of the field."""
    with pytest.raises(InvalidOption, match=rf"FetchPolicy\.{next(iter(options))} must be"):
        FetchPolicy(**options)  # type: ignore[arg-type]


def test_policies_are_values() -> None:
    """Policies compare and hash by what they say."""
    assert FetchPolicy() == FetchPolicy()
    assert len({FetchPolicy(), FetchPolicy(), FetchPolicy(timeout=1)}) == 2
