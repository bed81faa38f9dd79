"""A chunk of an answer, as an engine sends it. Knows OpenAI's shapes and what engines make of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from phi4_server.model import Usage

_MAX_REASON = 200
_MAX_COUNT = 2**53  # the first that a program in JavaScript would get wrong


def _to_text(content: object) -> str:
    """Text, or a list of parts as some engines send; parts of other kinds are left out."""
    if content is None:
        return ""
    parts = [_part_text(part) for part in content] if isinstance(content, list) else [content]
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) < len(parts):
        raise ValueError("Input should be a valid string")
    return "".join(texts)


def _part_text(part: object) -> object:
    if isinstance(part, Mapping):
        return part.get("text") if part.get("type", "text") == "text" else ""
    return part


def _to_arguments(arguments: object) -> str:
    """JSON; some engines send what it stands for."""
    if arguments is None:
        return ""
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


# Types where a wrong one makes an answer unreadable, Any where it costs no more than itself. Text is Any as
# well, since half a character is none of pydantic's strings.


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Function(_Part):
    name: str | None = None
    arguments: Annotated[Any, BeforeValidator(_to_arguments)] = ""


class CallDelta(_Part):
    """A part of a call."""

    index: int | None = None
    id: str | None = None
    function: _Function | None = None

    @property
    def name(self) -> str:
        """The function's name, or ""."""
        return (self.function and self.function.name) or ""

    @property
    def arguments(self) -> str:
        """A part of its arguments, which are JSON; or ""."""
        return str(self.function.arguments) if self.function else ""


class _Delta(_Part):
    content: Annotated[Any, BeforeValidator(_to_text)] = ""
    tool_calls: list[CallDelta] | None = None


class Choice(_Part):
    """A part of one of several answers."""

    index: int | None = None
    delta: _Delta | None = None
    finish_reason: Any = None
    stop_reason: Any = None


class Chunk(_Part):
    """A chunk of an answer.

    Attributes:
        choices: Parts of answers.
        usage: What the engine has counted, of any kind.
        model: What it calls its model, of any kind.
        error: What went wrong, of any kind.
    """

    choices: list[Choice | None] | None = None
    usage: Any = None
    model: Any = None
    error: Any = None

    @property
    def choice(self) -> Choice | None:
        """The part of the first answer, which is the only one that was asked for."""
        return next((choice for choice in self.choices or () if choice and not choice.index), None)


class _Counts(_Part):
    prompt_tokens: Annotated[int, Field(strict=True, ge=0, lt=_MAX_COUNT)]
    completion_tokens: Annotated[int, Field(strict=True, ge=0, lt=_MAX_COUNT)]


def to_chunk(data: str) -> Chunk:
    """Reads an event's data.

    Raises:
        ValueError: It is not a chunk of a chat completion; the text says where, and holds nothing of it.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("an event: Invalid JSON") from None
    if not isinstance(value, dict):
        raise ValueError("an event: Input should be an object")  # noqa: TRY004  it was sent by an engine
    if value.get("object") == "error":  # vLLM's, without an envelope
        return Chunk(error=value)
    try:
        return Chunk.model_validate(value)
    except ValidationError as exc:
        raise ValueError(_reason(exc)) from None
    except RecursionError:
        raise ValueError("an event: nested too deeply") from None


def to_usage(counts: object) -> Usage | None:
    """What an engine has counted, or None: half a count is none, and what cannot be one costs no answer."""
    try:
        read = _Counts.model_validate(counts)
    except ValidationError:
        return None
    return Usage(input_tokens=read.prompt_tokens, output_tokens=read.completion_tokens)


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(key) for key in first["loc"])[:_MAX_REASON]
    what = "Input should be an object" if first["type"] == "model_type" else first["msg"]
    return f"{where}: {what.removeprefix('Value error, ')[:_MAX_REASON]}"
