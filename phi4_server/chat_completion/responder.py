"""The answer to a chat, from any model: bounded, cut at its stop strings, ended once. Knows no one model."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import replace

from phi4_server.chat_completion.stop import StopReader
from phi4_server.chat_completion.surrogates import SurrogateJoiner
from phi4_server.model import ChatModel, ChatRequest, End, Progress, progress_of

_LOOK_EVERY_S = 0.5
_REPORT_EVERY_S = 3.0
"""Clients take a thousand reports in a turn, and eleven gigabytes may take half an hour."""


class Responder:
    """Has a model answer, for all of the Space's endpoints.

    Attributes:
        model: The model that answers.
    """

    def __init__(self, model: ChatModel, *, most: int, words_per_second: float | None = None) -> None:
        """Stands before `model`.

        Args:
            model: The model that answers.
            most: How many characters an answer may have: one that goes on for ever costs an error, not the
                server's memory.
            words_per_second: The fastest pace of an answer; None means the model's own.
        """
        self.model = model
        self._most = most
        self._pace = words_per_second

    def answer(self, request: ChatRequest) -> Generator[str | Progress | End]:
        """Yields the answer in pieces, some of them empty, and its `End`; closing it ends the model's work.

        As long as the model is not ready, there are empty pieces, and its progress every three seconds.

        Args:
            request: What the model is asked.

        Raises:
            ValueError: The model cannot answer, or the answer is longer than it may be.
        """
        yield from self._wait()
        stops, joiner, end, length = StopReader(request.stop), SurrogateJoiner(), End(), 0
        with ExitStack() as stack:
            pieces = self.model.complete(request)
            if close := getattr(pieces, "close", None):
                stack.callback(close)
            for piece in pieces:
                if isinstance(piece, End):
                    end = piece
                    break
                text = joiner.feed(_checked(piece))
                length += len(text)
                if length > self._most:
                    raise ValueError(f"The answer was stopped: it may have {self._most:,} characters.")
                yield stops.feed(text)
                if stops.stopped_by is not None:
                    break
                if self._pace is not None:
                    time.sleep(len(text.split()) / self._pace)
        yield from filter(None, [stops.feed(joiner.close()) + stops.close()])
        if stops.stopped_by is not None:
            end = replace(end, finish_reason="stop", stopped_by=stops.stopped_by)
        yield end

    def _wait(self) -> Generator[str | Progress]:
        """Waits until the model is ready."""
        reported, next_time = None, time.monotonic()
        while (progress := progress_of(self.model)) is not None:
            if progress != reported and time.monotonic() >= next_time:
                reported, next_time = progress, time.monotonic() + _REPORT_EVERY_S
                yield progress
            else:
                yield ""
            time.sleep(_LOOK_EVERY_S)


def _checked(piece: object) -> str:
    if not isinstance(piece, str):
        raise TypeError(f"The model yielded {type(piece).__name__}, and an answer is text")
    return piece
