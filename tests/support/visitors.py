"""Who comes to a Space, from an address and in a session of its own. Knows the wire, no client of ours."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

API = "/gradio_api"


@dataclass
class Visitor:
    """One that asks.

    Attributes:
        url: The Space's.
        stack: What closes its connections.
        address: Where it comes from; all of 127.0.0.0/8 is this machine, on Linux.
        session: Its session's name.
    """

    url: str
    stack: ExitStack
    address: str = "127.0.0.1"
    session: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        """Opens nothing yet."""
        transport = httpx.HTTPTransport(local_address=self.address)
        self.http = httpx.Client(base_url=self.url, transport=transport, timeout=30)
        self.stack.callback(self.http.close)

    def again(self) -> Visitor:
        """The same client in another session."""
        return Visitor(self.url, self.stack, self.address)

    def file(self, text: str, files: Sequence[str] = ()) -> httpx.Response:
        """Process_message."""
        named = [{"path": path, "meta": {"_type": "gradio.FileData"}} for path in files]
        body = {
            "data": [[], {"text": text, "files": named}, None],
            "fn_index": 10,
            "session_hash": self.session,
        }
        return self.http.post(f"{API}/run/predict", json=body)

    def join(self) -> httpx.Response:
        """Bot_response, into the queue."""
        return self.http.post(f"{API}/queue/join", json=self.job())

    def job(self) -> dict[str, Any]:
        """What `join` sends."""
        return {"data": [[], None], "fn_index": 11, "session_hash": self.session}

    def wait(self, text: str) -> httpx.Response:
        """Files a question and waits for its answer without reading it."""
        self.file(text).raise_for_status()
        return self.join()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Has a turn answered for as long as the block lasts; one of the faulty Space's."""
        event_id = self.wait("SLOW 60").raise_for_status().json()["event_id"]
        stream = self.events()
        next(event for event in stream if event["msg"] == "process_generating")
        yield
        stream.close()
        body = {"session_hash": self.session, "fn_index": 11, "event_id": event_id}
        self.http.post(f"{API}/cancel", json=body).raise_for_status()

    def events(self) -> Generator[dict[str, Any]]:
        """What the Space says about this session's jobs, until it closes the stream."""
        with self.http.stream("GET", f"{API}/queue/data", params={"session_hash": self.session}) as response:
            for line in response.iter_lines():
                if line:
                    yield json.loads(line.removeprefix("data: "))

    def ask(self, text: str, files: Sequence[str] = ()) -> str:
        """One question, and the answer or what went wrong."""
        filed = self.file(text, files)
        if filed.status_code != httpx.codes.OK:
            return str(filed.json()["error"])
        self.join().raise_for_status()
        return outcome(next(event for event in self.events() if event["msg"] == "process_completed"))

    def complete(self, body: Any, files: Sequence[Any] = ()) -> dict[str, Any]:
        """One `chat_completion`, and how it ended."""
        functions = self.http.get("/config").json()["dependencies"]
        (number,) = (one["id"] for one in functions if one["api_name"] == "chat_completion")
        call = {"data": [body, [*files] or None], "fn_index": number, "session_hash": self.session}
        joined = self.http.post(f"{API}/queue/join", json=call)
        if joined.status_code != httpx.codes.OK:
            return {"success": False, "output": {"error": joined.text}}
        return next(event for event in self.events() if event["msg"] == "process_completed")

    def upload(self, *contents: bytes) -> httpx.Response:
        """Files; the answer has their paths."""
        return self.http.post(f"{API}/upload", files=[("files", ("a.png", content)) for content in contents])

    def keep(self, content: bytes) -> Path:
        """One file, which lies on this machine."""
        (path,) = self.upload(content).raise_for_status().json()
        return Path(path)

    def connect(self) -> socket.socket:
        """A bare connection."""
        url = httpx.URL(self.url)
        return socket.create_connection((url.host, url.port or 80), 10, source_address=(self.address, 0))


def outcome(event: dict[str, Any]) -> str:
    """The answer that a completed turn has, or its error."""
    if not event["success"]:
        return str(event["output"]["error"])
    content = event["output"]["data"][0][-1]["content"]
    return str(content if isinstance(content, str) else content[-1]["text"])
