"""The line that a warning points at: the program's own, or else the text names the call."""

from __future__ import annotations

import asyncio
import functools
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import RunnableLambda, RunnableParallel
from llama_index.core import SummaryIndex
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.schema import TextNode
from pydantic import BaseModel
from scripted import CLOSE, ESTIMATION, STARTS, URL, ScriptedSpace, completed, events, generating, more

from langchain_phi4 import ChatPhi4
from llama_index_phi4 import Phi4
from phi4_space import Environment, OptionIgnored, SpaceClient

HI = [ChatMessage(content="hi")]
Ask = Callable[[SpaceClient], Any]


class City(BaseModel):
    """A city."""

    name: str


def model(client: SpaceClient) -> ChatPhi4:
    return ChatPhi4(client=client, seed=1)


def llm(client: SpaceClient) -> Phi4:
    return Phi4(client=client, additional_kwargs={"seed": 1})


async def collected(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


def run(ask: Callable[[], Any]) -> Any:
    """Asks in a loop, at the marked line of the very task that awaits the answer."""

    async def here() -> Any:
        return await ask()  # marked

    return asyncio.run(here())


async def streamed(answer: Any) -> list[Any]:
    return [response async for response in await answer]  # marked


async def gathered(*answers: Any) -> list[Any]:
    return await asyncio.gather(*answers)


EXACT: dict[str, Ask] = {
    "reply": lambda client: client.reply("hi", seed=1),  # marked
    "stream": lambda client: [*client.stream("hi", seed=1)],  # marked
    "areply": lambda client: asyncio.run(client.areply("hi", seed=1)),  # marked
    "areply, in a task": lambda client: asyncio.run(gathered(client.areply("hi", seed=1))),  # marked
    "astream": lambda client: run(lambda: collected(client.astream("hi", seed=1))),  # marked
    "a conversation's reply": lambda client: client.conversation().reply("hi", seed=1),  # marked
    "a conversation's stream": lambda client: [*client.conversation().stream("hi", seed=1)],  # marked
    "a conversation's areply": lambda client: run(
        lambda: client.conversation().areply("hi", seed=1)  # marked
    ),
    "invoke": lambda client: model(client).invoke("hi"),  # marked
    "ainvoke": lambda client: run(lambda: model(client).ainvoke("hi")),
    "ChatPhi4.stream": lambda client: [*model(client).stream("hi")],  # marked
    "ChatPhi4.astream": lambda client: run(lambda: collected_here(model(client).astream("hi"))),
    "batch of one": lambda client: model(client).batch(["hi"]),  # marked
    "generate": lambda client: model(client).generate([[HumanMessage("hi")]]),  # marked
    "bind": lambda client: ChatPhi4(client=client).bind(seed=1).invoke("hi"),  # marked
    "a chain": lambda client: (model(client) | StrOutputParser()).invoke("hi"),  # marked
    "a chain's stream": lambda client: [*(model(client) | StrOutputParser()).stream("hi")],  # marked
    "a fallback": lambda client: model(client).with_fallbacks([model(client)]).invoke("hi"),  # marked
    "a retry": lambda client: model(client).with_retry().invoke("hi"),  # marked
    "structured output": lambda client: model(client).with_structured_output(City).invoke("hi"),  # marked
    "chat": lambda client: llm(client).chat(HI),  # marked
    "stream_chat": lambda client: [*llm(client).stream_chat(HI)],  # marked
    "complete": lambda client: llm(client).complete("hi"),  # marked
    "stream_complete": lambda client: [*llm(client).stream_complete("hi")],  # marked
    "predict": lambda client: llm(client).predict(PromptTemplate("hi")),  # marked
    "Phi4.stream": lambda client: [*llm(client).stream(PromptTemplate("hi"))],  # marked
    "structured_predict": lambda client: llm(client).structured_predict(City, PromptTemplate("hi")),  # marked
    "achat": lambda client: run(lambda: llm(client).achat(HI)),
    "acomplete": lambda client: run(lambda: llm(client).acomplete("hi")),
    "apredict": lambda client: run(lambda: llm(client).apredict(PromptTemplate("hi"))),
    "astream_chat": lambda client: run(lambda: streamed(llm(client).astream_chat(HI))),
    "astream_complete": lambda client: run(lambda: streamed(llm(client).astream_complete("hi"))),
    "astructured_predict": lambda client: run(
        lambda: llm(client).astructured_predict(City, PromptTemplate("hi"))
    ),
    "a query engine": lambda client: (
        SummaryIndex([TextNode(text="x")]).as_query_engine(llm=llm(client)).query("hi")  # marked
    ),
}


async def collected_here(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]  # marked


async def in_a_task(answer: Any) -> Any:
    return await asyncio.create_task(answer)


async def events_of(answer: ChatPhi4) -> list[Any]:
    return [event async for event in answer.astream_events("hi", version="v2")]


def in_a_thread(ask: Callable[[str], Any]) -> Any:
    with ThreadPoolExecutor() as threads:
        return threads.submit(ask, "hi").result()


def of_parallel(client: SpaceClient) -> Any:
    return RunnableParallel(one=model(client), other=RunnableLambda(len)).invoke("hi")


def of_agent(client: SpaceClient) -> Any:
    return asyncio.run(create_agent(model(client)).ainvoke({"messages": [HumanMessage("hi")]}))


NAMED: dict[str, tuple[str, Ask]] = {
    "ainvoke, in a task": (
        "ChatPhi4.ainvoke",
        lambda client: asyncio.run(in_a_task(model(client).ainvoke("hi"))),
    ),
    "astream, in a task": (
        "ChatPhi4.astream",
        lambda client: asyncio.run(in_a_task(collect_elsewhere(model(client)))),
    ),
    "astream_events": ("ChatPhi4.astream", lambda client: asyncio.run(events_of(model(client)))),
    "batch": ("ChatPhi4.invoke", lambda client: model(client).batch(["hi", "ho"])),
    "abatch": ("ChatPhi4.ainvoke", lambda client: asyncio.run(model(client).abatch(["hi", "ho"]))),
    "agenerate": (
        "ChatPhi4._agenerate",
        lambda client: asyncio.run(model(client).agenerate([[HumanMessage("hi")]])),
    ),
    "a chain's ainvoke": (
        "ChatPhi4.ainvoke",
        lambda client: asyncio.run((model(client) | StrOutputParser()).ainvoke("hi")),
    ),
    "structured output with its message": (
        "ChatPhi4.invoke",
        lambda client: model(client).with_structured_output(City, include_raw=True).invoke("hi"),
    ),
    "parallel steps": ("ChatPhi4.invoke", of_parallel),
    "an agent": ("ChatPhi4.ainvoke", of_agent),
    "a thread": ("SpaceClient.reply", lambda client: in_a_thread(bound(client, "reply"))),
    "a thread's conversation": (
        "Conversation.reply",
        lambda client: in_a_thread(bound(client.conversation(), "reply")),
    ),
    "a thread's invoke": ("ChatPhi4.invoke", lambda client: in_a_thread(model(client).invoke)),
    "a thread's complete": ("Phi4.complete", lambda client: in_a_thread(llm(client).complete)),
    "achat, in a task": ("Phi4.achat", lambda client: asyncio.run(in_a_task(llm(client).achat(HI)))),
    "acomplete, in a task": (
        "Phi4.acomplete",
        lambda client: asyncio.run(in_a_task(llm(client).acomplete("hi"))),
    ),
}


def bound(asked: Any, method: str) -> Callable[[str], Any]:
    """The client's own method with an option; no line of this file stands between."""
    return functools.partial(getattr(asked, method), seed=1)


async def collect_elsewhere(asked: ChatPhi4) -> Any:
    return await asyncio.gather(*(one.__anext__() for one in [asked.astream("hi")]))


@pytest.fixture
def client() -> Iterator[SpaceClient]:
    answer = '{"name": "Lima"}'
    pieces = [events(ESTIMATION, STARTS, generating(answer[:5]), more(answer[5:]), completed(answer), CLOSE)]
    with SpaceClient(URL, environment=Environment(transport=ScriptedSpace({"data": pieces}))) as made:
        yield made


def warning_of(ask: Ask, client: SpaceClient) -> warnings.WarningMessage:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", OptionIgnored)
        ask(client)
    (warning,) = (one for one in caught if one.category is OptionIgnored)
    return warning


@pytest.mark.parametrize("ask", EXACT.values(), ids=EXACT)
def test_a_warning_points_at_the_line_that_asked(ask: Ask, client: SpaceClient) -> None:
    """The line of the program, through both frameworks, waiting or not, streamed or not."""
    warning = warning_of(ask, client)

    line = Path(__file__).read_text().splitlines()[warning.lineno - 1]
    assert (warning.filename, line.rstrip().endswith("# marked")) == (__file__, True), line
    assert str(warning.message).startswith("seed is ignored: ")


@pytest.mark.parametrize(("name", "ask"), NAMED.values(), ids=NAMED)
def test_a_warning_names_the_call_where_no_line_can_be_known(
    name: str, ask: Ask, client: SpaceClient
) -> None:
    """In a task or thread of somebody else's, the caller has left no trace; a line of ours is none."""
    warning = warning_of(ask, client)

    assert str(warning.message).startswith(f"In a call of {name}, seed is ignored: ")
    assert Path(warning.filename).parent.name not in {"phi4_space", "langchain_phi4", "llama_index_phi4"}
