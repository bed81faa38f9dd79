"""What a model behind the Space must offer. Knows neither Gradio nor any one model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Role = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of a chat.

    Attributes:
        role: Who wrote it.
        text: Its text, exactly as it arrived; a whole prompt, if a program wrote it.
        files: The images and audio files attached to it, in order.
    """

    role: Role
    text: str = ""
    files: tuple[Path, ...] = ()


class Model(Protocol):
    """Answers a chat.

    Attributes:
        name: What the page calls it.
        nature: One sentence for the page: what it is, and what it is not.
    """

    name: str
    nature: str

    def stream(self, chat: Sequence[Message]) -> Iterator[str]:
        """Yields the answer to the chat's last message in pieces; joined, they are the whole answer.

        Args:
            chat: All messages, oldest first; the last is the user's.

        Raises:
            ValueError: A file is not an image or audio that the model takes; the text says which, and why.
        """
        ...
