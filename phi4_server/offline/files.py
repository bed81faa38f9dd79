"""The files of a chat: opened and measured. Knows no question.

What a file is shows in its first bytes, not in its name. It is decoded in a process of its own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from phi4_server.media.decoder import Decoder
from phi4_server.media.formats import container
from phi4_server.model import Message
from phi4_server.offline.measured import MeasuredAudio, MeasuredImage
from phi4_server.offline.media_answers import Measured, is_numbered
from phi4_server.offline.prompt import Conversation, Mark

T = TypeVar("T")

_IMAGE = "phi4_server.offline.image:measure"
_AUDIO = "phi4_server.offline.audio:measure"
_READERS: Mapping[type, TypeAdapter[Any]] = {
    kind: TypeAdapter(kind) for kind in (MeasuredImage, MeasuredAudio)
}
"""What reads a decoder's replies; each takes Pydantic a millisecond to make."""
_decoder = Decoder(_IMAGE, _AUDIO)
"""One for the whole process, as its workers are costly to start and hold nothing of any chat."""


def of_turn(chat: Sequence[Message], talk: Conversation) -> tuple[Measured, ...]:
    """The files of a chat's last entry that its end is about: those it marks, or all where none is marked.

    If there are any, and the question names some by their number, these are all files of the chat.

    Raises:
        ValueError: One of them cannot be read, is no image or audio, or is broken.
    """
    sent = chat[-1].files if chat else ()
    if chat and not chat[-1].is_prompt:  # such a chat marks its files by their numbers in all of it
        sent = tuple(file for message in chat for file in message.files)
    files = _marked(sent, talk.marks)
    return of_chat(chat) if files and is_numbered(talk.asked) else opened(files)


def _marked(files: Sequence[Path], marks: Sequence[Mark] | None) -> Sequence[Path]:
    if marks is None:
        return files
    counts: Counter[str] = Counter()
    marked = []
    for number, path in enumerate(files, start=1):
        kind, _ = container(path)
        counts[kind] += 1
        if {(kind, counts[kind]), ("file", number)} & {*marks}:
            marked.append(path)
    return marked


def of_chat(chat: Sequence[Message]) -> tuple[Measured, ...]:
    """All files of a chat.

    Raises:
        ValueError: One of them cannot be read, is no image or audio, or is broken.
    """
    return opened([path for message in chat for path in message.files])


def opened(files: Sequence[Path]) -> tuple[Measured, ...]:
    """Files, opened and measured, in their order.

    Raises:
        ValueError: One of them cannot be read, is no image or audio, or is broken.
    """
    kinds = [(path, *container(path)) for path in files]
    return tuple(
        _decoded(MeasuredImage, path, _IMAGE)
        if kind == "image"
        else _decoded(MeasuredAudio, path, _AUDIO, name)
        for path, kind, name in kinds
    )


def _decoded(kind: type[T], path: Path, function: str, *arguments: str) -> T:
    fields, _ = _decoder.decode(function, path, *arguments)
    return unpacked(kind, path.name, fields)


def unpacked(kind: type[T], name: str, fields: Any) -> T:
    """What a decoder's reply tells of a file; whoever took the decoder over may reply anything.

    Raises:
        ValueError: It tells nothing that makes sense.
    """
    try:
        measured: T = _READERS[kind].validate_json(json.dumps({**fields, "name": name}), strict=True)
    except (ValidationError, TypeError):
        raise ValueError(f"{name} cannot be decoded: its decoder's reply makes no sense") from None
    return measured
