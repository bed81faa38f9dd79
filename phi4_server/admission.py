"""What comes before the app: how much a request may bring, how long that may take, and whose turn it is.

ASGI middleware. Knows HTTP and its clients, and the one path of Gradio's that takes files; no page, no model.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from contextlib import ExitStack
from typing import Any, TypeVar

from fastapi import HTTPException
from fastapi.responses import PlainTextResponse

from phi4_server.bounds import Bounds
from phi4_server.shares import CLIENT, SIZE, Shares, client_of

UPLOADS = "/gradio_api/upload"
PROGRESS = "/gradio_api/upload_progress"
"""Which waits for an upload to begin, and is no work."""

TAKEN = "phi4_server.taken"
"""Under which a request's scope has what an app may call once it has made of the request what it needs."""

AT_ONCE = 8
"""Requests that are worked on at a time; streams count until they begin."""

PATIENCE_S = 30.0
SLOWEST = 10_000
"""A body may take `PATIENCE_S`, and a second more for each `SLOWEST` bytes that have come."""

VALUES = 100_000
"""Values in a request's JSON, or fields in its form: one may be two bytes long, and takes fifty in memory."""

_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_BETWEEN_VALUES = b"[{,&"

_DIGITS = 15

_SLOW = (408, "The request's body came too slowly.")
_CROWDED = (503, "This Space takes in too much at the moment. Try again later.")

T = TypeVar("T")
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


class Admission:
    """Lets requests in, of bounded size and in bounded time, each client in its turn."""

    def __init__(
        self, app: Callable[..., Awaitable[None]], *, bounds: Bounds, inline: Collection[str] = ()
    ) -> None:
        """Stands before `app`.

        Args:
            app: What answers.
            bounds: How much a request may bring.
            inline: The paths where requests hold files themselves.
        """
        self._app = app
        self._bounds = bounds
        self._inline = inline
        self._bodies: Shares[Body] = Shares(bounds.bodies)
        self._uploads: Shares[Body] = Shares(bounds.disk // 2)
        self._inlines: Shares[Body] = Shares(2 * bounds.inline)
        self._gate = Gate(AT_ONCE)

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Passes a request on, or answers 408, 413 or 503 in the app's place."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        client = client_of(scope.get("client"))
        CLIENT.set(client)
        is_upload = scope["path"].rstrip("/") == UPLOADS
        body = self._body(scope["path"], receive, client)
        try:
            body.announce(scope)
            if is_upload:  # Gradio writes it to the disk as it comes, and answers what is raised meanwhile
                await self._app(scope, body.receive, send)
            else:
                await self._let_in(scope, body, client, send)
        except HTTPException as refusal:
            await PlainTextResponse(refusal.detail, refusal.status_code)(scope, receive, send)
        finally:
            body.free()

    def _body(self, path: str, receive: _Receive, client: str) -> Body:
        if path.rstrip("/") == UPLOADS:
            most, shares = self._bounds.upload, self._uploads
        elif path.rstrip("/") in self._inline:
            most, shares = self._bounds.inline, self._inlines
        else:
            most, shares = self._bounds.body, self._bodies
        return Body(receive, most=most, shares=shares, client=client)

    async def _let_in(self, scope: _Message, body: Body, client: str, send: _Send) -> None:
        receive = await body.whole()
        scope[SIZE] = body.size
        if scope["path"] == PROGRESS:
            await self._app(scope, receive, send)
            return
        await body.outlast(self._gate.enter(client))
        with ExitStack() as inside:
            inside.callback(self._gate.leave)

            def take() -> None:
                inside.close()
                body.free()

            async def send_and_leave(message: _Message) -> None:
                inside.close()
                await send(message)

            scope[TAKEN] = take
            await self._app(scope, receive, send_and_leave)


class Body:
    """A request's body on its way in.

    Attributes:
        size: Bytes that have come.
    """

    def __init__(self, receive: _Receive, *, most: int, shares: Shares[Body], client: str) -> None:
        """Nothing has come yet.

        Args:
            receive: Where it comes from.
            most: Bytes that it may have.
            shares: What all bodies of its kind hold together.
            client: Whose it is.
        """
        self._receive = receive
        self._most = most
        self._shares = shares
        self._client = client
        self.size = 0
        self._began = asyncio.get_running_loop().time()
        self._is_whole = False
        self._gives_way = False
        self._waiting: asyncio.Timeout | None = None

    def announce(self, scope: _Message) -> None:
        """Looks at what the headers say of it.

        Raises:
            HTTPException: It will be larger than it may be.
        """
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and (len(length) > _DIGITS or int(length) > self._most):
            raise self._too_large()

    async def receive(self) -> _Message:
        """The next piece, as ASGI has it; once the body is whole, whatever comes after it.

        Raises:
            HTTPException: It is larger than it may be, it comes too slowly or not to its end, or others need
                the room more.
        """
        if self._is_whole:
            return await self._receive()
        message = await self.outlast(self._receive(), self._began + PATIENCE_S + self.size / SLOWEST)
        if message["type"] == "http.disconnect":
            raise HTTPException(400, "The request broke off.")
        self._is_whole = not message.get("more_body", False)
        self.size += len(message.get("body", b""))
        if self.size > self._most:
            raise self._too_large()
        self._hold()
        return message

    async def whole(self) -> _Receive:
        """Waits for all of it.

        Returns:
            What hands it out again, in one piece.

        Raises:
            HTTPException: As `receive` does; or it holds too many values.
        """
        pieces = bytearray()
        while not self._is_whole:
            pieces += (await self.receive()).get("body", b"")
        body = bytes(pieces)
        if values(body) > VALUES:
            raise HTTPException(400, f"The request holds more than {VALUES:,} values.")
        messages: list[_Message] = [{"type": "http.request", "body": body, "more_body": False}]
        del pieces, body

        async def replay() -> _Message:
            return messages.pop() if messages else await self._receive()

        return replay

    async def outlast(self, work: Awaitable[T], until: float | None = None) -> T:
        """Waits for something, unless this body has to give way meanwhile.

        Args:
            work: What to wait for.
            until: When to give up, by the loop's clock.

        Raises:
            HTTPException: It was given up.
        """
        try:
            async with asyncio.timeout_at(until) as self._waiting:
                return await work
        except TimeoutError:
            raise HTTPException(*(_CROWDED if self._gives_way else _SLOW)) from None
        finally:
            self._waiting = None

    def free(self) -> None:
        """Is no longer held."""
        self._shares.free(self)

    def _hold(self) -> None:
        if self.size and not self._gives_way:
            self._shares.hold(self, self._client, self.size)
        while self._shares.crowded:
            others = (body for body in reversed(self._shares.largest()) if body.can_give_way)
            next(others, self).give_way()
        if self._gives_way:
            raise HTTPException(*_CROWDED)

    @property
    def can_give_way(self) -> bool:
        """Whether it is on its way in still, or waits; what the app has got, it has got."""
        return not self._is_whole or self._waiting is not None

    def give_way(self) -> None:
        """Is given up, for others that need the room more."""
        self.free()
        self._gives_way = True
        if self._waiting is not None:
            self._waiting.reschedule(self._began)

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"Request body exceeded maximum allowed size of {self._most} bytes.")


def values(body: bytes) -> int:
    """How many values a body holds, about; what stands in strings is not counted where that matters."""
    count = sum(map(body.count, _BETWEEN_VALUES))
    if count <= VALUES:
        return count
    structure, strings = _TEXT.subn(b"", body, 2 * VALUES)
    return max(sum(map(structure.count, _BETWEEN_VALUES)), strings // 2 + 1)


class Gate:
    """Lets so many in at a time; those who wait are let in by turns, one of each client."""

    def __init__(self, most: int) -> None:
        """Lets `most` in."""
        self._free = most
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    async def enter(self, client: str) -> None:
        """Waits for a turn.

        Args:
            client: Whose turn it shall be.
        """
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._lines.setdefault(client, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came at the same moment
                self.leave()
            raise

    def leave(self) -> None:
        """Gives the turn to the next."""
        while self._lines:
            client, line = self._lines.popitem(last=False)
            turn = line.popleft()
            if line:
                self._lines[client] = line
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
