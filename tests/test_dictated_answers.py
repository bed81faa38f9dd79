"""Both frameworks on a `gr.ChatInterface` that answers what it was asked to, in order and as it grows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from langchain_core.tools import tool
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel
from servers import Servers

from langchain_phi4 import ChatPhi4
from llama_index_phi4 import Phi4
from phi4_space import ResponseFormatNotMet, SpaceClient, ToolChoiceNotMet

pytestmark = [
    pytest.mark.anyio,
    # core's workflows look at all attributes of an agent, also at those that pydantic is about to drop
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning:inspect"),
]
Dictate = Callable[..., SpaceClient]


class Home(BaseModel):
    """Where somebody lives."""

    city: str


class Person(BaseModel):
    """Somebody."""

    name: str
    homes: list[Home]


ANN = Person(name="Ann", homes=[Home(city="Oslo")])
# Laid out as models lay it out, so that a Chatbot moves its lines about while it grows.
WRONG = '```json\n{\n    "nome": "Ann",\n  "homes": []\n}\n```'
RIGHT = (
    'Sure:\n```json\n{\n  "name": "Ann",\n  "homes": [\n    {\n      "city": "Oslo"\n    }\n  ]\n}\n```\nOK?'
)
CALL = '<|tool_call|>[{"name": "Person", "arguments": %s}]<|/tool_call|>'
BAD_CALL, GOOD_CALL = CALL % '{"nome": "Ann"}', CALL % ANN.model_dump_json()
WEATHER = '<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Oslo"}}]<|/tool_call|>'
ASK = PromptTemplate("Who is it?")


@pytest.fixture
def dictate(servers: Servers, gradio_python: str) -> Iterator[Dictate]:
    """Tells the Space what to answer, and returns a client of it."""
    with SpaceClient(servers.url("dictated", gradio_python)) as client:

        def dictate(*answers: str) -> SpaceClient:
            script = json.dumps(answers).replace("<", "\\u003c")  # control tokens would be neutralised
            assert client.reply(f"SAY {script}").text == "I will."
            return client

        yield dictate


@pytest.mark.parametrize("streaming", [None, True])
@pytest.mark.parametrize(
    ("method", "answers"), [("json_schema", (WRONG, RIGHT)), ("function_calling", (BAD_CALL, GOOD_CALL))]
)
async def test_langchain(
    dictate: Dictate, method: str, answers: tuple[str, ...], *, streaming: bool | None
) -> None:
    """Langchainjs 8823, langchain-google 782: an answer that does not fit is asked for once more."""
    chain = ChatPhi4(client=dictate(*answers * 3), streaming=streaming).with_structured_output(
        Person, method=method
    )

    assert chain.invoke("Who is it?") == ANN
    assert [*chain.stream("Who is it?")][-1] == ANN
    assert [part async for part in chain.astream("Who is it?")][-1] == ANN


@pytest.mark.parametrize(
    ("method", "answer", "kind"),
    [
        ("json_schema", WRONG, ResponseFormatNotMet),
        ("json_mode", WRONG, ResponseFormatNotMet),
        ("function_calling", BAD_CALL, ToolChoiceNotMet),
    ],
)
def test_langchain_with_raw(dictate: Dictate, method: str, answer: str, kind: type[Exception]) -> None:
    """The last failure is in parsing_error, however it is asked."""
    chain = ChatPhi4(client=dictate(*[answer] * 4), streaming=True).with_structured_output(
        Person, method=method, include_raw=True
    )

    streamed = {key: value for part in chain.stream("Who is it?") for key, value in part.items()}
    for found in (chain.invoke("Who is it?"), streamed):
        assert isinstance(found["parsing_error"], kind)
        assert (found["parsed"], "name" in str(found["parsing_error"])) == (None, True)


@tool
def get_weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"It rains in {city}."


async def test_langchain_agent(dictate: Dictate) -> None:
    """It calls a tool, and its messages are streamed; only the answer that counts is among them."""
    model = ChatPhi4(client=dictate(WEATHER, WRONG, RIGHT))
    agent: Any = create_agent(model, [get_weather], response_format=ProviderStrategy(Person))
    question = {"messages": [("user", "Who lives where it rains?")]}

    parts: list[Any] = [part async for part in agent.astream(question, stream_mode=["messages", "values"])]

    texts = "".join(part[0].text for mode, part in parts if mode == "messages")
    assert parts[-1][1]["structured_response"] == ANN
    assert ("It rains in Oslo." in texts, "nome" in texts) == (True, False)


async def test_llama_index(dictate: Dictate) -> None:
    """All four forms of a structured prediction, and joined deltas."""
    llm = Phi4(client=dictate(*(WRONG, RIGHT) * 5))
    messages = [ChatMessage(role="user", content="Who is it?")]

    assert llm.structured_predict(Person, ASK) == ANN
    assert await llm.astructured_predict(Person, ASK) == ANN
    assert [*llm.stream_structured_predict(Person, ASK)][-1] == ANN
    assert [part async for part in await llm.astream_structured_predict(Person, ASK)][-1] == ANN
    deltas = [response.delta or "" for response in llm.stream_chat(messages, response_format=Person)]
    assert Person.model_validate_json("".join(deltas)) == ANN


@pytest.mark.filterwarnings("ignore:The `json` method is deprecated")
async def test_llama_index_failures(dictate: Dictate) -> None:
    """After the second the error has its reason."""
    llm = Phi4(client=dictate(*[WRONG] * 4))

    with pytest.raises(ResponseFormatNotMet, match="'name' is a required property"):
        llm.structured_predict(Person, ASK)
    with pytest.raises(ResponseFormatNotMet, match="'name' is a required property"):
        [*llm.as_structured_llm(Person).stream_chat([ChatMessage(role="user", content="Who is it?")])]


async def test_llama_index_agent(dictate: Dictate) -> None:
    """It calls a tool, answers, and its answer becomes an object at the second try."""

    def get_weather(city: str) -> str:
        """Tells the weather of a city."""
        return f"It rains in {city}."

    llm = Phi4(client=dictate(WEATHER, "Ann lives in Oslo.", WRONG, RIGHT))
    agent = FunctionAgent(tools=[get_weather], llm=llm, output_cls=Person)

    output: Any = await agent.run("Who lives where it rains?")

    assert str(output) == "Ann lives in Oslo."
    assert output.get_pydantic_model(Person) == ANN
