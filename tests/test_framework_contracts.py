"""Both frameworks over both contracts of the offline model: the same conversation has the same answer."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import StructuredTool
from llama_index.core.agent.workflow import AgentOutput, FunctionAgent, ReActAgent, ToolCallResult
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ToolCallBlock,
)
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.core.types import PydanticProgramMode
from media import square, tone
from pydantic import BaseModel
from servers import Servers

from langchain_phi4 import ChatPhi4
from llama_index_phi4 import Phi4

pytestmark = [
    pytest.mark.anyio,
    # core's workflows look at all attributes of an agent, also at those that pydantic is about to drop
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning:inspect"),
    # core's ReActAgent asks that in each step
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
]
ENDPOINTS = ("chat_completion", "process_message")
RED, BLUE, HUM = square(220, 30, 30), square(30, 60, 220), tone(440)
Models = tuple[Any, Any]
"""The same model over either contract."""


def picture(data: bytes) -> dict[str, Any]:
    return {"type": "image", "base64": b64encode(data).decode(), "mime_type": "image/png"}


def recording(data: bytes) -> dict[str, Any]:
    return {"type": "audio", "base64": b64encode(data).decode(), "mime_type": "audio/wav"}


def get_weather(city: str) -> str:
    """Tells the weather of a city."""
    return {"Oslo": "rain, 4 degrees", "Lima": "sun, 14 degrees"}[city]


def price_of_nights(nights: int) -> str:
    """Tells what some nights at a berth cost, in crowns."""
    return f"{14 * nights} crowns"


def convert_to_euros(crowns: float) -> str:
    """Converts an amount of crowns to euros."""
    return f"{crowns / 11.5:.2f} euros"


def show_flag() -> ImageBlock:
    """Shows the picture of the flag."""
    return ImageBlock(image=BLUE)


def take_photo() -> list[dict[str, Any]]:
    """Takes a photo."""
    return [{"type": "text", "text": "Here."}, picture(BLUE)]


class City(BaseModel):
    """A city and its weather."""

    city: str
    degrees: int


@pytest.fixture
def chats(servers: Servers, gradio_python: str) -> Iterator[Models]:
    """ChatPhi4 over either contract."""
    url = servers.url("answering", gradio_python)
    own, public = (ChatPhi4(space=url, endpoint=endpoint) for endpoint in ENDPOINTS)
    yield own, public
    own.close()
    public.close()


@pytest.fixture
def llms(servers: Servers, gradio_python: str) -> Iterator[Models]:
    """Phi4 over either contract."""
    url = servers.url("answering", gradio_python)
    with (
        Phi4(space=url, endpoint=ENDPOINTS[0]) as own,
        Phi4(space=url, endpoint=ENDPOINTS[1]) as public,
    ):
        yield own, public


# --- conversations -----------------------------------------------------------------------------------------

WEATHER_CALL = AIMessage("", tool_calls=[{"name": "get_weather", "args": {"city": "Lima"}, "id": "1"}])
TWO_CALLS = AIMessage(
    "",
    tool_calls=[
        {"name": "get_weather", "args": {"city": "Lima"}, "id": "1"},
        {"name": "get_weather", "args": {"city": "Oslo"}, "id": "2"},
    ],
)
LANGCHAIN: dict[str, tuple[list[Any], str]] = {
    "words": ([HumanMessage("Who are you?")], "offline model"),
    "system": ([SystemMessage("My name is Ada."), HumanMessage("What is my name?")], "Ada"),
    "turns": (
        [
            HumanMessage("My name is Ada."),
            AIMessage("Hello."),
            HumanMessage("I live in Lima."),
            AIMessage("Nice."),
            HumanMessage("What is my name?"),
        ],
        "Ada",
    ),
    "names": (
        [HumanMessage("I live in Lima.", name="Ada"), HumanMessage("Who are you?", name="Bob")],
        "model",
    ),
    "images": (
        [HumanMessage(["Our cat: ", picture(RED), " Our dog: ", picture(BLUE), " What colour is the dog?"])],
        "blue",
    ),
    "image of an earlier turn": (
        [
            HumanMessage(["Look.", picture(BLUE)]),
            AIMessage("Seen."),
            HumanMessage("What colour is the square?"),
        ],
        "blue",
    ),
    "image and audio of several turns": (
        [
            HumanMessage([picture(RED), "Look."]),
            AIMessage("Seen."),
            HumanMessage([recording(HUM), "Listen."]),
            AIMessage("Heard."),
            HumanMessage(["What colour is the second picture?", picture(BLUE)]),
        ],
        "blue",
    ),
    "the same image again": (
        [
            HumanMessage([picture(RED), "Look."]),
            AIMessage("Seen."),
            HumanMessage([picture(BLUE), picture(RED), "What colour is the third picture?"]),
        ],
        "red",
    ),
    "audio": ([HumanMessage([recording(HUM), "How long is it?"])], "0.50 seconds"),
    "image of the system": ([SystemMessage([picture(BLUE)]), HumanMessage("What colour is it?")], "blue"),
    "document": (
        [
            HumanMessage(
                [
                    {"type": "text-plain", "title": "tides.txt", "text": "The tide turns at nine."},
                    "When does the tide turn?",
                ]
            )
        ],
        "nine",
    ),
    "result": (
        [
            HumanMessage("What is the weather in Lima?"),
            WEATHER_CALL,
            ToolMessage("sun, 14 degrees", tool_call_id="1", name="get_weather"),
        ],
        "14 degrees",
    ),
    "two results": (
        [
            HumanMessage("What is the weather in Lima and in Oslo?"),
            TWO_CALLS,
            ToolMessage("sun, 14 degrees", tool_call_id="1", name="get_weather"),
            ToolMessage("rain, 4 degrees", tool_call_id="2", name="get_weather"),
        ],
        "4 degrees",
    ),
    "error of a tool": (
        [
            HumanMessage("What is the weather in Lima?"),
            WEATHER_CALL,
            ToolMessage("no such city", tool_call_id="1", name="get_weather", status="error"),
        ],
        "no such city",
    ),
    "image in a result": (
        [
            HumanMessage("Take a photo and tell me its main colour."),
            AIMessage("", tool_calls=[{"name": "take_photo", "args": {}, "id": "1"}]),
            ToolMessage(["Here.", picture(BLUE)], tool_call_id="1", name="take_photo"),
        ],
        "blue",
    ),
}


@pytest.mark.parametrize("name", LANGCHAIN)
async def test_langchains_conversations(chats: Models, name: str) -> None:
    """Whole or streamed, the words are the same."""
    messages, expected = LANGCHAIN[name]

    answers = [(await model.ainvoke(messages)).text for model in chats]
    streamed = ["".join([chunk.text async for chunk in model.astream(messages)]) for model in chats]

    assert expected in answers[0]
    assert answers == streamed == [answers[0]] * 2


LLAMA_INDEX: dict[str, tuple[list[ChatMessage], str]] = {
    "words": ([ChatMessage("Who are you?")], "offline model"),
    "system": (
        [ChatMessage(role="system", content="My name is Ada."), ChatMessage("What is my name?")],
        "Ada",
    ),
    "turns": (
        [
            ChatMessage("My name is Ada."),
            ChatMessage(role="assistant", content="Hello."),
            ChatMessage("What is my name?"),
        ],
        "Ada",
    ),
    "images": (
        [
            ChatMessage(
                role="user",
                blocks=[
                    TextBlock(text="Our cat:"),
                    ImageBlock(image=RED),
                    TextBlock(text="Our dog:"),
                    ImageBlock(image=BLUE),
                    TextBlock(text="What colour is the dog?"),
                ],
            )
        ],
        "blue",
    ),
    "image and audio of several turns": (
        [
            ChatMessage(role="user", blocks=[ImageBlock(image=RED), TextBlock(text="Look.")]),
            ChatMessage(role="assistant", content="Seen."),
            ChatMessage(role="user", blocks=[AudioBlock(audio=HUM), TextBlock(text="How long is it?")]),
        ],
        "0.50 seconds",
    ),
    "document": (
        [
            ChatMessage(
                role="user",
                blocks=[
                    DocumentBlock(data=b"The tide turns at nine.", title="tides.txt"),
                    TextBlock(text="When does the tide turn?"),
                ],
            )
        ],
        "nine",
    ),
    "image in a result": (
        [
            ChatMessage("Take a photo and tell me its main colour."),
            ChatMessage(
                role="assistant",
                blocks=[ToolCallBlock(tool_call_id="1", tool_name="take_photo", tool_kwargs={})],
            ),
            ChatMessage(
                role="tool",
                blocks=[TextBlock(text="Here."), ImageBlock(image=BLUE)],
                additional_kwargs={"tool_call_id": "1", "name": "take_photo"},
            ),
        ],
        "blue",
    ),
    "passages": (
        [
            ChatMessage(
                "Context information is below.\n---------------------\nThe museum opens at nine.\n"
                "---------------------\nGiven the context information, answer the query.\n"
                "Query: When does the museum open?\nAnswer: "
            )
        ],
        "nine",
    ),
}


@pytest.mark.parametrize("name", LLAMA_INDEX)
async def test_llama_indexes_conversations(llms: Models, name: str) -> None:
    """Whole or streamed, the words are the same."""
    messages, expected = LLAMA_INDEX[name]

    answers = [(await llm.achat(messages)).message.content for llm in llms]
    streamed = [
        [response async for response in await llm.astream_chat(messages)][-1].message.content for llm in llms
    ]

    assert expected in answers[0]
    assert answers == streamed == [answers[0]] * 2


@pytest.mark.parametrize("stop", ["at nine", ["six", "library"]])
async def test_stop_strings(chats: Models, llms: Models, stop: Any) -> None:
    """The answer ends at the same place, whoever cuts it."""
    question = "The library opens at nine. When does the library open?"

    messages = [await model.ainvoke(question, stop=stop) for model in chats]
    responses = [await llm.acomplete(question, stop=stop) for llm in llms]

    texts = [message.text for message in messages] + [response.text for response in responses]
    assert texts == [texts[0]] * 4
    assert len({message.response_metadata["stop_sequence"] for message in messages}) == 1
    assert {message.response_metadata["finish_reason"] for message in messages} == {"stop"}
    assert len({response.raw["stopped_by"] for response in responses}) == 1


async def test_a_formatted_completion(llms: Models) -> None:
    """A prompt in Phi-4's own tokens is sent as it is."""
    prompt = "<|system|>My name is Ada.<|end|><|user|>What is my name?<|end|><|assistant|>"

    answers = [(await llm.acomplete(prompt, formatted=True)).text for llm in llms]

    assert "Ada" in answers[0]
    assert answers[0] == answers[1]


# --- tools and structures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("choice", ["auto", "none", "required", "get_weather"])
@pytest.mark.parametrize(
    "question", ["What is the weather in Lima and in Oslo?", "Hello Lima!", "Book a table for 4 guests."]
)
async def test_tools(chats: Models, llms: Models, choice: str, question: str) -> None:
    """The same calls, with the same arguments, and the same words beside them."""
    functions: list[Callable[..., Any]] = [get_weather, price_of_nights]
    langchain = [StructuredTool.from_function(function) for function in functions]
    llama_index = [FunctionTool.from_defaults(function) for function in functions]

    messages = [await model.bind_tools(langchain, tool_choice=choice).ainvoke(question) for model in chats]
    responses = [
        await llm.achat_with_tools(llama_index, question, tool_choice=choice, allow_parallel_tool_calls=True)
        for llm in llms
    ]

    one = [([(call["name"], call["args"]) for call in said.tool_calls], said.text) for said in messages]
    assert one[0] == one[1]
    other = [
        [
            (call.tool_name, call.tool_kwargs)
            for call in llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
        ]
        for llm, response in zip(llms, responses, strict=True)
    ]
    assert other[0] == other[1]
    assert responses[0].message.content == responses[1].message.content
    assert bool(one[0][0]) is (
        choice in {"required", "get_weather"} or (choice, "?" in question) == ("auto", True)
    )


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
@pytest.mark.parametrize("image", [False, True], ids=["words", "image"])
async def test_langchains_structures(chats: Models, method: Any, *, image: bool) -> None:
    """The same object by each method."""
    words = "It is 24 degrees in Lima."
    words += " Give JSON with the keys city and degrees." if method == "json_mode" else ""
    question = [HumanMessage([words, picture(RED)] if image else words)]

    objects = [await model.with_structured_output(City, method=method).ainvoke(question) for model in chats]

    assert objects == [City(city="Lima", degrees=24)] * 2


async def test_llama_indexes_structures(llms: Models) -> None:
    """The same object, whole and streamed, and by LlamaIndex's program, which calls a tool for it."""
    prompt, objects = PromptTemplate("It is 24 degrees in Lima."), []
    for llm in llms:
        objects.append(await llm.astructured_predict(City, prompt))
        objects.append([part async for part in await llm.astream_structured_predict(City, prompt)][-1])
        program = llm.model_copy(update={"pydantic_program_mode": PydanticProgramMode.FUNCTION})
        objects.append(await program.astructured_predict(City, prompt))

    assert objects == [City(city="Lima", degrees=24)] * 6


# --- agents ------------------------------------------------------------------------------------------------


def steps(messages: list[Any]) -> list[Any]:
    """An agent's messages, without ids."""
    return [
        (
            message.type,
            message.text,
            [(call["name"], call["args"]) for call in getattr(message, "tool_calls", [])],
        )
        for message in messages
    ]


@pytest.mark.parametrize(
    ("question", "response_format"),
    [
        ("What is the weather in Lima and in Oslo?", None),
        ("What do 3 nights cost? Convert the result to euros.", None),
        ("Take a photo and tell me its main colour.", None),
        ("What is the weather in Lima?", ToolStrategy(City)),
        ("What is the weather in Lima?", ProviderStrategy(City)),
    ],
)
async def test_langchains_agents(chats: Models, question: str, response_format: Any) -> None:
    """The same steps to the same end."""
    tools: list[Callable[..., Any]] = [get_weather, price_of_nights, convert_to_euros, take_photo]
    state: Any = {"messages": [HumanMessage(question)]}
    states = [
        await create_agent(model, tools, response_format=response_format).ainvoke(state) for model in chats
    ]

    assert steps(states[0]["messages"]) == steps(states[1]["messages"])
    assert len(states[0]["messages"]) > 3
    if response_format is not None:
        assert [state["structured_response"] for state in states] == [City(city="Lima", degrees=14)] * 2


async def run(agent: FunctionAgent | ReActAgent, task: str, llm: Phi4) -> tuple[str, list[Any]]:
    """What an agent says at last, and its steps."""
    handler = agent.run(task, memory=ChatMemoryBuffer.from_defaults(llm=llm))
    results = [event async for event in handler.stream_events() if isinstance(event, ToolCallResult)]
    output: AgentOutput = await handler
    return str(output), [(event.tool_name, event.tool_kwargs, str(event.tool_output)) for event in results]


@pytest.mark.parametrize("agent_class", [FunctionAgent, ReActAgent])
@pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "whole"])
async def test_llama_indexes_agents(
    llms: Models, agent_class: Callable[..., FunctionAgent | ReActAgent], *, streaming: bool
) -> None:
    """The same steps to the same end, by native calls and by prompts alone."""
    task, told = "What do 3 nights cost? Convert the result to euros.", []
    for llm in llms:
        tools = [FunctionTool.from_defaults(function) for function in (price_of_nights, convert_to_euros)]
        told.append(await run(agent_class(llm=llm, tools=tools, streaming=streaming), task, llm))

    assert told[0] == told[1]
    assert "3.65 euros" in told[0][0]
    assert [name for name, *_ in told[0][1]] == ["price_of_nights", "convert_to_euros"]


async def test_an_image_that_a_tool_returns(llms: Models) -> None:
    """The Space looks at it, by either contract."""
    told = [
        await run(
            FunctionAgent(llm=llm, tools=[FunctionTool.from_defaults(show_flag)]), "Show the flag.", llm
        )
        for llm in llms
    ]

    assert told[0] == told[1]
    assert "blue" in told[0][0]


# --- tokens ------------------------------------------------------------------------------------------------


async def test_tokens_are_the_spaces(chats: Models, llms: Models) -> None:
    """The offline model counts its words: both frameworks show the same, over `chat_completion` alone."""
    question, counter = "Who are you?", TokenCountingHandler()
    (counted, uncounted), (llm, other) = chats, llms

    with get_usage_metadata_callback() as usage:
        message = await counted.ainvoke(question)
        assert (await uncounted.ainvoke(question)).usage_metadata is None
    watched = llm.model_copy(update={"callback_manager": CallbackManager([counter])})
    response = await watched.achat([ChatMessage(question)])

    words = len(message.text.split())
    assert message.usage_metadata == {"input_tokens": 3, "output_tokens": words, "total_tokens": 3 + words}
    assert usage.usage_metadata == {"offline model (tokens are words)": message.usage_metadata}
    assert (counter.prompt_llm_token_count, counter.completion_llm_token_count) == (3, words)
    assert response.raw["usage"]["total_tokens"] == 3 + words
    assert "usage" not in (await other.achat([ChatMessage(question)])).raw


async def test_an_answer_that_was_cut_off(chats: Models, llms: Models) -> None:
    """max_tokens has its effect, and both frameworks say why the answer ended."""
    message = await chats[0].ainvoke("Who are you?", max_tokens=3)
    response = await llms[0].acomplete("Who are you?", max_tokens=3)

    assert message.text == response.text
    assert len(message.text.split()) == 3
    assert message.response_metadata["finish_reason"] == response.raw["finish_reason"] == "length"
