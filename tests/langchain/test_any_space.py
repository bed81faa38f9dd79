"""ChatPhi4 on chat Spaces of other people's kinds: the plain apps of tests/spaces/."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from media import square, tone
from pydantic import BaseModel
from stage import Stage

from langchain_phi4 import ChatPhi4
from phi4_space import OptionIgnored

pytestmark = pytest.mark.anyio


@pytest.fixture
def chat(plain: Stage) -> Iterator[Callable[..., ChatPhi4]]:
    """Makes models on the plain app."""
    with ExitStack() as stack:

        def chat(**fields: Any) -> ChatPhi4:
            return ChatPhi4(client=stack.enter_context(plain.client()), **fields)

        yield chat


@tool
def get_weather(city: str) -> str:
    """Tells the weather in a city."""
    return f"It rains in {city}."


class Home(BaseModel):
    """Where somebody lives."""

    city: str


class Person(BaseModel):
    """Somebody."""

    age: int
    home: Home


def picture_and_sound(text: str) -> HumanMessage:
    def block(kind: str, data: bytes, mime_type: str) -> dict[str, Any]:
        return {"type": kind, "base64": base64.b64encode(data).decode(), "mime_type": mime_type}

    image, audio = block("image", square(220, 30, 30), "image/png"), block("audio", tone(440), "audio/wav")
    return HumanMessage([{"type": "text", "text": text}, image, audio])


def merged(chunks: Iterator[Any]) -> Any:
    first, *others = chunks
    assert isinstance(first, AIMessageChunk)
    return sum(others, first)


@pytest.mark.app("words")
def test_words(chat: Callable[..., ChatPhi4]) -> None:
    """Text is answered, and the same when it is streamed."""
    model = chat()
    assert model.invoke("Hi.").text == "Turn 1: you said 'Hi.'"
    chunks = [*model.stream("Hi.")]
    assert len(chunks) > 3
    assert merged(iter(chunks)).text == "Turn 1: you said 'Hi.'"


@pytest.mark.app("assistant")
def test_files_and_settings(chat: Callable[..., ChatPhi4]) -> None:
    """Images, audio, options and the system message reach the Space where they belong, and nothing warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = chat(temperature=0.2, max_tokens=64, top_p=0.5).invoke(
            [SystemMessage("Be kind."), picture_and_sound("Look.")]
        )

    assert answer.text.startswith("Turn 1: you said 'Look.' with ")
    assert answer.text.count(".png and ") == 1
    assert "(system=Be kind., max=64, temperature=0.2, top_p=0.5, top_k=50, penalty=1.2)" in answer.text


@pytest.mark.app("words")
def test_settings_that_are_not_there(chat: Callable[..., ChatPhi4]) -> None:
    """What the Space has no place for is warned of."""
    with pytest.warns(OptionIgnored, match="temperature is ignored"):
        chat(temperature=0.2).invoke("Hi.")


@pytest.mark.app("thinker")
async def test_thoughts(chat: Callable[..., ChatPhi4]) -> None:
    """A thought is a reasoning block before the text, streamed or not."""
    model = chat()
    whole = await model.ainvoke("Hi.")
    streamed = merged(iter([chunk async for chunk in model.astream("Hi.")]))

    for message in (whole, streamed):
        assert isinstance(message, BaseMessage)
        blocks = message.content_blocks
        assert [block["type"] for block in blocks] == ["reasoning", "text"]
        assert dict(blocks[0])["reasoning"] == "First I read it. Then I answer."
        assert message.text == "Turn 1: you said 'Hi.'"


@pytest.mark.app("demo")
def test_conversation(chat: Callable[..., ChatPhi4]) -> None:
    """What was said before goes along, over two steps by other names."""
    history: list[BaseMessage] = [HumanMessage("one")]
    history.append(chat().invoke(history))
    history.append(HumanMessage("two"))

    assert "Turn 1: you said 'one'" in history[1].text
    assert "two" in chat().invoke(history).text


@pytest.mark.app("words")
def test_tools(chat: Callable[..., ChatPhi4]) -> None:
    """A tool is called over a gr.ChatInterface, and its result is told."""
    model = chat().bind_tools([get_weather])
    question = HumanMessage("How is the weather in Paris?")
    asked = model.invoke([question])
    (call,) = asked.tool_calls
    told = model.invoke([question, asked, get_weather.invoke(call)])

    assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris"})
    assert "It rains in Paris." in told.text


@pytest.mark.app("demo")
def test_structured_output(chat: Callable[..., ChatPhi4]) -> None:
    """Pretty JSON, which the Space's Chatbot moves to and fro, becomes an object."""
    person = chat().with_structured_output(Person).invoke("Ada is 36 years old.")
    assert person == Person(age=36, home=Home(city="London"))


@pytest.mark.app("illustrator")
def test_files_of_an_answer(chat: Callable[..., ChatPhi4]) -> None:
    """A file in an answer is in the message's metadata."""
    answer = chat().invoke("a picture")
    assert answer.text == "A green square."
    assert [file["name"] for file in answer.response_metadata["reply_files"]] == ["green.png"]
