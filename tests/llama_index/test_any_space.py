"""Phi4 on chat Spaces of other people's kinds: the plain apps of tests/spaces/."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
)
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from media import square, tone
from pydantic import BaseModel
from stage import Stage

from llama_index_phi4 import Phi4
from phi4_space import OptionIgnored

pytestmark = pytest.mark.anyio


@pytest.fixture
def phi4(plain: Stage) -> Iterator[Callable[..., Phi4]]:
    """Makes LLMs on the plain app."""
    with ExitStack() as stack:

        def phi4(**fields: Any) -> Phi4:
            return Phi4(client=stack.enter_context(plain.client()), **fields)

        yield phi4


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


def said(text: str) -> list[ChatMessage]:
    return [ChatMessage(text)]


@pytest.mark.app("words")
def test_words(phi4: Callable[..., Phi4]) -> None:
    """Text is answered, and the same when it is streamed."""
    llm = phi4()
    assert llm.complete("Hi.").text == "Turn 1: you said 'Hi.'"
    *before, last = llm.stream_chat(said("Hi."))
    assert len(before) > 3
    assert last.message.content == "Turn 1: you said 'Hi.'"


@pytest.mark.app("assistant")
def test_files_and_settings(phi4: Callable[..., Phi4]) -> None:
    """Images, audio, options and the system message reach the Space where they belong, and nothing warns."""
    question = ChatMessage(
        blocks=[
            TextBlock(text="Look."),
            ImageBlock(image=square(220, 30, 30)),
            AudioBlock(audio=tone(440), format="wav"),
        ]
    )
    system = ChatMessage("Be kind.", role=MessageRole.SYSTEM)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        llm = phi4(temperature=0.2, max_tokens=64, additional_kwargs={"top_p": 0.5})
        answer = llm.chat([system, question]).message.content or ""

    assert answer.startswith("Turn 1: you said 'Look.' with ")
    assert answer.count(".png and ") == 1
    assert "(system=Be kind., max=64, temperature=0.2, top_p=0.5, top_k=50, penalty=1.2)" in answer


@pytest.mark.app("words")
def test_settings_that_are_not_there(phi4: Callable[..., Phi4]) -> None:
    """What the Space has no place for is warned of."""
    with pytest.warns(OptionIgnored, match="temperature is ignored"):
        phi4(temperature=0.2).chat(said("Hi."))


@pytest.mark.app("thinker")
async def test_thoughts(phi4: Callable[..., Phi4]) -> None:
    """A thought is a ThinkingBlock beside the text, streamed or not."""
    llm = phi4()
    whole = await llm.achat(said("Hi."))
    streamed = [response async for response in await llm.astream_chat(said("Hi."))]

    for response in (whole, streamed[-1]):
        text, thinking = response.message.blocks
        assert isinstance(thinking, ThinkingBlock)
        assert isinstance(text, TextBlock)
        assert (thinking.content, text.text) == ("First I read it. Then I answer.", "Turn 1: you said 'Hi.'")


@pytest.mark.app("demo")
def test_conversation(phi4: Callable[..., Phi4]) -> None:
    """What was said before goes along, over two steps by other names."""
    llm = phi4()
    history = said("one")
    history.append(llm.chat(history).message)
    last = llm.chat([*history, ChatMessage("two")]).message.content or ""

    assert history[1].content == "Turn 1: you said 'one'"
    assert "two" in last


@pytest.mark.app("words")
def test_tools(phi4: Callable[..., Phi4]) -> None:
    """A tool is called over a gr.ChatInterface."""
    llm = phi4()
    asked = llm.chat_with_tools(
        [FunctionTool.from_defaults(get_weather)], user_msg="How is the weather in Paris?"
    )
    (call,) = llm.get_tool_calls_from_response(asked)

    assert (call.tool_name, call.tool_kwargs) == ("get_weather", {"city": "Paris"})


@pytest.mark.app("demo")
def test_structured_output(phi4: Callable[..., Phi4]) -> None:
    """Pretty JSON, which the Space's Chatbot moves to and fro, becomes an object."""
    person = phi4().structured_predict(Person, PromptTemplate("Ada is 36 years old."))
    assert person == Person(age=36, home=Home(city="London"))


@pytest.mark.app("illustrator")
def test_files_of_an_answer(phi4: Callable[..., Phi4]) -> None:
    """A file in an answer is named beside it."""
    answer = phi4().chat(said("a picture"))
    assert isinstance(answer.raw, dict)
    assert answer.message.content == "A green square."
    assert [file["name"] for file in answer.raw["reply_files"]] == ["green.png"]
