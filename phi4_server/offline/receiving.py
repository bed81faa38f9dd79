"""Receiving: opens the files of a chat, pictures and sounds apart. Knows no question.

What a file is shows in its first bytes, not in its name. It is decoded in a process of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from phi4_server.media.decoder import Decoder
from phi4_server.model import Said
from phi4_server.offline.picture import Picture
from phi4_server.offline.prompt import Conversation, Kind
from phi4_server.offline.sound import Sound

_LOOK = "phi4_server.offline.picture:look"
_LISTEN = "phi4_server.offline.sound:listen"
_decoder = Decoder(_LOOK, _LISTEN)
"""One for the whole process, as its workers are costly to start and hold nothing of any chat."""

_HEAD = 64
_STARTS: tuple[tuple[Kind, str, bytes], ...] = (
    ("image", "JPEG", rb"\xff\xd8\xff"),
    ("image", "PNG", rb"\x89PNG\r\n\x1a\n"),
    ("image", "GIF", rb"GIF8[79]a"),
    ("image", "WEBP", rb"RIFF.{4}WEBP"),
    ("image", "BMP", rb"BM.{12}"),
    ("image", "TIFF", rb"II[*+]\0|MM\0[*+]"),
    ("audio", "wav", rb"(?:RIFF|RF64).{4}WAVE"),
    ("audio", "flac", rb"fLaC"),
    ("audio", "ogg", rb"OggS"),
    ("audio", "mp3", rb"ID3|\xff[\xe0-\xff]"),
    ("audio", "mov", rb".{4}ftyp"),
)
"""Each container's kind, its decoder's name for it, and how its bytes begin."""


@dataclass(frozen=True, slots=True)
class Received:
    """Files, opened.

    Attributes:
        pictures: The pictures, in order.
        sounds: The sounds, in order.
    """

    pictures: tuple[Picture, ...] = ()
    sounds: tuple[Sound, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.pictures or self.sounds)


def shown(chat: Sequence[Said], talk: Conversation) -> Received:
    """The files of a chat's last entry that its end is about: those it marks, or all where none is marked.

    Raises:
        ValueError: One of them cannot be read, is no picture or sound, or is broken.
    """
    files = chat[-1].files if chat else ()
    if talk.marks is None:
        return opened(files)
    counts: Counter[str] = Counter()
    marked = []
    for number, path in enumerate(files, start=1):
        kind, _ = container(path)
        counts[kind] += 1
        if {(kind, counts[kind]), ("file", number)} & frozenset(talk.marks):
            marked.append(path)
    return opened(marked)


def every(chat: Sequence[Said]) -> Received:
    """All files of a chat.

    Raises:
        ValueError: One of them cannot be read, is no picture or sound, or is broken.
    """
    return opened([path for said in chat for path in said.files])


def opened(files: Sequence[Path]) -> Received:
    """Files, opened and measured.

    Raises:
        ValueError: One of them cannot be read, is no picture or sound, or is broken.
    """
    kinds = [(path, *container(path)) for path in files]
    return Received(
        tuple(_picture(path) for path, kind, _ in kinds if kind == "image"),
        tuple(_sound(path, name) for path, kind, name in kinds if kind == "audio"),
    )


def _picture(path: Path) -> Picture:
    return Picture.unpacked(path.name, *_decoder.decode(_LOOK, path))


def _sound(path: Path, container: str) -> Sound:
    fields, _ = _decoder.decode(_LISTEN, path, container)
    return Sound.unpacked(path.name, fields)


def container(path: Path) -> tuple[Kind, str]:
    """What kind of file this is, and its container by its decoder's name.

    Raises:
        ValueError: It cannot be read, is empty, or is neither a picture nor a sound of a kind taken.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read: {error.strerror or error}") from error
    if not head:
        raise ValueError(f"{path.name} is empty")
    for kind, name, start in _STARTS:
        if re.match(start, head, re.DOTALL):
            return kind, name
    raise ValueError(
        f"{path.name} is neither a picture (JPEG, PNG, GIF, WebP, BMP, TIFF)"
        " nor a sound (WAV, MP3, FLAC, Ogg, Opus, M4A), by its first bytes"
    )
