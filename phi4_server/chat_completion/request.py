"""What a model is asked: a request as it was sent, read, bounded and put in words. Knows no one model.

The endpoint, OpenAI's API and the MCP tool all come by here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from phi4_server.bounds import Bounds
from phi4_server.chat_completion.body import ChatBody, to_body
from phi4_server.chat_completion.instructions import to_messages
from phi4_server.model import ChatModel, ChatRequest
from phi4_server.uploads import check_files


def to_request(value: Any, files: Sequence[str], model: ChatModel, bounds: Bounds) -> ChatRequest:
    """What the model is asked.

    Args:
        value: The request as it was sent.
        files: The files that were sent with it.
        model: The model: options that it does not honour are left out.
        bounds: How much is taken.

    Raises:
        ValueError: It cannot be asked that; the text says why.
    """
    body = to_body(value)
    if len(files) > bounds.chat_files:
        raise ValueError(f"A chat may hold {bounds.chat_files} files, and this one has {len(files)}.")
    check_files(files)
    messages = to_messages(body, [Path(file) for file in files])
    mentions = sum(len(message.files) for message in messages)
    if mentions > bounds.chat_files:
        raise ValueError(
            f"A chat may name files {bounds.chat_files} times, and this one does {mentions} times."
        )
    length = sum(len(message.text) for message in messages)
    try:
        "".join(message.text for message in messages).encode()
    except UnicodeEncodeError:
        raise ValueError("The chat holds half a character (a lone surrogate). Send text.") from None
    if length > bounds.chat_text:
        raise ValueError(f"A chat may hold {bounds.chat_text:,} characters, and this one has {length:,}.")
    return ChatRequest(
        messages=messages,
        options={name: value for name, value in body.options.items() if name in model.options},
        stop=tuple(body.stop),
        schema=_schema(body),
    )


def _schema(body: ChatBody) -> Mapping[str, Any] | None:
    """The schema to enforce; none where a call may come instead, which it would forbid."""
    if body.tools and body.choice != "none":
        return None
    return None if body.response_format is None else body.response_format.schema_or_none
