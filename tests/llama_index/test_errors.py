from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core import SummaryIndex
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock, VideoBlock
from llama_index.core.prompts import ChatPromptTemplate, PromptTemplate
from llama_index.core.response_synthesizers import ResponseMode
from llama_index.core.schema import TextNode
from media import square
from phi4s import phi4, prompts, saying
from pydantic import BaseModel

from llama_index_phi4 import Phi4, PromptRefused
from phi4_space import InvalidOption, TooManyFiles, UnsupportedContent


class Sum(BaseModel):
    """A sum."""

    value: int


async def last_of(stream: Any) -> Any:
    return [partial async for partial in await stream][-1]


FORMS: dict[str, Callable[..., Any]] = {
    "predict": lambda llm, prompt, **told: llm.predict(prompt, **told),
    "apredict": lambda llm, prompt, **told: asyncio.run(llm.apredict(prompt, **told)),
    "structured": lambda llm, prompt, **told: llm.structured_predict(Sum, prompt, **told),
    "astructured": lambda llm, prompt, **told: asyncio.run(llm.astructured_predict(Sum, prompt, **told)),
    "growing": lambda llm, prompt, **told: [*llm.stream_structured_predict(Sum, prompt, **told)][-1],
    "agrowing": lambda llm, prompt, **told: asyncio.run(
        last_of(llm.astream_structured_predict(Sum, prompt, **told))
    ),
}
FILM = ChatPromptTemplate(
    message_templates=[ChatMessage(blocks=[TextBlock(text="What is this?"), VideoBlock(video=b"film")])]
)


@pytest.mark.parametrize("form", FORMS)
def test_what_cannot_be_sent_is_refused_aloud(form: str) -> None:
    """Not as a ValueError, which core's synthesizers would swallow; the client's own error is the cause."""
    space = saying()

    with pytest.raises(PromptRefused, match="takes no video") as refused:
        FORMS[form](phi4(space), FILM)

    assert not isinstance(refused.value, ValueError | TypeError)
    assert isinstance(refused.value.__cause__, UnsupportedContent)
    assert refused.value.advice == refused.value.__cause__.advice
    assert space.steps() == []


@pytest.mark.parametrize("form", FORMS)
def test_too_many_files_are_refused_aloud(form: str) -> None:
    """In streams, too, where the client finds out only when asked for the first piece."""
    two = [ImageBlock(image=square(shade, 0, 0)) for shade in (0, 255)]
    prompt = ChatPromptTemplate(message_templates=[ChatMessage(blocks=[*two, TextBlock(text="Compare.")])])

    with pytest.raises(PromptRefused, match="2 files, but at most 1") as refused:
        FORMS[form](phi4(saying(), client={"max_files": 1}), prompt)

    assert isinstance(refused.value.__cause__, TooManyFiles)


def test_it_says_where_it_was_refused() -> None:
    """The Space and the step are those of the client's error."""
    llm = phi4(saying())
    empty = PromptTemplate("{text}")

    with pytest.raises(PromptRefused) as refused:
        llm.predict(empty, text=" ")

    assert str(refused.value) == str(refused.value.__cause__)


@pytest.mark.parametrize("mode", [ResponseMode.COMPACT, ResponseMode.TREE_SUMMARIZE])
def test_an_option_is_refused_aloud_in_an_engine(mode: ResponseMode) -> None:
    """A strict LLM whose options no Space takes says so, and not "Empty Response"."""
    llm = phi4(saying(), client={"strict": True}, temperature=0.1)
    engine = SummaryIndex([TextNode(text="Boats lie here.")]).as_query_engine(llm=llm, response_mode=mode)

    with pytest.raises(PromptRefused, match="temperature") as refused:
        engine.query("What lies here?")

    assert isinstance(refused.value.__cause__, InvalidOption)


@pytest.mark.parametrize(("form", "answer"), [("predict", "3"), ("apredict", "3")])
def test_what_can_be_sent_is_answered(form: str, answer: str) -> None:
    """As core does it."""
    space = saying("3")
    llm: Phi4 = phi4(space)

    assert FORMS[form](llm, PromptTemplate("{a} + 2?"), a=1) == answer
    assert prompts(space) == ["1 + 2?"]


@pytest.mark.parametrize("form", ["structured", "astructured", "growing", "agrowing"])
def test_objects_are_read(form: str) -> None:
    """As the structured forms do it."""
    assert FORMS[form](phi4(saying('{"value": 3}')), PromptTemplate("1 + 2?")) == Sum(value=3)
