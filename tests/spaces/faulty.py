"""A Space that fails as real ones do; the first word of a question says how. Knows nothing of the client.

    python tests/spaces/faulty.py --port 7861        (the options are those of `python -m phi4_server`)

| word | what happens |
|---|---|
| QUOTA | the error of a ZeroGPU quota used up |
| ABORT | the error of a GPU task that was aborted |
| FAIL | an unforeseen error before the first piece; it says what follows, if anything does |
| BREAK | an unforeseen error after three pieces |
| REFUSE | a file that the model does not take; it says what follows, if anything does |
| SLOW n | a piece every tenth of a second, for n seconds |
| WAIT n | silence for n seconds, in one step that nothing can interrupt; then an answer |
| NOTICE | an info and a warning, then an answer |
| PROGRESS | three steps of progress, then an answer |
| EMPTY | an answer without a piece |
| OBJECTS name | how many objects of that class this process holds |
| LONG n | an answer of n characters |
| anything else | the question again, and how many files came and how many entries the chat has |
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from phi4_server import Message
from phi4_server.__main__ import main

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
import gradio as gr  # after the line above: some versions call home when they are imported

QUOTA = "You have exceeded your GPU quota (60s requested vs. 30s left). Try again in 1:32:34."


def quota(_rest: str) -> Iterator[str]:
    """Ends as a function under ZeroGPU does when the caller's time is used up."""
    raise gr.Error(QUOTA, title="ZeroGPU quota exceeded", duration=7, print_exception=False)
    yield


def abort(_rest: str) -> Iterator[str]:
    """Ends as a function under ZeroGPU does when its worker dies."""
    raise gr.Error("GPU task aborted", title="ZeroGPU worker error", print_exception=False)
    yield


def fail(rest: str) -> Iterator[str]:
    """Ends before anything was said."""
    raise RuntimeError(rest or "the weights are gone")
    yield


def break_off(_rest: str) -> Iterator[str]:
    """Ends in the middle."""
    yield from ("Half ", "an ", "answer")
    raise RuntimeError("the weights are gone")


def refuse(rest: str) -> Iterator[str]:
    """Ends as models do that are handed a broken file."""
    raise ValueError(rest or "cat.png is no picture: it ends after 12 bytes")
    yield


def slow(seconds: str) -> Iterator[str]:
    """Takes its time, in steps."""
    for step in range(round(10 * float(seconds))):
        time.sleep(0.1)
        yield f"{step} "


def wait(seconds: str) -> Iterator[str]:
    """Takes its time, in one step."""
    time.sleep(float(seconds))
    yield f"That took {seconds} seconds."


def notice(_rest: str) -> Iterator[str]:
    """Says something beside the answer."""
    gr.Info("Waiting for a GPU to become available", title="ZeroGPU queue")
    gr.Warning("Falling back to IP-based quotas", title="ZeroGPU client warning")
    yield "Noticed."


def progress(_rest: str) -> Iterator[str]:
    """Tells how far it is."""
    bar = gr.Progress()
    for step in range(3):
        bar((step, 3), desc="Looking")
        time.sleep(0.2)  # Gradio sends what is news every 0.1 s or so
    yield "Looked."


def empty(_rest: str) -> Iterator[str]:
    """Says nothing at all."""
    yield from ()


def objects(name: str) -> Iterator[str]:
    """Looks for what was not let go."""
    gc.collect()
    kinds = (type(held) for held in gc.get_objects())
    yield str(sum(f"{kind.__module__}.{kind.__qualname__}" == name for kind in kinds))


def long(length: str) -> Iterator[str]:
    """Goes on."""
    for _ in range(int(length) // 100):
        yield "x" * 100


WAYS: Mapping[str, Callable[[str], Iterator[str]]] = {
    "QUOTA": quota,
    "ABORT": abort,
    "FAIL": fail,
    "BREAK": break_off,
    "REFUSE": refuse,
    "SLOW": slow,
    "WAIT": wait,
    "NOTICE": notice,
    "PROGRESS": progress,
    "EMPTY": empty,
    "OBJECTS": objects,
    "LONG": long,
}


class Faulty:
    """Fails as it is told to, and otherwise repeats what it was told."""

    name = "Faulty"
    nature = "No model at all: it fails as it is told to, for tests."

    def stream(self, chat: Sequence[Message]) -> Iterator[str]:
        """Does what the first word of the last text says."""
        said = chat[-1]
        word, _, rest = said.text.partition(" ")
        if word in WAYS:
            yield from WAYS[word](rest)
        else:
            told = f"{said.text} (files: {len(said.files)}, entries: {len(chat)})"
            yield from (word if at == 0 else f" {word}" for at, word in enumerate(told.split(" ")))


if __name__ == "__main__":
    sys.exit(main(models={"faulty": Faulty}))
