"""What a model behind the Space must offer. Knows neither Gradio nor any one model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Role = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing said in a chat, as the Space keeps it.

    Attributes:
        role: Who said it.
        text: The words, exactly as they arrived; a client's prompt, if a program wrote it.
        files: The pictures and recordings handed over with it, in order.
    """

    role: Role
    text: str = ""
    files: tuple[Path, ...] = ()


class Model(Protocol):
    """Answers a chat.

    Attributes:
        name: What the page calls it.
        nature: One sentence for the page on what it is and is not.
    """

    name: str
    nature: str

    def stream(self, chat: Sequence[Said]) -> Iterator[str]:
        """Yields the answer to the chat's last entry in pieces; joined, they are the whole answer.

        Args:
            chat: All that was said, oldest first; the last entry is the user's.

        Raises:
            ValueError: A file is no picture or sound that the model takes; the text says which and why.
        """
        ...
