"""Agents and chains around ChatPhi4, on our own Space; what fails on the way, on a scripted one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx
import pytest
from chats import calling, chat, client, prompts, saying
from langchain.agents import create_agent
from langchain.agents.middleware import (
    ModelFallbackMiddleware,
    ModelRequest,
    ModelResponse,
    ModelRetryMiddleware,
    ToolCallRequest,
    wrap_model_call,
    wrap_tool_call,
)
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.caches import InMemoryCache
from langchain_core.exceptions import ModelAPIError, ModelInvalidRequestError
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, HumanMessage, ToolMessage
from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import ConfigurableField, RunnablePassthrough
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from pydantic import BaseModel, Field
from scripted import CLOSE, ESTIMATION, STARTS, ScriptedSpace, events, failed, whole
from servers import Servers
from stage import Stage

from langchain_phi4 import ChatPhi4
from phi4_space import EmptyPrompt, GpuAborted

pytestmark = pytest.mark.anyio


@pytest.fixture
def model(own_space: Stage) -> Iterator[ChatPhi4]:
    """A model on our own Space."""
    with own_space.client() as client:
        yield ChatPhi4(client=client)


@tool
def get_population(city: str) -> int:
    """Tells how many people live in a city."""
    return {"Oslo": 717_710, "Lima": 10_092_000}[city]


@tool
def multiply(a: float, b: float) -> float:
    """Multiplies two numbers: a times b."""
    return a * b


@tool
def get_weather(city: str) -> str:
    """Tells the weather of a city."""
    return {"Oslo": "rain, 4 degrees", "Lima": "sun, 14 degrees"}[city]


def asking(question: str) -> Any:
    """What an agent is given."""
    return {"messages": [HumanMessage(question)]}


def told(messages: Sequence[AnyMessage]) -> list[Any]:
    """The steps of an agent: calls as name and arguments, results and answers as text."""
    return [
        [(call["name"], call["args"]) for call in message.tool_calls]
        if isinstance(message, AIMessage) and message.tool_calls
        else message.text
        for message in messages
    ]


# --- agents ---------------------------------------------------------------------------------------------

TWO_STEPS = "What is the population of Oslo, and what is it multiplied by 2?"
STEPS = [
    TWO_STEPS,
    [("get_population", {"city": "Oslo"})],
    "717710",
    [("multiply", {"a": 717_710, "b": 2})],
    "1435420.0",
]
"""The second call needs the first one's result."""


def test_an_agent_solves_a_task_of_two_steps(model: ChatPhi4) -> None:
    """It calls one tool, and the other with what came of it, and tells the result."""
    agent = create_agent(model, [get_population, multiply], system_prompt="You are a careful clerk.")

    *steps, answer = agent.invoke(asking(TWO_STEPS))["messages"]

    assert told(steps) == STEPS
    assert "1435420" in answer.text


async def test_an_agent_solves_it_asynchronously(model: ChatPhi4) -> None:
    """The same steps, awaited."""
    agent = create_agent(model, [get_population, multiply])

    *steps, answer = (await agent.ainvoke(asking(TWO_STEPS)))["messages"]

    assert told(steps) == STEPS
    assert "1435420" in answer.text


async def test_an_agent_streams_its_messages(model: ChatPhi4) -> None:
    """stream_mode="messages" gives the answer in pieces and each call whole, by both kinds of caller."""
    agent = create_agent(model, [get_population, multiply])

    parts: list[Any] = [part async for part, _ in agent.astream(asking(TWO_STEPS), stream_mode="messages")]
    parts_of_sync: list[Any] = [part for part, _ in agent.stream(asking(TWO_STEPS), stream_mode="messages")]

    for found in (parts, parts_of_sync):
        messages: dict[str, Any] = {}
        for part in found:
            messages[part.id] = messages[part.id] + part if part.id in messages else part
        *steps, answer = messages.values()
        assert told(steps) == STEPS[1:]
        assert "1435420" in answer.text
        assert sum(isinstance(part, AIMessageChunk) and bool(part.text) for part in found) > 3


def test_calls_of_one_turn_are_carried_out_together(model: ChatPhi4) -> None:
    """Two calls in one message, and a result for each, by its id."""
    agent = create_agent(model, [get_weather])

    _, calls, *results, answer = agent.invoke(asking("What is the weather in Lima and in Oslo?"))["messages"]

    assert told([calls]) == [[("get_weather", {"city": "Lima"}), ("get_weather", {"city": "Oslo"})]]
    assert [result.tool_call_id for result in results] == [call["id"] for call in calls.tool_calls]
    assert "sun, 14 degrees" in answer.text
    assert "rain, 4 degrees" in answer.text


def test_an_agent_remembers_its_thread(model: ChatPhi4) -> None:
    """With a checkpointer, what was said in one call is known in the next."""
    agent = create_agent(model, checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}

    agent.invoke(asking("My name is Ada."), thread)

    assert "Ada" in agent.invoke(asking("What is my name?"), thread)["messages"][-1].text


class Forecast(BaseModel):
    """What the weather of a city will be."""

    city: str
    degrees: int = Field(description="How many degrees it has")


@pytest.mark.parametrize(
    "strategy",
    [ToolStrategy(Forecast), ProviderStrategy(Forecast), Forecast],
    ids=["tool", "provider", "auto"],
)
async def test_agents_end_in_a_structure(model: ChatPhi4, strategy: Any) -> None:
    """The tool is called first, and the structure holds what it told, by each strategy, both ways."""
    agent = create_agent(model, [get_weather], response_format=strategy)
    question = asking("What is the weather in Lima?")

    for state in (agent.invoke(question), await agent.ainvoke(question)):
        assert told(state["messages"])[1:3] == [[("get_weather", {"city": "Lima"})], "sun, 14 degrees"]
        assert state["structured_response"] == Forecast(city="Lima", degrees=14)


def test_a_tools_error_is_told(model: ChatPhi4) -> None:
    """An agent that turns an exception into a result has it told, and not passed off as the answer."""

    @wrap_tool_call
    def as_result(request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]) -> Any:
        try:
            return handler(request)
        except KeyError as error:
            return ToolMessage(f"no city {error}", tool_call_id=request.tool_call["id"], status="error")

    agent = create_agent(model, [get_weather], middleware=[as_result])

    *_, result, answer = agent.invoke(asking("What is the weather in Rome?"))["messages"]

    assert (result.status, result.text) == ("error", "no city 'Rome'")
    assert "did not work" in answer.text
    assert "no city 'Rome'" in answer.text


def test_a_graph_of_ones_own(model: ChatPhi4) -> None:
    """A model and langgraph's ToolNode in a loop do what create_agent does."""
    offered = model.bind_tools([get_population, multiply])
    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda state: {"messages": [offered.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode([get_population, multiply]))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")

    *steps, answer = graph.compile().invoke(asking(TWO_STEPS))["messages"]

    assert told(steps) == STEPS
    assert "1435420" in answer.text


# --- agents that meet errors ----------------------------------------------------------------------------

ABORTED = [ESTIMATION, STARTS, failed("GPU task aborted"), CLOSE]


def busy_at_first(*answers: str) -> ScriptedSpace:
    """A Space that fails once, in a way that passes, and then gives these answers."""
    return ScriptedSpace({"data": [events(*ABORTED), *(events(*whole(answer)) for answer in answers)]})


def test_middleware_tries_again_what_passes() -> None:
    """ModelRetryMiddleware goes by core's kinds: what may succeed is asked again, and the answer is there."""
    space = busy_at_first("Here.")
    model = ChatPhi4(client=client(space, max_retries=0))
    agent = create_agent(model, middleware=[ModelRetryMiddleware(initial_delay=0, jitter=False)])

    assert told(agent.invoke(asking("Where?"))["messages"]) == ["Where?", "Here."]
    assert prompts(space) == ["Where?", "Where?"]


def test_middleware_does_not_try_again_what_stays() -> None:
    """An invalid request is not sent, and not tried again: it is the caller's to mend."""
    space, tries = ScriptedSpace(), 0

    @wrap_model_call
    def counted(request: ModelRequest, handler: Callable[[ModelRequest], ModelResponse]) -> ModelResponse:
        nonlocal tries
        tries += 1
        return handler(request)

    retries = ModelRetryMiddleware(on_failure="error", initial_delay=0, jitter=False)
    agent = create_agent(chat(space), middleware=[retries, counted])

    with pytest.raises(ModelInvalidRequestError) as caught:
        agent.invoke(asking(" "))

    assert isinstance(caught.value, EmptyPrompt)
    assert (tries, space.asked) == (1, [])


def test_middleware_falls_back_to_another_space() -> None:
    """ModelFallbackMiddleware asks the second Space where the first one fails."""
    first, second = busy_at_first(), saying("From the second.")
    agent = create_agent(
        ChatPhi4(client=client(first, max_retries=0)), middleware=[ModelFallbackMiddleware(chat(second))]
    )

    assert told(agent.invoke(asking("Who?"))["messages"]) == ["Who?", "From the second."]
    assert (prompts(first), prompts(second)) == (["Who?"], ["Who?"])


def test_arguments_that_do_not_fit_go_back_to_the_model() -> None:
    """ToolNode's complaint reaches the model, whose second call is right."""
    space = saying(calling(("multiply", {"a": "two", "b": 2})), calling(("multiply", {"a": 2, "b": 2})), "4")
    agent = create_agent(chat(space), [multiply])

    _, _, complaint, _, result, _ = agent.invoke(asking("What is twice two?"))["messages"]

    assert (complaint.status, result.text) == ("error", "4.0")
    assert "two" in prompts(space)[1]
    assert complaint.text.splitlines()[0] in prompts(space)[1]


# --- chains ---------------------------------------------------------------------------------------------

ON_CONTEXT = ChatPromptTemplate.from_messages(
    [
        ("system", "Answer from the context.\n\nContext:\n{context}"),
        MessagesPlaceholder("history", optional=True),
        ("user", "{question}"),
    ]
)
CONTEXT = "The library opens at nine. The library closes at six."
CLOSING = {"context": CONTEXT, "question": "When does the library close?"}
OPENING = {"context": CONTEXT, "question": "When does the library open?"}


async def test_prompts_models_and_parsers_make_chains(model: ChatPhi4) -> None:
    """By each door a chain gives the same words; a stream gives them in pieces."""
    chain = ON_CONTEXT | model | StrOutputParser()
    expected = "The library closes at six."

    assert chain.invoke(CLOSING) == expected
    assert await chain.ainvoke(CLOSING) == expected
    pieces, pieces_of_async = [*chain.stream(CLOSING)], [piece async for piece in chain.astream(CLOSING)]
    assert "".join(pieces) == "".join(pieces_of_async) == expected
    assert min(len(pieces), len(pieces_of_async)) > 3


def test_chains_take_histories_and_pass_values_on(model: ChatPhi4) -> None:
    """A placeholder's messages are said, and what runs beside the model keeps its value."""
    history = [HumanMessage("My name is Ada."), AIMessage("Hello, Ada.")]
    chain = RunnablePassthrough.assign(answer=ON_CONTEXT | model | StrOutputParser())

    state = chain.invoke({"context": "", "history": history, "question": "What is my name?"})

    assert "Ada" in state["answer"]
    assert state["question"] == "What is my name?"


def test_json_is_parsed(model: ChatPhi4) -> None:
    """A JSON parser behind a bound response_format gets it whole."""
    bound = model.bind(response_format={"type": "json_object"})
    chain = ChatPromptTemplate.from_template("{text} Give JSON with the keys name and age.") | bound

    parts = [*(chain | JsonOutputParser()).stream({"text": "Ada is 36 years old."})]

    assert parts == [{"name": "Ada", "age": 36}]


@pytest.mark.loopback
async def test_batches_keep_their_order(servers: Servers) -> None:
    """Many at once, and each answer stands where its question stood.

    Never on a cassette: what is asked at the same time has another order each time it is recorded.
    """
    model = ChatPhi4(space=servers.url("answering"))
    chain = ON_CONTEXT | model | StrOutputParser()
    expected = ["The library closes at six.", "The library opens at nine."] * 2

    assert chain.batch([CLOSING, OPENING] * 2, {"max_concurrency": 2}) == expected
    assert await chain.abatch([CLOSING, OPENING] * 2, {"max_concurrency": 3}) == expected
    as_completed = [done async for done in chain.abatch_as_completed([CLOSING, OPENING])]
    assert sorted(as_completed) == [*enumerate(expected[:2])]
    model.close()
    await model.aclose()


async def test_no_more_at_once_than_allowed() -> None:
    """max_concurrency bounds what the Space is asked at the same time, by both kinds of caller."""
    at_once: list[int] = []
    running = 0

    async def answer(_: httpx.Request) -> httpx.Response:
        nonlocal running
        running += 1
        at_once.append(running)
        await asyncio.sleep(0.02)
        running -= 1
        return events(*whole("Here."))

    model = chat(ScriptedSpace({"data": [answer] * 16}))
    await model.abatch(["Where?"] * 8, {"max_concurrency": 3})
    assert (max(at_once), len(at_once)) == (3, 8)

    at_once.clear()
    await asyncio.to_thread(model.batch, ["Where?"] * 8, {"max_concurrency": 2})
    assert (max(at_once), len(at_once)) == (2, 8)


def test_one_that_fails_does_not_end_its_batch() -> None:
    """return_exceptions gives the error in its place, of core's kinds and ours."""
    model = ChatPhi4(client=client(busy_at_first("Here."), max_retries=0))

    error, answer = model.batch(["One?", "Two?"], {"max_concurrency": 1}, return_exceptions=True)

    assert isinstance(error, GpuAborted)
    assert isinstance(error, ModelAPIError)
    assert isinstance(answer, AIMessage)
    assert answer.text == "Here."


def test_chains_fall_back(model: ChatPhi4) -> None:
    """with_fallbacks goes by core's kinds: another Space answers where the first one fails."""
    first = ChatPhi4(client=client(busy_at_first(), max_retries=0))
    chain = ON_CONTEXT | first.with_fallbacks([model], exceptions_to_handle=(ModelAPIError,))

    assert chain.invoke(CLOSING).text == "The library closes at six."


def test_chains_try_again() -> None:
    """with_retry goes by core's kinds, too."""
    space = busy_at_first("Here.")
    model = ChatPhi4(client=client(space, max_retries=0))

    again = model.with_retry(retry_if_exception_type=(ModelAPIError,), wait_exponential_jitter=False)

    assert again.invoke("Where?").text == "Here."


def test_fields_are_configured_for_a_call(own_space: Stage, model: ChatPhi4) -> None:
    """Where an answer stops, and which model of two answers, may be told with the call."""
    stopping = model.configurable_fields(stop=ConfigurableField(id="stop"))
    other = saying("From the other.")
    chosen = model.configurable_alternatives(ConfigurableField(id="where"), other=chat(other))

    chain = ON_CONTEXT | stopping
    assert chain.invoke(CLOSING).text == "The library closes at six."
    assert chain.with_config(configurable={"stop": [" at six"]}).invoke(CLOSING).text == "The library closes"
    steps = len(own_space.steps)
    assert chosen.with_config(configurable={"where": "other"}).invoke("Who?").text == "From the other."
    assert (len(own_space.steps), prompts(other)) == (steps, ["Who?"])


def test_spaces_share_no_entries_of_a_cache(own_space: Stage) -> None:
    """What one Space said is said again without asking it, and never by another Space."""
    cache = InMemoryCache()
    other = saying("From the other.")
    with own_space.client() as here:
        models = [ChatPhi4(client=here, cache=cache), ChatPhi4(client=client(other), cache=cache)]
        first, second = ([model.invoke("Who are you?").text for model in models] for _ in range(2))

    assert first == second
    assert "offline model" in first[0]
    assert first[1] == "From the other."
    assert (own_space.steps.count("join"), len(prompts(other))) == (1, 1)
