"""What a chat completion is asked for with: JSON shaped like OpenAI's. Knows its shape; no model, no files.

It differs from OpenAI's in one thing: images and audio come as uploaded files, and a part of a message says
by its number which of them it is.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, ValidationError, model_validator

_MAX_REASON = 300
_MAX_STOP = 100
_StopString = Annotated[str, Field(min_length=1, max_length=1_000)]


class _Part(BaseModel):
    # Errors hold none of what was sent, which may be of any length.
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class TextPart(_Part):
    """Text in a message."""

    type: Literal["text"]
    text: str


class FilePart(_Part):
    """An uploaded file in a message, by its number from 0."""

    type: Literal["image", "audio"]
    file: Annotated[int, Field(ge=0, strict=True)]


ContentPart = Annotated[TextPart | FilePart, Field(discriminator="type")]


def _to_list(value: object) -> object:
    """None, which some clients write for an empty list, as one."""
    return [] if value is None else value


def _to_parts(value: object) -> object:
    return [{"type": "text", "text": value}] if isinstance(value, str) else _to_list(value)


def _to_strings(value: object) -> object:
    return [value] if isinstance(value, str) else _to_list(value)


class CalledFunction(_Part):
    """The function of a call, and its arguments: JSON, or an object."""

    name: str
    arguments: str | dict[str, Any] = "{}"


class Call(_Part):
    """A tool call of the assistant's."""

    id: str = ""
    function: CalledFunction


class BodyMessage(_Part):
    """A message."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[list[ContentPart], FailFast(), BeforeValidator(_to_parts)] = []
    name: str | None = None
    tool_calls: Annotated[list[Call], FailFast(), BeforeValidator(_to_list)] = []
    tool_call_id: str | None = None


class OfferedFunction(_Part):
    """A function that the model may call; `parameters` is a JSON Schema."""

    name: Annotated[str, Field(min_length=1)]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(_Part):
    """A tool on offer."""

    type: Literal["function"] = "function"
    function: OfferedFunction


class _ChosenFunction(_Part):
    name: str


class ChosenTool(_Part):
    """The tool that the model must call."""

    type: Literal["function"] = "function"
    function: _ChosenFunction


class _JsonSchema(_Part):
    schema_: Annotated[dict[str, Any], Field(alias="schema")]


class ResponseFormat(_Part):
    """What the answer has to be."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: _JsonSchema | None = None

    @model_validator(mode="after")
    def _has_schema(self) -> ResponseFormat:
        if self.type == "json_schema" and self.json_schema is None:
            raise ValueError('"json_schema" needs a json_schema')
        return self

    @property
    def schema_or_none(self) -> dict[str, Any] | None:
        """The schema of the answer, {} for any object; None for text."""
        if self.type == "text":
            return None
        return {} if self.json_schema is None else self.json_schema.schema_


class ChatBody(_Part):
    """The whole of it: `messages`, or a `prompt` that is sent as it is, and options.

    Options are OpenAI's, and vLLM's `top_k` and `repetition_penalty`; those that are None are not set.
    """

    messages: Annotated[list[BodyMessage], FailFast()] = []
    prompt: str | None = None
    tools: Annotated[list[Tool], FailFast(), BeforeValidator(_to_list)] = []
    tool_choice: Literal["auto", "none", "required"] | ChosenTool | None = None
    response_format: ResponseFormat | None = None
    temperature: Annotated[float | None, Field(ge=0, allow_inf_nan=False)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    top_k: Annotated[int | None, Field(ge=0)] = None
    max_tokens: Annotated[int | None, Field(ge=1)] = None
    max_completion_tokens: Annotated[int | None, Field(ge=1)] = None
    seed: Annotated[int | None, Field(ge=-(2**63), lt=2**63)] = None
    repetition_penalty: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    stop: Annotated[
        list[_StopString], Field(max_length=_MAX_STOP), FailFast(), BeforeValidator(_to_strings)
    ] = []

    @model_validator(mode="after")
    def _is_one_chat(self) -> ChatBody:
        if bool(self.messages) == (self.prompt is not None):
            raise ValueError("either messages or a prompt is needed, and not both")
        if self.choice not in ["auto", "none", *(["required"] if self.tools else []), *self.tool_names]:
            raise ValueError(f"tool_choice asks for {self.choice[:80]!r}, and no such tool is on offer")
        return self

    @property
    def tool_names(self) -> list[str]:
        """The names of the tools on offer."""
        return [tool.function.name for tool in self.tools]

    @property
    def choice(self) -> str:
        """The word "auto", "none" or "required", or the name of the tool to call."""
        match self.tool_choice:
            case ChosenTool(function=function):
                return function.name
            case None:
                return "auto"
            case word:
                return word

    @property
    def options(self) -> dict[str, float]:
        """The options that are set, by the names that models have for them."""
        values = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
            "max_tokens": self.max_completion_tokens if self.max_tokens is None else self.max_tokens,
            "seed": self.seed,
            "repetition_penalty": self.repetition_penalty,
        }
        return {name: value for name, value in values.items() if value is not None}


def to_body(value: object) -> ChatBody:
    """Reads what was sent.

    Raises:
        ValueError: It is not of this shape; the text says where, and why.
    """
    try:
        return ChatBody.model_validate(value)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
        where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")[:_MAX_REASON]
        raise ValueError(f"The request cannot be read: {where.lstrip('.')[:200] or 'it'}: {reason}") from None
