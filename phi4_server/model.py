"""What a model behind the Space must offer. Knows neither Gradio nor any one model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Protocol

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of a chat.

    Attributes:
        role: Who wrote it. Only chat completions have messages of the system and of tools.
        text: Its text. Tools on offer, calls and their results are written in it, in Phi-4's own format.
        files: The images and audio files attached to it, in order.
        offsets: Where in the text each of the files stands, in characters; () puts all of them before it.
        is_prompt: Whether a program may have written a whole prompt as its text, several turns in one, as
            clients of the public Space do.
    """

    role: Role
    text: str = ""
    files: tuple[Path, ...] = ()
    offsets: tuple[int, ...] = ()
    is_prompt: bool = True

    @property
    def parts(self) -> tuple[str | Path, ...]:
        """Its text and files in order."""
        edges = (0, *(self.offsets or (0,) * len(self.files)), len(self.text))
        first, *others = (self.text[start:end] for start, end in pairwise(edges))
        placed = (part for pair in zip(self.files, others, strict=True) for part in pair)
        return tuple(part for part in (first, *placed) if part)


class Model(Protocol):
    """Answers a chat of questions and answers: the least that a model can be.

    Attributes:
        name: What the page calls it.
        nature: One sentence for the page: what it is, and what it is not.
    """

    name: str
    nature: str

    def stream(self, chat: Sequence[Message]) -> Iterator[str]:
        """Yields the answer to the chat's last message in pieces; joined, they are the whole answer.

        Args:
            chat: All messages, oldest first, of the user and the assistant; the last is the user's.

        Raises:
            ValueError: A file is not an image or audio that the model takes; the text says which, and why.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A chat to be answered, and how.

    Attributes:
        messages: All messages, oldest first. What the model has to know about tools and about the form of
            its answer stands in the first, of the system.
        options: The options that are set, by name; only such as the model's `options` names.
        stop: The strings before which the answer ends. Whoever calls the model cuts it there; a model may
            end there by itself, to save work.
        schema: The JSON Schema that the answer has to match, for a model that can enforce it; {} for any
            object, None where it need not be JSON, or may be a call of a tool instead.
    """

    messages: tuple[Message, ...]
    options: Mapping[str, float] = field(default_factory=dict)
    stop: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens, as the model counted them."""

    input_tokens: int
    output_tokens: int

    def to_json(self) -> dict[str, int]:
        """The counts under OpenAI's names, with their sum."""
        return {
            "prompt_tokens": self.input_tokens,
            "completion_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The end of an answer.

    Attributes:
        finish_reason: "stop" where the model was done or came to a stop string, "length" where the answer
            became as long as it might.
        usage: The tokens, if the model counts them.
        stopped_by: The stop string before which the answer ends, if there was one.
        model: What the model calls itself, where that differs from its `name`.
    """

    finish_reason: FinishReason = "stop"
    usage: Usage | None = None
    stopped_by: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a model is on its way to being ready.

    Attributes:
        text: What it does, such as "Downloading: 3.1 of 11.2 GB".
        fraction: How much of that is done, from 0 to 1; None where that is not known.
    """

    text: str
    fraction: float | None = None


OPTIONS = frozenset({"temperature", "max_tokens", "top_p", "top_k", "seed", "repetition_penalty"})
"""All options that a model may honour."""


def progress_of(model: object) -> Progress | None:
    """How far a model is that gets ready while the Space runs already; None once it is, and for all others.

    Such a model has a method `progress` that returns it.

    Raises:
        ModelFailed: It will never be ready.
    """
    progress: Callable[[], Progress | None] | None = getattr(model, "progress", None)
    return None if progress is None else progress()


class ModelBusy(ValueError):
    """The model answers too many others now; the same request may succeed later."""


class ModelFailed(ValueError):
    """The model does not work, whatever it is asked; the text says what its owner has to do."""


class ChatModel(Protocol):
    """Answers a chat with all its roles, and honours options.

    Attributes:
        name: What the page calls it.
        nature: One sentence for the page: what it is, and what it is not.
        options: The options that it honours, of `OPTIONS`.
    """

    name: str
    nature: str
    options: frozenset[str]

    def complete(self, request: ChatRequest) -> Iterator[str | End]:
        """Yields the answer in pieces and, where the model knows more about it, an `End` last.

        Empty pieces are fine, and wanted where the next one takes more than a second: whoever left closes
        the iterator between two pieces.

        Raises:
            ModelBusy: There are too many others.
            ModelFailed: It does not work.
            ValueError: The chat cannot be answered otherwise; the text, which is shown to the user, says why.
        """
        ...
