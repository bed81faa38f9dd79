"""A question's way to the Space, and its answer as it unfolds. Knows the client's doors; no messages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing
from functools import partial
from typing import TypeVar

from llama_index.core import instrumentation
from llama_index.core.base.llms.types import ChatResponse
from llama_index.core.instrumentation.span import active_span_id

from llama_index_phi4._events import to_instrumentation
from llama_index_phi4._questions import Question
from llama_index_phi4._responses import Answer
from phi4_space import Event, SpaceClient

T = TypeVar("T")
_dispatcher = instrumentation.get_dispatcher(__name__)  # type: ignore[attr-defined] # which it re-exports


def unfold(
    client: SpaceClient, question: Question, *, to: Callable[[ChatResponse], T]
) -> Generator[T, None, None]:
    """Asks, and yields the answer as it grows; queue, progress and notices go to core's handlers.

    Args:
        client: The way to the Space.
        question: What is asked.
        to: What becomes of each response.
    """
    answer, tell = Answer(client.url, parallel=question.parallel), _teller(client)
    return _unfolding(client.stream(question.message, **question.options), answer, tell, to)


def aunfold(
    client: SpaceClient, question: Question, *, to: Callable[[ChatResponse], T]
) -> AsyncGenerator[T, None]:
    """`unfold`, asynchronously."""
    answer, tell = Answer(client.url, parallel=question.parallel), _teller(client)
    return _aunfolding(client.astream(question.message, **question.options), answer, tell, to)


def _unfolding(
    events: Generator[Event, None, None],
    answer: Answer,
    tell: Callable[[Event], None],
    to: Callable[[ChatResponse], T],
) -> Generator[T, None, None]:
    with closing(events):
        for event in events:
            tell(event)
            if (response := answer.read(event)) is not None:
                yield to(response)


async def _aunfolding(
    events: AsyncGenerator[Event, None],
    answer: Answer,
    tell: Callable[[Event], None],
    to: Callable[[ChatResponse], T],
) -> AsyncGenerator[T, None]:
    async with aclosing(events):
        async for event in events:
            tell(event)
            if (response := answer.read(event)) is not None:
                yield to(response)


def _teller(client: SpaceClient) -> Callable[[Event], None]:
    """Tells core's handlers what happens, as part of the span in which the question was asked."""
    return partial(_tell, space=client.url, span_id=active_span_id.get())


def _tell(event: Event, *, space: str, span_id: str | None) -> None:
    told = to_instrumentation(event, space=space)
    if told is not None:
        told.span_id = span_id
        _dispatcher.event(told)
