"""Calls that know their audience. Knows how core runs a model; no Space, no messages, no tools.

Core hands a model its run's manager in some doors only: not in `stream`, and not where `invoke` streams for
somebody. So the public doors note who listens before core begins, in a copy of the model for the one call.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, Self, cast

from langchain_core.callbacks.manager import BaseRunManager
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables import RunnableConfig, ensure_config
from langchain_core.utils.uuid import uuid7
from pydantic import PrivateAttr

from langchain_phi4._hearing import Audience, handlers_of


class AttendedChatModel(BaseChatModel):
    """A chat model whose calls know who listens, and whose streams end when their consumer leaves."""

    _audience: Audience | None = PrivateAttr(default=None)
    _opened: list[AsyncGenerator[ChatGenerationChunk, None]] | None = PrivateAttr(default=None)

    def invoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - core's name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Asks and waits for the whole answer."""
        call, config = self._attended(config)
        return super(AttendedChatModel, call).invoke(input, config, stop=stop, **kwargs)

    async def ainvoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - core's name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """`invoke` for asynchronous callers."""
        call, config = self._attended(config)
        return await super(AttendedChatModel, call).ainvoke(input, config, stop=stop, **kwargs)

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002 - core's name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """Asks and yields the answer as it grows; leaving early takes the job back on the Space."""
        call, config = self._attended(config)
        yield from super(AttendedChatModel, call).stream(input, config, stop=stop, **kwargs)

    async def astream(
        self,
        input: LanguageModelInput,  # noqa: A002 - core's name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """`stream` for asynchronous callers."""
        call, config = self._attended(config)
        opened: list[AsyncGenerator[ChatGenerationChunk, None]] = []
        call._opened = opened  # noqa: SLF001 - a copy of its own
        stream = super(AttendedChatModel, call).astream(input, config, stop=stop, **kwargs)
        try:
            async with aclosing(cast("AsyncGenerator[AIMessageChunk, None]", stream)) as messages:
                async for message in messages:
                    yield message
        finally:
            # Core leaves the generator that it reads from to the collector, which gets to it at some time.
            for chunks in opened:
                await chunks.aclose()

    def _audience_of(self, run: BaseRunManager | None) -> Audience | None:
        return self._audience if run is None else Audience.of(run)

    def _attended(self, config: RunnableConfig | None) -> tuple[Self, RunnableConfig]:
        """A copy of the model that knows its audience, and the config of the run that is about to begin."""
        config = ensure_config(config)
        run_id = config.get("run_id") or uuid7()
        call = self.model_copy()
        call._audience = Audience(  # noqa: SLF001 - a copy of its own
            handlers_of(config.get("callbacks"), self.callbacks),
            run_id,
            tags=[*(config.get("tags") or []), *(self.tags or [])],
            metadata={**(config.get("metadata") or {}), **(self.metadata or {})},
        )
        return call, {**config, "run_id": run_id}
