"""The paths of OpenAI's API, and what answers there. Knows the queue where turns wait; no one model."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Any

import anyio
import gradio as gr
from anyio.to_thread import run_sync
from starlette.routing import BaseRoute, Route

from phi4_server.admission import TAKEN
from phi4_server.bounds import Bounds
from phi4_server.chat_completion.endpoint import to_request
from phi4_server.chat_completion.responder import Responder
from phi4_server.inline_files import InlineFiles
from phi4_server.model import ChatRequest, End
from phi4_server.openai_api.answer import Answer, model_card, model_id
from phi4_server.openai_api.errors import ApiError, to_api_error
from phi4_server.openai_api.request import Parsed, parse
from phi4_server.openai_api.response import Message, Receive, Response, Send, body, while_connected
from phi4_server.queue import QueueFull
from phi4_server.shares import client_of

PREFIX = "/v1/"
CHAT = f"{PREFIX}chat/completions"
MODELS = f"{PREFIX}models"
OPEN = {"GET": re.compile(rf"{MODELS}(/.{{1,256}})?"), "POST": re.compile(CHAT)}
"""The requests that are answered here, by method and path."""
INLINE = (CHAT,)
"""The paths where requests hold files themselves."""


class OpenAIApi:
    """Answers as OpenAI does, with the model of a page, in the queue of that page.

    Attributes:
        routes: For the app in which the page is mounted.
    """

    def __init__(self, responder: Responder, page: gr.Blocks, bounds: Bounds, *, show_error: bool) -> None:
        """Answers nothing yet.

        Args:
            responder: Has the model answer.
            page: Whose queue and folder for uploads are used.
            bounds: How much is taken.
            show_error: Whether users may read the text of what nobody foresaw.
        """
        self._responder = responder
        self._page: Any = page
        self._bounds = bounds
        self._show_error = show_error
        self._created = int(time.time())
        self._threads = anyio.CapacityLimiter(page.max_threads)
        self.routes: list[BaseRoute] = [
            Route(CHAT, _Endpoint(self._complete, self._to_error), methods=["POST"]),
            Route(MODELS, _Endpoint(self._list, self._to_error), methods=["GET"]),
            Route(f"{MODELS}/{{name:path}}", _Endpoint(self._retrieve, self._to_error), methods=["GET"]),
        ]

    def _to_error(self, failure: Exception) -> ApiError:
        if not isinstance(failure, ApiError | ValueError | gr.Error | QueueFull):
            logging.getLogger(__name__).error("A chat completion failed.", exc_info=failure)
        return to_api_error(failure, show_error=self._show_error)

    async def _list(self, _scope: Message, _receive: Receive, response: Response) -> None:
        card = model_card(self._responder.model, created=self._created)
        await response.json({"object": "list", "data": [card]})

    async def _retrieve(self, scope: Message, _receive: Receive, response: Response) -> None:
        name = scope["path_params"]["name"]
        if name != model_id(self._responder.model):
            raise ApiError(404, f"There is no model {name[:80]!r}.", param="model", code="model_not_found")
        await response.json(model_card(self._responder.model, created=self._created))

    async def _complete(self, scope: Message, receive: Receive, response: Response) -> None:
        content = await body(receive)
        await while_connected(receive, partial(self._attempt, scope, [content], response))

    async def _attempt(self, scope: Message, content: list[bytes], response: Response) -> None:
        files = InlineFiles(self._bounds.file)
        try:
            parsed, request = await run_sync(self._read, content.pop(), files)
            for path in files.paths:
                self._page.upload_file_set.add(path)
            scope[TAKEN]()
            size = sum(len(message.text) for message in request.messages)
            async with self._page._queue.turn(client_of(scope.get("client")), size):  # noqa: SLF001  Gradio's own
                await self._answer(parsed, request, response)
        except Exception as failure:  # noqa: BLE001  whatever it is, the client gets an answer
            await response.error(self._to_error(failure))
        finally:
            for path in files.paths:
                self._page.upload_file_set.delete(path)

    def _read(self, content: bytes, files: InlineFiles) -> tuple[Parsed, ChatRequest]:
        parsed = parse(content, files, self._bounds)
        return parsed, to_request(parsed.body, files.paths, self._responder.model, self._bounds)

    async def _answer(self, parsed: Parsed, request: ChatRequest, response: Response) -> None:
        answer = Answer(self._responder.model, reads_calls=parsed.calls)
        async with aclosing(self._pieces(request)) as pieces:
            async for piece in pieces:
                deltas = answer.feed(piece)
                for chunk in answer.chunks(deltas) if parsed.streams else ():
                    await response.event(chunk)
        if parsed.streams:
            for chunk in answer.last_chunks(counts=parsed.counts):
                await response.event(chunk)
            await response.done()
        else:
            await response.json(answer.whole())

    async def _pieces(self, request: ChatRequest) -> AsyncGenerator[str | End]:
        """The model's answer. However this ends, the model's work ended before."""
        answer = self._responder.answer(request)
        try:
            piece: str | End = ""
            while not isinstance(piece, End):
                piece = await run_sync(next, answer, limiter=self._threads)
                yield piece
        finally:
            with anyio.CancelScope(shield=True):
                await run_sync(answer.close, limiter=self._threads)


class _Endpoint:
    """An ASGI app that answers with what a method does, or with its error."""

    def __init__(
        self,
        answer: Callable[[Message, Receive, Response], Awaitable[None]],
        to_error: Callable[[Exception], ApiError],
    ) -> None:
        self._answer = answer
        self._to_error = to_error

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        response = Response(send)
        try:
            await self._answer(scope, receive, response)
        except ApiError as error:
            await response.error(error)
