"""A Space in memory: answers an httpx client by script, and keeps what it was asked. Knows no client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

URL = "http://space.test"
Answer = httpx.Response | Exception | Callable[[httpx.Request], Awaitable[httpx.Response]]


def config(**changes: Any) -> dict[str, Any]:
    """The part of a Gradio 6 `/config` that matters."""
    return {
        "version": "6.31.0",
        "api_prefix": "/gradio_api",
        "app_id": 12345678901234567890,
        "max_file_size": None,
        "space_id": None,
        "components": [
            {"id": 2, "type": "state", "props": {}},
            {"id": 3, "type": "chatbot", "props": {}},
            {"id": 4, "type": "multimodaltextbox", "props": {}},
        ],
        "dependencies": [
            {
                "id": 10,
                "api_name": "process_message",
                "targets": [[4, "submit"]],
                "inputs": [3, 4, 2],
                "outputs": [3, 4, 2],
            },
            {"id": 11, "api_name": "bot_response", "targets": [], "inputs": [3, 2], "outputs": [3, 2]},
        ],
        **changes,
    }


def said(role: str, text: str) -> dict[str, Any]:
    """One entry of a chat, as Gradio 6 writes it."""
    return {"role": role, "content": [{"type": "text", "text": text}]}


def chat(answer: str | None, question: str = "hi") -> list[dict[str, Any]]:
    """A chat of one question and, if there is one, its answer."""
    entries = [said("user", question)]
    return entries if answer is None else [*entries, said("assistant", answer)]


def job(**message: Any) -> dict[str, Any]:
    """A queue message of the one job."""
    return {"event_id": "event", **message}


ESTIMATION = job(msg="estimation", rank=0, queue_size=1, rank_eta=None)
STARTS = job(msg="process_starts", eta=None)
HEARTBEAT = {"msg": "heartbeat", "event_id": None}
CLOSE = {"msg": "close_stream", "event_id": None}


def generating(answer: str | None) -> dict[str, Any]:
    """The first, full snapshot of an answer."""
    return job(msg="process_generating", output={"data": [chat(answer), None]}, success=True)


def more(text: str) -> dict[str, Any]:
    """A later snapshot: text appended."""
    edit = ["append", [1, "content", 0, "text"], text]
    return job(msg="process_generating", output={"data": [[edit], []]}, success=True)


def replaced(text: str) -> dict[str, Any]:
    """A later snapshot: text replaced."""
    edit = ["replace", [1, "content", 0, "text"], text]
    return job(msg="process_generating", output={"data": [[edit], []]}, success=True)


def completed(answer: str | None) -> dict[str, Any]:
    """The end of a job that went well."""
    return job(msg="process_completed", output={"data": [chat(answer), None]}, success=True)


def failed(error: str | None, title: str | None = "Error") -> dict[str, Any]:
    """The end of a job whose handler raised."""
    return job(msg="process_completed", output={"error": error}, success=False, title=title)


CANCELLED = job(msg="process_completed", output={}, success=True)
LOST = {"msg": "unexpected_error", "event_id": None, "message": "404: Not Found", "session_not_found": True}


def whole(answer: str) -> list[Any]:
    """The messages of a turn that is answered in one piece."""
    return [ESTIMATION, STARTS, completed(answer), CLOSE]


@dataclass
class Stream(httpx.AsyncByteStream):
    """A body of server-sent events.

    Attributes:
        parts: Messages to send; a number waits for so many seconds, `None` for ever, an exception breaks off.
        closed: Whether the client let go.
        read_whole: Whether the client read it to its end.
    """

    parts: Sequence[Any]
    closed: bool = False
    read_whole: bool = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Sends the parts."""
        for part in self.parts:
            if part is None:
                await asyncio.Event().wait()
            elif isinstance(part, Exception):
                raise part
            elif isinstance(part, int | float):
                await asyncio.sleep(part)
            else:
                yield f"data: {json.dumps(part)}\n\n".encode()
        self.read_whole = True

    async def aclose(self) -> None:
        """Lets go."""
        self.closed = True


def events(*parts: Any) -> httpx.Response:
    """An event stream."""
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Stream(parts))


@dataclass
class ScriptedSpace(httpx.AsyncBaseTransport):
    """Answers each path with what its list holds next, and then with its usual answer.

    Attributes:
        script: For each step (config, app_id, upload, predict, join, data, cancel, status, runtime ...) the
            answers to give, in order.
        asked: What was asked: step and request, in order.
        app_id: What it says of its start; change it to restart.
        reconnects: Whether each request opens a connection of its own.
    """

    script: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[tuple[str, httpx.Request]] = field(default_factory=list)
    app_id: int = 12345678901234567890
    config: dict[str, Any] = field(default_factory=config)
    reconnects: bool = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answers one request."""
        await request.aread()
        if self.reconnects:
            await request.extensions["trace"]("connection.connect_tcp.started", {})
        step = self._step(request)
        self.asked.append((step, request))
        planned = self.script.get(step)
        answer = planned.pop(0) if planned else self._usual(step, request)
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = await answer(request)
        return answer

    def steps(self) -> list[str]:
        """What was asked, by step."""
        return [step for step, _ in self.asked]

    def bodies(self, step: str) -> list[Any]:
        """The JSON that was sent for a step, each time."""
        return [json.loads(request.content) for name, request in self.asked if name == step]

    def requests(self, step: str) -> list[httpx.Request]:
        """The requests of a step."""
        return [request for name, request in self.asked if name == step]

    def _step(self, request: httpx.Request) -> str:
        if request.url.host == "huggingface.co":
            return request.url.path.rpartition("/")[2]
        return {
            "run/predict": "predict",
            "queue/join": "join",
            "queue/data": "data",
            "queue/status": "status",
        }.get(request.url.path.removeprefix("/gradio_api/"), request.url.path.rpartition("/")[2])

    def _usual(self, step: str, request: httpx.Request) -> httpx.Response:
        if step == "data":
            return events(*whole("an answer"))
        usual: dict[str, Callable[[], Any]] = {
            "config": lambda: {**self.config, "app_id": self.app_id},
            "app_id": lambda: {"app_id": self.app_id},
            "upload": lambda: [f"/up/{number}" for number in range(request.content.count(b'name="files"'))],
            "predict": lambda: {"data": [_filed(json.loads(request.content)["data"]), None, None]},
            "join": lambda: {"event_id": "event"},
            "status": lambda: {"msg": "estimation", "queue_size": 3},
            "cancel": lambda: {"success": True},
        }
        if step not in usual:
            return httpx.Response(404, json={"detail": "Not Found"})
        return httpx.Response(200, json=usual[step]())


def _filed(data: list[Any]) -> list[Any]:
    return [*data[0], said("user", data[1]["text"])]
