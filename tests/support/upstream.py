"""An engine that plays what it is given, on a real port, and notes what it was asked. Knows no client."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

EVENTS = {"Content-Type": "text/event-stream; charset=utf-8"}
JSON = {"Content-Type": "application/json"}
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Play:
    """A response.

    Attributes:
        chunks: Its body, in the pieces in which it is sent.
        status: Its status.
        headers: Its headers.
        then: How it ends: "end" as it should, "cut" with the connection broken, "silence" without a word
            until the client leaves, "refuse" without a response at all.
        pause: Seconds before each chunk but the first.
    """

    chunks: Iterable[bytes] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: EVENTS)
    then: Literal["end", "cut", "silence", "refuse"] = "end"
    pause: float = 0.0


@dataclass(frozen=True)
class Asked:
    """A request: its path with the query, its headers with small names, and its body."""

    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass
class Upstream:
    """A running engine.

    Attributes:
        url: Its base URL.
        plays: What it answers, one after the other; the last again and again.
        models: The names that it lists.
        asked: What it was asked.
        left: Set when a client has left in the midst of an answer.
        connections: How many it had.
    """

    url: str = ""
    plays: list[Play] = field(default_factory=list)
    models: Sequence[str] = ("phi-4",)
    asked: list[Asked] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    connections: int = 0

    def next(self) -> Play:
        """What is answered now."""
        return self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]


def event(value: object) -> bytes:
    """An event of a stream."""
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def delta(content: object = None, **others: object) -> bytes:
    """A chunk with some text."""
    return event({"choices": [{"index": 0, "delta": {"content": content, **others}, "finish_reason": None}]})


def finish(reason: str = "stop", **others: object) -> bytes:
    """The last chunk with a choice."""
    return event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason, **others}]})


def usage(prompt: int = 5, completion: int = 7) -> bytes:
    """The chunk that counts, without a choice."""
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return event({"choices": [], "usage": counts, "model": "phi-4-mm"})


def answer(*pieces: str, reason: str = "stop") -> Play:
    """A whole answer as vLLM and llama.cpp stream it: a role, text, an end and the usage."""
    return Play([delta(role="assistant"), *map(delta, pieces), finish(reason), usage(), DONE])


def refusal(status: int, body: object, **headers: str) -> Play:
    """An error, in JSON unless it is text."""
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Play(
        [data] if data else [],
        status,
        {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}},
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream: Upstream

    def setup(self) -> None:
        super().setup()
        self.upstream.connections += 1

    def log_message(self, *_arguments: object) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        self._note(None)
        body = json.dumps({"object": "list", "data": [{"id": name} for name in self.upstream.models]})
        self._play(refusal(200, body) if self.upstream.models else refusal(404, "<html>"))

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        self._note(json.loads(self.rfile.read(size)))
        self._play(self.upstream.next())

    def _note(self, body: object) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.upstream.asked.append(Asked(self.path, headers, body))

    def _play(self, play: Play) -> None:
        if play.then == "refuse":
            self.close_connection = True
            return
        self.send_response(play.status)
        for name, value in play.headers.items():
            self.send_header(name, value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for number, chunk in enumerate(play.chunks):
                time.sleep(play.pause if number else 0)
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            if play.then == "silence" and not self.connection.recv(1):
                self.upstream.left.set()
            if play.then == "end":
                self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.upstream.left.set()
        self.close_connection = self.close_connection or play.then != "end"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_arguments: object) -> None:
        """A client that has left is no error."""


@contextmanager
def running_upstream(*plays: Play, models: Sequence[str] = ("phi-4",)) -> Iterator[Upstream]:
    """An engine on a free port of this machine, for as long as the block."""
    upstream = Upstream(plays=[*plays], models=models)
    handler = type("Handler", (_Handler,), {"upstream": upstream})
    with _Server(("127.0.0.1", 0), handler) as server:
        upstream.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield upstream
        finally:
            server.shutdown()
            thread.join()
            with suppress(OSError):
                server.socket.close()
