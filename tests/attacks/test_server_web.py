"""Requests that no page or client of ours makes: other names, other sites, and what else Gradio offers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import httpx
import pytest
from fastapi.datastructures import Headers
from hypothesis import example, given
from hypothesis import strategies as st
from servers import Servers

from phi4_server.web_security import WebSecurity

FOREIGN = (
    "http://evil.example",
    "https://127.0.0.1.evil.example",
    "http://localhost:1",
    "null",
    "file://",
    "",
)


async def _nothing(*_: Any) -> None:
    """An app that is never reached."""


def refusal(
    headers: dict[str, str] | list[tuple[str, str]],
    *,
    method: str = "GET",
    url: str = "/",
    allowed: tuple[str, ...] = ("Gpu-Box.lan",),
) -> int | None:
    """The status with which a request is refused, or None."""
    path, _, query = url.partition("?")
    pairs = headers.items() if isinstance(headers, dict) else headers
    raw = [(name.encode(), value.encode("latin-1")) for name, value in pairs]
    scope = {"method": method, "path": path, "query_string": query.encode(), "headers": raw}
    found = WebSecurity(_nothing, allowed).refusal(scope)
    return None if found is None else found.status


# What is read of a request.


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ("access-token-aB_9-x=t0k-en", "access-token-aB_9-x=t0k-en"),
        ("a=1; access-token-unsecure-x=t;b=2", "access-token-unsecure-x=t"),
        ("access-token-x=1; access-token-y=2", "access-token-x=1; access-token-y=2"),
        ('a="' + r"\1" * 20_000 + '"', None),
        ('access-token-x="' + r"\1" * 20_000 + '"', None),
        ("access-token-x=" + "a" * 10_000, None),
        ("theirs=1; session=2", None),
        ("", None),
    ],
)
@pytest.mark.anyio
async def test_gradio_is_handed_its_own_cookies_alone(given: str, passed: str | None) -> None:
    """Those of other programs on this host are not read: to unquote one can take long."""
    seen: list[Any] = []

    async def app(scope: Any, *_: Any) -> None:
        seen.append(Headers(raw=scope["headers"]).get("cookie"))

    headers = [(b"host", b"localhost"), (b"cookie", given.encode())]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers}
    await WebSecurity(app)(scope, _nothing, _nothing)

    assert seen == [passed]


@pytest.mark.parametrize(
    ("part", "status"),
    [
        *(("bytes=0-", None), ("bytes=0-1023", None), ("bytes=-500", None), ("bytes=999999999999999-", None)),
        *(
            ("bytes=0-999999999999999999999999", 416),
            ("bytes=0-1,3-4", 416),
            ("bytes=a-b", 416),
            ("bytes=-", 416),
        ),
    ],
)
def test_one_part_of_a_file_is_asked_for(part: str, status: int | None) -> None:
    """As players do; many parts, or impossible ones, are refused."""
    assert refusal({"host": "localhost", "range": part}) == status


def test_long_paths_are_refused() -> None:
    """Gradio would look for each folder in them."""
    assert refusal({"host": "localhost"}, url="/static/" + "a/" * 5_000) == 414


# Names.


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LocalHost:7860", "127.0.0.1", "127.0.0.1:7860", "[::1]:7860", "[::1]"),
        *("192.168.1.20:7860", "[fe80::1]", "[::ffff:10.0.0.1]:1", "0.0.0.0:7860"),
        *("gpu-box.lan", "GPU-BOX.LAN:80"),
    ],
)
def test_its_own_names_are_answered(host: str) -> None:
    """Addresses, this machine's name for itself, and the names that were allowed; whatever the port."""
    assert refusal({"host": host}) is None


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *[
            (name, 421)
            for name in ("evil.example", "evil.example:7860", "127.0.0.1.evil.example", "localhost.")
        ],
        *[
            (name, 421)
            for name in ("localhost.evil.example", "xgpu-box.lan", "gpu-box.lan.evil", "lan", "127.1")
        ],
        *[(name, 421) for name in ("2130706433", "0x7f.1", "1.1.1.1.nip.io", "a_b", "-")],
        *[
            (name, 400)
            for name in ("", " ", "a@localhost", "localhost/", "localhost:x", "localhost:", "[::1", "::1")
        ],
        *[(name, 400) for name in ("localhost,evil.example", "localhost\t", "l\xf6calhost", "localhost:1:1")],
    ],
)
def test_other_names_are_not(host: str, status: int) -> None:
    """A name of somebody else, which may lead here as well, is refused, and so is what is no name."""
    assert refusal({"host": host}) == status


def test_one_host_is_named() -> None:
    """No name, and two of them, are refused: the one that is looked at could be the wrong one."""
    assert refusal({}) == 400
    assert refusal([("host", "localhost"), ("host", "evil.example")]) == 400


@given(st.from_regex(r"[a-z0-9.-]+\.[a-z-]+\Z", fullmatch=True))
@example("localhost")
def test_no_name_that_needs_a_resolver_is_taken(name: str) -> None:
    """Whatever has to be looked up is refused, unless it was allowed."""
    assert refusal({"host": name}) == (None if name == "localhost" else 421)


@given(st.ip_addresses(), st.none() | st.integers(0, 65535))
def test_every_address_is_taken(address: IPv4Address | IPv6Address, port: int | None) -> None:
    """An address needs no look-up, so that nobody can have it lead elsewhere."""
    host = f"[{address}]" if address.version == 6 else str(address)
    assert refusal({"host": host if port is None else f"{host}:{port}"}) is None


# Other sites' pages.

HERE = {"host": "127.0.0.1:7860"}


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("POST", "/gradio_api/upload"),
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/run/predict"),
        ("POST", "/gradio_api/call/bot_response"),
        ("POST", "/gradio_api/cancel"),
        ("POST", "/login"),
        ("GET", "/gradio_api/queue/data?session_hash=s"),
        ("GET", "/gradio_api/call/bot_response/1"),
        ("GET", "/config"),
        ("GET", "/"),
        ("OPTIONS", "/gradio_api/upload"),
    ],
)
def test_another_sites_page_is_refused(method: str, url: str, origin: str) -> None:
    """What a browser says comes from another site's page is refused, even if it only reads."""
    assert refusal({**HERE, "origin": origin}, method=method, url=url) == 403
    for site in ("cross-site", "same-site", "nonsense", ""):
        assert refusal({**HERE, "sec-fetch-site": site}, method=method, url=url) == 403
        own = {**HERE, "origin": "http://127.0.0.1:7860", "sec-fetch-site": site}
        assert refusal(own, method=method, url=url) == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://127.0.0.1:7860"},
        {"sec-fetch-site": "same-origin", "origin": "http://127.0.0.1:7860"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-mode": "cors"},  # as Node sends it
        {"origin": "https://phi4.example", "x-forwarded-host": "phi4.example"},  # behind a proxy
        {"origin": "https://phi4.example", "x-forwarded-host": "phi4.example, inner.example"},
        {"origin": "https://phi4.example", "sec-fetch-site": "same-origin"},
    ],
)
@pytest.mark.parametrize(("method", "url"), [("POST", "/gradio_api/upload"), ("GET", "/config")])
def test_its_own_page_and_programs_are_answered(method: str, url: str, headers: dict[str, str]) -> None:
    """Programs say nothing of an origin, and the page's is the server's own, also as a proxy names it."""
    assert refusal({**HERE, **headers}, method=method, url=url) is None


def test_a_link_leads_to_the_page_alone() -> None:
    """Who follows a link of another site sees the page; nothing else is opened in that way, or in a frame."""
    link = {**HERE, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert refusal({**link, "sec-fetch-dest": "document"}) is None
    assert refusal({**link, "sec-fetch-dest": "document"}, url="/?__theme=dark") is None
    for destination in ("iframe", "frame", "embed", "object", "image", "script", "empty"):
        assert refusal({**link, "sec-fetch-dest": destination}) == 403
    for url in ("/logout", "/config", "/gradio_api/file=/x.svg", "/gradio_api/queue/data?session_hash=s"):
        assert refusal({**link, "sec-fetch-dest": "document"}, url=url) == 403
    assert refusal({**link, "sec-fetch-dest": "document"}, method="POST") == 403


# Routes.

OPEN = {
    "GET": """
        / /config /config/ /theme.css /robots.txt /favicon.ico /manifest.json /logout
        /assets/a/b.js /static/f.woff2 /svelte/svelte.js /gradio_api/info /gradio_api/info/
        /gradio_api/info?all_endpoints=True /gradio_api/app_id
        /gradio_api/queue/data?session_hash=s /gradio_api/queue/status /gradio_api/heartbeat/ab-1
        /gradio_api/theme.css /gradio_api/call/bot_response/ab12
        /gradio_api/upload_progress?upload_id=1 /gradio_api/startup-events
        /gradio_api/file=/tmp/x/a.png /gradio_api/file=C:\\x\\a.png /?__theme=dark
    """,
    "POST": """
        /login /login/ /gradio_api/queue/join /gradio_api/cancel /gradio_api/reset
        /gradio_api/upload /gradio_api/run/predict /gradio_api/run/process_message/
        /gradio_api/api/predict/ /gradio_api/call/bot_response /gradio_api/call/v2/bot_response
        /gradio_api/upload?upload_id=1
    """,
}
CLOSED = {
    "GET": """
        /docs /redoc /openapi.json /docs/oauth2-redirect /gradio_api/openapi.json /gradio_api/docs
        /monitoring /monitoring/summary /monitoring/key /gradio_api/monitoring
        /gradio_api/dev/reload /gradio_api/vibe-code /gradio_api/deep_link?session_hash=s
        /?deep_link=x /?a=b&deep_link=x /?deep%5Flink=x /config?deep_link=../x /gradio_api/runs
        /gradio_api/run-history/buckets /gradio_api/token /gradio_api/user /gradio_api/mcp/sse
        /gradio_api/proxy=http://127.0.0.1 /gradio_api/file/etc/passwd
        /gradio_api/stream/a/b/1/playlist-file /gradio_api/custom_component/a/client/b/c /pwa_icon
        /gradio_api/file= /gradio_api/profiling/traces /gradio_api/file=http://127.0.0.1/
        /gradio_api/file=HTTPS://evil.example/x /gradio_api/file=//evil.example/x
        /gradio_api/file=\\\\evil\\x /gradio_api/file=file:///etc/passwd
        /gradio_api/file=data:text/html,x //config /gradio_api/queue/join /gradio_api/upload
        /gradio_api//info
    """,
    "POST": """
        / /config /gradio_api/component_server /gradio_api/component_server/
        /gradio_api/process_recording /gradio_api/vibe-edit /gradio_api/vibe-code
        /gradio_api/undo-vibe-edit /gradio_api/stream/1 /gradio_api/stream/1/close
        /gradio_api/run-history/connect /gradio_api/profiling/clear /gradio_api/mcp
        /gradio_api/call/a/b/c /gradio_api/run/
    """,
    "PUT": "/ /gradio_api/upload",
    "DELETE": "/gradio_api/upload",
    "OPTIONS": "/ /gradio_api/upload",
    "TRACE": "/",
}


@pytest.mark.parametrize(("method", "urls"), OPEN.items())
def test_what_a_page_and_clients_ask_for_is_open(method: str, urls: str) -> None:
    """Each request of the page and of Gradio's clients is passed on."""
    assert {url: refusal(HERE, method=method, url=url) for url in urls.split()} == dict.fromkeys(urls.split())


@pytest.mark.parametrize(("method", "urls"), CLOSED.items())
def test_what_nobody_needs_is_closed(method: str, urls: str) -> None:
    """What Gradio and FastAPI offer besides is not there."""
    found = {url: refusal(HERE, method=method, url=url) for url in urls.split()}
    assert found == dict.fromkeys(urls.split(), 404)


# The same on the servers.


@pytest.fixture
def http(servers: Servers, gradio_python: str) -> Iterator[httpx.Client]:
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(
        base_url=servers.url("faulty", gradio_python), trust_env=False, timeout=20, limits=limits
    ) as client:
        yield client


def upload(http: httpx.Client, name: str, content: bytes) -> str:
    return str(http.post("/gradio_api/upload", files={"files": (name, content)}).json()[0])


def test_another_name_is_answered_with_what_to_do(http: httpx.Client) -> None:
    """A server that is reached by a name which was not allowed tells the option that allows it."""
    answer = http.get("/config", headers={"host": "gpu-box.lan:7860"})
    assert (answer.status_code, answer.headers["content-type"]) == (421, "text/plain; charset=utf-8")
    assert "--allowed-host gpu-box.lan" in answer.text


def test_a_strangers_page_sends_nothing(http: httpx.Client) -> None:
    """Uploads, turns and their preflight are refused to another site's page, which may read no answer."""
    session = uuid.uuid4().hex
    turn = {"data": [[], {"text": "hi", "files": []}, None], "fn_index": 10, "session_hash": session}
    for origin in ("http://evil.example", "null", "http://localhost:1"):
        theirs = {"origin": origin}
        asked = {**theirs, "access-control-request-method": "POST"}
        for answer in (
            http.post("/gradio_api/upload", files={"files": ("a.png", b"x")}, headers=theirs),
            http.post("/gradio_api/run/predict", json=turn, headers=theirs),
            http.post("/gradio_api/run/predict", content=json.dumps(turn), headers=theirs),
            http.post("/gradio_api/queue/join", json=turn, headers=theirs),
            http.options("/gradio_api/upload", headers=asked),
            http.get("/config", headers=theirs),
        ):
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers
    filed = http.post("/gradio_api/run/predict", json=turn, headers={"origin": str(http.base_url)})
    assert filed.json()["data"][0][0]["role"] == "user"
    assert len(filed.json()["data"][0]) == 1


def test_every_response_tells_the_browser(http: httpx.Client) -> None:
    """The headers that browsers obey are on pages, data, files, streams, refusals and failures alike."""
    picture = upload(http, "a.png", b"\x89PNG")
    for answer in (
        http.get("/"),
        http.get("/config"),
        http.get("/theme.css"),
        http.get("/docs"),
        http.get("/config", headers={"host": "evil.example"}),
        http.get(f"/gradio_api/file={picture}"),
        http.get(f"/gradio_api/file={picture}", headers={"range": "bytes=0-1"}),
        http.get("/gradio_api/file=/" + "a" * 3000),
        http.post("/gradio_api/run/predict", content=b"{"),
        http.get("/gradio_api/upload_progress?upload_id=none"),
    ):
        headers = answer.headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        policy = headers["content-security-policy"]
        if "/file=" in str(answer.url):
            assert policy.startswith("default-src 'none'; ")
            assert policy.endswith("; sandbox")
        else:
            directives = dict(part.split(" ", 1) for part in policy.split("; "))
            assert directives["default-src"] == "'self' data: blob:"
            assert "http" not in policy
            assert (directives["object-src"], directives["frame-ancestors"]) == ("'none'", "'none'")
            assert (directives["base-uri"], directives["form-action"]) == ("'self'", "'self'")


ACTIVE = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    "name", ["a.svg", "a.html", "a.xhtml", "a.xml", "a.js", "a.pdf", "a.png.html", "a", "a.css"]
)
def test_an_upload_is_no_page(name: str, http: httpx.Client) -> None:
    """What an upload holds runs nothing: it is saved, not shown, and in a sandbox if it were."""
    path = upload(http, name, ACTIVE)
    message = {"text": "", "files": [{"path": path, "meta": {"_type": "gradio.FileData"}}]}
    body = {"data": [[], message, None], "fn_index": 10, "session_hash": uuid.uuid4().hex}
    http.post("/gradio_api/run/predict", json=body)  # shown in a chat, it is served as before
    for headers in ({}, {"range": "bytes=0-20"}, {"accept": "text/html"}):
        served = http.get(f"/gradio_api/file={path}", headers=headers)
        assert served.headers["content-security-policy"].endswith("sandbox")
        assert served.headers["x-content-type-options"] == "nosniff"
        assert served.headers["content-disposition"].startswith("attachment")
        assert served.headers["content-type"] == "application/octet-stream"


def test_what_is_closed_is_closed(http: httpx.Client) -> None:
    """What nobody needs is closed on each Gradio, whatever it offers there."""
    for method in ("GET", "POST"):
        for url in CLOSED[method].replace("//config", "").split():  # which httpx would tidy
            assert http.request(method, url).status_code == 404, url


def test_an_upload_is_no_page_of_this_server(http: httpx.Client) -> None:
    """Gradio 5.50 takes the page's parts from an upload that a link names."""
    path = upload(http, "state.json", b"[]")
    folder = path.rsplit("/", 2)[1]
    for url in (f"/?deep_link=../{folder}", f"/config?deep_link=../{folder}", f"/?deep%5flink=..%2f{folder}"):
        assert http.get(url).status_code == 404


def test_no_url_is_fetched_and_none_is_redirected_to(http: httpx.Client) -> None:
    """A file behind a URL is neither loaded by the server nor a place that it sends browsers to."""
    for url in ("http://127.0.0.1:9/a.png", "https://huggingface.co/a.png", "http://[::1]:9/a.png"):
        assert http.get(f"/gradio_api/file={url}").status_code == 404
        files = [{"path": url, "url": url, "meta": {"_type": "gradio.FileData"}}]
        body = {"data": [[], {"text": "hi", "files": files}, None], "fn_index": 10, "session_hash": "s"}
        refused = http.post("/gradio_api/run/predict", json=body)
        assert (refused.status_code, "was not uploaded" in refused.text) == (500, True)


def test_no_traceback_is_shown(http: httpx.Client) -> None:
    """What fails in Gradio itself tells nobody of the server's folders and code."""
    for answer in (
        http.get("/gradio_api/file=/" + "a" * 3000),
        http.post("/gradio_api/run/predict", json={"data": [], "fn_index": 9999, "session_hash": "s"}),
        http.post("/gradio_api/run/nothing", json={"data": [], "session_hash": "s"}),
        http.get("/static/%00"),
    ):
        assert "Traceback" not in answer.text
        assert "site-packages" not in answer.text
