"""Two frameworks, one client: the same conversation makes the same requests and gets the same words."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import httpx
import pytest
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
from scripted import URL, ScriptedSpace, events, whole
from tidy import files_of

from langchain_phi4 import ChatPhi4
from llama_index_phi4 import Phi4
from phi4_space import Environment, SpaceClient

Ask = Callable[[SpaceClient], Any]
PNG, WAV = square(220, 30, 30), tone(440)
CALL = '<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Lima"}}]<|/tool_call|>'


def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


class City(BaseModel):
    """A city and its weather."""

    city: str
    degrees: int


def base64(data: bytes) -> str:
    """Bytes as LangChain takes them."""
    return b64encode(data).decode()


# LlamaIndex's blocks stand on lines of their own, LangChain's as they are.
LANGCHAIN = [
    SystemMessage("You are brief."),
    HumanMessage(
        [
            {"type": "text", "text": "Look: "},
            {"type": "image", "base64": base64(PNG), "mime_type": "image/png"},
            {"type": "text", "text": "\nAnd say the weather in Lima."},
        ]
    ),
    AIMessage("", tool_calls=[{"name": "get_weather", "args": {"city": "Lima"}, "id": "call_1"}]),
    ToolMessage("sunny", tool_call_id="call_1", name="get_weather"),
    AIMessage("It is sunny."),
    HumanMessage(
        [
            {"type": "audio", "base64": base64(WAV), "mime_type": "audio/wav"},
            {"type": "text", "text": "And this?"},
        ]
    ),
]
LLAMA_INDEX = [
    ChatMessage(role="system", content="You are brief."),
    ChatMessage(
        role="user",
        blocks=[
            TextBlock(text="Look: "),
            ImageBlock(image=PNG),
            TextBlock(text="And say the weather in Lima."),
        ],
    ),
    ChatMessage(
        role="assistant",
        blocks=[ToolCallBlock(tool_call_id="call_1", tool_name="get_weather", tool_kwargs={"city": "Lima"})],
    ),
    ChatMessage(
        role="tool", content="sunny", additional_kwargs={"tool_call_id": "call_1", "name": "get_weather"}
    ),
    ChatMessage(role="assistant", content="It is sunny."),
    ChatMessage(role="user", blocks=[AudioBlock(audio=WAV), TextBlock(text="And this?")]),
]
LANGCHAIN_TOOL = StructuredTool.from_function(get_weather)
LLAMA_INDEX_TOOL = FunctionTool.from_defaults(get_weather, description="The weather in a city.")


def asked(answer: str, ask: Callable[[SpaceClient], Any]) -> tuple[Any, list[tuple[str, Any]]]:
    """What a framework makes of an answer, and what it sent for it."""
    names = iter(("session-1", "session-2"))
    space = ScriptedSpace({"data": [events(*whole(answer))]})
    environment = Environment(transport=space, new_session_hash=lambda: next(names))
    with SpaceClient(URL, environment=environment) as client:
        told = ask(client)
    return told, [(step, sent(request)) for step, request in space.asked]


def sent(request: httpx.Request) -> Any:
    """What a request carries, without the random boundary."""
    kind = request.headers.get("content-type", "")
    return files_of(request.content, kind) if "boundary" in kind else (request.url, request.content)


@pytest.mark.parametrize(
    ("langchain", "llama_index"),
    [
        (
            lambda client: ChatPhi4(client=client).invoke(LANGCHAIN).text,
            lambda client: Phi4(client=client).chat(LLAMA_INDEX).message.content,
        ),
        (
            lambda client: asyncio.run(ChatPhi4(client=client).ainvoke(LANGCHAIN)).text,
            lambda client: asyncio.run(Phi4(client=client).achat(LLAMA_INDEX)).message.content,
        ),
        (
            lambda client: "".join(chunk.text for chunk in ChatPhi4(client=client).stream(LANGCHAIN)),
            lambda client: "".join(part.delta or "" for part in Phi4(client=client).stream_chat(LLAMA_INDEX)),
        ),
        (
            lambda client: ChatPhi4(client=client, stop=["no"]).invoke("Is it sunny?").text,
            lambda client: Phi4(client=client, stop=["no"]).complete("Is it sunny?").text,
        ),
    ],
    ids=["plain", "asynchronous", "streamed", "a question and a stop string"],
)
def test_the_same_conversation(langchain: Ask, llama_index: Ask) -> None:
    """Words, picture, call, result and sound go out alike, and the answer is the same."""
    answer = "It is a tone, and no more."

    one, other = asked(answer, langchain), asked(answer, llama_index)

    assert one == other
    assert one[0]


def test_the_same_tools() -> None:
    """Tools are told in the same words, and a call is read alike."""
    one, sent_by_one = asked(
        CALL, lambda client: ChatPhi4(client=client).bind_tools([LANGCHAIN_TOOL]).invoke("Lima?")
    )
    other, sent_by_other = asked(
        CALL, lambda client: Phi4(client=client).chat_with_tools([LLAMA_INDEX_TOOL], user_msg="Lima?")
    )

    (selection,) = Phi4().get_tool_calls_from_response(other)
    (call,) = one.tool_calls
    assert (call["name"], call["args"]) == (selection.tool_name, selection.tool_kwargs)
    assert sent_by_one == sent_by_other


def test_the_same_structure() -> None:
    """A model of pydantic's is asked for, checked and filled alike."""
    answer = '{"city": "Lima", "degrees": 24}'
    one = asked(
        answer,
        lambda client: ChatPhi4(client=client).with_structured_output(City).invoke("24 degrees in Lima"),
    )
    other = asked(
        answer,
        lambda client: Phi4(client=client).structured_predict(City, PromptTemplate("24 degrees in Lima")),
    )

    assert one == other
    assert one[0] == City(city="Lima", degrees=24)
