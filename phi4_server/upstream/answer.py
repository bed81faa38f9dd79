"""An answer that an engine streams, chunk by chunk. Knows chat completions; no HTTP, no one engine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phi4_server.model import End, FinishReason, Usage
from phi4_server.upstream.errors import ErrorReader
from phi4_server.upstream.names import display_name

DONE = "[DONE]"
"""The last event of an answer."""

_MAX_CALLS = 1_000
_MAX_ARGUMENTS = 1_000_000
_MAX_NAME = 200
_FINISH: Mapping[str, FinishReason] = {"length": "length"}
_GIVEN_UP = frozenset({"abort", "error"})


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Function(_Part):
    name: str | None = None
    arguments: str | None = None


class _Call(_Part):
    index: int = 0
    function: _Function | None = None


class _Delta(_Part):
    content: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(_Part):
    delta: _Delta | None = None
    finish_reason: str | None = None
    stop_reason: str | int | None = None


class _Counts(_Part):
    prompt_tokens: int | None = Field(default=None, ge=0)
    completion_tokens: int | None = Field(default=None, ge=0)


class _Chunk(_Part):
    choices: list[_Choice] | None = None
    usage: _Counts | None = None
    model: str | None = None
    error: Any = None


class AnswerReader:
    """Reads the chunks of one answer: pieces of text, and what is known at its end.

    What a model thinks before it answers (`reasoning_content`) is left out. Calls that an engine has read out
    of the text are written back into it, as Phi-4 writes them.
    """

    def __init__(self, errors: ErrorReader, *, stop: Sequence[str] = (), has_files: bool = False) -> None:
        """Begins an answer.

        Args:
            errors: Puts in words what goes wrong.
            stop: The strings before which it ends.
            has_files: Whether it was asked with images or audio.
        """
        self._errors = errors
        self._stop = stop
        self._has_files = has_files
        self._calls: dict[int, list[str]] = {}
        self._size = 0
        self._is_over = False
        self._finish_reason: str | None = None
        self._stopped_by: str | None = None
        self._usage: Usage | None = None
        self._model: str | None = None

    def feed(self, data: str) -> str:
        """Takes an event, and returns the text that it adds.

        Raises:
            UpstreamFailure: It is an error, or not a chunk of a chat completion.
        """
        if data.strip() == DONE:
            self._is_over = True
            return ""
        try:
            chunk = _Chunk.model_validate_json(data)
        except ValidationError as exc:
            raise self._errors.broken(_reason(exc)) from None
        if chunk.error is not None:
            raise self._errors.from_event(chunk.error, has_files=self._has_files)
        if chunk.usage is not None:
            self._count(chunk.usage)
        self._model = chunk.model or self._model
        return "".join([self._read(choice) for choice in chunk.choices or ()])

    def rest(self) -> str:
        """The text at the end: calls, if there were any."""
        if not self._calls:
            return ""
        listed = [{"name": name, "arguments": _arguments(text)} for name, text in self._calls.values()]
        # As text, no control token of the model's may stand in them; JSON reads the same characters.
        written = json.dumps(listed, ensure_ascii=False).replace("<|", "<\\u007c")
        return f"<|tool_call|>{written}<|/tool_call|>"

    def end(self) -> End:
        """What is known of the answer, once there are no more events.

        Raises:
            UpstreamFailure: It is not whole.
        """
        if self._finish_reason == "content_filter":
            raise self._errors.filtered()
        if self._finish_reason in _GIVEN_UP or not (self._is_over or self._finish_reason):
            raise self._errors.cut()
        return End(
            finish_reason=_FINISH.get(self._finish_reason or "", "stop"),
            usage=self._usage,
            stopped_by=self._stopped_by,
            model=self._model and display_name(self._model),
        )

    def _read(self, choice: _Choice) -> str:
        self._finish_reason = choice.finish_reason or self._finish_reason
        if choice.stop_reason in self._stop:  # vLLM's; a number there is a token's
            self._stopped_by = str(choice.stop_reason)
        if choice.delta is None:
            return ""
        for call in choice.delta.tool_calls or ():
            self._add(call)
        return choice.delta.content or ""

    def _add(self, call: _Call) -> None:
        function = call.function or _Function()
        name, arguments = function.name or "", function.arguments or ""
        known = self._calls.setdefault(call.index, ["", ""])
        known[0] = known[0] or name[:_MAX_NAME]
        known[1] += arguments
        self._size += len(arguments)
        if len(self._calls) > _MAX_CALLS or self._size > _MAX_ARGUMENTS:
            raise self._errors.broken("its calls are too long")

    def _count(self, counts: _Counts) -> None:
        if counts.prompt_tokens is not None and counts.completion_tokens is not None:
            self._usage = Usage(input_tokens=counts.prompt_tokens, output_tokens=counts.completion_tokens)


def _arguments(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except (ValueError, RecursionError):
        return text  # as the model wrote it


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(key) for key in first["loc"])[:_MAX_NAME]
    return f"{where or 'an event'}: {first['msg'][:_MAX_NAME]}"
