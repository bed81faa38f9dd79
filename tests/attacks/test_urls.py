"""URLs that lead where only this machine can reach, and URLs that cost more than they may."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import URL, ScriptedSpace

import phi4_space as p4
from phi4_space._media.read import read_all
from phi4_space._net.fetch import Budget, fetch
from phi4_space._net.fetch_policy import FetchPolicy
from phi4_space._net.urls import is_global

PUBLIC = "93.184.216.34"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)

# --- where a URL leads -------------------------------------------------------------------------------------

PRIVATE = [
    "0.0.0.0",  # noqa: S104 - an address that must not pass
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",  # Alibaba's metadata
    "127.0.0.1",
    "127.255.255.254",
    "129.224.0.1",  # AWS's VPC Lattice
    "161.26.0.10",  # IBM's resolver
    "166.8.0.1",
    "166.9.14.2",  # IBM's services
    "166.11.255.255",
    "168.63.129.16",  # Azure's host
    "169.254.0.1",
    "169.254.169.254",  # metadata of most clouds
    "169.254.170.2",  # credentials of AWS's containers
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",  # Oracle's metadata
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.1.1",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
]
"""IPv4 addresses that are no host's on the public internet."""

WRAPPED = ["127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "168.63.129.16", "100.100.100.200"]

WRAPPERS: dict[str, Callable[[int], int]] = {
    "v4-mapped": lambda ip: 0xFFFF << 32 | ip,
    "v4-compatible": lambda ip: ip,
    "v4-translated": lambda ip: 0xFFFF << 48 | ip,
    "NAT64": lambda ip: 0x64_FF9B << 96 | ip,
    "local NAT64": lambda ip: 0x64_FF9B_0001 << 80 | ip,
    "6to4": lambda ip: 0x2002 << 112 | ip << 80 | 1,
    "Teredo server": lambda ip: 0x2001_0000 << 96 | ip << 64 | 1,
    "Teredo client": lambda ip: 0x2001_0000 << 96 | 0x0808_0808 << 64 | ip ^ 0xFFFF_FFFF,
    "ISATAP": lambda ip: 0x2606_4700 << 96 | 0x5EFE << 32 | ip,
    "ISATAP, global": lambda ip: 0x2606_4700 << 96 | 0x0200_5EFE << 32 | ip,
    "ISATAP, link-local": lambda ip: 0xFE80 << 112 | 0x5EFE << 32 | ip,
}
"""The ways in which an IPv6 address may stand for an IPv4 address."""

PRIVATE_V6 = [
    "::",
    "::1",
    "64:ff9b:1::1",
    "100::1",
    "100:0:0:1::1",
    "1fff::1",
    "2001::1",
    "2001:1::1",
    "2001:2::1",
    "2001:3::1",
    "2001:4:112::1",
    "2001:10::1",
    "2001:20::1",
    "2001:30::1",
    "2001:db8::1",
    "2002::1",
    "2620:4f:8000::1",
    "3ffe::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:42::42",  # Scaleway's metadata
    "fd00:ec2::23",  # credentials of AWS's pods
    "fd00:ec2::254",  # AWS's metadata
    "fd00:ec2:80::1",
    "fd20:ce::254",  # Google's metadata
    "fe80::1",
    "fe80::a9fe:a9fe",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]
"""IPv6 addresses that are no host's on the public internet."""

HOSTS = [
    # this machine, as old functions read numbers
    *("2130706433", "017700000001", "0x7f000001", "0x7F.0.0.1", "0x7f.1", "0177.0.0.1", "0177.1", "127.1"),
    *("127.0.1", "127.0.0.01", "127.0.0.0x1", "00000177.0.0.1", "0", "0.0", "00.0.0.0", "0x0", "000"),
    # other addresses so
    *(
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "0xa9.0xfe.0xa9.0xfe",
        "169.254.43518",
        "3232235777",
    ),
    *("10.1", "0xa.1", "012.1", "192.168.257", "2886729729"),
    # dots, digits and letters that mean others
    *("127\u30020\u30020\u30021", "127\uff0e0\uff0e0\uff0e1", "127\uff610\uff610\uff611"),
    *("\uff11\uff12\uff17.0.0.1", "\u2460\u2461\u2466.0.0.1", "\U0001d7cf\U0001d7d0\U0001d7d5.0.0.1"),
    *("\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3", "local\xadhost", "local\u200bhost"),
    # names and their dots
    *("localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "10.0.0.1.", "169.254.169.254."),
    # zones, and what is no host
    *("[fe80::1%25lo]", "[::1%25lo]", "[fe80::1%lo]", "[2606:4700::1%25lo]"),
    *("127.0.0.1%00", "127.0.0.1%20", "127.0.0.1%2f", "%6c%6f%63%61%6c%68%6f%73%74", "%31%32%37.0.0.1"),
    *("[127.0.0.1]", "[::127.0.0.1", "::1", "127.0.0.1..", ".127.0.0.1", "127..0.0.1", "256.0.0.1", ""),
    # users, ports, and where the host ends
    *("a.test@127.0.0.1", "a.test:80@127.0.0.1", "127.0.0.1@a.test", "a.test%40127.0.0.1"),
    *("127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:80:80", "127.0.0.1:22", "127.0.0.1:6379"),
    *(
        "127.0.0.1\\@a.test",
        "a.test\\@127.0.0.1",
        "127.0.0.1#@a.test",
        "127.0.0.1?@a.test",
        "127.0.0.1;a.test",
    ),
    *("127.0.0.1\t", "127.0.0.1\r\nHost: a.test", "\x00127.0.0.1", "127.0.0.1\u2028", "127.0.0.1 a.test"),
]
"""What may stand for the host in a URL that leads to no public one."""


def wrapped() -> list[str]:
    """Each way to wrap, with each address that is worth it."""
    return [
        f"[{ipaddress.IPv6Address(wrap(int(ipaddress.IPv4Address(address))))}]"
        for wrap, address in itertools.product(WRAPPERS.values(), WRAPPED)
    ]


HOSTILE = [*PRIVATE, *(f"[{address}]" for address in PRIVATE_V6), *wrapped(), *HOSTS]


async def numeric(host: str, port: int) -> Sequence[str]:
    """Reads numbers as the system does, and knows no name but one; nobody is asked."""
    if host.rstrip(".").casefold() == "localhost":
        return ["127.0.0.1"]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return [str(address[0]) for *_, address in found]


def refuse_all(request: httpx.Request) -> httpx.Response:
    pytest.fail(f"{request.url} was asked")


def test_there_are_as_many_as_ever() -> None:
    """The table only grows."""
    assert len({*HOSTILE}) >= 196


@pytest.mark.loopback
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_hostile_url_is_asked(scheme: str) -> None:
    """As the system reads its host: numbers, dots and all."""

    async def run() -> list[str]:
        passed = []
        for host in HOSTILE:
            try:
                await fetch(
                    f"{scheme}://{host}/latest/meta-data?a",
                    policy=FetchPolicy(),
                    resolve=numeric,
                    open_transport=lambda: httpx.MockTransport(refuse_all),
                )
            except p4.UrlRefused:
                continue
            passed.append(host)
        return passed

    assert asyncio.run(run()) == []


@pytest.mark.loopback
def test_no_redirect_leads_to_a_hostile_url() -> None:
    """A public host that redirects to each of them is the only one that is asked."""
    asked: list[str] = []

    async def run() -> list[str]:
        passed = []
        for host in HOSTILE:

            def answer(request: httpx.Request, host: str = host) -> httpx.Response:
                asked.append(request.url.host)
                location = f"http://{host}/latest/meta-data".encode("utf-8", "surrogatepass")
                return httpx.Response(302, headers=[(b"Location", location)])

            try:
                await fetch(
                    f"http://{PUBLIC}/cat.png",
                    policy=FetchPolicy(),
                    resolve=numeric,
                    open_transport=lambda answer=answer: httpx.MockTransport(answer),  # type: ignore[misc]
                )
            except p4.UrlRefused:
                continue
            passed.append(host)
        return passed

    assert asyncio.run(run()) == []
    assert {*asked} == {PUBLIC}


@pytest.mark.parametrize("address", [*PRIVATE, *PRIVATE_V6, *(host.strip("[]") for host in wrapped())])
def test_no_name_that_means_a_hostile_address_is_asked(address: str) -> None:
    """Whatever a host is called, such as by a name that looks like another's, its address counts."""

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return [PUBLIC, address]

    with pytest.raises(p4.UrlRefused, match="not on the public internet"):
        asyncio.run(
            fetch(
                "https://huggingface.co.evil.test/cat.png",
                policy=FetchPolicy(),
                resolve=resolve,
                open_transport=lambda: httpx.MockTransport(refuse_all),
            )
        )


@pytest.mark.parametrize("address", ["2606:4700::1111%1", "::ffff:127.0.0.1%1", "fe80::1%2"])
def test_addresses_with_zones_are_not_global(address: str) -> None:
    """An address that counts on one network only is none of the public internet."""
    assert not is_global(ipaddress.ip_address(address))


@pytest.mark.parametrize("ours", ["8.8.8.8", "93.184.216.34"])
@pytest.mark.parametrize(
    "wrap", ["6to4", "Teredo server", "Teredo client", "ISATAP", "ISATAP, global", "v4-compatible"]
)
def test_tunnels_are_refused_wherever_they_lead(wrap: str, ours: str) -> None:
    """No web server is reached by one, and what the far end does with it nobody knows."""
    assert not is_global(ipaddress.IPv6Address(WRAPPERS[wrap](int(ipaddress.IPv4Address(ours)))))


@pytest.mark.parametrize(
    "address",
    [
        *("129.223.255.255", "129.224.128.0", "161.25.255.255", "161.27.0.0", "166.7.255.255", "166.12.0.0"),
        *("168.63.129.15", "168.63.129.17", "192.31.195.255", "192.52.194.0", "223.255.255.255"),
        *("2001:200::1", "2606:4700::5efe", "2606:4700::5eff:7f00:1", "2606:4700::100:5efe:0:1"),
        *("2620:4f:7fff::1", "2620:4f:8001::1", "3ffd::1", "2003::1"),
    ],
)
def test_neighbours_of_hostile_addresses_pass(address: str) -> None:
    """No more is refused than has to be."""
    assert is_global(ipaddress.ip_address(address))


def test_a_name_that_changes_its_mind_gains_nothing() -> None:
    """A host is resolved once for each hop, checked each time, and asked at the address that was checked."""
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    asked: list[str] = []

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return next(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(302, headers={"Location": "/again"})

    with pytest.raises(p4.UrlRefused, match="not on the public internet"):
        asyncio.run(
            fetch(
                "http://a.test/",
                policy=FetchPolicy(),
                resolve=resolve,
                open_transport=lambda: httpx.MockTransport(answer),
            )
        )
    assert asked == [PUBLIC]


@given(st.binary(max_size=60), st.sampled_from([b"", b"http://", b"//", b"https://a.test:", b"?", b"\\\\"]))
def test_any_redirect_is_followed_or_refused(location: bytes, start: bytes) -> None:
    """Whatever bytes a server sends as a location, no other error comes of it."""

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return [PUBLIC]

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers=[(b"Location", start + location)])

    with pytest.raises(p4.UrlRefused):
        asyncio.run(
            fetch(
                "http://a.test/",
                policy=FetchPolicy(),
                resolve=resolve,
                open_transport=lambda: httpx.MockTransport(answer),
            )
        )


# --- what a turn's URLs cost -------------------------------------------------------------------------------


@dataclass
class Web:
    """Hosts in memory, each of which answers when it is let.

    Attributes:
        body: What each of them holds.
        now: How many are being asked.
        most: How many were asked at once, at most.
        asked: What was asked, in order.
        gate: Lets them answer.
    """

    body: bytes = PNG
    now: int = 0
    most: int = 0
    asked: list[str] = field(default_factory=list)
    gate: anyio.Event = field(default_factory=anyio.Event)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answers when it is let."""
        self.asked.append(request.url.path)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self.gate.wait()
            return httpx.Response(404 if request.url.path == "/bad" else 200, content=self.body)
        finally:
            self.now -= 1

    def fetcher(self, policy: FetchPolicy) -> Callable[[str], Awaitable[bytes]]:
        """Loads from here, as one turn does."""
        budget = Budget(policy)

        async def load(url: str) -> bytes:
            return await fetch(
                url,
                policy=policy,
                budget=budget,
                resolve=_resolve,
                open_transport=lambda: httpx.MockTransport(self),
            )

        return load


async def _resolve(_host: str, _port: int) -> Sequence[str]:
    return [PUBLIC]


def urls(count: int) -> list[str]:
    """So many URLs."""
    return [f"http://a.test/{number}.png" for number in range(count)]


async def settle() -> None:
    """Lets all that can go on go on."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.mark.parametrize(("policy", "most"), [(FetchPolicy(), 8), (FetchPolicy(at_a_time=3), 3)])
def test_only_some_are_loaded_at_a_time(policy: FetchPolicy, most: int) -> None:
    """Of 200 URLs of one turn so many are asked at once, and all in the end."""

    async def run() -> Web:
        web = Web()
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(read_all(urls(200), fetch=web.fetcher(policy)))
            await settle()
            assert len(web.asked) == most
            web.gate.set()
        assert [file.data for file in reading.result()] == [PNG] * 200
        return web

    web = asyncio.run(run())
    assert web.most == most
    assert len(web.asked) == 200


def test_all_together_are_no_larger_than_allowed() -> None:
    """Each is small enough, and together they are not."""

    async def run(total: int) -> int:
        web = Web()
        web.gate.set()
        policy = FetchPolicy(total_bytes=total)
        return len(await read_all(urls(10), fetch=web.fetcher(policy)))

    assert asyncio.run(run(10 * len(PNG))) == 10
    with pytest.raises(
        p4.UrlRefused, match=f"hold more than {10 * len(PNG) - 1} bytes in total.*total_bytes"
    ):
        asyncio.run(run(10 * len(PNG) - 1))


def test_all_together_take_no_longer_than_allowed() -> None:
    """Each would have time enough, those that wait for their turn included; together they have not."""

    async def run() -> None:
        await read_all(urls(20), fetch=Web().fetcher(FetchPolicy(timeout=600, total_timeout=0.05)))

    with pytest.raises(p4.UrlRefused, match=r"took longer than 0\.05 s in total.*total_timeout") as caught:
        asyncio.run(run())
    assert isinstance(caught.value.__cause__, TimeoutError)


def test_time_that_is_over_is_over() -> None:
    """What comes after the time of all is not asked for any more, and waiting for a place is not free."""

    async def run() -> list[str]:
        web = Web()
        web.gate.set()
        load = web.fetcher(FetchPolicy(total_timeout=0.05))
        await load("http://a.test/1.png")
        await anyio.sleep(0.1)
        with pytest.raises(p4.UrlRefused, match="in total"):
            await load("http://a.test/2.png")
        return web.asked

    assert asyncio.run(run()) == ["/1.png"]


def test_one_that_fails_takes_back_the_others() -> None:
    """Those that are under way are cancelled, those that wait are never asked, and no task is left."""

    async def run() -> Web:
        web = Web()
        reading = asyncio.create_task(
            read_all([*urls(5), "http://a.test/bad", *urls(30)], fetch=web.fetcher(FetchPolicy()))
        )
        await settle()
        web.gate.set()
        with pytest.raises(p4.UrlRefused, match=r"media 6 of 36: .*status 404"):
            await reading
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return web

    web = asyncio.run(run())
    assert web.now == 0
    assert len(web.asked) <= 16


@dataclass
class Server:
    """A server that keeps its answers to itself, but for one path that it does not have.

    Attributes:
        port: Where it listens.
        waiting: How many connections wait for it to refuse.
        asked: How many requests came.
        gone: How many connections the client closed.
    """

    waiting: int
    port: int = 0
    asked: int = 0
    gone: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers one connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        if head.startswith(b"GET /bad"):
            while self.asked < self.waiting:
                await asyncio.sleep(0.01)
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + PNG)
        await reader.read()  # until the client hangs up
        self.gone += 1
        writer.close()


@asynccontextmanager
async def serving(waiting: int) -> AsyncIterator[Server]:
    """A server on a free port of 127.0.0.1."""
    server = Server(waiting)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    async with listening:
        server.port = listening.sockets[0].getsockname()[1]
        yield server


@pytest.mark.loopback
@pytest.mark.parametrize("through", ["areply", "aupload"])
def test_nothing_is_left_of_a_turn_that_failed(through: str) -> None:
    """Over real sockets: all connections are closed, nothing more is asked, no media reach the Space."""
    space = ScriptedSpace()

    async def run() -> Server:
        async with serving(waiting=8) as server:
            client = p4.SpaceClient(
                URL, fetch=FetchPolicy(allow_private=True), environment=p4.Environment(transport=space)
            )
            here = f"http://127.0.0.1:{server.port}"
            media = [*(f"{here}/{number}.png" for number in range(7)), f"{here}/bad", *(f"{here}/x",) * 20]
            with pytest.raises(p4.UrlRefused, match=r"media 8 of 28: .*status 404"):
                await (client.areply("What?", media=media) if through == "areply" else client.aupload(media))
            while server.gone < server.asked:
                await asyncio.sleep(0.01)
            return server

    server = asyncio.run(asyncio.wait_for(run(), 30))
    assert (server.asked, server.gone) == (8, 8)
    assert [step for step, _ in space.asked if step != "config"] == []


def test_a_turn_is_all_its_messages() -> None:
    """The media of a history that is passed count with those of the message."""
    turns = [p4.Turn(role="user", text="hi", media=(p4.Media(url),)) for url in urls(3)]
    policy = FetchPolicy(allow_private=True, total_bytes=2 * len(PNG))
    web = Web()
    web.gate.set()

    async def run(monkeypatch: pytest.MonkeyPatch) -> None:
        def loading(url: str, *, policy: FetchPolicy, budget: Budget) -> Awaitable[bytes]:
            transport = httpx.MockTransport(web)
            return fetch(
                url, policy=policy, budget=budget, resolve=_resolve, open_transport=lambda: transport
            )

        monkeypatch.setattr("phi4_space._turn.files.fetch", loading)
        await p4.SpaceClient(URL, fetch=policy, environment=p4.Environment(transport=ScriptedSpace())).areply(
            turns
        )

    with pytest.MonkeyPatch.context() as monkeypatch, pytest.raises(p4.UrlRefused, match="bytes in total"):
        asyncio.run(run(monkeypatch))
