"""A model that knows questions and answers alone, made to take whole chats. Knows no one model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import cast

from phi4_server.chat_completion.quotes import quote_roles
from phi4_server.model import OPTIONS, ChatModel, ChatRequest, End, Message, Model, Role


def to_chat_model(model: Model | ChatModel) -> ChatModel:
    """The model as it is, if it takes whole chats, or else one that does, with this behind it.

    Raises:
        TypeError: It has neither `complete` nor `stream`, or its `options` are not names of options.
    """
    if not hasattr(model, "complete"):
        if not hasattr(model, "stream"):
            raise TypeError(f"{type(model).__name__} is no model: it has neither stream nor complete")
        return _Simple(model)
    chat_model = cast("ChatModel", model)
    options = getattr(chat_model, "options", None)
    if not isinstance(options, frozenset) or not options <= OPTIONS:
        known = ", ".join(sorted(OPTIONS))
        raise TypeError(f"{type(model).__name__}.options must be a frozenset with names from {known}")
    return chat_model


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
    """The chat as questions and answers: all that is not the assistant's is the user's, whose turn is last.

    Messages that follow each other become one, in paragraphs that say whose each is.
    """
    runs = groupby(messages, key=lambda message: message.role == "assistant")
    chat = [_joined([*run], role="assistant" if is_answer else "user") for is_answer, run in runs]
    if chat and chat[-1].role == "assistant":
        chat.append(Message(role="user", is_prompt=False))
    return tuple(chat)


def _joined(messages: Sequence[Message], *, role: Role) -> Message:
    first, *others = messages
    if first.role == role and not others:
        return first
    texts = [message.text if role == "assistant" else _labelled(message) for message in messages]
    return Message(
        role=role,
        text="\n\n".join(filter(None, texts)),
        files=tuple(file for message in messages for file in message.files),
        is_prompt=False,
    )


def _labelled(message: Message) -> str:
    return f"{message.role.title()}: {quote_roles(message.text)}" if message.text else ""
