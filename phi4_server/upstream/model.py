"""An engine as the Space takes it. Knows the order: files, request, tries, answer."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from pathlib import Path

import httpx
import stamina

from phi4_server.media.normal_form import NormalFile, Normalizer
from phi4_server.media.scope import CURRENT, CancelScope
from phi4_server.model import ChatRequest, End, ModelFailed
from phi4_server.upstream.answer import AnswerReader
from phi4_server.upstream.body import OPTIONS, to_body
from phi4_server.upstream.connection import Connection
from phi4_server.upstream.errors import LONGEST_WAIT, UpstreamFailure
from phi4_server.upstream.loop import BackgroundLoop
from phi4_server.upstream.names import display_name, only_model
from phi4_server.upstream.patience import read_text
from phi4_server.upstream.settings import UpstreamSettings

# One more than needed, for a connection that was closed as it was used and for a moment's 503. Those who ask
# the Space try again by themselves, three times as a rule, and that multiplies: an engine that is down shall
# not be asked a dozen times for one question.
_TRIES = 2
_MAX_MEDIA = 64 * 2**20

Pieces = AsyncGenerator[str | End, None]


class UpstreamModel:
    """A model behind an engine of its own, which speaks OpenAI's chat completions.

    Attributes:
        name: The model's name, and where it is.
        nature: One sentence for the page.
        options: The options that are passed on; an engine may leave out those that it does not know.
    """

    options = OPTIONS

    def __init__(self, settings: UpstreamSettings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Asks the engine for its model's name if the settings have none, and otherwise opens nothing yet.

        Args:
            settings: Which engine, and which of its models.
            transport: Carries the requests instead of the network, for tests.

        Raises:
            ModelFailed: The name cannot be found out, or no request be made; the text says what to do.
        """
        self._settings = settings
        self._connection = Connection(settings, transport)
        self._normalizer = Normalizer()
        self._loop = BackgroundLoop()
        try:
            self._model = settings.model or self._only_model()
        except ModelFailed:
            self.close()
            raise
        host = settings.address.host
        model = self._connection.errors.without_key(display_name(self._model)) or "a model"
        self.name = f"{model} at {host}"
        self.nature = f"{model}, run by an engine at {host}, to which this Space passes the chats on."

    def complete(self, request: ChatRequest) -> Generator[str | End]:
        """Yields the answer as it comes, its end last, and "" every half second in which nothing comes.

        Raises:
            ModelBusy: The engine has too much to do or cannot be reached, after some tries.
            ModelFailed: It is set up wrongly, or fails.
            ValueError: It does not take this chat, or a file cannot be decoded.
        """
        try:
            with closing(self._loop.iterate(self._answer(request))) as pieces:
                for piece in pieces:
                    yield "" if piece is None else piece
        except UpstreamFailure as failure:
            raise failure.error from None

    def close(self) -> None:
        """Ends connections, threads and processes; nothing can be asked any more."""
        self._loop.run(self._connection.close())
        self._loop.close()
        self._normalizer.close()

    async def _answer(self, request: ChatRequest) -> Pieces:
        body, has_files = await self._prepare(request)
        first, rest = await self._begin(request, body, has_files=has_files)
        async with aclosing(rest):
            yield first
            async for piece in rest:
                yield piece

    async def _begin(self, request: ChatRequest, body: bytes, *, has_files: bool) -> tuple[str | End, Pieces]:
        """The answer up to its first text. Only up to there it may be asked for again."""
        async for attempt in stamina.retry_context(on=_wait, attempts=_TRIES, timeout=2 * LONGEST_WAIT):
            with attempt:
                pieces = self._ask(request, body, has_files=has_files)
                return await anext(pieces), pieces
        raise AssertionError  # the last attempt raises or returns

    async def _ask(self, request: ChatRequest, body: bytes, *, has_files: bool) -> Pieces:
        reader = AnswerReader(self._connection.errors, stop=request.stop, has_files=has_files)
        async with aclosing(self._connection.stream(body, has_files=has_files)) as events:
            async for text in read_text(events, reader, silence=self._settings.silence):
                yield text
        end = reader.end()
        if text := reader.rest():
            yield text
        yield end

    async def _prepare(self, request: ChatRequest) -> tuple[bytes, bool]:
        """The request's body, and whether it holds files; leaving gives their decoding up."""
        scope = CancelScope()
        try:
            return await asyncio.to_thread(self._to_body, request, scope)
        finally:
            scope.cancel()

    def _to_body(self, request: ChatRequest, scope: CancelScope) -> tuple[bytes, bool]:
        CURRENT.set(scope)  # in this thread's own context
        files: dict[Path, NormalFile] = {}
        size = 0
        for path, count in Counter(path for message in request.messages for path in message.files).items():
            files[path] = self._normalizer.normalize(path)
            size += count * len(files[path].data)
            if size > _MAX_MEDIA:
                raise ValueError(
                    f"The files of a chat may have {_MAX_MEDIA:,} bytes as PNG and WAV, "
                    "and count as often as they are named."
                )
        model = self._settings.adapters.choose(self._model, [file.kind for file in files.values()])
        return json.dumps(to_body(request, model=model, files=files)).encode(), bool(files)

    def _only_model(self) -> str:
        """The name of the only model that the engine lists, adapters aside."""
        adapters = {self._settings.adapters.vision, self._settings.adapters.speech}
        try:
            return only_model(self._loop.run(self._connection.get_models()), adapters)
        except UpstreamFailure as failure:
            raise ModelFailed(f"{failure} With --upstream-model, the Space starts without it.") from None
        except ValueError as wrong:
            engine = f"The engine at {self._settings.address.host}"
            found = self._connection.errors.without_key(str(wrong)) or "has no single model"
            raise ModelFailed(f"{engine} {found}. Name one with --upstream-model.") from None


def _wait(problem: Exception) -> bool | float:
    return problem.wait if isinstance(problem, UpstreamFailure) else False
