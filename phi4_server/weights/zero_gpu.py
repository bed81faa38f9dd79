"""Phi-4's weights on a Space of Hugging Face, whose GPU is there for each answer. Knows ZeroGPU's rules.

An `app.py` imports `spaces` first, loads the weights at its top level, and decorates a generator with
`spaces.GPU(duration=duration)` that hands on what `answer` yields. On ZeroGPU that runs in a forked process:
what goes in and comes out is pickled, of its errors only `gr.Error` keeps its text, and that its user has
left it notices when it yields. Elsewhere the decorator does nothing, and answers share batches as ever.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import gradio as gr

from phi4_server.chat_completion.endpoint import to_error
from phi4_server.model import ChatRequest, End, ModelFailed, Progress
from phi4_server.weights.generation.question import Question
from phi4_server.weights.generation.sampling import OPTIONS
from phi4_server.weights.load.settings import Device, WeightsSettings
from phi4_server.weights.model import Preparer

if TYPE_CHECKING:  # they need torch
    from phi4_server.weights.generation.engine import Engine
    from phi4_server.weights.generation.loaded import Weights

Answer = Callable[[Question], Iterator[str | End]]
"""The decorated generator of an `app.py`."""

LONGEST_S = 120
"""The longest that a GPU is asked for: often, a free account has no more than that left of its day."""
_SHORTEST_S = 20
_START_S = 12.0
"""A process that is new moves 11 GB to the GPU first."""
_READ_PER_S = 2_000.0
_FILE_S = 1.0
_WRITTEN_PER_S = 20.0
"""Guesses on the safe side; no real weights have been measured there."""
_MOST_UNASKED = 1024
"""Tokens of an answer whose length nobody has set: the GPU is asked for all the time that they may take."""
_RESERVE_S = 4.0
"""How long before the end of its time an answer is ended, so that it ends as one."""
_REPORT_EVERY_S = 5.0

_log = logging.getLogger(__name__)
_engines: dict[int, Engine] = {}
"""The engine of this process, by its number: a forked one must not take over its parent's thread."""


def is_zero_gpu() -> bool:
    """Whether this is a Space on ZeroGPU, as `spaces` finds it."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in {"1", "t", "true"}


def load(model: str, *, revision: str | None = None, device: Device | None = None) -> Weights:
    """Loads weights; how far it is goes to the Space's log.

    Args:
        model: Their name on the Hub, or a folder.
        revision: A branch, tag or commit on the Hub.
        device: Where they are to be; None means a GPU, which ZeroGPU lends later, or what there is.

    Raises:
        ModelFailed: They cannot be loaded; the text says what to do.
    """
    # The engine here as well, so that no process with a GPU has to import it.
    from phi4_server.weights.generation import engine  # noqa: F401, PLC0415  it needs torch
    from phi4_server.weights.load.loader import load as load_weights  # noqa: PLC0415  see above

    usual: Device = "cuda" if is_zero_gpu() else "auto"
    settings = WeightsSettings(model=model, device=device or usual, revision=revision)
    return load_weights(settings, _Log().report)


class ZeroGpuModel:
    """A model whose answers are made by a decorated generator.

    Attributes:
        name: The model's name.
        nature: One sentence for the page.
        options: The options that it honours.
    """

    options = OPTIONS

    def __init__(self, weights: Weights, answer: Answer) -> None:
        """Stands before the generator.

        Args:
            weights: The model, for what a chat is in its tokens; here it is asked nothing.
            answer: The decorated generator.
        """
        self.name = weights.name
        where = "a GPU of ZeroGPU, which it has for each answer" if is_zero_gpu() else "its own machine"
        self.nature = f"{self.name}, run by this Space on {where}."
        self._preparer = Preparer(weights)
        self._answer = answer

    def complete(self, request: ChatRequest) -> Generator[str | End]:
        """Yields the answer as it comes, its end last.

        Raises:
            ValueError: A file or an option cannot be taken, or the chat is too long; the text says which.
            gr.Error: The model failed, or ZeroGPU gave no GPU: the quota is used up, or none is free.
        """
        yield ""
        question = self._preparer.question(request)
        if is_zero_gpu():
            question = in_time(question, is_asked="max_tokens" in request.options)
        pieces = self._answer(question)
        try:
            yield from pieces
        finally:
            if close := getattr(pieces, "close", None):
                close()

    def close(self) -> None:
        """Ends the processes that decode files."""
        self._preparer.close()


def in_time(question: Question, *, is_asked: bool) -> Question:
    """The question with no more tokens in its answer than there is time for.

    Args:
        question: What the model is asked.
        is_asked: Whether somebody has set how long the answer may be.
    """
    left = LONGEST_S - _RESERVE_S - _before_the_answer(question)
    most = min(question.most, max(1, int(left * _WRITTEN_PER_S)))
    return replace(question, most=most if is_asked else min(most, _MOST_UNASKED))


def duration(question: Question) -> int:
    """Seconds of a GPU that an answer is asked for: what it may take, and not what it will.

    The quota is charged for what it took, but must have room for all of this.
    """
    seconds = _before_the_answer(question) + question.most / _WRITTEN_PER_S + _RESERVE_S
    return math.ceil(min(max(seconds, _SHORTEST_S), LONGEST_S))


def answer(weights: Weights, question: Question) -> Generator[str | End]:
    """Yields an answer, in the process that has the GPU: text, "" at least twice a second, and the end last.

    Raises:
        gr.Error: Whatever goes wrong, with its text and its title.
    """
    try:
        with closing(_engine(weights).answer(question)) as pieces:
            yield from _timely(pieces, duration(question)) if is_zero_gpu() else pieces
    except gr.Error:
        raise
    except ValueError as refusal:
        raise to_error(refusal) from refusal
    except Exception as error:
        _log.exception("the model failed")
        text = f"The model failed: {type(error).__name__}: {error}"
        raise to_error(ModelFailed(text)) from error


def _before_the_answer(question: Question) -> float:
    files = len(question.prompt.images) + len(question.prompt.audio)
    return _START_S + len(question.prompt.ids) / _READ_PER_S + files * _FILE_S


def _timely(pieces: Iterator[str | End], seconds: float) -> Iterator[str | End]:
    """The answer, ended as too long where ZeroGPU would end it as an error."""
    deadline = time.monotonic() + seconds - _RESERVE_S
    for piece in pieces:
        yield piece
        if isinstance(piece, str) and time.monotonic() > deadline:
            yield End(finish_reason="length")
            return


def _engine(weights: Weights) -> Engine:
    from phi4_server.weights.generation.engine import Engine  # noqa: PLC0415  it needs torch

    return _engines.setdefault(os.getpid(), Engine(weights))


class _Log:
    """The Space's log, in which a line stays: not every percent is worth one."""

    def __init__(self) -> None:
        self._reported = -math.inf

    def report(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._reported >= _REPORT_EVERY_S:
            self._reported = now
            sys.stdout.write(f"{progress.text}\n")
            sys.stdout.flush()
