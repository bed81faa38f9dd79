"""A server that sends without end, too slowly, or nonsense costs an error with a name: no memory, no time."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import anyio
import httpx
import pytest
from hostile import Answer, Asked, for_ever, head, hostile, once, response
from hypothesis import given
from hypothesis import strategies as st
from scripted import ScriptedSpace, config, events, whole

import phi4_space as p4
from phi4_space._environment import Environment
from phi4_space._net.bodies import _Messages, read_body, read_events
from phi4_space._net.credentials import to_jar

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
LIMITS = p4.Limits(body=100_000, line=100_000)
HASTY = p4.Timeouts(connect=5, request=0.5, idle=30, total=30)
EVENTS = "text/event-stream"
BLOCK = b"a" * 10_000
CHUNKED = "Transfer-Encoding: chunked"


def chunk(data: bytes) -> bytes:
    """One chunk of a body whose length is not told."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def client(url: str, **options: Any) -> p4.SpaceClient:
    """A client that tries once."""
    return p4.SpaceClient(url, **{"max_retries": 0, "limits": LIMITS, "timeouts": HASTY, **options})


def failure(ask: Callable[[p4.SpaceClient], Awaitable[object]], /, **answers: Answer) -> p4.Phi4Error:
    """The error of a call to a server that answers so."""

    async def main() -> p4.Phi4Error:
        async with hostile(**answers) as server, client(server.url) as space:
            with pytest.raises(p4.Phi4Error) as caught:
                await asyncio.wait_for(ask(space), 60)  # so that a test that would hang ends
        return caught.value

    return asyncio.run(main())


async def turn(space: p4.SpaceClient) -> object:
    """A turn with a file."""
    return await space.areply("hi", media=[PNG])


async def listen(space: p4.SpaceClient) -> object:
    """Reads a queue by hand."""
    async with space.asession() as session:
        return [event async for event in session.get("event")]


# --- too much ------------------------------------------------------------------------------------------

ENDLESS = {
    "with a length": for_ever(head("Content-Length: 999999999999"), BLOCK),
    "in chunks": for_ever(head(CHUNKED), chunk(BLOCK)),
    "to the end of the connection": for_ever(head(), BLOCK),
    "as an error": for_ever(head(status="500 Internal Server Error"), BLOCK),
    "as busy": for_ever(head(status="503 Service Unavailable", kind="text/html"), BLOCK),
}


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("step", "way"),
    [
        *((step, way) for step in ("config", "predict") for way in ENDLESS),
        *((step, "in chunks") for step in ("upload", "join")),
        ("data", "as an error"),
        ("data", "as busy"),
    ],
)
def test_no_body_is_read_beyond_the_limit(step: str, way: str) -> None:
    """Whatever request it answers, and with whatever status, a body ends where `Limits.body` says."""
    error = failure(turn, **{step: ENDLESS[way]})

    assert isinstance(error, p4.LimitExceeded)
    assert (error.which, error.limit) == ("body", 100_000)
    assert "Raise Limits.body" in error.advice


@pytest.mark.loopback
def test_a_length_is_believed_when_it_is_too_large() -> None:
    """A body that is told to be too large is not waited for."""
    error = failure(turn, config=for_ever(head("Content-Length: 100001"), b"", every=1))

    assert isinstance(error, p4.LimitExceeded)


@pytest.mark.loopback
@pytest.mark.parametrize(
    "length",
    ["-1", "1e3", "0x10", "9" * 40, "9" * 5_000, "1, 2", "\u0663".encode().decode("latin-1"), "", "NaN"],
)
def test_a_length_that_is_none_is_no_trouble(length: str) -> None:
    """Whatever stands for a length, the error is one of ours."""
    assert failure(turn, config=once(head(f"Content-Length: {length}"), b"{}"))


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """20 MB in 20 kB."""
    return gzip.compress(b"[" + b" " * 20_000_000 + b"]")


@pytest.mark.loopback
@pytest.mark.parametrize(
    ("step", "coding"),
    [
        *(("config", coding) for coding in ("gzip", "deflate", "br", "GZIP", " gzip", "identity, gzip", "x")),
        *((step, "gzip") for step in ("upload", "predict", "join", "data")),
    ],
)
def test_compressed_answers_are_refused(step: str, coding: str, bomb: bytes) -> None:
    """None was asked for, and a small one may unpack to any size."""
    kind = EVENTS if step == "data" else "application/json"
    tracemalloc.start()
    try:
        error = failure(turn, **{step: once(response(bomb, f"Content-Encoding: {coding}", kind=kind))})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert type(error) is p4.UnexpectedAnswer
    assert "compressed" in error.what
    assert peak < 10_000_000


def test_nothing_compressed_is_asked_for() -> None:
    """Each request says so, to the Space and to the Hub."""
    space = ScriptedSpace({"runtime": [httpx.Response(200, json={"stage": "RUNNING"})]})
    one = p4.SpaceClient("ada/phi-4", environment=Environment(transport=space))

    asyncio.run(turn(one))
    asyncio.run(one.astatus())

    assert {"config", "upload", "predict", "join", "data", "status", "runtime"} <= set(space.steps())
    assert {request.headers["accept-encoding"] for _, request in space.asked} == {"identity"}


STREAMS: dict[str, tuple[bytes, bytes]] = {
    "a line without end": (b"data: ", BLOCK),
    "an event of many lines": (b"", b"data: " + BLOCK + b"\n"),
    "an event of many lines, ended otherwise": (b"", b"data: " + BLOCK + b"\r"),
    "a line end that comes in halves": (b"data: a\r", b"\n" + b"data: " + BLOCK + b"\r"),
    "comments": (b"", b": " + BLOCK + b"\n"),
    "a comment without end": (b": ", BLOCK),
    "names of events": (b"event: ", BLOCK),
    "fields nobody knows": (b"", b"what: " + BLOCK + b"\n"),
    "ids": (b"id: ", BLOCK),
    "a number without end": (b"retry: ", b"9" * 10_000),
    "no field at all": (b"", BLOCK),
    "nulls": (b"", b"\0" * 10_000),
    "many empty fields": (b"", b"data\n" * 2_000),
}


@pytest.mark.loopback
@pytest.mark.parametrize(("start", "more"), STREAMS.values(), ids=STREAMS)
def test_no_event_is_kept_beyond_the_limit(start: bytes, more: bytes) -> None:
    """A line or an event ends where `Limits.line` says, however it is made to grow."""
    error = failure(turn, data=for_ever(head(kind=EVENTS) + start, more))

    assert isinstance(error, p4.LimitExceeded)
    assert (error.which, error.limit, error.step) == ("line", 100_000, "get")


NOTHING_NEW = {
    "empty lines": b"\n" * 1_000,
    "empty lines, otherwise": b"\r\n" * 1_000,
    "comments": b": still here\n\n",
    "heartbeats": b'data: {"msg": "heartbeat", "event_id": null}\n\n',
    "others' jobs": b'data: {"msg": "process_starts", "event_id": "other"}\n\n',
    "kinds nobody knows": b'data: {"msg": "news", "event_id": "event"}\n\n',
    "when to come again": b"retry: 1000\n\n",
    "ids": b"id: 7\n\n",
    "its place": b'data: {"msg": "estimation", "event_id": "event", "rank": 0, "queue_size": 1}\n\n',
}


@pytest.mark.loopback
@pytest.mark.parametrize("ask", [turn, listen])
@pytest.mark.parametrize("more", NOTHING_NEW.values(), ids=NOTHING_NEW)
def test_a_stream_without_end_has_the_turns_time(ask: Callable[..., Any], more: bytes) -> None:
    """A stream that says nothing new for ever ends with the turn's total, by hand as well."""

    async def main() -> p4.Phi4Error:
        answer = for_ever(head(kind=EVENTS), more, every=0.001)
        timeouts = p4.Timeouts(total=0.5)
        async with hostile(data=answer) as server, client(server.url, timeouts=timeouts) as space:
            with pytest.raises(p4.DeadlineExceeded) as caught:
                await asyncio.wait_for(ask(space), 60)
        return caught.value

    assert getattr(asyncio.run(main()), "which", "") == "total"


@pytest.mark.loopback
@pytest.mark.parametrize(
    "answer",
    [
        for_ever(b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"a" * 1_000 + b"\r\n"),
        for_ever(b"HTTP/1.1 200 OK\r\nX-Filler: ", BLOCK),
        for_ever(b"HTTP/1.1 200 ", BLOCK),
        for_ever(head(CHUNKED, kind=EVENTS), b"1;" + b"a" * 10_000),
        for_ever(head(CHUNKED, kind=EVENTS) + b"0\r\n", b"X-Trailer: " + b"a" * 1_000 + b"\r\n"),
        for_ever(b"", b"\r\n" * 1_000),
        for_ever(b"", b"\0" * 1_000),
    ],
)
@pytest.mark.parametrize("step", ["config", "data"])
def test_heads_and_trailers_have_an_end(answer: Answer, step: str) -> None:
    """Header fields, reasons and trailers that go on for ever break the connection off."""
    error = failure(turn, **{step: answer})

    assert isinstance(error, p4.ConnectionFailed | p4.StreamLost | p4.LimitExceeded)


@pytest.mark.loopback
def test_answers_to_come_are_not_waited_for_without_end() -> None:
    """To say "100 Continue" for ever is no answer in the time of a request."""
    error = failure(turn, config=for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n", every=0.001))

    assert isinstance(error, p4.DeadlineExceeded)
    assert error.which == "request"


@pytest.mark.loopback
def test_redirects_without_end_are_not_followed() -> None:
    """Not one is."""

    async def main() -> int:
        moved = once(response(b"", "Location: /config", status="307 Temporary Redirect"))
        async with hostile(config=moved) as server, client(server.url) as space:
            with pytest.raises(p4.UnexpectedAnswer, match="redirects"):
                await turn(space)
        return len(server.asked)

    assert asyncio.run(main()) == 1


def test_the_hub_is_held_to_the_same() -> None:
    """Its answers end at the limit, and are not unpacked: the status is told without them."""
    unread = [0, 0]

    async def pieces(which: int) -> AsyncIterator[bytes]:
        for _ in range(1_000):
            unread[which] += 1
            yield BLOCK

    space = ScriptedSpace(
        {
            "runtime": [httpx.Response(200, content=pieces(0))],
            "quota": [httpx.Response(200, content=pieces(1), headers={"Content-Encoding": "gzip"})],
        }
    )
    one = client("ada/phi-4", token="hf_sentinel", environment=Environment(transport=space))

    status = asyncio.run(one.astatus())

    assert (status.ready, status.hardware, status.quota) == (True, None, None)
    assert unread == [11, 0]


@pytest.mark.loopback
def test_leaving_early_costs_no_more() -> None:
    """What answers the request that takes a job back is held to the limit as well, and quietly."""
    started = (
        b'data: {"msg": "process_starts", "event_id": "event"}\n\n',
        b'data: {"msg": "heartbeat"}\n\n',
    )

    async def main() -> tuple[str, int]:
        answers = {"data": for_ever(head(kind=EVENTS) + started[0], started[1], every=0.01)}
        async with hostile(**answers, cancel=ENDLESS["in chunks"]) as server, client(server.url) as space:
            async with aclosing(space.astream("hi")) as happening:
                async for event in happening:
                    if isinstance(event, p4.Started):
                        break
            return server.asked[-1].path, server.sent

    last, sent = asyncio.run(main())

    assert last == "/gradio_api/cancel"
    assert sent < 30_000_000  # what systems keep underway included


@pytest.mark.parametrize(
    "fields",
    [
        [("set-cookie", "a=b"), ("set-cookie2", "a;" * 30_000)],
        [("set-cookie", "a=b; " + "x;" * 30_000)],
    ],
    ids=["in the old form", "of many attributes"],
)
def test_cookies_that_take_long_to_read_are_not_read(fields: list[tuple[str, str]]) -> None:
    """Python's reader of them takes a square of time, with each response anew."""
    response = httpx.Response(200, headers=fields, request=httpx.Request("GET", "https://phi.example"))
    jar = httpx.Cookies(to_jar({}))
    jar.extract_cookies(response)

    assert len(jar) == 0


def test_a_servers_cookies_are_few_and_small() -> None:
    """A server may set cookies, and have them back; but not so many or so large that they fill memory."""
    space = ScriptedSpace()
    large = ("set-cookie", f"large={'a' * 5_000}")
    many = [("set-cookie", f"c{number}=b") for number in range(1_000)]
    space.script["config"] = [httpx.Response(200, json=config(), headers=[large, *many])]
    one = p4.SpaceClient(
        "https://phi.example", cookies={"mine": "1"}, environment=Environment(transport=space)
    )

    asyncio.run(turn(one))

    sent = space.asked[-1][1].headers["cookie"].split("; ")
    assert len(sent) == 50
    assert "mine=1" in sent
    assert not [cookie for cookie in sent if cookie.startswith("large")]


# --- too slow ------------------------------------------------------------------------------------------


def dripping(body: bytes, *, kind: str = "application/json") -> Answer:
    """Sends the head, and then a byte now and then, always in time for the next."""

    async def answer(_asked: Asked) -> AsyncIterator[bytes]:
        yield head(f"Content-Length: {len(body)}", kind=kind)
        for byte in body:
            yield bytes([byte])
            await asyncio.sleep(0.1)

    return answer


def dripping_head(_asked: Asked) -> AsyncIterator[bytes]:
    """Sends even the head so."""

    async def answer() -> AsyncIterator[bytes]:
        for byte in head(kind=EVENTS):
            yield bytes([byte])
            await asyncio.sleep(0.1)

    return answer()


@pytest.mark.loopback
@pytest.mark.parametrize("step", ["config", "upload", "predict", "join"])
def test_each_request_has_a_time_of_its_own(step: str) -> None:
    """`Timeouts.request` holds for the whole of an answer, not only between two pieces of it."""
    error = failure(turn, **{step: dripping(b" " * 1_000)})

    assert isinstance(error, p4.DeadlineExceeded)
    assert (error.which, error.seconds) == ("request", 0.5)


@pytest.mark.loopback
@pytest.mark.parametrize("step", ["config", "predict", "data"])
def test_a_head_that_drips_has_it_too(step: str) -> None:
    """Also the head of an event stream, whose body may take its time."""
    error = failure(turn, **{step: dripping_head})

    assert isinstance(error, p4.DeadlineExceeded)
    assert error.which == "request"


@pytest.mark.loopback
def test_an_error_that_drips_has_it_too() -> None:
    """The body of an event stream's failure is an answer like any other."""
    slow = for_ever(head(status="500 Internal Server Error"), b" ", every=0.05)

    error = failure(turn, data=slow)

    assert isinstance(error, p4.DeadlineExceeded)
    assert error.which == "request"


@pytest.mark.loopback
def test_the_status_of_a_server_that_drips_is_known_in_time() -> None:
    """It was 25 seconds with `request=1`; now the request ends, and the status says so."""

    async def main() -> p4.Status:
        async with hostile(config=dripping(b" " * 1_000)) as server, client(server.url) as space:
            return await asyncio.wait_for(space.astatus(), 60)

    status = asyncio.run(main())

    assert (status.ready, status.stage) == (False, "UNREACHABLE")
    assert status.problem == "There was no complete response within 0.5 s"


TOTAL = p4.Timeouts(request=30, total=0.5)
SLOW: dict[str, Callable[[p4.SpaceClient], Awaitable[Any]]] = {
    "aupload": lambda space: space.aupload([PNG]),
    "asession": listen,
    "areply": turn,
}


@pytest.mark.loopback
@pytest.mark.parametrize("ask", SLOW.values(), ids=SLOW)
@pytest.mark.parametrize("request_seconds", [30, None])
def test_each_call_has_a_total(
    ask: Callable[[p4.SpaceClient], Awaitable[Any]], request_seconds: float | None
) -> None:
    """However long a request may take, nothing takes longer than `Timeouts.total`."""

    async def main() -> p4.DeadlineExceeded:
        timeouts = p4.Timeouts(request=request_seconds, total=0.5)
        slow = dripping(b" " * 1_000)
        async with hostile(config=slow) as server, client(server.url, timeouts=timeouts) as space:
            with pytest.raises(p4.DeadlineExceeded) as caught:
                await asyncio.wait_for(ask(space), 60)
        return caught.value

    assert asyncio.run(main()).which == "total"


@pytest.mark.loopback
@pytest.mark.parametrize("step", ["predict", "post", "get"])
def test_each_step_by_hand_has_a_total(step: str) -> None:
    """The calls of a turn, made one by one, end as well."""

    async def main() -> p4.DeadlineExceeded:
        quiet = for_ever(head(kind=EVENTS), b": quiet\n\n", every=0.05)
        slow = dripping(b" " * 1_000)
        async with (
            hostile(predict=slow, join=slow, data=quiet) as server,
            client(server.url, timeouts=TOTAL) as space,
            space.asession() as session,
        ):
            calls: dict[str, Callable[[], Awaitable[object]]] = {
                "predict": lambda: session.predict("hi"),
                "post": lambda: session.post([]),
                "get": lambda: anext(session.get("event")),
            }
            with pytest.raises(p4.DeadlineExceeded) as caught:
                await asyncio.wait_for(calls[step](), 60)
        return caught.value

    error = asyncio.run(main())

    assert (error.which, error.step) == ("total", step)


@pytest.mark.loopback
def test_status_and_waking_have_a_total() -> None:
    """They never raise: the total's end is what they tell."""

    async def main() -> list[Any]:
        slow = dripping(b" " * 1_000)
        async with hostile(config=slow) as server, client(server.url, timeouts=TOTAL) as space:
            waking = [stage async for stage in space.await_ready(30)]
            return [await asyncio.wait_for(space.astatus(wake=30), 60), *waking]

    for status in asyncio.run(main()):
        assert (status.ready, status.stage) == (False, "UNREACHABLE")
        assert "within 0.5 s" in status.problem
        assert "Timeouts.total" in status.advice


def test_the_hub_has_the_status_time_too() -> None:
    """A Hub that is slow about a Space does not hold its status up."""
    space = ScriptedSpace()

    async def for_ever(_request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    space.script["runtime"] = [for_ever, for_ever]
    one = p4.SpaceClient("ada/phi-4", timeouts=TOTAL, environment=Environment(transport=space))

    status = asyncio.run(asyncio.wait_for(one.astatus(), 60))

    assert "did not say how it stands within 0.5 s" in str(status.problem)


class Slow(httpx.AsyncBaseTransport):
    """Takes requests in pieces, each after a while, and answers as a Space does."""

    def __init__(self, pause: float, *, stuck_after: int = 10_000) -> None:
        """Pauses so many seconds before each piece of an upload, and for ever after some of them."""
        self.pause = pause
        self.stuck_after = stuck_after
        self.pieces = 0
        self.space = ScriptedSpace()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Takes one request."""
        if request.url.path.endswith("/upload"):
            async for _ in request.stream:  # type: ignore[union-attr]
                self.pieces += 1
                await anyio.sleep(self.pause if self.pieces < self.stuck_after else 3600)
            return httpx.Response(200, json=["/up/0"])
        return await self.space.handle_async_request(request)


def upload(transport: Slow, **timeouts: Any) -> object:
    """Uploads 2 MB, and thus some 30 pieces."""
    one = p4.SpaceClient(
        "http://space.test", timeouts=p4.Timeouts(**timeouts), environment=Environment(transport=transport)
    )
    return asyncio.run(asyncio.wait_for(one.aupload([PNG + bytes(2_000_000)]), 60))


def test_an_upload_that_moves_on_is_not_cut_off() -> None:
    """`request` begins anew with each piece that was sent: a slow line is no failure."""
    transport = Slow(0.05)

    assert upload(transport, request=1)
    assert transport.pieces * transport.pause > 1


def test_an_upload_that_does_not_move_on_is() -> None:
    """A server that takes no more of it has `request` seconds to take the next piece."""
    with pytest.raises(p4.DeadlineExceeded) as caught:
        upload(Slow(0, stuck_after=5), request=0.5)

    assert (caught.value.which, caught.value.step) == ("request", "upload")


def test_an_upload_has_a_total_all_the_same() -> None:
    """Moving on for ever is no way either."""
    with pytest.raises(p4.DeadlineExceeded) as caught:
        upload(Slow(0.2), request=5, total=1)

    assert (caught.value.which, caught.value.step) == ("total", "upload")


# --- nonsense ------------------------------------------------------------------------------------------

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"hello",
    "a web page": b"<html>",
    "half of it": b'{"version": "6',
    "two of them": b"{}{}",
    "a number": b"7",
    "null": b"null",
    "a list": b"[]",
    "no number": b"NaN",
    "no number inside": b'{"app_id": NaN, "version": "6", "dependencies": []}',
    "infinity": b'{"app_id": Infinity}',
    "beyond all floats": b'{"app_id": 1e999}',
    "more digits than Python reads": b'{"app_id": ' + b"9" * 5_000 + b"}",
    "half a pair": b'{"version": "\\ud800", "app_id": 1, "dependencies": []}',
    "half a pair, raw": b'{"version": "\xed\xa0\x80"}',
    "bytes of no text": b"\xff\xfe\xfd",
    "another encoding": '{"version": "6"}'.encode("utf-16"),
    "a mark in front": b"\xef\xbb\xbf{}",
    "nulls": b"\0" * 100,
    "deep lists": b"[" * 20_000,
    "deep lists, closed": b"[" * 20_000 + b"]" * 20_000,
    "deep objects": b'{"a":' * 20_000,
    "deep inside": b'{"version": "6", "app_id": 1, "dependencies": ' + b"[" * 900 + b"]" * 900 + b"}",
    "a title that is an object": b'{"error": "no", "title": {"a": 1}}',
    "an error that is a list": b'{"error": [1, 2], "detail": {"error": {"a": []}}}',
    "keys of the wrong kind": b'{"version": 6, "app_id": {}, "dependencies": {}, "components": 7}',
    "numbers that are too large": b'{"version": "6", "app_id": 1, "dependencies": [{"id": 1e30}]}',
}
WAYS: list[tuple[int, bytes]] = [
    (200, b"application/json"),
    (200, b"text/event-stream"),
    (299, b"application/json; charset=klingon"),
    (401, b"text/html"),
    (413, b"application/json"),
    (429, b""),
    (500, b"application/json"),
    (503, b"\xff/\xfe"),
    (999, b"text/plain; charset=utf-16"),
]


def ending(step: str, answer: httpx.Response) -> object:
    """What a turn ends with, when the Space answers so at a step."""
    space = ScriptedSpace({step: [answer]})
    one = p4.SpaceClient("http://space.test", max_retries=0, environment=Environment(transport=space))

    async def ask() -> object:
        async with one:
            return await turn(one)

    try:
        return asyncio.run(ask())
    except p4.Phi4Error as exc:
        return exc


@pytest.mark.parametrize("step", ["config", "upload", "predict", "join", "data"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_no_answer_makes_an_error_of_anothers(step: str, body: bytes) -> None:
    """Whatever a body holds, under whatever status and type, a turn ends with a reply or an error of ours."""
    for status, kind in WAYS:
        ended = ending(step, httpx.Response(status, content=body, headers={b"Content-Type": kind}))

        assert isinstance(ended, p4.Reply | p4.Phi4Error)
        assert len(str(ended)) < 5_000


CHARSETS = ["", "; charset=utf-16", "; charset=klingon", "; charset=", "; charset=\x00", "; charset=utf-7"]


@pytest.mark.parametrize("charset", CHARSETS)
def test_events_are_utf_8_whatever_is_said(charset: str) -> None:
    """As the standard has it; a charset that nobody knows was an AssertionError."""
    stream = events(*whole("grün"))
    stream.headers["content-type"] = f"{EVENTS}{charset}"
    space = ScriptedSpace({"data": [stream]})

    assert (
        asyncio.run(client("http://space.test", environment=Environment(transport=space)).areply("hi")).text
        == "grün"
    )


@given(
    st.lists(st.sampled_from([b"data: a", b"\n", b"\r", b"\r\n", b": c", b"", b"id: 1", b"\n\n", b"x" * 9])),
    st.integers(1, 60),
)
def test_the_size_of_events_is_known_however_they_are_cut(pieces: list[bytes], limit: int) -> None:
    """Cut anywhere, an event that is larger than allowed is refused, and none of a stream that is not."""
    whole_stream = b"".join(pieces)
    by_line = whole_stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n")
    largest = max(len(event.strip(b"\n")) for event in by_line)

    def is_taken(cut: list[bytes]) -> bool:
        messages = _Messages(limit)
        try:
            for piece in cut:
                messages.feed(piece)
        except p4.LimitExceeded:
            return False
        return True

    for cut in (pieces, [whole_stream], [whole_stream[at : at + 1] for at in range(len(whole_stream))]):
        assert not is_taken(cut) if largest > limit else is_taken(cut) or len(whole_stream) > limit


def test_an_event_is_measured_before_it_is_kept() -> None:
    """The piece that makes an event too large is not passed on."""
    taken: list[int] = []

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(1_000):
            taken.append(number)
            yield b"data: " + b"a" * 100 + b"\n"

    async def main() -> None:
        answer = httpx.Response(200, headers={"Content-Type": EVENTS}, content=pieces())
        async with aclosing(read_events(answer, p4.Limits(line=1_000))) as found:
            async for _ in found:
                pass

    with pytest.raises(p4.LimitExceeded):
        asyncio.run(main())

    assert len(taken) == 10


@pytest.mark.parametrize("length", ["9" * 5_000, "-1", "\u0663", "nine"])
def test_a_length_that_is_none_is_passed_over(length: str) -> None:
    """Where a transport lets it through, the body itself is counted."""
    answer = httpx.Response(200, content=b"{}", headers=[(b"Content-Length", length.encode())])

    assert asyncio.run(read_body(answer, p4.Limits())) == b"{}"


def test_a_body_up_to_the_limit_is_read() -> None:
    """To the byte."""

    async def main(size: int) -> bytes:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"a" * size

        return await read_body(httpx.Response(200, content=pieces()), p4.Limits(body=10))

    assert asyncio.run(main(10)) == b"a" * 10
    with pytest.raises(p4.LimitExceeded):
        asyncio.run(main(11))
