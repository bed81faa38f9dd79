"""Failures, and leaving early, as core's engines, extractors and agents pass them on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
from llama_index.core import SummaryIndex
from llama_index.core.agent.workflow import AgentStream, FunctionAgent
from llama_index.core.extractors import KeywordExtractor
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.schema import TextNode
from phi4s import hanging, phi4
from scripted import ESTIMATION, STARTS, ScriptedSpace, events, failed, generating
from workflows.errors import WorkflowCancelledByUser

import phi4_space as p4
from llama_index_phi4 import Phi4

SECRET = "hf_sentinel"
BOATS = TextNode(text="Boats lie in Lima.")
QUOTA = "You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 0:05:00"


@pytest.fixture(autouse=True)
def _loop_of_the_thread() -> Iterator[None]:
    """A loop for core's `asyncio_run`, which makes one where there is none, and never closes it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.close()
    asyncio.set_event_loop(None)


def at(*, total: float = 60, **script: Any) -> Phi4:
    """A Phi4 on a Space that fails by script, and is asked once."""
    environment = p4.Environment(transport=ScriptedSpace(script))
    timeouts = p4.Timeouts(wake=0, total=total)
    client = p4.SpaceClient(
        "ada/phi-4", token=SECRET, max_retries=0, timeouts=timeouts, environment=environment
    )
    return Phi4(client=client)


def down(stage: str) -> Phi4:
    """One whose Space is down, as the Hub says."""
    return at(config=[httpx.Response(503)], runtime=[httpx.Response(200, json={"stage": stage})])


FAILURES: dict[str, tuple[Callable[[], Phi4], type[p4.Phi4Error], str]] = {
    "paused": (lambda: down("PAUSED"), p4.SpacePaused, "Only its owner can restart it"),
    "asleep": (lambda: down("SLEEPING"), p4.SpaceNotReady, "is asleep"),
    "broken": (lambda: down("BUILD_ERROR"), p4.SpaceBroken, "BUILD_ERROR"),
    "unknown": (
        lambda: at(config=[httpx.Response(404)], runtime=[httpx.Response(404)]),
        p4.SpaceNotFound,
        "Check the name",
    ),
    "queue full": (
        lambda: at(join=[httpx.Response(503, json={"detail": "Queue is full. Max size is 2"})]),
        p4.QueueFull,
        "Queue is full",
    ),
    "quota": (
        lambda: at(data=[events(ESTIMATION, failed(QUOTA, "ZeroGPU quota exceeded"))]),
        p4.QuotaExceeded,
        "Try again in 0:05:00",
    ),
    "too slow": (
        lambda: at(total=0.3, data=[events(ESTIMATION, None)]),
        p4.DeadlineExceeded,
        "Raise Timeouts.total",
    ),
    "broken off": (
        lambda: at(data=[events(ESTIMATION, STARTS, generating("Boats"), httpx.ReadError("gone"))]),
        p4.StreamLost,
        "",
    ),
    "no JSON": (lambda: at(join=[httpx.Response(200, text="<html>")]), p4.UnexpectedAnswer, "not JSON"),
}
WAYS: dict[str, Callable[[Phi4], object]] = {
    "query": lambda llm: SummaryIndex([BOATS]).as_query_engine(llm=llm).query("Where do boats lie?"),
    "extractor": lambda llm: KeywordExtractor(llm=llm, show_progress=False).extract([BOATS]),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("failure", FAILURES)
def test_each_failure_reaches_who_asked(failure: str, way: str, caplog: pytest.LogCaptureFixture) -> None:
    """By its class and words, through loops that core makes, too; neither they nor a log tell the token."""
    made, kind, words = FAILURES[failure]
    caplog.set_level(logging.DEBUG)

    with pytest.raises(kind) as caught:
        WAYS[way](made())

    assert words in str(caught.value)
    assert "nested async" not in str(caught.value)
    assert SECRET not in f"{caught.getrepr()} {vars(caught.value)} {caplog.text}"


def test_an_answer_tells_no_token(caplog: pytest.LogCaptureFixture) -> None:
    """Neither what it brings, nor what was logged on the way."""
    caplog.set_level(logging.DEBUG)

    response = at().complete("hi")

    assert str(response) == "an answer"
    assert SECRET not in response.model_dump_json() + caplog.text


# --- leaving early ------------------------------------------------------------------------------------


def look() -> str:
    """Looks."""
    return "boats"


async def stop_the_agent(llm: Phi4) -> None:
    memory = ChatMemoryBuffer.from_defaults(llm=llm)  # core's usual one leaves a database's connection open
    run = FunctionAgent(llm=llm, tools=[look]).run("Where do boats lie?", memory=memory)
    async for event in run.stream_events():
        if isinstance(event, AgentStream):
            break
    await run.cancel_run()
    with suppress(WorkflowCancelledByUser):
        await run


def stop_the_engine(llm: Phi4) -> None:
    # In core 0.14.23 other modes read a stream to its end before they hand it out.
    engine = SummaryIndex([BOATS]).as_query_engine(llm=llm, streaming=True, response_mode="simple_summarize")
    response: Any = engine.query("Where?")
    assert next(response.response_gen) == "Boats"
    response.response_gen.close()


@pytest.mark.parametrize(
    "stop", [stop_the_engine, lambda llm: asyncio.run(stop_the_agent(llm))], ids=["engine", "agent"]
)
@pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")  # core's workflows
def test_who_stops_an_answer_frees_the_space(stop: Callable[[Phi4], None]) -> None:
    """The job is taken back on the Space, however many of core's generators stand between."""
    space = ScriptedSpace({"data": [hanging("Boats")]})

    stop(phi4(space))

    assert space.steps()[-1] == "cancel"
