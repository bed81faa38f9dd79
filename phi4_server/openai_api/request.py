"""A request as OpenAI has it, put as the Space's own endpoint takes it. Knows both shapes; no model.

They differ in two things: here, files come inside of the request; and more can be asked for, of which some is
refused by name, since an answer without it would be another one, and the rest makes no difference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phi4_server.bounds import Bounds
from phi4_server.inline_files import FileTooLarge, InlineFiles
from phi4_server.openai_api.errors import ApiError

_HONOURED = {
    *("messages", "tools", "tool_choice", "response_format", "temperature", "top_p", "top_k", "max_tokens"),
    *("max_completion_tokens", "seed", "repetition_penalty", "stop"),
}

_REFUSED: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "min_p": (0,),
    "modalities": (["text"],),
    "audio": (),
    "functions": ([],),
    "function_call": ("none",),
    "web_search_options": (),
    "prompt": (),
    "echo": (False,),
    "suffix": (),
    "best_of": (1,),
}
"""What is refused by name, and the values, beside null, that ask for nothing."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A request, read.

    Attributes:
        body: What the Space's own endpoint would be sent.
        streams: Whether the answer is wanted in pieces.
        counts: Whether a chunk with the usage is wanted at the end of these.
        calls: Whether the answer may hold calls.
    """

    body: Mapping[str, Any]
    streams: bool
    counts: bool
    calls: bool


def parse(content: bytes, files: InlineFiles, bounds: Bounds) -> Parsed:
    """Reads a request, and writes the files in it.

    Raises:
        ApiError: It asks for something that there is not.
        ValueError: It cannot be read; the text says where, and why.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as exc:
        reason = "it is nested too deeply" if isinstance(exc, RecursionError) else "it is not JSON"
        raise ValueError(f"The request cannot be read: {reason}.") from None
    if not isinstance(value, dict):
        raise ValueError("The request cannot be read: it is not an object.")  # noqa: TRY004  the client's error
    for name, neutral in _REFUSED.items():
        given = value.get(name)
        if given is not None and given not in neutral:
            raise ApiError(400, _refusal(name, neutral), param=name, code="unsupported_parameter")
    if not value.get("messages"):
        raise ApiError(400, "A request has messages, one at least.", param="messages")
    own = {name: given for name, given in value.items() if name in _HONOURED}
    stream_options = value.get("stream_options")
    return Parsed(
        body={**own, "messages": _messages(own["messages"], files, bounds)},
        streams=value.get("stream") is True,
        counts=isinstance(stream_options, dict) and stream_options.get("include_usage") is True,
        calls=bool(own.get("tools")) and own.get("tool_choice") != "none",
    )


def _refusal(name: str, neutral: tuple[Any, ...]) -> str:
    allowed = f" other than {json.dumps(neutral[0])}" if neutral else ""
    return f"This server has no {name}{allowed}; leave it out."


def _messages(messages: Any, files: InlineFiles, bounds: Bounds) -> Any:
    """The messages, with files by number. What is not of their shape is left for those who check that."""
    if not isinstance(messages, list):
        return messages
    return [_message(message, f"messages[{at}]", files, bounds) for at, message in enumerate(messages)]


def _message(message: Any, where: str, files: InlineFiles, bounds: Bounds) -> Any:
    if not isinstance(message, dict) or not isinstance(message.get("content"), list):
        return message
    before = len(files.paths)
    parts = []
    for at, part in enumerate(message["content"]):
        parts.append(_part(part, f"{where}.content[{at}]", files))
        if len(files.paths) - before > bounds.files:
            raise ApiError(400, f"A message may have {bounds.files} files.", param=where)
        if len(files.paths) > bounds.chat_files:
            raise ApiError(400, f"A chat may hold {bounds.chat_files} files.", param="messages")
    return {**message, "content": parts}


def _part(part: Any, where: str, files: InlineFiles) -> Any:
    try:
        return _read_part(part, where, files)
    except ValueError as refusal:
        status = 413 if isinstance(refusal, FileTooLarge) else 400
        raise ApiError(status, f"{where}: {refusal}", param=where) from None


def _read_part(part: Any, where: str, files: InlineFiles) -> Any:
    number = len(files.paths) + 1
    match part:
        case {"type": "text"}:
            return part
        case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
            return {"type": "image", "file": files.add_data_uri(url, f"image{number}")}
        case {"type": "input_audio", "input_audio": {"data": str(data), **more}}:
            ending = str(more.get("format") or "wav")
            ending = ending if ending.isascii() and ending.isalnum() and len(ending) < 9 else "wav"  # noqa: PLR2004
            return {"type": "audio", "file": files.add_base64(data, f"audio{number}", ending=ending)}
        case {"type": str(kind)}:
            raise ApiError(
                400,
                f"{where} is of the type {kind[:80]!r}, or lacks what such a part has. There are text, "
                f"image_url and input_audio.",
                param=where,
            )
        case _:
            raise ApiError(400, f"{where} is not a part of a message: it has no type.", param=where)
