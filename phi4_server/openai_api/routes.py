"""The paths of OpenAI's API, and what answers there. Knows the queue where turns wait; no one model."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial

import gradio as gr
from anyio.to_thread import run_sync
from starlette.routing import BaseRoute, Route

from phi4_server.admission import TAKEN
from phi4_server.chat_completion.request import to_request
from phi4_server.inline_files import InlineFiles
from phi4_server.model import ChatRequest, End
from phi4_server.openai_api.answer import Answer, model_card, model_id
from phi4_server.openai_api.errors import ApiError, to_api_error
from phi4_server.openai_api.request import Parsed, parse
from phi4_server.openai_api.response import Message, Receive, Response, Send, body
from phi4_server.queue import QueueFull
from phi4_server.shares import client_of
from phi4_server.turns import Turns, while_connected

PREFIX = "/v1/"
CHAT = f"{PREFIX}chat/completions"
MODELS = f"{PREFIX}models"
OPEN = {"GET": re.compile(rf"{MODELS}(/.{{1,256}})?"), "POST": re.compile(CHAT)}
"""The requests that are answered here, by method and path."""
INLINE = (CHAT,)
"""The paths where requests hold files themselves."""


class OpenAIApi:
    """Answers as OpenAI does, in turns among those of the page.

    Attributes:
        routes: For the app in which the page is mounted.
    """

    def __init__(self, turns: Turns, *, show_error: bool) -> None:
        """Answers nothing yet.

        Args:
            turns: Have the model answer.
            show_error: Whether users may read the text of what nobody foresaw.
        """
        self._turns = turns
        self._model = turns.responder.model
        self._show_error = show_error
        self._created = int(time.time())
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
        card = model_card(self._model, created=self._created)
        await response.json({"object": "list", "data": [card]})

    async def _retrieve(self, scope: Message, _receive: Receive, response: Response) -> None:
        name = scope["path_params"]["name"]
        if name != model_id(self._model):
            raise ApiError(404, f"There is no model {name[:80]!r}.", param="model", code="model_not_found")
        await response.json(model_card(self._model, created=self._created))

    async def _complete(self, scope: Message, receive: Receive, response: Response) -> None:
        content = await body(receive)
        await while_connected(receive, partial(self._attempt, scope, [content], response))

    async def _attempt(self, scope: Message, content: list[bytes], response: Response) -> None:
        try:
            with self._turns.files() as files:
                parsed, request = await run_sync(self._read, content.pop(), files)
                self._turns.keep(files)
                scope[TAKEN]()
                await self._answer(parsed, self._turns.answer(request, client_of(scope["client"])), response)
        except Exception as failure:  # noqa: BLE001  whatever it is, the client gets an answer
            await response.error(self._to_error(failure))

    def _read(self, content: bytes, files: InlineFiles) -> tuple[Parsed, ChatRequest]:
        parsed = parse(content, files, self._turns.bounds)
        return parsed, to_request(parsed.body, files.paths, self._model, self._turns.bounds)

    async def _answer(self, parsed: Parsed, pieces: AsyncGenerator[str | End], response: Response) -> None:
        answer = Answer(self._model, reads_calls=parsed.calls)
        async with aclosing(pieces):
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
