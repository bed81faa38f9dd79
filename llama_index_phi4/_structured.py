"""Structured prediction: a prompt and a class in, an object of it out. Knows chat endpoints; no Space.

The client asks for JSON, checks it, and asks once more where it is none. So an answer is whole and right, or
there is an error. Core's own programs are taken where the user chose one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from typing import Any, Generic, TypeAlias, TypeVar, cast

from llama_index.core import instrumentation
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
)
from llama_index.core.instrumentation.events.llm import (
    LLMStructuredPredictEndEvent,
    LLMStructuredPredictStartEvent,
)
from llama_index.core.program.utils import FlexibleModel, create_flexible_model
from llama_index.core.prompts import BasePromptTemplate, PromptTemplate
from llama_index.core.types import Model, PydanticProgramMode
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from llama_index_phi4._formats import OutputFormat
from llama_index_phi4._predicting import Prediction, aloud

_dispatcher = instrumentation.get_dispatcher(__name__)  # type: ignore[attr-defined] # which it re-exports
T = TypeVar("T")
Growing: TypeAlias = "Model | list[Model] | FlexibleModel | list[FlexibleModel]"
"""What core lets a stream of objects yield; here it is one object, as it grows."""


class StructuredPrediction(Prediction):
    """An LLM whose structured predictions are asked for as JSON and checked by pydantic.

    Args of all four forms:
        output_cls: What the answer is to be an object of.
        prompt: What is asked; its media go along.
        llm_kwargs: Arguments for the chat endpoint, such as `stop`.
        **prompt_args: What the prompt's variables stand for.
    """

    @_dispatcher.span
    def structured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """Asks for an object, and waits for it.

        Raises:
            PromptRefused: What the prompt holds cannot be sent.
            ResponseFormatNotMet: The model answered twice without one.
            Phi4Error: The turn failed; the class says how, the text what to do.
        """
        with aloud():
            if self.pydantic_program_mode is not PydanticProgramMode.DEFAULT:
                made = super().structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
                return cast("Model", made)
            _tell_start(output_cls, prompt, prompt_args)
            response = self.chat(self._asked(prompt, prompt_args), **_with_format(output_cls, llm_kwargs))
            return _told_end(_read(output_cls, response))

    @_dispatcher.span
    async def astructured_predict(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Model:
        """`structured_predict`, asynchronously."""
        with aloud():
            if self.pydantic_program_mode is not PydanticProgramMode.DEFAULT:
                made = await super().astructured_predict(output_cls, prompt, llm_kwargs, **prompt_args)
                return cast("Model", made)
            _tell_start(output_cls, prompt, prompt_args)
            asked = self._asked(prompt, prompt_args)
            response = await self.achat(asked, **_with_format(output_cls, llm_kwargs))
            return _told_end(_read(output_cls, response))

    def _structured_stream_call(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Growing[Model], None, None]:
        """What core's `stream_structured_predict` yields: the object as it grows, and whole at last."""
        with aloud():
            if self.pydantic_program_mode is not PydanticProgramMode.DEFAULT:
                yield from super()._structured_stream_call(output_cls, prompt, llm_kwargs, **prompt_args)
                return
            asked = self._asked(prompt, prompt_args)
            yield from _growing(output_cls, self.stream_chat(asked, **_with_format(output_cls, llm_kwargs)))

    async def _structured_astream_call(
        self,
        output_cls: type[Model],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Growing[Model], None]:
        """`_structured_stream_call`, asynchronously."""
        with aloud():
            if self.pydantic_program_mode is not PydanticProgramMode.DEFAULT:
                growing = await super()._structured_astream_call(
                    output_cls, prompt, llm_kwargs, **prompt_args
                )
                return _growing_aloud(growing)
            asked = self._asked(prompt, prompt_args)
            stream = await self.astream_chat(asked, **_with_format(output_cls, llm_kwargs))
            return _growing_aloud(_agrowing(output_cls, stream))

    def _asked(self, prompt: PromptTemplate, prompt_args: dict[str, Any]) -> list[ChatMessage]:
        return self._extend_messages(prompt.format_messages(llm=self, **prompt_args))


def _tell_start(output_cls: type[BaseModel], prompt: BasePromptTemplate, prompt_args: dict[str, Any]) -> None:
    _dispatcher.event(
        LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=prompt_args)
    )


def _told_end(output: Model) -> Model:
    _dispatcher.event(LLMStructuredPredictEndEvent(output=output))
    return output


def _with_format(output_cls: type[BaseModel], llm_kwargs: dict[str, Any] | None) -> dict[str, Any]:
    # Programs of core's add these three for tools; here no tool is on offer.
    ours = {"response_format", "tool_choice", "tool_required", "allow_parallel_tool_calls"}
    kept = {name: value for name, value in (llm_kwargs or {}).items() if name not in ours}
    return {**kept, "response_format": OutputFormat.of(output_cls)}


def _read(output_cls: type[Model], response: ChatResponse) -> Model:
    return output_cls.model_validate_json(response.message.content or "")


class _Growth(Generic[Model]):
    """An object, as its JSON arrives."""

    def __init__(self, output_cls: type[Model]) -> None:
        self._output_cls = output_cls
        self._partial_cls = create_flexible_model(output_cls)
        self._known: dict[str, Any] = {}

    def read(self, response: ChatResponse) -> Model | FlexibleModel | None:
        """The object with the fields that are known; None where the response tells no more of it."""
        try:
            known = from_json(response.message.content or "", allow_partial="trailing-strings")
        except ValueError:
            return None
        if not isinstance(known, dict) or known == self._known:
            return None
        self._known = known
        try:
            return self._output_cls.model_validate(known)
        except ValidationError:
            return self._partial_cls.model_validate(known)


def _growing(output_cls: type[Model], responses: ChatResponseGen) -> Generator[Growing[Model], None, None]:
    growth = _Growth(output_cls)
    with closing(responses):
        for response in responses:
            if (known := growth.read(response)) is not None:
                yield known
    yield _read(output_cls, response)


async def _agrowing(
    output_cls: type[Model], responses: ChatResponseAsyncGen
) -> AsyncGenerator[Growing[Model], None]:
    growth = _Growth(output_cls)
    async with aclosing(responses):
        async for response in responses:
            if (known := growth.read(response)) is not None:
                yield known
    yield _read(output_cls, response)


async def _growing_aloud(growing: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    with aloud():
        async with aclosing(growing):
            async for known in growing:
                yield known
