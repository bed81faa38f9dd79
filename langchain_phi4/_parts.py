"""What a message's content is made of: the vocabulary of its readers. Knows no LangChain form, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from phi4_space import Media, ToolCall


@dataclass(frozen=True, slots=True)
class Passage:
    """Text on lines of its own, such as a document's."""

    text: str


@dataclass(frozen=True, slots=True)
class UnparsedCall:
    """A tool call that could not be parsed.

    Attributes:
        id: Its id, where it has one.
        name: The tool's name, where that could be read.
        text: What the model wrote.
    """

    id: str | None
    name: str | None
    text: str


Part = str | Media | Passage
"""What a turn can hold; strings run on, as they do in a message's `.text`."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool returned, as a part of other content.

    Attributes:
        call_id: Which call it answers, if it says so.
        parts: The tool's output.
        failed: Whether that is an error.
    """

    call_id: str | None
    parts: tuple[Part, ...]
    failed: bool = False


Piece = Part | ToolCall | UnparsedCall | Result
"""What a block of content may hold."""


def flow(parts: Iterable[Part]) -> list[str | Media]:
    """The parts as a `Turn` takes them: each passage set off by line breaks, empty text left out."""
    flowing: list[str | Media] = []
    before: Part = ""
    for part in parts:
        if part == "":
            continue
        if flowing and (isinstance(before, Passage) or isinstance(part, Passage)):
            flowing.append("\n")
        flowing.append(part.text if isinstance(part, Passage) else part)
        before = part
    return flowing
