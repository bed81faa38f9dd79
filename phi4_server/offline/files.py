"""The files of a chat: opened, images and audio apart. Knows no question.

What a file is shows in its first bytes, not in its name. It is decoded in a process of its own.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from phi4_server.media.decoder import Decoder
from phi4_server.media.formats import container
from phi4_server.model import Message
from phi4_server.offline import words
from phi4_server.offline.audio import MeasuredAudio
from phi4_server.offline.image import MeasuredImage
from phi4_server.offline.prompt import Conversation, Mark, Turn

T = TypeVar("T")

_IMAGE = "phi4_server.offline.image:measure"
_AUDIO = "phi4_server.offline.audio:measure"
_decoder = Decoder(_IMAGE, _AUDIO)
"""One for the whole process, as its workers are costly to start and hold nothing of any chat."""

_WHICH = re.compile(r"\bwhich\b", re.IGNORECASE)
_FILES = frozenset(words.terms("picture image photo sound audio recording file"))


@dataclass(frozen=True, slots=True)
class OpenedFiles:
    """Files, opened: the images and the audio, each in order."""

    images: tuple[MeasuredImage, ...] = ()
    audio: tuple[MeasuredAudio, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.images or self.audio)


def of_turn(chat: Sequence[Message], talk: Conversation) -> OpenedFiles:
    """The files of a chat's last entry that its end is about: those it marks, or all where none is marked.

    Raises:
        ValueError: One of them cannot be read, is no image or audio, or is broken.
    """
    files = chat[-1].files if chat else ()
    if chat and not chat[-1].is_prompt:  # such a chat marks its files by their numbers in all of it
        files = tuple(file for message in chat for file in message.files)
    if talk.marks is None:
        return opened(files)
    meant = frozenset(_captioned(talk.last) or talk.marks)
    counts: Counter[str] = Counter()
    marked = []
    for number, path in enumerate(files, start=1):
        kind, _ = container(path)
        counts[kind] += 1
        if {(kind, counts[kind]), ("file", number)} & meant:
            marked.append(path)
    return opened(marked)


def _captioned(turn: Turn) -> list[Mark]:
    """The file whose caption, which stands before it, the question behind them all speaks of.

    None where it speaks of no caption, or of several alike, or asks which file it is.
    """
    *captions, behind = turn.around or ("",)
    asked = " ".join(text for text in words.sentences(behind) if text.endswith("?"))
    terms = frozenset(words.terms(asked)) - _FILES if not _WHICH.search(asked) else frozenset[str]()
    alike = [len(terms.intersection(words.terms(caption.rpartition("\n\n")[2]))) for caption in captions]
    best = max(alike, default=0)
    return [turn.marks[alike.index(best)]] if best and alike.count(best) == 1 else []


def opened(files: Sequence[Path]) -> OpenedFiles:
    """Files, opened and measured.

    Raises:
        ValueError: One of them cannot be read, is no image or audio, or is broken.
    """
    kinds = [(path, *container(path)) for path in files]
    return OpenedFiles(
        tuple(_decoded(MeasuredImage, path, _IMAGE) for path, kind, _ in kinds if kind == "image"),
        tuple(_decoded(MeasuredAudio, path, _AUDIO, name) for path, kind, name in kinds if kind == "audio"),
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
        return TypeAdapter(kind).validate_json(json.dumps({**fields, "name": name}), strict=True)
    except (ValidationError, TypeError):
        raise ValueError(f"{name} cannot be decoded: its decoder's reply makes no sense") from None
