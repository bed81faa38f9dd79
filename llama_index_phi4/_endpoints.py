"""What each endpoint does besides answering: core's callbacks and events, around streams too. Knows no Space.

Core's decorators wrap a stream and leave its source to the garbage collector, which does not come as long as
some handler keeps the exception that ended the stream. A Space would go on working for nobody. Here the
source is closed with the stream, and the endpoint keeps its signature.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import aclosing
from typing import Any, TypeVar, cast

from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback

Endpoint = TypeVar("Endpoint", bound=Callable[..., object])
_Callback = Callable[[Callable[..., Any]], Callable[..., Any]]


def chat_endpoint(endpoint: Endpoint) -> Endpoint:
    """Has a chat endpoint tell core's handlers of its start and end, be it an error or an early close."""
    return _told(endpoint, llm_chat_callback())


def completion_endpoint(endpoint: Endpoint) -> Endpoint:
    """The same for a completion endpoint."""
    return _told(endpoint, llm_completion_callback())


def _told(endpoint: Endpoint, callback: _Callback) -> Endpoint:
    told: Callable[..., Callable[..., Any]] = (
        _told_async if inspect.iscoroutinefunction(endpoint) else _told_sync
    )
    return cast("Endpoint", functools.wraps(endpoint)(told(endpoint, callback)))


def _told_sync(endpoint: Callable[..., Any], callback: _Callback) -> Callable[..., Any]:
    def call(self: object, *args: Any, **kwargs: Any) -> Any:
        sources: list[Any] = []

        def kept(self: object, *args: Any, **kwargs: Any) -> Any:
            sources.append(endpoint(self, *args, **kwargs))
            return sources[0]

        answer = callback(kept)(self, *args, **kwargs)
        return _closing(answer, sources[0]) if isinstance(answer, Generator) else answer

    return call


def _told_async(endpoint: Callable[..., Awaitable[Any]], callback: _Callback) -> Callable[..., Any]:
    async def call(self: object, *args: Any, **kwargs: Any) -> Any:
        sources: list[Any] = []

        async def kept(self: object, *args: Any, **kwargs: Any) -> Any:
            sources.append(await endpoint(self, *args, **kwargs))
            return sources[0]

        answer = await callback(kept)(self, *args, **kwargs)
        return _aclosing(answer, sources[0]) if isinstance(answer, AsyncGenerator) else answer

    return call


def _closing(
    answer: Generator[Any, None, None], source: Generator[Any, None, None]
) -> Generator[Any, None, None]:
    try:
        yield from answer
    finally:
        source.close()


async def _aclosing(
    answer: AsyncGenerator[Any, None], source: AsyncGenerator[Any, None]
) -> AsyncGenerator[Any, None]:
    try:
        async with aclosing(answer):
            async for response in answer:
                yield response
    finally:
        await source.aclose()
