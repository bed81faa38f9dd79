"""Tokens that a Space counts, and why an answer ended: where LangChain and its callbacks look for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from chats import Ears, calling, chat, saying
from completions import counting
from langchain.agents import create_agent
from langchain_core.callbacks import UsageMetadataCallbackHandler, get_usage_metadata_callback
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from langchain_phi4 import ChatPhi4

pytestmark = pytest.mark.anyio

COUNTED = {"input_tokens": 7, "output_tokens": 2, "total_tokens": 9}
TWICE = {name: 2 * count for name, count in COUNTED.items()}


class City(BaseModel):
    """A city."""

    name: str


@tool
def get_weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"sunny in {city}"


async def invoked(model: ChatPhi4) -> AIMessage:
    return model.invoke("hi")


async def ainvoked(model: ChatPhi4) -> AIMessage:
    return await model.ainvoke("hi")


async def streamed(model: ChatPhi4) -> AIMessage:
    return _summed([*model.stream("hi")])


async def astreamed(model: ChatPhi4) -> AIMessage:
    return _summed([chunk async for chunk in model.astream("hi")])


async def streamed_within(model: ChatPhi4) -> AIMessage:
    return await model.model_copy(update={"streaming": True}).ainvoke("hi", {"callbacks": [Ears()]})


def _summed(chunks: list[Any]) -> AIMessage:
    *before, last = chunks
    assert [chunk.usage_metadata for chunk in before] == [None] * len(before)
    assert last.chunk_position == "last"
    whole: AIMessageChunk = sum(chunks[1:], chunks[0])
    return whole


WAYS = [invoked, ainvoked, streamed, astreamed, streamed_within]


@pytest.mark.parametrize("ask", WAYS)
async def test_tokens_are_counted_once(ask: Callable[[ChatPhi4], Any]) -> None:
    """A message has the Space's counts; of a stream the last chunk alone, so that the sum is right."""
    message = await ask(chat(counting("Hello.")))

    assert message.usage_metadata == COUNTED
    assert (message.text, message.response_metadata["model_name"]) == ("Hello.", "a model")


@pytest.mark.parametrize("ask", WAYS)
async def test_nothing_is_made_up(ask: Callable[[ChatPhi4], Any]) -> None:
    """Where a Space counts no tokens there is no usage, by either contract."""
    assert (await ask(chat(saying("Hello.")))).usage_metadata is None
    assert (await ask(chat(counting("Hello.", usage=None)))).usage_metadata is None


def test_an_answer_that_the_client_cut_is_not_counted() -> None:
    """Where there are tools it finds the stop string itself, and never gets the Space's count."""
    model = chat(counting("One END two"), stop=["END"]).bind_tools([get_weather])

    message = model.invoke("hi")

    assert (message.text, message.usage_metadata) == ("One ", None)
    assert message.response_metadata["finish_reason"] == "stop"


@pytest.mark.parametrize("ask", WAYS)
@pytest.mark.parametrize("reason", ["length", "content_filter", "stop"])
async def test_a_message_says_why_it_ended(ask: Callable[[ChatPhi4], Any], reason: str) -> None:
    """In OpenAI's words, as the Space has it."""
    message = await ask(chat(counting("Hello.", finish_reason=reason)))

    assert message.response_metadata["finish_reason"] == reason


def test_a_call_is_a_reason_to_end() -> None:
    """Whatever the Space says of a text that it does not read; but an answer that was cut off stays so."""
    call = calling(("get_weather", {"city": "Lima"}))
    told = [
        chat(space).bind_tools([get_weather]).invoke("Lima?").response_metadata["finish_reason"]
        for space in (counting(call), counting(call, finish_reason="length"), saying(call))
    ]

    assert told == ["tool_calls", "length", "tool_calls"]


def test_where_no_reason_is_known_it_stopped() -> None:
    """As LangChain's own models say it."""
    for space in (saying("Hello."), counting("Hello.", finish_reason=None)):
        assert chat(space).invoke("hi").response_metadata["finish_reason"] == "stop"


@pytest.mark.parametrize("ask", WAYS)
async def test_callbacks_add_them_up(ask: Callable[[ChatPhi4], Any]) -> None:
    """By the name of the model that answered."""
    model = chat(counting("Hello.", "Again."))

    with get_usage_metadata_callback() as usage:
        await ask(model)
        await ask(model)

    assert usage.usage_metadata == {"a model": TWICE}


async def test_a_handler_counts_batches() -> None:
    """Each answer once, also of `generate`, which has one callback for all."""
    handler, model = UsageMetadataCallbackHandler(), chat(counting(*["Hello."] * 4))

    await model.abatch(["one", "two"], {"callbacks": [handler]})
    await model.agenerate([[HumanMessage("three")], [HumanMessage("four")]], callbacks=[handler])

    assert handler.usage_metadata == {"a model": {name: 4 * count for name, count in COUNTED.items()}}


RIGHT, WRONG = '{"name": "Lima"}', '{"name": 5}'
RIGHT_CALL, WRONG_CALL = calling(("City", {"name": "Lima"})), calling(("City", {"name": 5}))


@pytest.mark.parametrize(
    ("method", "answers", "counts"),
    [
        ("json_schema", [RIGHT], COUNTED),
        ("json_schema", [WRONG, RIGHT], TWICE),
        ("function_calling", [RIGHT_CALL], COUNTED),
        ("function_calling", [WRONG_CALL, RIGHT_CALL], TWICE),
        ("json_mode", [RIGHT], COUNTED),
        ("json_mode", ["No JSON.", RIGHT], TWICE),
    ],
)
def test_structured_output_shows_them(method: Any, answers: list[str], counts: dict[str, int]) -> None:
    """With include_raw, on the message; an answer that was asked for twice has both counts."""
    model = chat(counting(*answers)).with_structured_output(City, method=method, include_raw=True)

    output = model.invoke("Lima")

    assert isinstance(output, dict)
    assert (output["parsed"], output["raw"].usage_metadata) == (City(name="Lima"), counts)


async def test_agents_show_them() -> None:
    """Each of their messages has its own, and a callback around them the sum."""
    agent = create_agent(
        chat(counting(calling(("get_weather", {"city": "Lima"})), "It is sunny.")), [get_weather]
    )

    with get_usage_metadata_callback() as usage:
        state = await agent.ainvoke({"messages": [HumanMessage("Lima?")]})

    messages = [message for message in state["messages"] if isinstance(message, AIMessage)]
    assert [message.usage_metadata for message in messages] == [COUNTED, COUNTED]
    assert usage.usage_metadata == {"a model": TWICE}
