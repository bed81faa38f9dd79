"""URLs under a policy: only what may be loaded is, from the very address that was checked."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest

from phi4_space._errors import UrlRefused
from phi4_space._net.fetch import fetch
from phi4_space._net.fetch_policy import FetchPolicy

PUBLIC = "93.184.216.34"
PUBLIC_V6 = "2606:4700::1111"
POLICY = FetchPolicy()
INTRANET = FetchPolicy(allow_private=True, timeout=5)

# Made for these tests, and trusted nowhere else.
TLS_KEY = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5n8i7MSl7h8BXheZ
GfSOLsRtsnTrNMiIQ2glbWA0xP+hRANCAARwQ0YRJ8p/6ZPORS12OiESLEE2SIWY
LyXMU5LAvhnHYXIgfd2JZXOYT/xSXyg6ygNyq+3VELlLjixRkXi9xT0g
-----END PRIVATE KEY-----
"""
TLS_CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBczCCARqgAwIBAgIBATAKBggqhkjOPQQDAjAVMRMwEQYDVQQDDAptZWRpYS50
ZXN0MCAXDTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAVMRMwEQYDVQQD
DAptZWRpYS50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEcENGESfKf+mT
zkUtdjohEixBNkiFmC8lzFOSwL4Zx2FyIH3diWVzmE/8Ul8oOsoDcqvt1RC5S44s
UZF4vcU9IKNZMFcwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAoQwHQYD
VR0OBBYEFGoHftGTEpi0QgMbKvG+LcAUpC5DMBUGA1UdEQQOMAyCCm1lZGlhLnRl
c3QwCgYIKoZIzj0EAwIDRwAwRAIgGZYBJkElkVAp2eHwAZRm1lPMEk5g+UkNvgID
RX4pVDoCIDGNngCiUrxByRUDAKKGILusugWkgz4ujhJp0mQIsIdI
-----END CERTIFICATE-----
"""

Answer = Callable[[httpx.Request], httpx.Response]


def resolving(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolve


def load(
    url: str, answer: Answer, *, policy: FetchPolicy = POLICY, addresses: Sequence[str] = (PUBLIC,)
) -> bytes:
    """Fetches with no network: `answer` sees the requests as they would leave."""
    return asyncio.run(
        fetch(
            url,
            policy=policy,
            resolve=resolving(*addresses),
            open_transport=lambda: httpx.MockTransport(answer),
        )
    )


def refuse_all(request: httpx.Request) -> httpx.Response:
    pytest.fail(f"{request.url} was asked")


@asynccontextmanager
async def serving(*answers: bytes, slow: bool = False) -> AsyncIterator[int]:
    """A server on a free port of 127.0.0.1 that gives one answer a connection; its port."""
    waiting = list(answers)
    served = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(waiting.pop(0))
            await writer.drain()
            if slow:
                await reader.read()  # until the client hangs up
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            await asyncio.gather(*filter(None, served))


@contextmanager
def serving_tls(answer: bytes, context: ssl.SSLContext) -> Iterator[int]:
    """A server on a free port of 127.0.0.1 that gives one answer over TLS; its port."""

    def serve() -> None:
        connection, _ = listener.accept()
        with (
            suppress(ssl.SSLError),  # a client that does not trust the certificate hangs up
            connection,
            context.wrap_socket(connection, server_side=True) as channel,
        ):
            channel.recv(65536)
            channel.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as threads:
        listener.settimeout(10)
        served = threads.submit(serve)
        yield listener.getsockname()[1]
        served.result()


def ok(body: bytes, *fields: str) -> bytes:
    head = "\r\n".join(("HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *fields))
    return f"{head}\r\n\r\n".encode() + body


@pytest.mark.loopback
def test_loads_over_real_sockets() -> None:
    """A URL is loaded through a redirect from a real server, resolved by the system."""

    async def run() -> bytes:
        moved = b"HTTP/1.1 302 Found\r\nLocation: /cat.png\r\nContent-Length: 0\r\n\r\n"
        async with serving(moved, ok(b"pixels")) as port:
            return await fetch(f"http://localhost:{port}/cat?key=1", policy=INTRANET)

    assert asyncio.run(run()) == b"pixels"


@pytest.mark.loopback
def test_private_servers_are_refused() -> None:
    """Without allow_private, this machine's own servers are out of reach, whatever they are called."""

    async def run(host: str) -> None:
        async with serving(ok(b"secret")) as port:
            await fetch(f"http://{host}:{port}/", policy=POLICY)

    for host in ("localhost", "127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0"):
        with pytest.raises(UrlRefused, match=r"not on the public internet|not found"):
            asyncio.run(run(host))


@pytest.mark.loopback
def test_size_is_capped_while_it_streams() -> None:
    """A body without a length is given up as soon as it is too large, however much would follow."""
    chunk = b"400\r\n" + bytes(1024) + b"\r\n"
    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 64

    async def run() -> bytes:
        async with serving(endless, slow=True) as port:
            policy = FetchPolicy(allow_private=True, timeout=5, max_bytes=2000)
            return await fetch(f"http://127.0.0.1:{port}/", policy=policy)

    with pytest.raises(UrlRefused, match="is larger than 2000 bytes"):
        asyncio.run(run())


@pytest.mark.loopback
def test_time_is_capped() -> None:
    """A server that stops in the middle of its answer is given up when the time is over."""

    async def run() -> bytes:
        async with serving(ok(b"pix", "X-Filler: 1")[:-1], slow=True) as port:
            policy = FetchPolicy(allow_private=True, timeout=0.2)
            return await fetch(f"http://127.0.0.1:{port}/cat.png?key=1", policy=policy)

    with pytest.raises(UrlRefused, match=r"/cat\.png took longer than 0\.2 s") as caught:
        asyncio.run(run())
    assert isinstance(caught.value.__cause__, TimeoutError)


@pytest.fixture
def server_tls(tmp_path: Path) -> ssl.SSLContext:
    """The server side of TLS as "media.test", with a certificate of its own making."""
    (tmp_path / "both.pem").write_text(TLS_KEY + TLS_CERTIFICATE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    return context


@pytest.mark.loopback
def test_tls_is_verified_against_the_name(server_tls: ssl.SSLContext) -> None:
    """The connection goes to the checked address, and the certificate must be the name's all the same."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.load_verify_locations(cadata=TLS_CERTIFICATE)

    def load_from(host: str) -> bytes:
        with serving_tls(ok(b"pixels"), server_tls) as port:
            return asyncio.run(
                fetch(
                    f"https://{host}:{port}/cat.png",
                    policy=INTRANET,
                    resolve=resolving("127.0.0.1"),
                    open_transport=partial(httpx.AsyncHTTPTransport, verify=trusting),
                )
            )

    assert load_from("media.test") == b"pixels"
    assert load_from("media.test.") == b"pixels"
    with pytest.raises(UrlRefused, match=r"certificate is not valid for 'other\.test'") as caught:
        load_from("other.test")
    assert isinstance(caught.value.__cause__, httpx.ConnectError)


@pytest.mark.loopback
def test_tls_is_verified_without_asking(server_tls: ssl.SSLContext) -> None:
    """A certificate that nobody vouches for is refused, unless a caller brings other ways to connect."""

    def load_from(host: str) -> bytes:
        with serving_tls(ok(b"pixels"), server_tls) as port:
            url = f"https://{host}:{port}/cat.png"
            return asyncio.run(fetch(url, policy=INTRANET, resolve=resolving("127.0.0.1")))

    with pytest.raises(UrlRefused, match="CERTIFICATE_VERIFY_FAILED"):
        load_from("media.test")


@pytest.mark.loopback
def test_next_address_is_tried() -> None:
    """An address that refuses connections does not hide the next one; with the last one, it fails."""

    async def run(*addresses: str) -> bytes:
        async with serving(ok(b"pixels")) as port:
            return await fetch(f"http://media.test:{port}/", policy=INTRANET, resolve=resolving(*addresses))

    assert asyncio.run(run("::1", "127.0.0.1")) == b"pixels"
    assert asyncio.run(run("127.0.0.1", "::1")) == b"pixels"
    with pytest.raises(UrlRefused, match="could not be loaded: All connection attempts failed") as caught:
        asyncio.run(run("::1"))
    assert isinstance(caught.value.__cause__, httpx.ConnectError)


@pytest.mark.parametrize(
    ("url", "address", "asked", "host"),
    [
        ("http://a.test/cat.png?k=1#top", PUBLIC, f"http://{PUBLIC}/cat.png?k=1", "a.test"),
        ("https://a.test:8443", PUBLIC, f"https://{PUBLIC}:8443", "a.test:8443"),
        ("http://a.test:81/c", PUBLIC_V6, f"http://[{PUBLIC_V6}]:81/c", "a.test:81"),
        (f"https://[{PUBLIC_V6}]/c", PUBLIC_V6, f"https://[{PUBLIC_V6}]/c", f"[{PUBLIC_V6}]"),
        ("https://bücher.test/c", PUBLIC, f"https://{PUBLIC}/c", "xn--bcher-kva.test"),
    ],
)
def test_request(url: str, address: str, asked: str, host: str) -> None:
    """The checked address is asked in the host's name, with neither cookies nor compression."""
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b"pixels")

    assert load(url, answer, addresses=[address]) == b"pixels"
    (request,) = seen
    assert str(request.url).partition("#")[0] == asked
    assert request.headers.pop("Host") == host
    assert dict(request.headers) == {
        "user-agent": "phi4-space",
        "accept": "*/*",
        "accept-encoding": "identity",
    }
    assert request.extensions["sni_hostname"] == host.partition(":8")[0].partition(":81")[0].strip("[]")


def test_addresses_share_the_time() -> None:
    """A first address that hangs leaves time to connect to the others."""
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"]["connect"])
        return httpx.Response(200)

    load("http://a.test/", answer, policy=FetchPolicy(timeout=12), addresses=[PUBLIC, PUBLIC_V6, "1.1.1.1"])
    assert seen == [4]


def test_rebinding_does_not_matter() -> None:
    """A name is resolved once for a hop, and what it meant then is connected to, whatever it means later."""
    meanings = [[PUBLIC], ["127.0.0.1"]]
    asked = []

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return meanings.pop(0)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(200, content=b"pixels")

    def run() -> bytes:
        return asyncio.run(
            fetch(
                "http://a.test/",
                policy=POLICY,
                resolve=resolve,
                open_transport=lambda: httpx.MockTransport(answer),
            )
        )

    assert run() == b"pixels"
    assert asked == [PUBLIC]
    with pytest.raises(UrlRefused, match="not on the public internet"):
        run()


def test_every_hop_has_its_own_transport() -> None:
    """A connection verified for one name is never used for another one at the same address."""
    opened = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/a":
            return httpx.Response(302, headers={"Location": "https://b.test/b"})
        return httpx.Response(200, content=b"pixels")

    def open_transport() -> httpx.AsyncBaseTransport:
        opened.append(httpx.MockTransport(answer))
        return opened[-1]

    url = "https://a.test/a"
    asyncio.run(fetch(url, policy=POLICY, resolve=resolving(PUBLIC), open_transport=open_transport))
    assert len(opened) == 2


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("http://127.0.0.1/", "not on the public internet"),
        ("http://[::1]/", "not on the public internet"),
        ("file:///etc/passwd", "the scheme 'file' are not loaded"),
        ("data:image/png;base64,AAAA", "the scheme 'data' are not loaded"),
        ("http://user:word@a.test/", "contains a user name or a password"),
        ("http://a.test:99999/", "not name a valid host and port"),
        ("http://[broken/", "not name a valid host and port"),
        ("http://a.test:port/", "is not valid"),
    ],
)
def test_redirects_are_checked(location: str, message: str) -> None:
    """Where a redirect leads is checked like the first URL."""

    async def resolve(host: str, _port: int) -> Sequence[str]:
        return [PUBLIC if host == "a.test" else host]

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"Location": location})

    with pytest.raises(UrlRefused, match=message):
        asyncio.run(
            fetch(
                "http://a.test/cat.png",
                policy=POLICY,
                resolve=resolve,
                open_transport=lambda: httpx.MockTransport(answer),
            )
        )


def test_redirects_never_leave_tls() -> None:
    """From https, no redirect leads to http; from http, one may lead to https."""

    def answer(request: httpx.Request) -> httpx.Response:
        other = "http" if request.url.scheme == "https" else "https"
        return httpx.Response(301, headers={"Location": f"{other}://b.test/"})

    with pytest.raises(UrlRefused, match=r"https://b\.test/ redirects from https to http"):
        load("http://a.test/", answer)


def test_redirects_are_counted() -> None:
    """As many redirects as allowed are followed, and no more."""

    def answer(request: httpx.Request) -> httpx.Response:
        left = int(request.url.path.strip("/"))
        return httpx.Response(307, headers={"Location": f"/{left - 1}"}) if left else httpx.Response(200)

    assert load("http://a.test/3", answer) == b""
    with pytest.raises(UrlRefused, match=r"more than 3 redirects, the last to http://a\.test/0"):
        load("http://a.test/4", answer)
    with pytest.raises(UrlRefused, match="more than 0 redirects"):
        load("http://a.test/1", answer, policy=FetchPolicy(max_redirects=0))


def test_switched_off() -> None:
    """A policy may refuse every URL."""
    with pytest.raises(UrlRefused, match=r"FetchPolicy\.enabled is False"):
        load("https://a.test/", refuse_all, policy=FetchPolicy(enabled=False))


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (httpx.Response(404), "answered with HTTP status 404"),
        (httpx.Response(304), "answered with HTTP status 304"),
        (httpx.Response(206, content=b"part"), "answered with HTTP status 206"),
        (httpx.Response(200, headers={"Content-Length": "101"}), "larger than 100 bytes"),
        (httpx.Response(200, content=bytes(101)), "larger than 100 bytes"),
        (httpx.Response(200, headers={"Content-Encoding": "br"}), "sent a compressed response"),
        (httpx.Response(200, headers={"Content-Encoding": "gzip"}), "sent a compressed response"),
        (httpx.Response(200, headers={"Content-Length": "9" * 5_000}), "is larger than"),
    ],
)
def test_answers_that_are_refused(response: httpx.Response, message: str) -> None:
    """An answer that is no whole, plain, small body is refused, and its status told if it is no success."""
    with pytest.raises(UrlRefused, match=message) as caught:
        load("http://a.test/cat.png", lambda _request: response, policy=FetchPolicy(max_bytes=100))
    assert caught.value.status == (None if response.status_code == 200 else response.status_code)


def test_largest_size() -> None:
    """A body of just the largest size is loaded."""
    body = bytes(100)
    policy = FetchPolicy(max_bytes=100)
    assert load("http://a.test/", lambda _request: httpx.Response(200, content=body), policy=policy) == body


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadError("peer hung up"),
        httpx.ReadTimeout("peer hung up"),
        httpx.RemoteProtocolError("peer hung up"),
        httpx.ConnectTimeout("peer hung up"),
        ssl.SSLError(1, "peer hung up"),
        ConnectionResetError("peer hung up"),
    ],
)
def test_foreign_errors_are_translated(error: Exception) -> None:
    """Whatever the network raises becomes a refusal that holds it as its cause."""

    def answer(_request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(UrlRefused, match=r"http://a.test/ could not be loaded: .*peer hung up") as caught:
        load("http://a.test/", answer)
    assert caught.value.__cause__ is error


def test_nameless_errors() -> None:
    """An error without a text is told by its kind."""

    def answer(_request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("")

    with pytest.raises(UrlRefused, match="could not be loaded: ReadTimeout"):
        load("http://a.test/", answer)


def test_hosts_that_are_not_found() -> None:
    """A host without an address is refused with the resolver's reason."""

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        raise OSError(-2, "Name or service not known")

    with pytest.raises(UrlRefused, match=r"a\.test/ was not found: Name or service not known") as caught:
        asyncio.run(fetch("http://a.test/", policy=POLICY, resolve=resolve))
    assert isinstance(caught.value.__cause__, OSError)


def test_bad_addresses_are_not_asked() -> None:
    """Nothing is asked of a host one of whose addresses is not global."""
    with pytest.raises(UrlRefused, match="not on the public internet"):
        load("http://a.test/", refuse_all, addresses=[PUBLIC, "10.0.0.1"])


def test_bad_urls_are_not_asked() -> None:
    """Nothing is asked of a URL that is refused by its letters."""
    with pytest.raises(UrlRefused, match="contains a user name or a password"):
        load("http://user:word@a.test/", refuse_all)


@pytest.mark.parametrize("status", [404, 302, 200])
def test_errors_keep_secrets(status: int) -> None:
    """No error shows a URL's query or fragment, and none is longer than a screen."""

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"Location": "?token=s3cret", "Content-Length": "99999999"})

    with pytest.raises(UrlRefused) as caught:
        load(f"http://a.test/{'p' * 500}?token=s3cret#s3cret", answer)
    assert "s3cret" not in str(caught.value)
    assert "http://a.test/ppp" in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.loopback
def test_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment, which would resolve names again, carries nothing."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")

    async def run() -> bytes:
        async with serving(ok(b"pixels")) as port:
            return await fetch(f"http://127.0.0.1:{port}/", policy=INTRANET)

    assert asyncio.run(run()) == b"pixels"
