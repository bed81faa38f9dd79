"""Which proxy carries the requests, whatever the environment's variables hold."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_space import InvalidOption
from phi4_space._net.proxies import NOWHERE, Route, is_direct

URL = "https://phi.example.com"
PASSWORD = "s3cret-w0rd"


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    return iter([None])


DIRECT: list[tuple[str, str, bool]] = [
    # nothing
    ("", URL, False),
    (" , ,, ", URL, False),
    # everything
    ("*", URL, True),
    (" * ", URL, True),
    ("foo,*", URL, True),
    # domains
    ("phi.example.com", URL, True),
    ("PHI.Example.COM", URL, True),
    ("phi.example.com.", URL, True),
    ("example.com", URL, True),
    (".example.com", URL, True),
    ("..example.com", URL, True),
    ("*.example.com", URL, True),
    ("*example.com", URL, True),
    (".example.com", "https://example.com", True),
    ("com", URL, True),
    ("hi.example.com", URL, False),
    ("example.co", URL, False),
    ("example.com.org", URL, False),
    ("a,b example.com\tc", URL, True),
    ("münchen.example", "https://xn--mnchen-3ya.example", True),
    ("xn--mnchen-3ya.example", "https://münchen.example", True),
    ("localhost", "http://localhost:8", True),
    ("host_name", "http://host_name", True),
    # ports and schemes
    ("example.com:443", URL, True),
    ("example.com:8443", URL, False),
    ("example.com:8443", "https://example.com:8443", True),
    ("example.com:80", "http://example.com", True),
    ("*:443", URL, True),
    ("https://example.com", URL, True),
    ("https://phi.example.com/", URL, True),
    ("http://example.com", URL, False),
    ("all://example.com", URL, True),
    ("example.com:https", URL, False),
    # addresses and networks
    ("10.1.2.3", "http://10.1.2.3", True),
    ("10.1.2.3:8080", "http://10.1.2.3:8080", True),
    ("10.1.2.3:8080", "http://10.1.2.3", False),
    ("10.1.2.4", "http://10.1.2.3", False),
    ("10.0.0.0/8", "http://10.1.2.3", True),
    ("10.1.2.3/8", "http://10.1.2.3", True),
    ("10.0.0.0/255.0.0.0", "http://10.1.2.3", True),
    ("192.168.0.0/16", "http://10.1.2.3", False),
    ("192.168.0.0/16", URL, False),
    ("0.0.0.0/0", "http://10.1.2.3", True),
    ("fe11::/16", "http://[fe11::1]", True),
    ("fe11::/16", "http://[fe12::1]", False),
    ("fe11::/16", "http://10.1.2.3", False),
    ("fe11::/16", URL, False),
    ("[fe11::]/16", "http://[fe11::1]", True),
    ("::1", "http://[::1]:8", True),
    ("[::1]", "http://[::1]:8", True),
    ("[::1]:8", "http://[::1]:8", True),
    ("[::1]:9", "http://[::1]:8", False),
    ("0:0:0:0:0:0:0:1", "http://[::1]", True),
    ("::/0", "http://[::1]", True),
    # garbage
    ("[", URL, False),
    ("[::1", URL, False),
    ("]:[", URL, False),
    (":", URL, False),
    (":443", URL, False),
    ("::", URL, False),
    ("://", URL, False),
    ("/", URL, False),
    (".", URL, False),
    ("*.", URL, False),
    ("**", URL, False),
    ("10.0.0.0/99", "http://10.1.2.3", False),
    ("fe80::1%eth0/64", "http://[fe11::1]", False),
    ("example.com:99999999999", URL, False),
    ("exa mple.com", URL, False),
    ("\udc80", URL, False),
    ("(?=", URL, False),
]


@pytest.mark.parametrize(("no_proxy", "url", "direct"), DIRECT)
def test_no_proxy_is_read_as_others_read_it(no_proxy: str, url: str, direct: bool) -> None:  # noqa: FBT001
    """Networks of IPv6, and whatever else is no pattern of httpx, are no error (httpx 3221)."""
    assert is_direct(httpx.URL(url), no_proxy) is direct


@given(st.text() | st.from_regex(r"[a-z0-9.:/\[\]*, %@-]{0,40}", fullmatch=True))
def test_no_entry_breaks_anything(no_proxy: str) -> None:
    """Whatever stands in NO_PROXY, a server is covered or not."""
    for url in (URL, "http://10.1.2.3:8", "http://[fe11::1]"):
        assert is_direct(httpx.URL(url), no_proxy) in {True, False}


@pytest.mark.parametrize("no_proxy", ["fe11::/16", "[", "\t", "::1,10.0.0.0/8"])
def test_no_proxy_alone_is_no_proxy(no_proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no proxy set, what is in NO_PROXY has no effect (httpx 3221)."""
    monkeypatch.setenv("NO_PROXY", no_proxy)

    assert Route(URL).proxy() is None
    assert Route(URL).describe() == ""


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({"HTTPS_PROXY": "http://a:1"}, URL, "http://a:1"),
        ({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:1"}, URL, "http://a:1"),
        ({"HTTP_PROXY": "http://a:1"}, URL, None),
        ({"HTTP_PROXY": "http://a:1"}, "http://phi.example", "http://a:1"),
        ({"ALL_PROXY": "http://a:1"}, URL, "http://a:1"),
        ({"ALL_PROXY": "http://a:1", "HTTPS_PROXY": "http://b:1"}, URL, "http://b:1"),
        ({"ALL_PROXY": "http://a:1", "HTTPS_PROXY": " "}, URL, "http://a:1"),
        ({"HTTPS_PROXY": "a:1"}, URL, "http://a:1"),
        ({"HTTPS_PROXY": "//a:1"}, URL, "http://a:1"),
        ({"HTTPS_PROXY": " http://a:1/\n"}, URL, "http://a:1/"),
        ({"HTTPS_PROXY": "https://a:1"}, URL, "https://a:1"),
        ({"HTTPS_PROXY": "HTTP://A:1"}, URL, "http://a:1"),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "example.com"}, URL, None),
        ({"HTTPS_PROXY": "http://a:1", "no_proxy": "other,"}, URL, "http://a:1"),
        ({"HTTPS_PROXY": ""}, URL, None),
    ],
)
def test_the_environments_proxy(
    environment: dict[str, str], url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the scheme of the server, with or without one of its own, and small letters before capitals."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = Route(url).proxy()

    assert (found and str(found.url)) == proxy
    assert NOWHERE.proxy() is None
    assert Route(url, trust_env=False).proxy() is None


def test_one_that_was_passed_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the environment says, NO_PROXY included."""
    monkeypatch.setenv("HTTPS_PROXY", "http://b:1")
    monkeypatch.setenv("NO_PROXY", "*")
    route = Route(URL, f"http://ada:{PASSWORD}@a:1", trust_env=False)
    proxy = route.proxy()

    assert proxy is not None
    assert str(proxy.url) == "http://a:1"
    assert proxy.raw_auth == (b"ada", PASSWORD.encode())
    assert PASSWORD not in repr(route)
    assert route.describe() == "Requests go through a proxy, proxy='http://***@a:1'."


USELESS = [
    "gopher://a:1",
    "socks4://a:1",
    "socks://a:1",
    "ftp://a",
    "://a:1",
    "http://",
    "http://:8080",
    "http://a:port",
    "http://a:0",
    "http://a:65536",
    "http://a:99999999999",
    "http://[::1",
    "http://[",
    "http://a b",
    "a:b:c",
    "http//a:1",
    "htt p://a",
    '"http://a:1"',
    f"http://ada:{PASSWORD}@",
    f"http://ada:{PASSWORD}@a:port",
    f"gopher://ada:{PASSWORD}@a:1",
    f"ada:{PASSWORD}@a:port",
    f"//ada:{PASSWORD}@a:port",
    f"http://ada:x/{PASSWORD}@a:1",
    f"http://ada:x#{PASSWORD}@a:1",
    f"http://ada:x//{PASSWORD}@a:port",
    f"http://ada:{PASSWORD}@x@[",
]


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", None])
@pytest.mark.parametrize("value", USELESS)
def test_a_proxy_that_cannot_be_used_is_named(
    value: str, name: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says which variable it is, and what is in it, but no password."""
    if name is not None:
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidOption) as caught:
        Route(URL, None if name else value).proxy()

    assert caught.value.what.startswith(f"{name or 'proxy'}=")
    assert "cannot be used: " in caught.value.what
    assert PASSWORD not in str(caught.value)
    assert PASSWORD[:4] not in str(caught.value)


def test_a_socks_proxy_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to install stands in the error; with the package it is used."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("ALL_PROXY", "socks5://a:1")
    with pytest.raises(InvalidOption, match=r"ALL_PROXY='socks5://a:1'.*socksio.*httpx\[socks\]"):
        Route(URL).proxy()

    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    assert Route(URL).proxy() is not None


def test_some_systems_have_settings_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Python finds there is named as what it is."""
    monkeypatch.setattr("phi4_space._net.proxies.getproxies", lambda: {"https": "http://a:1"})

    assert Route(URL).describe() == "Requests go through a proxy, the system's proxy='http://a:1'."
