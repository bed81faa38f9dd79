"""A chat as OpenAI's chat completions take it. Knows their JSON; no engine, no HTTP."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_never

from phi4_server.chat_completion.quotes import quote_roles
from phi4_server.media.normal_form import NormalFile
from phi4_server.model import ChatRequest, Message

OPTIONS = frozenset({"temperature", "max_tokens", "top_p", "top_k", "seed", "repetition_penalty"})
"""OpenAI's, and two of vLLM's; they have the same names there."""

_MAX_STOP = 4
"""OpenAI's bound; the Space cuts the answer at all of them in any case."""


def to_body(request: ChatRequest, *, model: str, files: Mapping[Path, NormalFile]) -> Mapping[str, Any]:
    """What an engine is asked.

    No `tools` are sent: they stand in the text of the system's message, in Phi-4's own format. Engines differ
    in what they make of `tools`, and some lose text or calls when they stream.

    Args:
        request: The chat.
        model: The model's name there.
        files: Its files, in normal form.
    """
    media = {path: _media(file) for path, file in files.items()}  # once each, however often they are named
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message, media) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        **request.options,
    }
    if request.stop:
        body["stop"] = [*request.stop[:_MAX_STOP]]
    if request.schema is not None:
        body["response_format"] = _response_format(request.schema)
    return body


def _message(message: Message, media: Mapping[Path, Mapping[str, Any]]) -> Mapping[str, Any]:
    """A message; what a tool returned is the user's, since the role of tools is for calls with ids.

    So that no words of a user's, or of a page that a tool has read, pass for a turn or a result, lines that
    begin like one are quoted; not in whole prompts, where they are the turns.
    """
    is_result = message.role == "tool"
    is_quoted = not message.is_prompt and message.role in {"user", "tool"}
    parts = [quote_roles(part) if is_quoted and isinstance(part, str) else part for part in message.parts]
    if is_result:
        parts = ["Tool: ", *parts]
    content: Any = "".join(part for part in parts if isinstance(part, str))
    if message.files:
        content = [_text(part) if isinstance(part, str) else media[part] for part in parts]
    return {"role": "user" if is_result else message.role, "content": content}


def _text(text: str) -> Mapping[str, Any]:
    return {"type": "text", "text": text}


def _media(file: NormalFile) -> Mapping[str, Any]:
    data = b64encode(file.data).decode("ascii")
    match file.kind:
        case "image":
            return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
        case "audio":
            return {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
        case other:
            assert_never(other)


def _response_format(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if not schema:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
