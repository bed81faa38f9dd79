"""Tokens that a Space counts, and why an answer ended: where LlamaIndex and its handlers look for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from completions import counting
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, CompletionResponse
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.core.types import PydanticProgramMode
from phi4s import calling, phi4, saying
from pydantic import BaseModel

from llama_index_phi4 import Phi4

pytestmark = [
    pytest.mark.anyio,
    # core's workflows look at all attributes of an agent, also at those that pydantic is about to drop
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning:inspect"),
]

COUNTED = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
HI = [ChatMessage("hi")]
PROMPT = PromptTemplate("Lima")


class City(BaseModel):
    """A city."""

    name: str


def get_weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"sunny in {city}"


TOOL = FunctionTool.from_defaults(get_weather)
CALL = calling(("get_weather", {"city": "Lima"}))
JSON = '{"name": "Lima"}'


async def _last(responses: Any) -> Any:
    *before, last = [response async for response in responses]
    assert not any(response.additional_kwargs or "usage" in response.raw for response in before)
    return last


def _last_of(responses: Any) -> Any:
    *before, last = responses
    assert not any(response.additional_kwargs or "usage" in response.raw for response in before)
    return last


async def stream_chat(llm: Phi4) -> Any:
    return _last_of(llm.stream_chat(HI))


async def stream_complete(llm: Phi4) -> Any:
    return _last_of(llm.stream_complete("hi"))


async def chat(llm: Phi4) -> Any:
    return llm.chat(HI)


async def complete(llm: Phi4) -> Any:
    return llm.complete("hi")


async def achat(llm: Phi4) -> Any:
    return await llm.achat(HI)


async def acomplete(llm: Phi4) -> Any:
    return await llm.acomplete("hi")


async def astream_chat(llm: Phi4) -> Any:
    return await _last(await llm.astream_chat(HI))


async def astream_complete(llm: Phi4) -> Any:
    return await _last(await llm.astream_complete("hi"))


ENDPOINTS: list[Callable[[Phi4], Any]] = [
    *(chat, complete, stream_chat, stream_complete),
    *(achat, acomplete, astream_chat, astream_complete),
]


def counted(*answers: str, **fields: Any) -> tuple[Phi4, TokenCountingHandler]:
    """An LLM on a Space that counts, and what counts along."""
    counter = TokenCountingHandler()
    return phi4(counting(*answers), callback_manager=CallbackManager([counter]), **fields), counter


def counts(counter: TokenCountingHandler) -> list[tuple[int, int]]:
    """The tokens of each call that a handler heard of."""
    return [(call.prompt_token_count, call.completion_token_count) for call in counter.llm_token_counts]


@pytest.mark.parametrize("ask", ENDPOINTS)
async def test_the_handler_counts_what_the_space_counted(ask: Callable[[Phi4], Any]) -> None:
    """From each endpoint, once for each call; of a stream the last response has it."""
    llm, counter = counted("Hello.", "Again.")

    response: ChatResponse | CompletionResponse = await ask(llm)
    await ask(llm)

    assert counts(counter) == [(7, 2), (7, 2)]
    assert counter.total_llm_token_count == 18
    assert isinstance(response.raw, dict)
    assert response.raw["usage"] == response.additional_kwargs == COUNTED
    assert response.raw["model"] == "a model"


@pytest.mark.parametrize("ask", ENDPOINTS)
async def test_nothing_is_made_up(ask: Callable[[Phi4], Any]) -> None:
    """Where a Space counts no tokens the response has none, by either contract: core estimates."""
    for space in (saying("Hello."), counting("Hello.", usage=None)):
        response = await ask(phi4(space))

        assert "usage" not in response.raw
        assert response.additional_kwargs == {}


@pytest.mark.parametrize("ask", ENDPOINTS)
@pytest.mark.parametrize("reason", ["length", "content_filter", "stop"])
async def test_a_response_says_why_it_ended(ask: Callable[[Phi4], Any], reason: str) -> None:
    """In OpenAI's words, as the Space has it."""
    assert (await ask(phi4(counting("Hello.", finish_reason=reason)))).raw["finish_reason"] == reason


def test_a_call_is_a_reason_to_end() -> None:
    """Whatever the Space says of a text that it does not read; but an answer that was cut off stays so."""
    told = [
        phi4(space).chat_with_tools([TOOL], "Lima?").raw["finish_reason"]  # type: ignore[index] # it is a dict
        for space in (counting(CALL), counting(CALL, finish_reason="length"), saying(CALL))
    ]

    assert told == ["tool_calls", "length", "tool_calls"]


async def test_tools_are_counted() -> None:
    """A turn that calls, and one that a tool is called after."""
    llm, counter = counted(CALL, CALL, "It is sunny.")

    llm.chat_with_tools([TOOL], "Lima?")
    assert counts(counter) == [(7, 2)]
    memory = ChatMemoryBuffer.from_defaults(llm=llm)
    assert "sunny" in str(await FunctionAgent(llm=llm, tools=[TOOL]).run("Lima?", memory=memory))

    assert counts(counter) == [(7, 2)] * 3


@pytest.mark.parametrize(
    ("mode", "answer"),
    [
        (PydanticProgramMode.DEFAULT, JSON),
        (PydanticProgramMode.LLM, JSON),
        (PydanticProgramMode.FUNCTION, calling(("City", {"name": "Lima"}))),
    ],
)
async def test_structured_prediction_is_counted(mode: PydanticProgramMode, answer: str) -> None:
    """By each program, each of the four ways."""
    llm, counter = counted(*[answer] * 4, pydantic_program_mode=mode)

    assert llm.structured_predict(City, PROMPT) == City(name="Lima")
    assert await llm.astructured_predict(City, PROMPT) == City(name="Lima")
    assert [*llm.stream_structured_predict(City, PROMPT)][-1] == City(name="Lima")
    partials = await llm.astream_structured_predict(City, PROMPT)
    assert [partial async for partial in partials][-1] == City(name="Lima")

    assert counts(counter) == [(7, 2)] * 4


def test_an_object_that_is_asked_for_twice_counts_twice() -> None:
    """One call of the endpoint, and the tokens of both of its questions."""
    llm, counter = counted('{"name": 5}', JSON)

    assert llm.as_structured_llm(City).chat(HI).raw == City(name="Lima")

    assert counts(counter) == [(14, 4)]
