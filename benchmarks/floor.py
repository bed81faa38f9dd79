"""The floor: the least code that does a turn. What ours costs more than this is what it costs.

One `httpx.AsyncClient` with httpx's own defaults, the requests of the turn, server-sent events by httpx-sse,
`json.loads` of each message, and nothing else: nothing is checked, bounded, retried or cancelled, and no
deltas are made out of what arrives.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import IO, Any

import httpx
from httpx_sse import aconnect_sse

API = "/gradio_api"
Json = dict[str, Any]


class Floor:
    """Turns by both contracts.

    Args:
        url: The Space's.
        http: Carries the requests.
    """

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        """Has sent nothing yet."""
        self._url = url
        self._http = http
        self._numbers: dict[str, int] = {}

    async def look(self) -> None:
        """Reads the functions' numbers from the Space's /config."""
        config = (await self._http.get(f"{self._url}/config")).json()
        self._numbers = {one["api_name"]: one["id"] for one in config["dependencies"]}

    async def two_steps(
        self, question: str, history: Sequence[Json] = (), session: str = "", files: Sequence[Json] = ()
    ) -> list[Json]:
        """A turn as microsoft/phi-4-multimodal has it: filed, then answered. The chat with the answer."""
        session = session or uuid.uuid4().hex
        message = {"text": question, "files": files}
        body = self._body("process_message", [history, message, None], session)
        filed = (await self._http.post(f"{self._url}{API}/run/predict", json=body)).json()
        chat: list[Json] = (await self._outputs("bot_response", [filed["data"][0], None], session))[0]
        return chat

    async def chat(self, question: str, files: Sequence[Json] | None = None) -> str:
        """A turn by `chat_completion`, which takes whole chats. The answer."""
        messages = [{"role": "user", "content": question}]
        data = [{"messages": messages}, files]
        text: str = (await self._outputs("chat_completion", data, uuid.uuid4().hex))[0]
        return text

    async def messages(self, name: str, data: Sequence[Any]) -> AsyncIterator[Json]:
        """What the queue says of one job, in a session of its own."""
        async for message in self._ask(name, data, uuid.uuid4().hex):
            yield message

    async def upload(self, name: str, data: bytes | IO[bytes]) -> Json:
        """Hands a file over; as functions take it."""
        answer = await self._http.post(f"{self._url}{API}/upload", files={"files": (name, data)})
        return {"path": answer.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}

    async def _outputs(self, name: str, data: Sequence[Any], session: str) -> list[Any]:
        outputs: list[Any] = []
        async for message in self._ask(name, data, session):
            if message["msg"] == "process_completed":
                outputs = message["output"]["data"]
        return outputs

    async def _ask(self, name: str, data: Sequence[Any], session: str) -> AsyncIterator[Json]:
        body = self._body(name, data, session)
        await self._http.post(f"{self._url}{API}/queue/join", json=body)
        query = {"session_hash": session}
        async with aconnect_sse(self._http, "GET", f"{self._url}{API}/queue/data", params=query) as source:
            async for event in source.aiter_sse():
                yield json.loads(event.data)

    def _body(self, name: str, data: Sequence[Any], session: str) -> Json:
        return {"session_hash": session, "fn_index": self._numbers[name], "data": data}
