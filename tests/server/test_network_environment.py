"""What the environment says of certificates and proxies, as the server's own clients meet it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from phi4_server.deploy.errors import to_failure
from phi4_server.model import ModelFailed
from phi4_server.network_environment import certificates_in_use, fault_of, proxy_for
from phi4_server.upstream.address import to_address
from phi4_server.upstream.connection import Connection
from phi4_server.upstream.settings import UpstreamSettings

HTTPS, HTTP, HERE = "https://engine.example/v1", "http://engine.example/v1", "http://127.0.0.1:9/v1"
PASSWORD = "s3cret-w0rd"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT_"):
            monkeypatch.delenv(name)
    return iter([None])


def connection(url: str) -> Connection:
    """A connection to an engine, which is not asked."""
    return Connection(UpstreamSettings(address=to_address(url)))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("SSL_CERT_FILE", "/no/such.pem", "SSL_CERT_FILE='/no/such.pem' cannot be used: No such file"),
        ("SSL_CERT_FILE", __file__, "SSL_CERT_FILE='.*' cannot be used: it holds no certificates"),
        ("SSL_CERT_FILE", str(Path(__file__).parent), "SSL_CERT_FILE='.*' cannot be used: "),
        (
            "HTTPS_PROXY",
            f"gopher://ada:{PASSWORD}@a",
            "HTTPS_PROXY='gopher://[*]{3}@a' cannot be used: its scheme",
        ),
        (
            "https_proxy",
            f"ada:{PASSWORD}@a:port",
            "https_proxy='[*]{3}@a:port' cannot be used: it is not a URL",
        ),
        ("ALL_PROXY", "http://[::1", "ALL_PROXY='http://.::1' cannot be used: it is not a URL"),
        ("ALL_PROXY", "socks5://a:1", "ALL_PROXY='socks5://a:1' cannot be used: the package socksio is"),
    ],
)
def test_what_cannot_be_used_is_named(
    name: str, value: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Aider 3710: the variable, its value, and what is wrong, but no password; nothing for this machine."""
    monkeypatch.setenv(name, value)

    with pytest.raises(ModelFailed, match=f"^{text}.*unset it[.]$") as caught:
        connection(HTTPS)
    assert PASSWORD not in str(caught.value)
    connection(HERE)
    if name.startswith("SSL"):
        connection(HTTP)


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("fe11::/16", HTTPS, False),
        ("fe11::/16", "http://[fe11::1]:8000/v1", True),
        ("10.0.0.0/8", "http://10.1.2.3/v1", True),
        ("[fe11::1]", "http://[fe11::1]:8000/v1", True),
        (".example", HTTPS, True),
        ("engine.example", HTTPS, True),
        ("engine.example:8000", "http://engine.example:8000/v1", True),
        ("engine.example:8001", "http://engine.example:8000/v1", False),
        ("a, *", HTTPS, True),
        ("[", HTTPS, False),
        ("", HTTPS, False),
    ],
)
def test_no_proxy_is_read_as_others_read_it(
    no_proxy: str,
    url: str,
    direct: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Networks and garbage keep no engine from being asked (httpx 3221)."""
    monkeypatch.setenv("ALL_PROXY", "a:1")
    monkeypatch.setenv("NO_PROXY", no_proxy)

    assert proxy_for(urlsplit(url)) == (None if direct else "http://a:1")
    connection(url)


def test_a_failure_of_another_kind_is_none_of_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is one of a file where no variable names one."""
    assert fault_of(FileNotFoundError(2, "No such file")) is None
    assert fault_of(ConnectionResetError()) is None
    assert fault_of(ValueError("x")) is None
    assert certificates_in_use() == ""
    monkeypatch.setenv("SSL_CERT_DIR", "/etc/certs")
    assert certificates_in_use() == "SSL_CERT_DIR='/etc/certs'"


def test_deploy_names_it_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Hub's library raises what its own client raises."""
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such.pem")
    monkeypatch.setenv("HTTPS_PROXY", f"gopher://ada:{PASSWORD}@a")

    for problem, text in (
        (
            FileNotFoundError(2, "No such file or directory"),
            "SSL_CERT_FILE='/no/such.pem' cannot be used: No",
        ),
        (
            ssl.SSLError("no certificate"),
            "SSL_CERT_FILE='/no/such.pem' cannot be used: it holds no certificates",
        ),
        (
            ValueError("Unknown scheme for proxy URL"),
            "HTTPS_PROXY='gopher://***@a' cannot be used: its scheme",
        ),
    ):
        failure = to_failure(problem, "looking at the token")
        assert failure is not None
        assert str(failure).startswith(text)
        assert "unset it" in failure.advice


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (
            httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] x"),
            "its certificate is not trusted (those of",
        ),
        (httpx.ProxyError(f"407 Who is {PASSWORD}?"), "makes no connection (HTTP 407)."),
        (httpx.ConnectError("[Errno 111] refused"), "no connection."),
    ],
)
async def test_an_engine_that_is_not_reached(
    problem: httpx.TransportError, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate that is not trusted is no missing connection, and a proxy's status is shown."""
    monkeypatch.setenv("SSL_CERT_DIR", "/etc/certs")

    def refuse(_: httpx.Request) -> httpx.Response:
        raise problem

    one = Connection(UpstreamSettings(address=to_address(HTTP)), httpx.MockTransport(refuse))
    with pytest.raises(Exception, match="cannot be reached") as caught:
        await one.get_models()
    assert text in str(caught.value)
    assert PASSWORD not in str(caught.value)
