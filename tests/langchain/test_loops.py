"""One model in many loops, threads and processes, on sockets; ResourceWarnings are errors here."""

from __future__ import annotations

import asyncio
import base64
import gc
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import media
import pytest
from blockbuster import blockbuster_ctx
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.tools import tool
from servers import ROOT, Servers
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from langchain_phi4 import ChatPhi4

pytestmark = pytest.mark.loopback
PICTURE = base64.b64encode(media.square(0, 0, 255)).decode()


@pytest.fixture
def model(servers: Servers, caplog: pytest.LogCaptureFixture) -> Iterator[ChatPhi4]:
    """A model on a Space that really runs; whatever its loops leave behind fails the test."""
    model = ChatPhi4(space=servers.url("answering"), max_retries=0)
    yield model
    model.close()
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


def asking(number: int) -> str:
    """A question with an answer of its own."""
    return f"Shelf {number} holds {number + 7} books. How many books does shelf {number} hold?"


def told(number: int) -> str:
    """That answer."""
    return f"Shelf {number} holds {number + 7} books."


async def streamed(model: ChatPhi4, question: str) -> str:
    """An answer, by asynchronous streaming."""
    return "".join([chunk.text async for chunk in model.astream(question)])


def test_several_runs_of_asyncio(model: ChatPhi4) -> None:
    """Each `asyncio.run` has a loop of its own; one model serves them all, and who is synchronous between."""
    for number in range(3):
        assert asyncio.run(model.ainvoke(asking(number))).text == told(number)
        assert asyncio.run(streamed(model, asking(number))) == told(number)
        assert model.invoke(asking(number)).text == told(number)


def test_four_threads(model: ChatPhi4) -> None:
    """Half of them synchronous, half with loops of their own; each gets the answer to its own question."""
    ways: list[Callable[[int], str]] = [
        lambda number: model.invoke(asking(number)).text,
        lambda number: asyncio.run(streamed(model, asking(number))),
        lambda number: "".join(chunk.text for chunk in model.stream(asking(number))),
        lambda number: asyncio.run(model.ainvoke(asking(number))).text,
    ]

    with ThreadPoolExecutor(4) as threads:
        said = [*threads.map(lambda number: ways[number % 4](number), range(12))]

    assert said == [told(number) for number in range(12)]


@tool
def get_weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"fog in {city}"


def test_synchronous_calls_inside_a_running_loop(model: ChatPhi4) -> None:
    """As in notebooks: chains and agents, plain and awaited, cell after cell."""
    chain = model | StrOutputParser()
    agent = create_agent(model, [get_weather])
    asked: Any = {"messages": [HumanMessage("What is the weather in Lima?")]}

    async def cell() -> None:
        assert chain.invoke(asking(1)) == told(1)
        assert "".join(chain.stream(asking(2))) == told(2)
        assert await chain.ainvoke(asking(3)) == told(3)
        assert chain.batch([asking(4), asking(5)]) == [told(4), told(5)]
        assert "fog in Lima" in agent.invoke(asked)["messages"][-1].text
        assert "fog in Lima" in (await agent.ainvoke(asked))["messages"][-1].text

    for _ in range(2):
        asyncio.run(cell())


def web(model: ChatPhi4) -> Starlette:
    """An application whose handlers ask the model: one streams, one waits, one blocks its thread."""

    async def stream(request: Request) -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            async for chunk in model.astream(request.query_params["q"]):
                yield chunk.text

        return StreamingResponse(pieces())

    async def wait(request: Request) -> PlainTextResponse:
        return PlainTextResponse((await model.ainvoke(request.query_params["q"])).text)

    def block(request: Request) -> PlainTextResponse:
        return PlainTextResponse(model.invoke(request.query_params["q"]).text)

    return Starlette(routes=[Route("/stream", stream), Route("/wait", wait), Route("/block", block)])


@pytest.mark.anyio
async def test_a_web_handler_under_load(model: ChatPhi4) -> None:
    """Thirty visitors at the same time, three kinds of handlers: each gets the answer to its own question."""
    paths = ["/stream", "/wait", "/block"]
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(web(model)), base_url="http://web.test"
    ) as visitors:
        answers = await asyncio.gather(
            *(
                visitors.get(paths[number % 3], params={"q": asking(number)}, timeout=60)
                for number in range(30)
            )
        )
    await model.aclose()

    assert [answer.text for answer in answers] == [told(number) for number in range(30)]


@pytest.mark.anyio
async def test_the_loop_is_never_blocked(model: ChatPhi4) -> None:
    """Connecting, uploading a picture, asking and listening leave the loop to others."""
    seen = HumanMessage(
        ["What colour is it?", {"type": "image", "base64": PICTURE, "mime_type": "image/png"}]
    )
    with blockbuster_ctx():
        first = (await model.ainvoke([seen])).text
        second = "".join([chunk.text async for chunk in model.astream([seen])])
        await model.aclose()

    assert first == second
    assert "blue" in first


FORKS = """
import asyncio, os, sys
from langchain_phi4 import ChatPhi4

model = ChatPhi4(space=sys.argv[1], max_retries=0)
before = model.invoke("hi").text, asyncio.run(model.ainvoke("hi")).text
child = os.fork()
said = model.invoke("hi").text, asyncio.run(model.ainvoke("hi")).text
if not child:
    print(said == before, flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(said == before)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_parent_and_child_after_a_fork(servers: Servers, tmp_path: Path) -> None:
    """Both go on with connections of their own."""
    program = tmp_path / "program.py"
    program.write_text(FORKS)

    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-W", "error::ResourceWarning", str(program), servers.url("answering")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert (done.stdout.split(), done.stderr) == (["True", "True"], "")
