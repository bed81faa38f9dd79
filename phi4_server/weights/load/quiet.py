"""Keeps what libraries print about themselves from users, and turns their progress into ours."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from phi4_server.model import Progress

_TALKATIVE = ("bitsandbytes", "peft", "accelerate", "torch", "huggingface_hub")


def hush() -> None:
    """Has libraries print errors alone, in this process; to be called before they are imported.

    TRANSFORMERS_VERBOSITY in the environment brings back what they would print.
    """
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    if os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error") != "error":
        return
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`", category=FutureWarning)


@contextmanager
def loading(report: Callable[[Progress], None], text: str) -> Iterator[None]:
    """Reports how many tensors have been loaded, where transformers would draw a bar."""
    from transformers.utils import logging as theirs  # noqa: PLC0415  takes seconds, and may be missing

    def bar(_: Any, positional: tuple[Any, ...], options: dict[str, Any]) -> _Bar:
        things: Any = positional[0] if positional else options.get("iterable")
        total = options.get("total") or (len(things) if hasattr(things, "__len__") else 0)
        return _Bar(things, lambda done: report(Progress(text, done / total if total else None)))

    before = theirs.set_tqdm_hook(bar)
    try:
        yield
    finally:
        theirs.set_tqdm_hook(before)


class _Bar:
    """As much of tqdm as transformers uses."""

    def __init__(self, things: Any, show: Callable[[int], None]) -> None:
        self._things, self._show, self._done = things, show, 0

    def __iter__(self) -> Iterator[Any]:
        for thing in self._things:
            yield thing
            self.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, n: float | None = 1) -> None:
        self._done += int(n or 0)
        self._show(self._done)

    def __getattr__(self, _: str) -> Callable[..., None]:
        """Everything else that tqdm has, which shows something."""
        return lambda *_, **__: None
