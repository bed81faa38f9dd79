"""What the environment says of the network, as a client, both frameworks and the doctor meet it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hostile import hostile
from scripted import ScriptedSpace
from typer.testing import CliRunner

import phi4_space as p4
from langchain_phi4 import ChatPhi4
from llama_index_phi4 import Phi4
from phi4_space._cli.app import app
from phi4_space._environment import Environment
from phi4_space._net.certificates import ssl_context

HTTPS, HERE = "https://phi.example", "http://127.0.0.1:9"
WRONG = {
    "SSL_CERT_FILE": "/no/such/file.pem",
    "SSL_CERT_DIR": "/no/such/folder",
    "HTTPS_PROXY": "gopher://proxy.example",
    "ALL_PROXY": "http://proxy.example:port",
}
WAYS: dict[str, Callable[[str], object]] = {
    "reply": lambda url: p4.SpaceClient(url).reply("hi"),
    "areply": lambda url: asyncio.run(p4.SpaceClient(url).areply("hi")),
    "conversation": lambda url: p4.SpaceClient(url).conversation().reply("hi"),
    "upload": lambda url: asyncio.run(p4.SpaceClient(url).aupload([b"\x89PNG\r\n\x1a\n"])),
    "ChatPhi4": lambda url: ChatPhi4(space=url).invoke("hi"),
    "Phi4": lambda url: Phi4(space=url).complete("hi"),
}


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("SSL_CERT_"):
            monkeypatch.delenv(name)
    ssl_context.cache_clear()
    yield
    ssl_context.cache_clear()


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("way", WAYS)
def test_a_variable_that_cannot_be_used_is_named(
    way: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Aider 3710: no error of Python's or of httpx gets out, whichever way the Space is asked."""
    monkeypatch.setenv(name, WRONG[name])

    with pytest.raises(p4.InvalidOption, match=f"^{name}='{WRONG[name]}' cannot be used: "):
        WAYS[way](HTTPS)


@pytest.mark.parametrize("name", WRONG)
def test_the_doctor_names_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a line with what to do, and no traceback."""
    monkeypatch.setenv(name, WRONG[name])
    result = CliRunner().invoke(app, ["doctor", "--space", HTTPS], env={"COLUMNS": "400"})

    assert result.exit_code == 3, result.output
    assert f"{name}='{WRONG[name]}' cannot be used" in result.output
    assert "unset it" in result.output


@pytest.mark.loopback
@pytest.mark.parametrize("name", WRONG)
def test_for_this_machine_none_of_it_matters(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither certificates nor a proxy are needed on the way to it."""
    monkeypatch.setenv(name, WRONG[name])

    async def main() -> bool:
        async with hostile() as server, p4.SpaceClient(server.url) as space:
            return (await space.astatus()).ready

    assert asyncio.run(main())


@pytest.mark.parametrize("no_proxy", ["fe11::/16", "[", "[::1", "a b", "http://", "localhost,fe80::/10", "%"])
def test_no_proxy_never_keeps_from_asking(no_proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no program could read in it is passed over (httpx 3221)."""
    monkeypatch.setenv("NO_PROXY", no_proxy)

    with pytest.raises(p4.Phi4Error) as caught:  # the network is off in tests
        p4.SpaceClient("http://phi.invalid", max_retries=0).reply("hi")
    assert not isinstance(caught.value, p4.InvalidInput)
    assert "proxy=" not in str(caught.value).lower()


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ProxyError, httpx.ConnectTimeout])
def test_where_no_connection_is_made_the_proxy_is_named(
    error: type[httpx.TransportError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says what httpx said, and which variable sent the request that way; no password."""
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:s3cret-w0rd@nowhere:1")
    space = ScriptedSpace({"config": [error("[Errno -2] Name or service not known")]})
    client = p4.SpaceClient(HTTPS, max_retries=0, environment=Environment(transport=space))

    with pytest.raises(p4.Phi4Error) as caught:
        client.reply("hi")

    assert "HTTPS_PROXY='http://***@nowhere:1'" in caught.value.advice
    assert error is httpx.ConnectTimeout or "Name or service not known" in caught.value.what
    assert "s3cret" not in str(caught.value)


def test_a_certificate_that_is_not_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The variable is named that says which are."""
    said = (
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate"
    )

    def failure() -> p4.Phi4Error:
        space = ScriptedSpace({"config": [httpx.ConnectError(said)]})
        client = p4.SpaceClient("http://phi.example", max_retries=0, environment=Environment(transport=space))
        with pytest.raises(p4.ConnectionFailed, match="unable to get local issuer") as caught:
            client.reply("hi")
        return caught.value

    assert "SSL_CERT_FILE" in failure().advice
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert f"SSL_CERT_DIR='{tmp_path}'" in failure().advice


def test_a_proxy_over_tls_is_trusted_as_servers_are() -> None:
    """Its certificate is checked against the same ones."""
    from phi4_space._net.proxies import Route  # noqa: PLC0415

    over_tls: Any = Route(HTTPS, "https://proxy.example").proxy()
    plain: Any = Route(HTTPS, "http://proxy.example").proxy()

    assert over_tls.ssl_context is ssl_context()
    assert plain.ssl_context is None
