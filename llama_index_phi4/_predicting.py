"""Prediction from a prompt, as core's engines ask for it; what is refused is refused aloud. Knows no Space.

Core's response synthesizers take a ValueError for an answer that could not be parsed: they log it and say
"Empty Response". Input that the client refuses is a ValueError too, and would be refused unheard.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, TypeVar

from llama_index.core.prompts import BasePromptTemplate, PromptTemplate
from llama_index.core.types import Model

from llama_index_phi4._structured import Growing, StructuredPrediction
from phi4_space import InvalidInput, Phi4Error

T = TypeVar("T")


class PromptRefused(Phi4Error):
    """What an engine of core's asks cannot be sent, for its prompt or its options; nothing was sent.

    It says what the client's own error says, which is its `__cause__`: `TooManyFiles`, `InvalidOption` and so
    on. Unlike that one it is no ValueError, so that core's engines let it through.
    """


class Prediction(StructuredPrediction):
    """An LLM whose predictions fail aloud."""

    def predict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """The answer to a prompt.

        Raises:
            PromptRefused: What it holds cannot be sent.
            Phi4Error: The turn failed; the class says how, the text what to do.
        """
        with _aloud():
            return super().predict(prompt, **prompt_args)

    async def apredict(self, prompt: BasePromptTemplate, **prompt_args: Any) -> str:
        """`predict`, asynchronously."""
        with _aloud():
            return await super().apredict(prompt, **prompt_args)

    def structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """An object in answer to a prompt.

        Raises:
            PromptRefused: What it holds cannot be sent.
            ResponseFormatNotMet: The model answered twice without one.
            Phi4Error: The turn failed; the class says how, the text what to do.
        """
        with _aloud():
            predicted: Model = super().structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
            return predicted

    async def astructured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """`structured_predict`, asynchronously."""
        with _aloud():
            predicted: Model = await super().astructured_predict(
                output_cls, prompt, llm_kwargs, **prompt_args
            )
            return predicted

    def _structured_stream_call(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Growing[Model], None, None]:
        """What core's `stream_structured_predict` yields."""
        with _aloud():
            yield from super()._structured_stream_call(output_cls, prompt, llm_kwargs, **prompt_args)

    async def _structured_astream_call(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Growing[Model], None]:
        """`_structured_stream_call`, asynchronously."""
        with _aloud():
            growing = await super()._structured_astream_call(output_cls, prompt, llm_kwargs, **prompt_args)
        return _growing_aloud(growing)


async def _growing_aloud(growing: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    with _aloud():
        async with aclosing(growing):
            async for known in growing:
                yield known


@contextmanager
def _aloud() -> Iterator[None]:
    try:
        yield
    except InvalidInput as refused:
        told = PromptRefused(refused.what, advice=refused.advice)
        if refused.step and refused.space:
            told.locate(step=refused.step, space=refused.space)
        raise told from refused
