"""Structured prediction: the format that is asked for, and answers as objects. Knows pydantic; no Space.

The client asks for JSON, checks it, and asks once more where it does not fit. So an answer is whole and
right, or there is an error.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from typing import Any, Generic, TypeAlias, TypeVar

from llama_index.core import instrumentation
from llama_index.core.base.llms.types import ChatResponse, ChatResponseAsyncGen, ChatResponseGen
from llama_index.core.instrumentation.events.llm import (
    LLMStructuredPredictEndEvent,
    LLMStructuredPredictStartEvent,
)
from llama_index.core.program.utils import FlexibleModel, create_flexible_model
from llama_index.core.prompts import BasePromptTemplate
from llama_index.core.types import Model
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import from_json

from llama_index_phi4._errors import raise_prompt_refused
from phi4_space import InvalidOption, ResponseFormat
from phi4_space.interop import (
    PydanticCheck,
    check_types,
    is_pydantic,
    pydantic_schema,
    short_repr,
    to_response_format,
)

_dispatcher = instrumentation.get_dispatcher(__name__)  # type: ignore[attr-defined] # which it re-exports
T = TypeVar("T")
Partial: TypeAlias = "Model | list[Model] | FlexibleModel | list[FlexibleModel]"
"""What core lets a stream of objects yield; here it is one object, as it grows."""


class OutputFormat(BaseModel):
    """An answer that is an object of a class, in a form that traces can write.

    Attributes:
        output_cls: The class.
        json_schema: What its objects look like as JSON.
    """

    output_cls: type[BaseModel] = Field(exclude=True)
    json_schema: dict[str, Any]

    @classmethod
    def of(cls, output_cls: type[BaseModel]) -> OutputFormat:
        """The format of a class's objects.

        Raises:
            InvalidOption: They have no JSON Schema.
        """
        schema = pydantic_schema(output_cls)
        check_types(schema, "object", "array", what=output_cls.__name__)
        return cls(output_cls=output_cls, json_schema=schema)


def to_format(spec: object) -> ResponseFormat | None:
    """What `response_format` asks for.

    Args:
        spec: An `OutputFormat`, or what the client's own reader takes: None, a `ResponseFormat`, a pydantic
            class, a JSON Schema, or OpenAI's dicts.

    Raises:
        InvalidOption: It is none of these.
    """
    if isinstance(spec, OutputFormat):
        return ResponseFormat(spec.json_schema, check=PydanticCheck(spec.output_cls))
    return to_response_format(spec)


def report_start(
    output_cls: type[BaseModel], prompt: BasePromptTemplate, prompt_args: dict[str, Any]
) -> None:
    """Reports the start of a structured prediction to core's handlers."""
    _dispatcher.event(
        LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=prompt_args)
    )


def report_end(output: Model) -> Model:
    """Reports the object to core's handlers, and returns it."""
    _dispatcher.event(LLMStructuredPredictEndEvent(output=output))
    return output


def check_class(output_cls: object) -> None:
    """Makes sure that objects can be made of a class.

    Raises:
        InvalidOption: It is no pydantic class.
    """
    if not is_pydantic(output_cls):
        raise InvalidOption(
            f"output_cls is {short_repr(output_cls)}, not a pydantic class",
            advice="Make a list, a union or an optional value a field of a class.",
        )


def with_format(output_cls: type[BaseModel], llm_kwargs: dict[str, Any] | None) -> dict[str, Any]:
    """The arguments of a chat endpoint that is asked for an object.

    Raises:
        InvalidOption: The class has no JSON Schema.
    """
    # Programs of core's add these three for tools; here no tool is on offer.
    ours = {"response_format", "tool_choice", "tool_required", "allow_parallel_tool_calls"}
    others = {name: value for name, value in (llm_kwargs or {}).items() if name not in ours}
    return {**others, "response_format": OutputFormat.of(output_cls)}


def to_object(output_cls: type[Model], response: ChatResponse) -> Model:
    """The object that an answer is."""
    return output_cls.model_validate_json(response.message.content or "")


class _PartialReader(Generic[Model]):
    """An object, as its JSON arrives."""

    def __init__(self, output_cls: type[Model]) -> None:
        self._output_cls = output_cls
        self._partial_cls = create_flexible_model(output_cls)
        self._fields: dict[str, Any] = {}

    def read(self, response: ChatResponse) -> Model | FlexibleModel | None:
        """The object with the fields so far; None where the response adds none."""
        try:
            fields = from_json(response.message.content or "", allow_partial="trailing-strings")
        except ValueError:
            return None
        if not isinstance(fields, dict) or fields == self._fields:
            return None
        self._fields = fields
        try:
            return self._output_cls.model_validate(fields)
        except ValidationError:
            return self._partial_cls.model_validate(fields)


def partial_objects(
    output_cls: type[Model], responses: ChatResponseGen
) -> Generator[Partial[Model], None, None]:
    """The object as it grows, and whole at last."""
    reader = _PartialReader(output_cls)
    with closing(responses):
        for response in responses:
            if (partial := reader.read(response)) is not None:
                yield partial
    yield to_object(output_cls, response)


async def apartial_objects(
    output_cls: type[Model], responses: ChatResponseAsyncGen
) -> AsyncGenerator[Partial[Model], None]:
    """`partial_objects`, asynchronously."""
    reader = _PartialReader(output_cls)
    async with aclosing(responses):
        async for response in responses:
            if (partial := reader.read(response)) is not None:
                yield partial
    yield to_object(output_cls, response)


async def refusing(partials: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The same objects; input that the client refuses becomes a `PromptRefused`."""
    with raise_prompt_refused():
        async with aclosing(partials):
            async for partial in partials:
                yield partial
