"""Phi-4's template: a chat as control tokens, words and files in order. Knows no token's id.

Only what is written here as a `Control` becomes a control token. Whatever else a text holds is words, though
it may look like one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from phi4_server.model import Message, Role
from phi4_server.weights.generation.whole_prompt import Turn, to_turns


@dataclass(frozen=True, slots=True)
class Control:
    """A control token, as the tokenizer writes it."""

    text: str


Segment = Control | str | Path

_END = Control("<|end|>")
_STARTS: dict[Role, Control] = {
    "system": Control("<|system|>"),
    "user": Control("<|user|>"),
    "assistant": Control("<|assistant|>"),
    "tool": Control("<|tool_response|>"),
}
CONTROLS = tuple(control.text for control in (*_STARTS.values(), _END))
"""The control tokens without which there is no chat."""
# What `chat_completion.instructions` and the client write in such turns, in which they break up all tokens of
# others; and what the model itself wrote in earlier answers.
_CALLS = r"<\|/?tool_call\|>"
_OWN: dict[Role, re.Pattern[str]] = {
    "system": re.compile(rf"({_CALLS}|<\|/?tool\|>)"),
    "assistant": re.compile(rf"({_CALLS})"),
}


def to_segments(messages: Sequence[Message]) -> Iterator[Segment]:
    """The prompt that asks for the answer to a chat.

    Raises:
        ValueError: A file is neither an image nor audio; the text names it.
    """
    for message in messages:
        for turn in to_turns(message):
            yield _STARTS[turn.role]
            yield from _parts(turn)
            yield _END
    yield _STARTS["assistant"]


def _parts(turn: Turn) -> Iterator[Segment]:
    own = _OWN.get(turn.role)
    for part in turn.parts:
        if isinstance(part, Path) or own is None:
            yield part
            continue
        for index, text in enumerate(own.split(part)):
            if text:
                yield Control(text) if index % 2 else text
