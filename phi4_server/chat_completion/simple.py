"""A model that knows questions and answers alone, made to take whole chats. Knows no one model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import cast

from phi4_server.model import ChatModel, ChatRequest, End, Message, Model


def to_chat_model(model: Model | ChatModel) -> ChatModel:
    """The model as it is, if it takes whole chats, or else one that does, with this behind it."""
    return _Simple(model) if not hasattr(model, "complete") else cast("ChatModel", model)


class _Simple:
    """A chat model that honours no options and counts no tokens."""

    options = frozenset[str]()

    def __init__(self, model: Model) -> None:
        self._model = model
        self.name = model.name
        self.nature = model.nature

    def complete(self, request: ChatRequest) -> Iterator[str | End]:
        """Yields the model's answer to the chat, with what the system and tools say as the user's words."""
        is_plain = all(message.is_prompt for message in request.messages)
        yield from self._model.stream(request.messages if is_plain else flattened(request.messages))


def flattened(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The chat as questions and answers: all that is not the assistant's is the user's.

    Messages that follow each other become one, in paragraphs, with the result of a tool marked as such.
    """
    marked = [
        replace(message, role="user", text=f"Tool: {message.text}") if message.role == "tool" else message
        for message in messages
    ]
    runs = groupby(marked, key=lambda message: message.role == "assistant")
    return tuple(_joined([*run], is_answer=is_answer) for is_answer, run in runs)


def _joined(messages: Sequence[Message], *, is_answer: bool) -> Message:
    first, *others = messages
    if not others:
        return first if is_answer else replace(first, role="user")
    return Message(
        role="assistant" if is_answer else "user",
        text="\n\n".join(message.text for message in messages if message.text),
        files=tuple(file for message in messages for file in message.files),
        is_prompt=False,
    )
