"""Which file is an image and which is audio, by its first bytes. Decodes nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

MediaKind = Literal["image", "audio"]

_HEAD = 64
_STARTS: tuple[tuple[MediaKind, str, bytes], ...] = (
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
    ("audio", "matroska", rb"\x1a\x45\xdf\xa3"),  # WebM, too, as browsers record it
)
"""Each container's kind, its decoder's name for it, and how its bytes begin."""


def container(path: Path) -> tuple[MediaKind, str]:
    """What kind of file this is, and its container by its decoder's name.

    Raises:
        ValueError: It cannot be read, is empty, or is neither an image nor audio of a kind taken.
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
        " nor a sound (WAV, MP3, FLAC, Ogg, Opus, M4A, WebM), by its first bytes"
    )
