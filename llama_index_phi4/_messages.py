"""Chat messages as turns. Knows roles, and what belongs to a message beside its blocks; no Space.

Each text of a message is on lines of its own, as in `ChatMessage.content`, and images and audio keep their
places among them. The messages are not changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock

from llama_index_phi4._calls import CallHistory, broken_texts, message_calls
from llama_index_phi4._content import WORDS, kind_of, to_parts
from llama_index_phi4._media import NO_FILES, LocalFiles
from phi4_space import InvalidInput, InvalidOption, Media, ToolCall, Turn
from phi4_space.interop import Role, errors_at, short_repr, to_role


def to_turns(messages: Sequence[ChatMessage], *, files: LocalFiles = NO_FILES) -> list[Turn]:
    """One turn for each message.

    Documents of text are read here, from their path or file; all other bytes are read when they are sent.
    Where documents may come, a coroutine calls this in a thread.

    Args:
        messages: The messages, oldest first.
        files: Which local files may be read.

    Raises:
        UnsupportedContent: Phi-4 does not take a block's kind, or its data are of no known shape.
        InvalidInput: Something else cannot be sent as it is. Each error names the message, counted from 0,
            its role, and the kind of block.
    """
    if isinstance(messages, str | Mapping) or not isinstance(messages, Iterable):
        raise InvalidOption(f"Messages are a list of ChatMessage, not {type(messages).__name__}")
    history = CallHistory()
    turns = []
    for place, message in enumerate(messages):
        role = _role(place, message)
        with errors_at(f"Message {place} ({role})"):
            turns.append(_to_turn(role, message, history, files))
    return turns


def has_words_alone(messages: Sequence[ChatMessage]) -> bool:
    """Whether `to_turns` reads no data, so that a coroutine may call it where it is."""
    blocks = (block for message in messages for block in getattr(message, "blocks", ()))
    return isinstance(messages, list | tuple) and all(isinstance(block, WORDS) for block in blocks)


def _to_turn(role: Role, message: ChatMessage, history: CallHistory, files: LocalFiles) -> Turn:
    parts: list[str | Media] = []
    for block in message.blocks:
        with errors_at(kind_of(block)):
            parts += _parts(block, role, files)
    # The model sees its broken calls as words: it can do better.
    broken = broken_texts(message) if role == "assistant" else []
    recorded = message_calls(message) if role == "assistant" else []
    calls = [call.read(own_id) for call, own_id in zip(recorded, history.add(recorded), strict=True)]
    call_id, name = _answered(message, history) if role == "tool" else (None, None)
    return Turn.of(
        role,
        *_on_lines([*parts, *(call for call in calls if isinstance(call, str)), *broken]),
        tool_calls=[call for call in calls if isinstance(call, ToolCall)],
        tool_call_id=call_id,
        name=name,
    )


def _role(place: int, message: ChatMessage) -> Role:
    if not isinstance(message, ChatMessage):
        raise InvalidOption(f"Message {place} is a {type(message).__name__}, not a ChatMessage")
    name = getattr(message.role, "value", message.role)
    role = to_role(name) if isinstance(name, str) else None
    if role is None:
        raise InvalidOption(
            f"Message {place} has the role {short_repr(message.role)}", advice="Use one of MessageRole."
        )
    return role


def _parts(block: object, role: Role, files: LocalFiles) -> Iterator[str | Media]:
    if isinstance(block, ToolCallBlock) and role != "assistant":
        raise InvalidInput("Only the assistant calls tools")
    return to_parts(block, files=files)


def _on_lines(parts: Iterable[str | Media]) -> Iterator[str | Media]:
    """The parts, with a line break in front of each text but the first."""
    gap = ""
    for part in parts:
        yield f"{gap}{part}" if isinstance(part, str) else part
        gap = "\n" if isinstance(part, str) else gap


def _answered(message: ChatMessage, history: CallHistory) -> tuple[str | None, str | None]:
    kwargs = message.additional_kwargs
    return history.answered(_text(kwargs.get("tool_call_id")), _text(kwargs.get("name")))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
