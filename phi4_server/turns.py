"""Turns of the model's that are no events of Gradio's: in the page's queue, until somebody leaves.

Knows that queue and the folder for uploads; no API.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import anyio
import gradio as gr
from anyio.to_thread import run_sync

from phi4_server.bounds import Bounds
from phi4_server.chat_completion.responder import Responder
from phi4_server.inline_files import InlineFiles
from phi4_server.model import ChatRequest, End, Progress


class Turns:
    """Has the model answer those who come by another way than the page's.

    Attributes:
        responder: Has the model answer.
        bounds: How much is taken.
    """

    def __init__(self, responder: Responder, page: gr.Blocks, bounds: Bounds) -> None:
        """Answers nothing yet.

        Args:
            responder: Has the model answer.
            page: Whose queue and uploads are used; it is served by `phi4_server.server.serve`.
            bounds: How much is taken.
        """
        self.responder = responder
        self.bounds = bounds
        self._page: Any = page
        self._threads = anyio.CapacityLimiter(page.max_threads)

    @contextmanager
    def files(self) -> Iterator[InlineFiles]:
        """The files of one request, to be added; they are deleted when the block ends."""
        files = InlineFiles(self.bounds.file)
        try:
            yield files
        finally:
            for path in files.paths:
                self._page.upload_file_set.delete(path)

    def keep(self, files: InlineFiles) -> None:
        """Counts the files among the uploads, as the client's whose request is being answered."""
        for path in files.paths:
            self._page.upload_file_set.add(path)

    async def answer(self, request: ChatRequest, client: str) -> AsyncGenerator[str | End]:
        """Waits for a turn, and yields the answer in pieces; however this ends, the model ended before.

        Args:
            request: What the model is asked.
            client: Whose turn it is.

        Raises:
            QueueFull: Too many wait.
            ValueError: The model cannot answer.
        """
        size = sum(len(message.text) for message in request.messages)
        async with self._page._queue.turn(client, size):  # noqa: SLF001  Gradio's own
            pieces = self.responder.answer(request)
            try:
                piece: str | End = ""
                while not isinstance(piece, End):
                    part = await run_sync(next, pieces, limiter=self._threads)
                    piece = "" if isinstance(part, Progress) else part
                    yield piece
            finally:
                with anyio.CancelScope(shield=True):
                    await run_sync(pieces.close, limiter=self._threads)


async def while_connected(
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]], work: Callable[[], Awaitable[None]]
) -> None:
    """Does some work until it is done, or the client has left.

    Args:
        receive: Of a request whose body was read.
        work: What to do. It is cancelled when the client leaves.
    """
    failures = []
    async with anyio.create_task_group() as group:

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        group.start_soon(watch)
        try:
            await work()
        except Exception as exc:  # noqa: BLE001  raised below: the group would wrap it
            failures.append(exc)
        group.cancel_scope.cancel()
    for failure in failures:
        raise failure
