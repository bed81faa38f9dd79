"""What comes before the app: bodies of bounded size and in bounded time, and turns for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest
from fastapi import HTTPException

from phi4_server import admission
from phi4_server.admission import TAKEN, Admission, Body, Gate
from phi4_server.bounds import Bounds
from phi4_server.shares import CLIENT, SIZE, Shares

pytestmark = pytest.mark.anyio
Message = MutableMapping[str, Any]
INLINE = "/inline"
"""Where requests hold files themselves."""
SMALL = Bounds(file=10, files=2, text=4, disk=4_194_304)


class Wire:
    """A request's two ends: what the client sends, piece by piece, and what it is answered."""

    def __init__(self, *pieces: bytes, ends: bool = True) -> None:
        """Sends `pieces`, and then nothing more, unless the body ends with the last."""
        self._pieces = list(pieces)
        self._ends = ends
        self.status = 0
        self.answer = b""

    async def receive(self) -> Message:
        if self._pieces:
            piece = self._pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self._pieces) or not self._ends}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: Message) -> None:
        self.status = message.get("status", self.status)
        self.answer += message.get("body", b"")


def scope(path: str = "/", client: str = "a", **headers: str) -> Message:
    """A request's head."""
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "POST", "path": path, "client": (client, 1), "headers": raw}


async def echo(scope: Message, receive: Callable[[], Awaitable[Message]], send: Any) -> None:
    """Answers with what it got, from whom, and how much of it."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    answer = b"%s %s %d" % (body, CLIENT.get().encode(), scope.get(SIZE, 0))
    await send({"type": "http.response.body", "body": answer})


async def test_passes_on() -> None:
    """The app gets the body in one piece, and knows the client."""
    wire = Wire(b"one ", b"two")
    await Admission(echo, bounds=SMALL)(scope(), wire.receive, wire.send)
    assert (wire.status, wire.answer) == (200, b"one two a 7")


async def test_passes_uploads_on_as_they_come() -> None:
    """Those go to the disk, not to the memory."""
    wire = Wire(b"one ", b"two")
    await Admission(echo, bounds=SMALL)(scope(admission.UPLOADS), wire.receive, wire.send)
    assert (wire.status, wire.answer) == (200, b"one two a 0")


async def test_other_than_http() -> None:
    """A server's start is none of its business."""
    seen = []

    async def app(scope: Message, _receive: Any, _send: Any) -> None:
        seen.append(scope)

    await Admission(app, bounds=SMALL)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
    assert seen == [{"type": "lifespan"}]


@pytest.mark.parametrize(
    ("path", "most"), [("/", SMALL.body), (admission.UPLOADS, SMALL.upload), (INLINE, SMALL.inline)]
)
@pytest.mark.parametrize(("announced", "length"), [(True, ""), (True, "9" * 5000), (False, "")])
async def test_too_large(path: str, most: int, length: str, *, announced: bool) -> None:
    """It is refused before it is read, if its length is told; else once it is too long."""
    piece = b"x" * (most + 1)
    pieces = [] if announced else [piece[: most // 2], piece[most // 2 :], b"more"]
    wire = Wire(*pieces, ends=False)
    heads = {"content_length": length or str(most + 1)} if announced else {}

    async def app(_scope: Message, receive: Any, _send: Any) -> None:
        while True:
            await receive()

    await Admission(app, bounds=SMALL, inline=[INLINE])(scope(path, **heads), wire.receive, wire.send)
    assert wire.status == 413
    assert wire.answer.decode() == f"Request body exceeded maximum allowed size of {most} bytes."


async def test_odd_length() -> None:
    """A length that is no number is the server's to judge, not ours."""
    wire = Wire(b"x")
    await Admission(echo, bounds=SMALL)(scope(content_length="-1"), wire.receive, wire.send)
    assert wire.status == 200


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b'{"data":[1,2]}', 3),
        (b'{"data":["a,b[{","\\",","\\\\"]}', 8),  # few: what stands in strings counts as well
        (b"[" + b'"' + b"," * 150_000 + b'"' + b",1]", 2),
        (b'["' + b'\\",' * 150_000 + b'"]', 1),
        (b'["' + b"," * 150_000, 1),
        (b'"' + b"\\" * 150_001 + b"," * 150_000, 1),
        (b"[]," * 150_000, 300_000),
        (b"a=1&" * 150_000, 150_000),
    ],
)
def test_values(body: bytes, count: int) -> None:
    """Values are counted as they will be in memory; text is text, whatever stands in it."""
    assert admission.values(body) == count


@pytest.mark.parametrize("piece", [b"[],", b'"",', b'"a":"b",', b"{},", b"a=1&"])
async def test_too_many_values(piece: bytes) -> None:
    """A body of small things, which take far more memory than bytes, does not reach the app."""
    wire = Wire(piece * (admission.VALUES + 1))
    await Admission(echo, bounds=Bounds())(scope(), wire.receive, wire.send)
    assert (wire.status, wire.answer) == (400, b"The request holds more than 100,000 values.")


@pytest.mark.parametrize("path", ["/", INLINE])
async def test_too_slow(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that does not come is not waited for."""
    monkeypatch.setattr(admission, "PATIENCE_S", 0.01)
    wire = Wire(b"x", ends=False)
    await Admission(echo, bounds=SMALL, inline=[INLINE])(scope(path), wire.receive, wire.send)
    assert (wire.status, wire.answer) == (408, b"The request's body came too slowly.")


async def test_broken_off() -> None:
    """One that is cut off does not reach the app."""

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    wire = Wire()
    await Admission(echo, bounds=SMALL)(scope(), receive, wire.send)
    assert (wire.status, wire.answer) == (400, b"The request broke off.")


async def test_bodies_make_room() -> None:
    """When all bodies together are too many, the newest of whoever sends most gives way, at once."""
    shares: Shares[Body] = Shares(10)

    def body(client: str, *pieces: bytes) -> Body:
        return Body(Wire(*pieces, ends=False).receive, most=100, shares=shares, client=client)

    flood = [body("flooder", b"xxx") for _ in range(3)]
    waits = [asyncio.ensure_future(one.whole()) for one in flood]
    await asyncio.sleep(0)
    await body("polite", b"yy").receive()
    done, pending = await asyncio.wait(waits, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    (refusal,) = (wait.exception() for wait in done)
    assert isinstance(refusal, HTTPException)
    assert refusal.status_code == 503
    assert waits[2] in done
    for wait in pending:
        wait.cancel()


async def test_body_that_is_itself_too_much() -> None:
    """Who sends most has no room to be made for; what the app has got already cannot be taken back."""
    shares: Shares[Body] = Shares(10)
    handed_over = Body(Wire(b"x" * 8).receive, most=100, shares=shares, client="flooder")
    await handed_over.whole()
    late = Body(Wire(b"x" * 8).receive, most=100, shares=shares, client="polite")
    with pytest.raises(HTTPException, match="too much at the moment"):
        await late.whole()


async def test_gate_lets_clients_in_by_turns() -> None:
    """Who comes a hundred times before another comes once is ahead of him once."""
    gate, order = Gate(1), list[str]()
    await gate.enter("flooder")

    async def pass_through(client: str) -> None:
        await gate.enter(client)
        order.append(client)
        gate.leave()

    waits = [asyncio.ensure_future(pass_through("flooder")) for _ in range(100)]
    await asyncio.sleep(0)
    waits.append(asyncio.ensure_future(pass_through("polite")))
    await asyncio.sleep(0)
    gate.leave()
    await asyncio.gather(*waits)
    assert order.index("polite") == 1


async def test_gate_forgets_who_left() -> None:
    """A turn that nobody takes any more is the next one's; none is lost."""
    gate = Gate(2)
    await gate.enter("a")
    await gate.enter("a")
    waits = [asyncio.ensure_future(gate.enter(client)) for client in "bcd"]
    await asyncio.sleep(0)
    waits[0].cancel()
    await asyncio.sleep(0)
    gate.leave()  # it is c's, who is cancelled before he hears of it
    waits[1].cancel()
    await asyncio.wait_for(waits[2], 5)
    gate.leave()
    gate.leave()
    for _ in range(2):
        await asyncio.wait_for(gate.enter("e"), 5)


async def test_a_stream_holds_no_turn() -> None:
    """Once an answer begins, the next request is worked on, however long the answer goes on."""
    began = asyncio.Event()

    async def app(_scope: Message, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        began.set()
        await asyncio.Event().wait()

    guarded = Admission(app, bounds=SMALL)
    wires = [Wire(b"") for _ in range(admission.AT_ONCE + 5)]
    streams = [asyncio.ensure_future(guarded(scope(), wire.receive, wire.send)) for wire in wires]
    async with asyncio.timeout(5):
        while not all(wire.status for wire in wires):
            await asyncio.sleep(0)
    for stream in streams:
        stream.cancel()


async def test_what_is_taken_holds_nothing() -> None:
    """An app that has made of a request what it needs lets the next in, and their bytes count no more."""
    taken = 0

    async def app(scope: Message, receive: Any, _send: Any) -> None:
        nonlocal taken
        await receive()
        scope[TAKEN]()
        taken += 1
        await asyncio.Event().wait()

    guarded = Admission(app, bounds=SMALL, inline=[INLINE])
    wires = [Wire(b"x" * SMALL.inline) for _ in range(admission.AT_ONCE + 2)]
    requests = [asyncio.ensure_future(guarded(scope(INLINE), wire.receive, wire.send)) for wire in wires]
    async with asyncio.timeout(5):
        while taken < len(wires):
            await asyncio.sleep(0)
    for request in requests:
        request.cancel()


async def test_turns_of_requests() -> None:
    """So many are worked on at a time; the progress of an upload, which only waits, is none of them."""
    inside, most, proceed = 0, 0, asyncio.Event()

    async def app(_scope: Message, _receive: Any, send: Any) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await proceed.wait()
        inside -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})

    guarded = Admission(app, bounds=SMALL)
    wires = [Wire(b"") for _ in range(20)]
    work = [asyncio.ensure_future(guarded(scope(), wire.receive, wire.send)) for wire in wires]
    for _ in range(50):
        await asyncio.sleep(0)
    assert most == admission.AT_ONCE
    progress = asyncio.ensure_future(guarded(scope(admission.PROGRESS), Wire(b"").receive, Wire().send))
    for _ in range(50):
        await asyncio.sleep(0)
    assert most == admission.AT_ONCE + 1
    proceed.set()
    await asyncio.gather(*work, progress)
    assert {wire.status for wire in wires} == {200}
