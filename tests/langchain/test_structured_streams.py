"""Structured output by every way to ask: whoever streams gets what `invoke` returns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from chats import calling, chat, in_pieces, prompts
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import JsonOutputParser
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel
from scripted import ScriptedSpace

from langchain_phi4 import ChatPhi4
from phi4_space import ResponseFormatNotMet, SpaceClient, Thought

pytestmark = [
    pytest.mark.usefixtures("no_waiting"),
    pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"),
]


class Person(BaseModel):
    """Somebody."""

    name: str


ANN = Person(name="Ann")
WRONG, RIGHT = '{"nome": "Ann"}', '{"name": "Ann"}'
Ask = Callable[..., Any]


def says(*answers: str) -> ScriptedSpace:
    """A Space that gives these answers in order, each of which grows."""
    return ScriptedSpace({"data": [in_pieces(*_pieces(answer)) for answer in answers]})


def _pieces(text: str) -> list[str]:
    return [text[at : at + 3] for at in range(0, len(text), 3)]


async def _last(stream: Any) -> Any:
    [*_, last] = [part async for part in stream]
    return last


async def _all(stream: Any) -> list[Any]:
    return [part async for part in stream]


async def _output(chain: Any) -> Any:
    return (await _last(chain.astream_events("Who?", version="v2")))["data"]["output"]


def _graph(chain: Any) -> Any:
    graph: Any = StateGraph(dict)
    graph.add_node("ask", lambda state: {"found": chain.invoke(state["question"])})
    graph.add_edge(START, "ask")
    graph.add_edge("ask", END)
    return graph.compile()


def _by_graph(chain: Any) -> Any:
    modes = ["messages", "values"]
    *_, (_, values) = _graph(chain).stream({"question": "Who?"}, stream_mode=modes)
    return values["found"]


STRUCTURED: Mapping[str, Ask] = {
    "invoke": lambda chain: chain.invoke("Who?"),
    "ainvoke": lambda chain: asyncio.run(chain.ainvoke("Who?")),
    "batch": lambda chain: chain.batch(["Who?"])[0],
    "stream": lambda chain: [*chain.stream("Who?")][-1],
    "astream": lambda chain: asyncio.run(_last(chain.astream("Who?"))),
    "events": lambda chain: asyncio.run(_output(chain)),
    "graph": _by_graph,
}
"""Ways to ask a chain of `with_structured_output`."""


def _agent(model: ChatPhi4) -> Any:
    return create_agent(model, [], response_format=ProviderStrategy(Person))


def _state_of(agent: Any) -> Any:
    [*_, (_, state)] = agent.stream(
        {"messages": [("user", "Who?")]}, stream_mode=["messages", "updates", "values"]
    )
    return state


async def _astate_of(agent: Any) -> Any:
    question = {"messages": [("user", "Who?")]}
    parts = [part async for part in agent.astream(question, stream_mode=["messages", "values"])]
    return parts[-1][1]


async def _final_of(agent: Any) -> Any:
    question = {"messages": [("user", "Who?")]}
    events = [event async for event in agent.astream_events(question, version="v2")]
    return events[-1]["data"]["output"]


AGENTS: Mapping[str, Ask] = {
    "invoke": lambda agent: agent.invoke({"messages": [("user", "Who?")]}),
    "ainvoke": lambda agent: asyncio.run(agent.ainvoke({"messages": [("user", "Who?")]})),
    "stream": _state_of,
    "astream": lambda agent: asyncio.run(_astate_of(agent)),
    "events": lambda agent: asyncio.run(_final_of(agent)),
}
"""Ways to ask an agent."""

BOUND: Mapping[str, Ask] = {
    "invoke": lambda model: model.invoke("Who?").text,
    "stream": lambda model: "".join(chunk.text for chunk in model.stream("Who?")),
    "parser": lambda model: Person(**[*(model | JsonOutputParser()).stream("Who?")][-1]).model_dump_json(),
    "v3": lambda model: model.stream_events("Who?", version="v3").output.text,
}
"""Ways to ask a model that has a `response_format`."""


@pytest.mark.parametrize("streaming", [None, True, False])
@pytest.mark.parametrize("ask", STRUCTURED.values(), ids=STRUCTURED)
def test_a_second_answer_is_asked_for(ask: Ask, streaming: bool | None) -> None:  # noqa: FBT001 - a field
    """Langchainjs 8823, langchain-google 782: the first answer does not fit, and the second counts."""
    space = says(WRONG, RIGHT)

    assert ask(chat(space, streaming=streaming).with_structured_output(Person)) == ANN
    assert len(prompts(space)) == 2


@pytest.mark.parametrize(
    "fields", [{"streaming": False}, {"disable_streaming": True}, {"disable_streaming": "tool_calling"}]
)
@pytest.mark.parametrize("include_raw", [False, True])
def test_what_must_not_stream_is_an_object_all_the_same(fields: Any, include_raw: bool) -> None:  # noqa: FBT001 - a parameter
    """A stream of one message has its calls in the form in which core's parsers look for them."""
    model = chat(says(*[calling(("Person", {"name": "Ann"}))] * 2), **fields)
    chain = model.with_structured_output(Person, method="function_calling", include_raw=include_raw)

    found = [*chain.stream("Who?")], asyncio.run(_all(chain.astream("Who?")))

    for parts in found:
        assert (_whole(parts)["parsed"] if include_raw else parts[-1]) == ANN


@pytest.mark.parametrize("ask", STRUCTURED.values(), ids=STRUCTURED)
def test_a_second_failure_is_an_error_with_its_reason(ask: Ask) -> None:
    """Not one that is worth another try."""
    with pytest.raises(ResponseFormatNotMet, match="'name' is a required property") as caught:
        ask(chat(says(WRONG, WRONG), streaming=True).with_structured_output(Person))

    assert not caught.value.retryable


def _whole(parts: Any) -> Any:
    """The dict that the parts of a stream add up to."""
    return {key: value for part in parts for key, value in part.items()}


async def _awhole(stream: Any) -> Any:
    return _whole(await _all(stream))


RAW: Mapping[str, Ask] = {
    **{name: STRUCTURED[name] for name in ("invoke", "ainvoke", "batch", "graph")},
    "stream": lambda chain: _whole(chain.stream("Who?")),
    "astream": lambda chain: asyncio.run(_awhole(chain.astream("Who?"))),
}


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
@pytest.mark.parametrize("ask", RAW.values(), ids=RAW)
def test_with_raw_a_second_failure_is_a_parsing_error(ask: Ask, method: str) -> None:
    """Nothing is raised, however it is asked."""
    wrong = calling(("Person", {"nome": "Ann"})) if method == "function_calling" else WRONG
    model = chat(says(wrong, wrong), streaming=True)

    found = ask(model.with_structured_output(Person, method=method, include_raw=True))

    assert found["parsed"] is None
    assert "name" in str(found["parsing_error"])


@pytest.mark.parametrize("ask", RAW.values(), ids=RAW)
def test_with_raw_a_second_answer_counts(ask: Ask) -> None:
    """The message is the second one alone."""
    found = ask(chat(says(WRONG, RIGHT), streaming=True).with_structured_output(Person, include_raw=True))

    assert (found["raw"].text, found["parsed"], found["parsing_error"]) == (RIGHT, ANN, None)


@pytest.fixture
def thinking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Space thinks before it answers."""
    stream, astream = SpaceClient.stream, SpaceClient.astream

    def thinking(self: SpaceClient, *args: Any, **options: Any) -> Any:
        yield Thought("Hm.")
        yield from stream(self, *args, **options)

    async def athinking(self: SpaceClient, *args: Any, **options: Any) -> Any:
        yield Thought("Hm.")
        async for event in astream(self, *args, **options):
            yield event

    monkeypatch.setattr(SpaceClient, "stream", thinking)
    monkeypatch.setattr(SpaceClient, "astream", athinking)


@pytest.mark.usefixtures("thinking")
@pytest.mark.parametrize("ask", STRUCTURED.values(), ids=STRUCTURED)
def test_thoughts_are_no_hindrance(ask: Ask) -> None:
    """They are streamed before there is anything to parse."""
    assert ask(chat(says(WRONG, RIGHT), streaming=True).with_structured_output(Person)) == ANN


@pytest.mark.usefixtures("thinking")
@pytest.mark.parametrize("ask", RAW.values(), ids=RAW)
def test_with_raw_thoughts_are_no_hindrance(ask: Ask) -> None:
    """They are streamed before an answer is judged."""
    found = ask(chat(says(WRONG, WRONG), streaming=True).with_structured_output(Person, include_raw=True))

    assert isinstance(found["parsing_error"], ResponseFormatNotMet)


@pytest.mark.parametrize("streaming", [None, True])
@pytest.mark.parametrize("ask", AGENTS.values(), ids=AGENTS)
def test_an_agent_gets_a_second_answer(ask: Ask, streaming: bool | None) -> None:  # noqa: FBT001 - a field
    """Its messages hold the answer that counts."""
    state = ask(_agent(chat(says(WRONG, RIGHT), streaming=streaming)))

    assert state["structured_response"] == ANN
    assert [message.text for message in state["messages"] if isinstance(message, AIMessage)] == [RIGHT]


@pytest.mark.parametrize("ask", AGENTS.values(), ids=AGENTS)
def test_an_agents_second_failure_is_an_error(ask: Ask) -> None:
    """The same from all."""
    with pytest.raises(ResponseFormatNotMet, match="'name' is a required property"):
        ask(_agent(chat(says(WRONG, WRONG))))


@pytest.mark.parametrize("ask", BOUND.values(), ids=BOUND)
def test_a_bound_format_has_a_second_answer(ask: Ask) -> None:
    """The text of all chunks is the answer that counts."""
    model = chat(says(WRONG, RIGHT)).bind(response_format=Person)

    assert ask(model) in (RIGHT, ANN.model_dump_json())


def test_tokens_are_those_of_the_answer_that_counts() -> None:
    """Handlers that collect them, as web pages do, get it and nothing of the first."""
    chain = chat(says(WRONG, RIGHT)).with_structured_output(Person)

    async def tokens() -> list[str]:
        events = chain.astream_events("Who?", version="v2")
        return [e["data"]["chunk"].text async for e in events if e["event"] == "on_chat_model_stream"]

    assert "".join(asyncio.run(tokens())) == RIGHT
