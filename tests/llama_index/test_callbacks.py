from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import Any

import pytest
from llama_index.core import instrumentation
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import (
    CallbackManager,
    CBEventType,
    EventPayload,
    LlamaDebugHandler,
    TokenCountingHandler,
)
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
from llama_index.core.tools import FunctionTool
from phi4s import calling, hanging, phi4, saying, streaming
from pydantic import PrivateAttr
from scripted import ESTIMATION, STARTS, URL, ScriptedSpace, completed, events, failed, generating, job

from llama_index_phi4 import Phi4, Phi4NoticeEvent, Phi4ProgressEvent, Phi4QueuedEvent, Phi4StartedEvent
from llama_index_phi4._callbacks import chat_endpoint
from phi4_space import SpaceError

HI = [ChatMessage(role="user", content="hi")]


class Ear(BaseEventHandler):
    """Hears all events and writes them down, as tracers do."""

    _heard: list[BaseEvent] = PrivateAttr(default_factory=list)

    def handle(self, event: BaseEvent, **_: Any) -> None:
        event.model_dump()
        self._heard.append(event)

    @property
    def names(self) -> list[str]:
        return [event.class_name() for event in self._heard]

    def of(self, kind: type[BaseEvent]) -> list[Any]:
        return [event for event in self._heard if isinstance(event, kind)]


@contextmanager
def listening() -> Iterator[Ear]:
    ear = Ear()
    handlers = instrumentation.get_dispatcher().event_handlers  # type: ignore[attr-defined] # re-exported
    handlers.append(ear)
    try:
        yield ear
    finally:
        handlers.remove(ear)


async def drained(stream: Any) -> None:
    async for _ in await stream:
        pass


ENDPOINTS: dict[str, Callable[[Phi4], object]] = {
    "chat": lambda llm: llm.chat(HI),
    "stream_chat": lambda llm: list(llm.stream_chat(HI)),
    "achat": lambda llm: asyncio.run(llm.achat(HI)),
    "astream_chat": lambda llm: asyncio.run(drained(llm.astream_chat(HI))),
    "complete": lambda llm: llm.complete("hi"),
    "stream_complete": lambda llm: list(llm.stream_complete("hi")),
    "acomplete": lambda llm: asyncio.run(llm.acomplete("hi")),
    "astream_complete": lambda llm: asyncio.run(drained(llm.astream_complete("hi"))),
}


def told(handler: LlamaDebugHandler) -> list[tuple[str, bool]]:
    """For each LLM event that ended: what it ended with, and whether a start belongs to it."""
    starts = {start.id_ for start, *_ in handler.get_event_pairs(CBEventType.LLM)}
    ends = [pair[-1] for pair in handler.get_event_pairs(CBEventType.LLM) if len(pair) == 2]
    return [
        ("error" if EventPayload.EXCEPTION in (end.payload or {}) else "answer", end.id_ in starts)
        for end in ends
    ]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_one_pair_of_events_for_each_call(endpoint: str) -> None:
    """A completion does not tell of a chat as well, and each start has its end."""
    handler = LlamaDebugHandler(print_trace_on_end=False)
    llm = phi4(streaming("Hel", "lo"), callback_manager=CallbackManager([handler]))

    with listening() as ear:
        ENDPOINTS[endpoint](llm)

    assert told(handler) == [("answer", True)]
    kind = "Completion" if "complete" in endpoint else "Chat"
    assert ear.names.count(f"LLM{kind}StartEvent") == ear.names.count(f"LLM{kind}EndEvent") == 1
    assert sum(name.startswith("LLM") and "InProgress" not in name for name in ear.names) == 2
    assert ear.names.count(f"LLM{kind}InProgressEvent") == (3 if "stream" in endpoint else 0)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_error_ends_the_pair(endpoint: str) -> None:
    """Whether it comes before the first text or after it, the error is told and raised."""
    handler = LlamaDebugHandler(print_trace_on_end=False)
    broken = events(ESTIMATION, STARTS, generating("Hel"), failed("No such luck"))
    llm = phi4(ScriptedSpace({"data": [broken]}), callback_manager=CallbackManager([handler]))

    with pytest.raises(SpaceError, match="No such luck"):
        ENDPOINTS[endpoint](llm)

    assert told(handler) == [("error", True)]


def leave_here(llm: Phi4) -> None:
    stream = llm.stream_chat(HI)
    next(stream)
    stream.close()


async def leave(llm: Phi4) -> None:
    async with aclosing(await llm.astream_complete("hi")) as stream:
        await anext(stream)


async def cancel(llm: Phi4) -> None:
    task = asyncio.create_task(drained(llm.astream_chat(HI)))
    await asyncio.sleep(0.1)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    "leaving",
    [leave_here, lambda llm: asyncio.run(leave(llm)), lambda llm: asyncio.run(cancel(llm))],
    ids=["close", "aclose", "cancel"],
)
def test_leaving_early_ends_the_pair_and_the_job(leaving: Callable[[Phi4], None]) -> None:
    """Also where a handler keeps the exception that ended the stream, and with it core's generator."""
    handler = LlamaDebugHandler(print_trace_on_end=False)
    space = ScriptedSpace({"data": [hanging("Hel")]})
    llm = phi4(space, callback_manager=CallbackManager([handler]))

    leaving(llm)

    assert told(handler) == [("error", True)]
    assert space.steps()[-1] == "cancel"


def test_what_handlers_get_can_be_written_as_json() -> None:
    """Tools, calls and raw answers among it."""

    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    llm = phi4(saying(calling(("add", {"a": 1, "b": 2}))))

    with listening() as ear:
        list(llm.stream_chat_with_tools([FunctionTool.from_defaults(add)], "1 + 2?"))

    for event in ear._heard:
        json.loads(event.model_dump_json())
    assert "LLMChatEndEvent" in ear.names


def test_the_spaces_own_events_reach_handlers() -> None:
    """Queue, start, progress and notices, in the span of the call that they belong to; sync and async."""
    data = [{"index": 1, "length": 4, "unit": "steps", "progress": None, "desc": None}]
    told = [
        ESTIMATION,
        STARTS,
        job(msg="progress", progress_data=data),
        job(msg="log", log="busy", level="info"),
        completed("done"),
    ]
    llm = phi4(ScriptedSpace({"data": [events(*told), events(*told)]}))

    for ask in (ENDPOINTS["stream_chat"], ENDPOINTS["achat"]):
        with listening() as ear:
            ask(llm)
        (queued,) = ear.of(Phi4QueuedEvent)
        (progress,) = ear.of(Phi4ProgressEvent)
        (notice,) = ear.of(Phi4NoticeEvent)
        (started,) = ear.of(Phi4StartedEvent)
        start = next(event for event in ear._heard if event.class_name() == "LLMChatStartEvent")
        assert (queued.position, progress.done, notice.text) == (0, 1, "busy")
        assert {start.span_id} == {event.span_id for event in (queued, started, progress, notice)}
        assert {URL} == {event.space for event in (queued, started, progress, notice)}


@pytest.mark.parametrize("endpoint", ["chat", "astream_chat", "structured_predict"])
def test_each_endpoint_is_a_span(endpoint: str) -> None:
    """Tracers see it by its own name."""
    assert hasattr(getattr(Phi4, endpoint), "__dispatcher_span_decorated__")
    handler = SimpleSpanHandler()
    dispatcher = instrumentation.get_dispatcher()  # type: ignore[attr-defined] # re-exported
    dispatcher.span_handlers.append(handler)
    try:
        phi4(ScriptedSpace()).chat(HI)
    finally:
        dispatcher.span_handlers.remove(handler)
    assert [span.id_.partition("-")[0] for span in handler.completed_spans] == ["Phi4.chat"]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_tokens_are_counted_once(endpoint: str) -> None:
    """This contract's Spaces count none, so that core estimates both sides, once for each call."""
    counter = TokenCountingHandler(tokenizer=str.split)
    llm = phi4(saying("one two three"), callback_manager=CallbackManager([counter]))

    ENDPOINTS[endpoint](llm)

    (event,) = counter.llm_token_counts
    # A chat's roles count, too: core has its own rules for them.
    counted = (1, 3) if "complete" in endpoint else (5, 4)
    assert (event.prompt_token_count, event.completion_token_count) == counted


def test_the_payload_holds_no_token() -> None:
    """Handlers see the metadata and nothing of the credentials."""
    payload = Phi4(space="ada/phi-4", token="hf_sentinel").to_payload()

    assert payload["class_name"] == "phi4_multimodal_llm"
    assert "sentinel" not in str(payload)


def test_an_endpoint_keeps_its_name_and_signature() -> None:
    """Type checkers, help() and tracers see what was written."""

    @chat_endpoint
    async def achat(self: Any, messages: list[ChatMessage], **kwargs: Any) -> AsyncIterator[str]:
        """Says it."""
        raise NotImplementedError(self, messages, kwargs)

    assert (achat.__name__, achat.__doc__) == ("achat", "Says it.")
    assert list(inspect.signature(achat).parameters) == ["self", "messages", "kwargs"]
