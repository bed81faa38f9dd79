"""A Space that costs next to nothing: it replays what a Gradio 6.31 sends, whatever it is asked.

    python -m benchmarks.replay        then SpaceClient(URL + Play(...).path)

What is measured against it is the client alone. The path of the URL says what is played. It speaks just
enough HTTP for that, and reads uploads without keeping them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from functools import cache
from typing import Any, Literal, get_args

from benchmarks.child import end_with_parent, running

Kind = Literal["words", "call", "json", "hold"]
_EVENT = "0" * 32
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_HEAD = 2**18
_PIECE = 2**18


@dataclass(frozen=True, slots=True)
class Play:
    """What is answered.

    Attributes:
        kind: Words; a tool call; a JSON object; or words whose end never comes.
        deltas: In how many pieces.
        size: Characters of each.
        pause: Microseconds between two.
        wait: Milliseconds before the first.
    """

    kind: Kind = "words"
    deltas: int = 8
    size: int = 6
    pause: int = 0
    wait: int = 0

    @property
    def path(self) -> str:
        """What a URL has behind the server's own."""
        return "".join(f"/{part}" for part in astuple(self))

    @classmethod
    def of(cls, path: str) -> tuple[Play, str]:
        """What the first segments of a path say, and the rest."""
        kind, deltas, size, pause, wait, *rest = path.removeprefix("/").split("/")
        if kind not in get_args(Kind):
            raise ValueError(f"no such play: {path}")
        return cls(kind, int(deltas), int(size), int(pause), int(wait)), "/".join(rest)  # type: ignore[arg-type]

    @property
    def text(self) -> str:
        """The whole answer."""
        long = self.deltas * self.size
        match self.kind:
            case "call":
                head, tail = '<|tool_call|>[{"name": "save", "arguments": {"text": "', '"}}]<|/tool_call|>'
                return f"{head}{_words(self.size, long - len(head) - len(tail))}{tail}"
            case "json":
                row = json.dumps(_words(6, 98)) + ","
                head, tail = '{"rows": [', '"end"]}'
                return f"{head}{row * ((long - len(head) - len(tail)) // len(row))}{tail}"
            case _:
                return _words(self.size, long)


def _words(size: int, count: int) -> str:
    word = f" {(_LETTERS * (size // len(_LETTERS) + 1))[: size - 1]}"
    return (word * (count // size + 1))[: max(count, 1)]


def config() -> dict[str, Any]:
    """A /config with both contracts, of as few parts as that takes."""
    kinds = ("state", "chatbot", "multimodaltextbox", "json", "file", "textbox", "json")
    parts = [{"id": number, "type": kind, "props": {}} for number, kind in enumerate(kinds)]
    parts[2]["props"] = {"file_count": "multiple"}
    parts[4]["props"] = {"file_count": "multiple"}
    functions = [
        ("process_message", [1, 2, 0], [1, 2, 0], {"queue": False, "targets": [[2, "submit"]]}),
        ("bot_response", [1, 0], [1, 0], {"queue": True, "types": {"generator": True}, "trigger_after": 0}),
        ("chat_completion", [3, 4], [5, 6], {"queue": True, "types": {"generator": True}}),
    ]
    dependencies = [
        {"id": number, "api_name": name, "inputs": takes, "outputs": gives, "backend_fn": True, **more}
        for number, (name, takes, gives, more) in enumerate(functions)
    ]
    about = {"version": "6.31.0", "app_id": 1, "api_prefix": "/gradio_api"}
    return {**about, "dependencies": dependencies, "components": parts}


def _bubble(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "metadata": None, "content": [{"text": text, "type": "text"}], "options": None}


@cache
def messages(play: Play, *, whole_chats: bool) -> list[bytes]:
    """The events of one answer."""
    text = play.text
    pieces = [text[at : at + play.size] for at in range(0, len(text), play.size)]
    asked = _bubble("user", "hi")

    def outputs(answer: str) -> list[Any]:
        return [answer, None] if whole_chats else [[asked, _bubble("assistant", answer)], None]

    where: list[object] = [] if whole_chats else [1, "content", 0, "text"]
    played: list[dict[str, Any]] = [
        {"msg": "estimation", "event_id": _EVENT, "rank": 0, "queue_size": 1, "rank_eta": None},
        {"msg": "process_starts", "event_id": _EVENT, "eta": None},
        _generating(outputs(pieces[0])),
        *(_generating([[["append", where, piece]], []]) for piece in pieces[1:]),
    ]
    if play.kind != "hold":
        end = outputs(text)
        if whole_chats:
            end[1] = {"finish_reason": "stop", "usage": None, "model": "Replayed"}
        played += [{**_generating(end), "msg": "process_completed", "title": None}]
        played += [{"msg": "close_stream", "event_id": None}]
    return [_chunk(f"data: {json.dumps(one, separators=(',', ':'))}\n\n".encode()) for one in played]


def _generating(data: list[Any]) -> dict[str, Any]:
    rest: dict[str, object] = {"render_config": None, "changed_state_ids": [], "used_cache": None}
    times = {"duration": 0.0025086402893066406, "average_duration": 0.0021480321884155273}
    output = {"data": data, "is_generating": True, **times, **rest}
    ends = {"success": True, "time_limit": None}
    return {"msg": "process_generating", "event_id": _EVENT, "output": output, **ends}


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class Space:
    """The server."""

    def __init__(self) -> None:
        """Knows no session."""
        self._takes_whole_chats: dict[str, bool] = {}
        self._uploads = 0
        self._chat = config()["dependencies"][2]["id"]

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers all requests of one connection."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                path, _, query = head.split(" ", 2)[1].partition("?")
                await self._answer(path, query, await _body(head, reader), writer)
        writer.close()

    async def _answer(self, path: str, query: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        play, what = Play.of(path)
        match what.removeprefix("gradio_api/"):
            case "config":
                _respond(writer, config())
            case "app_id":
                _respond(writer, {"app_id": 1})
            case "upload":
                self._uploads += 1
                _respond(writer, ["/tmp/gradio/file"])  # noqa: S108  no such file is made
            case "uploads":
                _respond(writer, self._uploads)
            case "run/predict":
                _respond(writer, {"data": [[_bubble("user", "hi")], None, None]})
            case "queue/join":
                asked = json.loads(body)
                self._takes_whole_chats[asked["session_hash"]] = asked["fn_index"] == self._chat
                _respond(writer, {"event_id": _EVENT})
            case "queue/data":
                session = query.partition("session_hash=")[2].partition("&")[0]
                await _play(play, writer, whole_chats=self._takes_whole_chats.pop(session))
            case _:
                _respond(writer, {})


def _respond(writer: asyncio.StreamWriter, body: object) -> None:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)


async def _play(play: Play, writer: asyncio.StreamWriter, *, whole_chats: bool) -> None:
    kind = b"content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
    played = messages(play, whole_chats=whole_chats)
    await asyncio.sleep(play.wait / 1000)
    writer.write(b"HTTP/1.1 200 OK\r\n" + kind)
    if play.pause:
        for message in played:
            writer.write(message)
            await asyncio.sleep(play.pause / 1e6)
    else:
        writer.write(b"".join(played))
    if play.kind != "hold":
        writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _body(head: str, reader: asyncio.StreamReader) -> bytes:
    """What a request carries; of what is longer than a question, nothing."""
    lines = head.lower().split("\r\n")
    if "transfer-encoding: chunked" in lines:
        while size := int((await reader.readuntil(b"\r\n")), 16):
            await _skip(reader, size + 2)
        await reader.readuntil(b"\r\n")
        return b""
    size = next((int(line[15:]) for line in lines if line.startswith("content-length:")), 0)
    if size <= _PIECE:
        return await reader.readexactly(size)
    await _skip(reader, size)
    return b""


async def _skip(reader: asyncio.StreamReader, size: int) -> None:
    while size:
        piece = await reader.read(min(size, _PIECE))
        if not piece:
            raise ConnectionError
        size -= len(piece)


@contextmanager
def replaying() -> Iterator[str]:
    """Such a Space in a process of its own; yields its URL, which a play's path belongs behind."""
    with running("benchmarks.replay") as (url,):
        yield url


async def _serve() -> None:
    server = await asyncio.start_server(Space().accept, "127.0.0.1", 0, limit=_HEAD, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    end_with_parent()
    asyncio.run(_serve())
