"""One answer under way: what the worker writes, and its reader waits for. Needs no torch.

The worker alone adds tokens and the end; the reader alone leaves. Neither waits for the other.
"""

from __future__ import annotations

import threading
from typing import Any, Literal

from phi4_server.model import FinishReason
from phi4_server.weights.generation.question import Question

Adapter = Literal["__base__", "vision", "speech"]
Kind = Literal["words", "images", "audio"]


class Row:
    """An answer under way.

    Attributes:
        question: What was asked.
        chance: The `torch.Generator` that its tokens are drawn with; None where they are not random.
        embedded: The embeddings of all tokens that were computed, of the prompt and maybe beyond.
        tokens: The answer so far.
        finish: Why it ended, or what went wrong; None while it goes on.
        has_left: Whether nobody waits for more.
        together: How many rows are answered together with it, itself included.
        changed: Set whenever there is more to read.
        ended: Set once it has ended.
    """

    def __init__(self, question: Question, *, chance: Any) -> None:
        """Begins with no token."""
        self.question = question
        self.chance = chance
        self.embedded: Any = None
        self.tokens: list[int] = []
        self.finish: FinishReason | ValueError | None = None
        self.has_left = False
        self.together = 1
        self.changed = threading.Event()
        self.ended = threading.Event()

    @property
    def kind(self) -> Kind:
        """What its prompt holds beside words: a batch cannot have all."""
        if self.question.prompt.images:
            return "images"
        return "audio" if self.question.prompt.audio else "words"

    @property
    def adapter(self) -> Adapter:
        """The adapter that answers, by PEFT's name."""
        adapters: dict[Kind, Adapter] = {"words": "__base__", "images": "vision", "audio": "speech"}
        return adapters[self.kind]

    @property
    def length(self) -> int:
        """How many tokens there are, of the prompt and the answer."""
        return len(self.question.prompt.ids) + len(self.tokens)

    @property
    def rest(self) -> int:
        """How many more tokens the answer may have."""
        return self.question.most - len(self.tokens)

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be done."""
        return self.has_left or self.finish is not None

    def add(self, token: int, ends: frozenset[int]) -> None:
        """Adds the next token; an ending one, or the last that there may be, ends the answer."""
        self.tokens.append(token)
        if token in ends:
            self.finish = "stop"
        elif len(self.tokens) >= self.question.most:
            self.finish = "length"
        if self.finish is not None:
            self.ended.set()
        if not self.changed.is_set():
            self.changed.set()

    def fail(self, error: ValueError) -> None:
        """Ends it with an error, unless it has ended."""
        self.finish = self.finish or error
        self.ended.set()
        self.changed.set()
