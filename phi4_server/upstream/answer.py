"""An answer that an engine streams, chunk by chunk. Knows chat completions; no HTTP, no one engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from phi4_server.model import End, FinishReason, Usage
from phi4_server.upstream.calls import CallReader
from phi4_server.upstream.chunk import Choice, Chunk, to_chunk, to_usage
from phi4_server.upstream.errors import ErrorReader
from phi4_server.upstream.names import display_name

_DONE = "[DONE]"
_FINISH: Mapping[str, FinishReason] = {"length": "length"}
_GIVEN_UP = frozenset({"abort", "error"})


class AnswerReader:
    """Reads the chunks of one answer: pieces of text, and what is known at its end.

    What a model thinks before it answers (`reasoning_content`) is left out. Calls that an engine has read out
    of the text are written back into it, as Phi-4 writes them. A piece may end with half a character.

    Attributes:
        errors: Puts in words what goes wrong.
        is_finished: Whether the answer is whole; nothing but its usage may follow.
        is_done: Whether the engine has said that nothing follows.
    """

    def __init__(self, errors: ErrorReader, *, stop: Sequence[str] = (), has_files: bool = False) -> None:
        """Begins an answer.

        Args:
            errors: Puts in words what goes wrong.
            stop: The strings before which it ends.
            has_files: Whether it was asked with images or audio.
        """
        self.errors = errors
        self.is_finished = False
        self.is_done = False
        self._stop = stop
        self._has_files = has_files
        self._calls = CallReader()
        self._finish_reason: str | None = None
        self._stopped_by: str | None = None
        self._usage: Usage | None = None
        self._model = ""

    @property
    def size(self) -> int:
        """Characters of calls so far, which grow while no text comes."""
        return self._calls.size

    def feed(self, data: str) -> str:
        """Takes an event, and returns the text that it adds.

        Raises:
            UpstreamFailure: It is an error, or not a chunk of a chat completion.
        """
        chunk = self._chunk(data)
        if chunk is None or chunk.choice is None:
            return ""
        return self._read(chunk.choice)

    def feed_tail(self, data: str) -> None:
        """Takes an event after the end of the answer, of which the usage alone matters.

        Raises:
            UpstreamFailure: As `feed` does.
        """
        self._chunk(data)

    def rest(self) -> str:
        """The text at the end: calls, if there were any.

        Raises:
            UpstreamFailure: The calls cannot be written.
        """
        try:
            return self._calls.written()
        except ValueError as wrong:
            raise self.errors.broken(str(wrong)) from None

    def end(self) -> End:
        """What is known of the answer, once there are no more events.

        Raises:
            UpstreamFailure: It is not whole.
        """
        if self._finish_reason == "content_filter":
            raise self.errors.filtered()
        if self._finish_reason in _GIVEN_UP or not self.is_finished:
            raise self.errors.cut()
        return End(
            finish_reason=_FINISH.get(self._finish_reason or "", "stop"),
            usage=self._usage,
            stopped_by=self._stopped_by,
            model=self.errors.without_key(display_name(self._model)) or None,
        )

    def _chunk(self, data: str) -> Chunk | None:
        if data.strip() == _DONE:
            self.is_finished = self.is_done = True
            return None
        try:
            chunk = to_chunk(data)
        except ValueError as wrong:
            raise self.errors.broken(str(wrong)) from None
        if chunk.error is not None:
            raise self.errors.from_event(chunk.error, has_files=self._has_files)
        if chunk.usage is not None:
            self._usage = to_usage(chunk.usage)
        if isinstance(chunk.model, str):
            self._model = chunk.model
        return chunk

    def _read(self, choice: Choice) -> str:
        if choice.finish_reason:
            self._finish_reason = str(choice.finish_reason)
            self.is_finished = True
        if choice.stop_reason in self._stop:  # vLLM's; a number there is a token's
            self._stopped_by = choice.stop_reason
        if choice.delta is None:
            return ""
        try:
            for call in choice.delta.tool_calls or ():
                self._calls.add(call)
        except ValueError as wrong:
            raise self.errors.broken(str(wrong)) from None
        return str(choice.delta.content)
