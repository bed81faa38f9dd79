"""A server's words never lead a request to another server: no token, cookie, prompt or file goes there."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scripted import ScriptedSpace, config

import phi4_space as p4
from phi4_space._environment import Environment
from phi4_space._gradio.config import to_config
from phi4_space._hub import Hub
from phi4_space._net.origin import Origin, is_prefix

SPACE = "https://phi.example"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
PREFIXES: list[Any] = [
    # Those that lead elsewhere when they are written behind a host.
    "@evil.example/a",
    "user:pw@evil.example",
    ".evil.example/a",
    "-evil.example",
    ":8443/x",
    ":80@evil.example",
    "evil.example",
    "gradio_api",
    # Other hosts, and other schemes.
    "//evil.example",
    "///evil.example/a",
    "\\\\evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "https://evil.example",
    "https:/evil.example",
    "http:evil.example",
    "ftp://evil.example",
    "file:///etc/passwd",
    "javascript:alert(1)",
    # Paths that are not what they seem.
    "/../",
    "/..",
    "/.",
    "/./a",
    "/a/../..",
    "/a/../../",
    "/a/..//evil.example",
    "/..;/admin",
    "/%2e%2e/admin",
    "/%2E%2E%2Fadmin",
    "/%2f%2fevil.example",
    "/a%2fb",
    "/a%00",
    "/%",
    "/%zz",
    "/a//b",
    "//",
    "/a//",
    "/;a=b",
    "/a;b",
    "/a:b",
    "/@evil.example",
    "/a@b",
    # Queries and fragments, which would hide the path that follows.
    "?",
    "/?a=b",
    "/a?",
    "#",
    "/#a",
    "/a#b",
    "/a&b=c",
    # What splits a request, or is not seen.
    " ",
    "/ ",
    " /a",
    "/a b",
    "/a\tb",
    "/a\r\nHost: evil.example",
    "/a\nb",
    "/a\n",
    "\n",
    "/a\0b",
    "/a\x7f",
    "/a\x1b[2J",
    "/a\u2028b",
    "/a\u200bb",
    "/a\u202eb",
    # Letters that some reader of URLs makes others of.
    "/ünicode",
    "/\uff0e\uff0e/a",
    "\uff0f\uff0fevil.example",
    "/a\u2215b",
    "\u3002evil.example",
    "/٣",
    # Too much of it, and what is no text.
    "/" + "a" * 10_000,
    "/a" * 5_000,
    "@" * 10_000,
    None,
    7,
    True,
    1.5,
    [],
    ["/gradio_api"],
    {},
    {"path": "/gradio_api"},
]
PLAIN = ["", "/", "/gradio_api", "/gradio_api/", "/a/b.c/d_e-f~1", "/...", "/.well-known"]


def turn(space: ScriptedSpace) -> None:
    """A turn with all that could leak: a token, cookies, a ZeroGPU session, words and a file."""
    client = p4.SpaceClient(
        SPACE,
        token="hf_sentinel",
        cookies={"session": "cookie"},
        zerogpu_token="zero",
        max_retries=0,
        environment=Environment(transport=space),
    )

    async def ask() -> None:
        async with client:
            await client.areply("a secret prompt", media=[PNG])

    asyncio.run(ask())


def places(space: ScriptedSpace) -> set[str]:
    """Where requests went."""
    return {f"{request.url.scheme}://{request.url.netloc.decode()}" for _, request in space.asked}


@pytest.mark.parametrize("prefix", PREFIXES, ids=lambda prefix: repr(prefix)[:40])
def test_a_prefix_leads_nowhere(prefix: Any) -> None:
    """A prefix that is not a plain path is refused by name, and nothing is asked but /config."""
    space = ScriptedSpace(config=config(api_prefix=prefix))

    with pytest.raises(p4.UnexpectedAnswer, match="api_prefix"):
        turn(space)

    assert places(space) == {SPACE}
    assert space.steps() == ["config"]


@pytest.mark.parametrize("prefix", PLAIN)
def test_a_plain_prefix_is_kept(prefix: str) -> None:
    """What Gradio writes works as it did, and stays on the Space's server."""
    found = to_config(config(api_prefix=prefix))

    assert found.api_prefix == prefix.rstrip("/")
    assert str(Origin(SPACE).url(f"{found.api_prefix}/app_id")) == f"{SPACE}{found.api_prefix}/app_id"


@pytest.mark.parametrize(
    "prefix", [text for text in PREFIXES if isinstance(text, str)], ids=lambda p: repr(p)[:40]
)
def test_behind_the_contract_urls_are_joined_all_the_same(prefix: str) -> None:
    """Had a prefix come through, the URL built of it would still be on the Space's server, or be refused."""
    origin = Origin(f"{SPACE}/folder")

    try:
        url = origin.url(f"{prefix}/upload")
    except (p4.UnexpectedAnswer, httpx.InvalidURL, UnicodeEncodeError):
        return

    origin.check(url)
    assert (url.scheme, url.host, url.port, url.query, url.fragment) == (
        "https",
        "phi.example",
        None,
        b"",
        "",
    )
    assert url.raw_path.startswith(b"/folder/")


@example("/\ud800")
@example("/\n")
@given(st.text() | st.text(alphabet="/.@:%?#\\;a\u3002\uff0f"))
def test_no_text_leads_elsewhere(prefix: str) -> None:
    """Whatever a prefix is, it is refused by name, or it is plain and its URL is the server's."""
    origin = Origin(SPACE)

    if is_prefix(prefix.removesuffix("/")):
        found = to_config(config(api_prefix=prefix)).api_prefix
        url = origin.url(f"{found}/upload")
        origin.check(url)
        assert str(url) == f"{SPACE}{found}/upload"
    else:
        with pytest.raises(p4.UnexpectedAnswer, match="api_prefix"):
            to_config(config(api_prefix=prefix))


ELSEWHERE = [
    "https://evil.example/gradio_api/upload",
    "http://phi.example/folder/a",
    "https://phi.example:8443/folder/a",
    "https://phi.example.evil.example/folder/a",
    "https://evil-phi.example/folder/a",
    "https://phi.example@evil.example/folder/a",
    "https://user@phi.example/folder/a",
    "https://user:pw@phi.example/folder/a",
    "https://phi.example./folder/a",
    "https://phi.example/",
    "https://phi.example/folder",
    "https://phi.example/folders/a",
    "https://phi.example/folder/../a",
    "https://phi.example/other/a",
    "ftp://phi.example/folder/a",
]
OWN = ["https://phi.example/folder/a", "https://phi.example:443/folder/a?b=c", "https://PHI.example/folder/a"]


def asked(url: str, *, root: str = f"{SPACE}/folder") -> list[httpx.Request]:
    """The requests that leave a client that is kept to a server and told to ask for a URL."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(307, headers={"Location": "https://evil.example/folder/a"})

    async def ask() -> None:
        server = p4.SpaceClient(root)._runtime.connection.host
        client = server.client(
            lambda: httpx.AsyncClient(
                transport=httpx.MockTransport(answer), cookies={"a": "b"}, follow_redirects=True
            ),
        )
        async with client:
            await client.get(url, headers={"Authorization": "Bearer hf_sentinel"})

    with pytest.raises(p4.UnexpectedAnswer, match="was not sent, because the server is https:"):
        asyncio.run(ask())
    return sent


@pytest.mark.parametrize("url", ELSEWHERE)
def test_a_request_elsewhere_is_refused_whoever_built_it(url: str) -> None:
    """A client that is kept to a server sends nothing to another scheme, host, port or folder."""
    assert asked(url) == []


@pytest.mark.parametrize("url", OWN)
def test_not_even_a_redirect_leads_elsewhere(url: str) -> None:
    """Its own server is asked; a redirect that a client would follow is refused before it is."""
    assert [request.url.host for request in asked(url)] == ["phi.example"]


@pytest.mark.parametrize(
    "name",
    ["../../api/whoami-v2", "a/b/../../x", "a", "a/b?c", "a/b#c", "a/b c", "//evil.example/a", "a/b\n", 7],
)
def test_the_hubs_word_leads_to_no_other_path(name: Any) -> None:
    """The name that the Hub tells for a host goes into a URL, so it has to be a name."""
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"id": name})

    async def ask() -> None:
        hub = Hub(settings, lambda: httpx.AsyncClient(transport=httpx.MockTransport(answer)))
        await hub.runtime(settings.address)

    settings = p4.SpaceClient("https://ada-phi.hf.space", token="hf_sentinel")._settings

    with pytest.raises(p4.UnexpectedAnswer, match="The Hub's response"):
        asyncio.run(ask())

    assert [request.url.path for request in sent] == ["/api/spaces/by-subdomain/ada-phi"]


@pytest.mark.parametrize("path", ["", "config", "/", "/a//b", "/..", "/a/../b", "/./a"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    """What is joined to a URL is segments behind slashes."""
    with pytest.raises(p4.UnexpectedAnswer, match="cannot have a path"):
        Origin(SPACE).url(path)
