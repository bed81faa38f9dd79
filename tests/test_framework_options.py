"""Options, roles, tools and forms of both frameworks, as they reach a Space that takes them."""

from __future__ import annotations

import asyncio
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from completions import counting, requests
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import StructuredTool
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ImageBlock,
    TextBlock,
    ToolCallBlock,
)
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from media import square, tone
from pydantic import BaseModel
from scripted import URL, ScriptedSpace

from langchain_phi4 import ChatPhi4
from llama_index_phi4 import Phi4
from phi4_space import Environment, InvalidOption, OptionIgnored, SpaceClient

RED, HUM = square(220, 30, 30), tone(440)
CALL = '<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Lima"}}]<|/tool_call|>'
HI = [ChatMessage("hi")]
Ask = Callable[[SpaceClient, dict[str, Any]], object]


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


class City(BaseModel):
    """A city."""

    name: str


@pytest.fixture(autouse=True)
def no_warning() -> Iterator[None]:
    """What a Space takes is not warned of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def client(space: ScriptedSpace, **options: Any) -> SpaceClient:
    return SpaceClient(URL, environment=Environment(transport=space), **options)


def sent(ask: Callable[[SpaceClient], object], answer: str = "an answer") -> dict[str, Any]:
    """The one request that was made, as the Space got it."""
    space = counting(answer)
    with client(space) as asked:
        ask(asked)
    (request,) = requests(space)
    return request


# --- options ----------------------------------------------------------------------------------------------

CALLS: dict[str, Ask] = {
    "invoke": lambda client, options: ChatPhi4(client=client).invoke("hi", **options),
    "ainvoke": lambda client, options: asyncio.run(ChatPhi4(client=client).ainvoke("hi", **options)),
    "stream": lambda client, options: [*ChatPhi4(client=client).stream("hi", **options)],
    "bind": lambda client, options: ChatPhi4(client=client).bind(**options).invoke("hi"),
    "chat": lambda client, options: Phi4(client=client).chat(HI, **options),
    "achat": lambda client, options: asyncio.run(Phi4(client=client).achat(HI, **options)),
    "stream_chat": lambda client, options: [*Phi4(client=client).stream_chat(HI, **options)],
    "complete": lambda client, options: Phi4(client=client).complete("hi", **options),
    "additional_kwargs": lambda client, options: Phi4(client=client, additional_kwargs=options).complete(
        "hi"
    ),
}
OPTIONS: dict[str, Any] = {"temperature": 0.2, "max_tokens": 9, "top_p": 0.9, "seed": 7}


@pytest.mark.parametrize("ask", CALLS.values(), ids=CALLS)
def test_options_of_a_call_are_sent(ask: Ask) -> None:
    """By the names that the Space knows, and without a warning."""
    request = sent(lambda client: ask(client, {**OPTIONS, "stop": ["END"]}))

    assert request == {"messages": [{"role": "user", "content": "hi"}], **OPTIONS, "stop": ["END"]}


@pytest.mark.parametrize("name", ["max_new_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("ask", CALLS.values(), ids=CALLS)
def test_other_names_for_an_option_are_sent_by_its_own(ask: Ask, name: str) -> None:
    """As other models have it."""
    assert sent(lambda client: ask(client, {name: 9}))["max_tokens"] == 9


@pytest.mark.parametrize(
    ("ask", "names"),
    [
        (
            lambda client, options: ChatPhi4(client=client, **options).invoke("hi"),
            ["temperature", "max_tokens", "top_p", "stop"],
        ),
        (
            lambda client, options: Phi4(client=client, **options).complete("hi"),
            ["temperature", "max_tokens", "stop"],
        ),
    ],
)
def test_fields_are_sent_with_each_call(ask: Ask, names: list[str]) -> None:
    """Those of the model, where a call says nothing of them; a strict client has nothing against it."""
    options = {name: {**OPTIONS, "stop": ["END"]}[name] for name in names}
    space = counting("an answer")

    with client(space, strict=True) as asked:
        ask(asked, options)

    (request,) = requests(space)
    assert {name: request[name] for name in names} == options


@pytest.mark.parametrize("ask", CALLS.values(), ids=CALLS)
def test_an_option_that_the_space_does_not_take_is_warned_of(ask: Ask) -> None:
    """What it takes, it says itself; where the client is strict, the rest is refused."""
    with pytest.warns(OptionIgnored, match="top_k"):
        assert "top_k" not in sent(lambda client: ask(client, {"top_k": 5}))
    space = counting()
    with client(space, strict=True) as strict, pytest.raises(InvalidOption, match="top_k"):
        ask(strict, {"top_k": 5})
    assert requests(space) == []


def test_the_space_cuts_at_stop_strings() -> None:
    """It says where it ended; both frameworks show that, and count all the tokens."""
    answers = [counting("Before ", stopped_by="END") for _ in range(2)]
    message = ChatPhi4(client=client(answers[0]), stop=["END"]).invoke("hi")
    response = Phi4(client=client(answers[1]), stop=["END"]).complete("hi")

    assert (message.text, message.response_metadata["stop_sequence"]) == ("Before ", "END")
    assert message.response_metadata["finish_reason"] == "stop"
    assert message.usage_metadata is not None
    assert isinstance(response.raw, dict)
    assert (response.text, response.raw["stopped_by"], response.raw["finish_reason"]) == (
        "Before ",
        "END",
        "stop",
    )
    assert response.raw["usage"]["total_tokens"] == message.usage_metadata["total_tokens"] == 9


# --- messages ---------------------------------------------------------------------------------------------


def test_roles_are_real() -> None:
    """Each turn goes by its role, calls and results by their ids, each file once, at its place."""
    image = {"type": "image", "base64": b64encode(RED).decode(), "mime_type": "image/png"}
    audio = {"type": "audio", "base64": b64encode(HUM).decode(), "mime_type": "audio/wav"}
    langchain = [
        SystemMessage("You are brief."),
        HumanMessage([{"type": "text", "text": "Look: "}, image, {"type": "text", "text": "\nThe weather?"}]),
        AIMessage("", tool_calls=[{"name": "get_weather", "args": {"city": "Lima"}, "id": "call_1"}]),
        ToolMessage(["Sunny: ", image], tool_call_id="call_1", name="get_weather"),
        AIMessage("It is sunny."),
        HumanMessage([audio, {"type": "text", "text": "And this?"}]),
    ]
    llama_index = [
        ChatMessage(role="system", content="You are brief."),
        ChatMessage(
            role="user",
            blocks=[TextBlock(text="Look: "), ImageBlock(image=RED), TextBlock(text="The weather?")],
        ),
        ChatMessage(
            role="assistant",
            blocks=[
                ToolCallBlock(tool_call_id="call_1", tool_name="get_weather", tool_kwargs={"city": "Lima"})
            ],
        ),
        ChatMessage(
            role="tool",
            blocks=[TextBlock(text="Sunny: "), ImageBlock(image=RED)],
            additional_kwargs={"tool_call_id": "call_1", "name": "get_weather"},
        ),
        ChatMessage(role="assistant", content="It is sunny."),
        ChatMessage(role="user", blocks=[AudioBlock(audio=HUM), TextBlock(text="And this?")]),
    ]

    one = sent(lambda client: ChatPhi4(client=client).invoke(langchain))
    other = sent(lambda client: Phi4(client=client).chat(llama_index))

    assert one == other
    assert one["messages"] == [
        {"role": "system", "content": "You are brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look: "},
                {"type": "image", "file": 0},
                {"type": "text", "text": "\nThe weather?"},
            ],
        },
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"city": "Lima"}'},
                }
            ],
        },
        {
            "role": "tool",
            "content": [{"type": "text", "text": "Sunny: "}, {"type": "image", "file": 0}],
            "tool_call_id": "call_1",
            "name": "get_weather",
        },
        {"role": "assistant", "content": "It is sunny."},
        {"role": "user", "content": [{"type": "audio", "file": 1}, {"type": "text", "text": "And this?"}]},
    ]


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("any", "required"),
        ("get_weather", {"type": "function", "function": {"name": "get_weather"}}),
    ],
)
def test_tools_and_choices_go_as_such(choice: str, wire: object) -> None:
    """In OpenAI's form, from either framework, and stop strings stay with the client: a call may hold one."""
    langchain = StructuredTool.from_function(get_weather)
    llama_index = FunctionTool.from_defaults(get_weather, description="The weather in a city.")

    one = sent(
        lambda client: (
            ChatPhi4(client=client).bind_tools([langchain], tool_choice=choice).invoke("hi", stop=["END"])
        ),
        CALL,
    )
    other = sent(
        lambda client: Phi4(client=client, stop=["END"]).chat_with_tools(
            [llama_index], "hi", tool_choice=choice
        ),
        CALL,
    )

    assert one == other
    assert one["tool_choice"] == wire
    (tool,) = one["tools"]
    assert (tool["function"]["name"], tool["function"]["description"]) == (
        "get_weather",
        "The weather in a city.",
    )
    assert tool["function"]["parameters"]["required"] == ["city"]
    assert "stop" not in one


def test_schemas_go_as_such() -> None:
    """A class is sent as its JSON Schema, from either framework."""
    answer = '{"name": "Lima"}'
    one = sent(lambda client: ChatPhi4(client=client).with_structured_output(City).invoke("Lima"), answer)
    other = sent(lambda client: Phi4(client=client).structured_predict(City, PromptTemplate("Lima")), answer)

    assert one == other
    assert one["response_format"]["type"] == "json_schema"
    assert one["response_format"]["json_schema"]["schema"]["required"] == ["name"]
    assert one["messages"] == [{"role": "user", "content": "Lima"}]


def test_any_object_goes_as_such() -> None:
    """OpenAI's `json_object`, of the frameworks' own words for it."""
    one = sent(
        lambda client: ChatPhi4(client=client).with_structured_output(method="json_mode").invoke("Lima"), "{}"
    )
    other = sent(
        lambda client: Phi4(client=client).complete("Lima", response_format={"type": "json_object"}), "{}"
    )

    assert one == other
    assert one["response_format"] == {"type": "json_object"}


def test_a_formatted_completion_goes_as_it_is() -> None:
    """LlamaIndex's `formatted`: the prompt and nothing else."""
    request = sent(lambda client: Phi4(client=client).complete("<|user|>hi<|end|>", formatted=True))

    assert request == {"prompt": "<|user|>hi<|end|>"}
