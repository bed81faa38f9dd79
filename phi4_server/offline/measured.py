"""What is measured of images and audio. Knows none of the libraries that read them: decoders load those."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour's part of an image.

    Attributes:
        name: Its name.
        code: The mean of its pixels, such as "#ff0000".
        part: Its part of the pixels that are not transparent, from 0 to 1.
    """

    name: str
    code: str
    part: float


@dataclass(frozen=True, slots=True)
class MeasuredImage:
    """An image, measured.

    Attributes:
        name: Its file's name.
        format: "JPEG", "PNG", "GIF", "WEBP", "BMP" or "TIFF".
        width: Pixels across, as it is shown.
        height: Pixels down, as it is shown.
        animated: Whether it has more than one frame; only the first is measured.
        colours: Its main colours, the largest first; none where it is fully transparent.
        brightness: The mean luma (Rec. 601) of the pixels that are not transparent, from 0 to 1.
    """

    name: str
    format: str
    width: int
    height: int
    animated: bool
    colours: tuple[Colour, ...]
    brightness: float

    def packed(self) -> tuple[Mapping[str, Any], bytes]:
        """Its values as JSON has them; there are no bytes."""
        return asdict(self), b""


@dataclass(frozen=True, slots=True)
class MeasuredAudio:
    """Audio, measured.

    Attributes:
        name: Its file's name.
        format: "WAV", "MP3", "FLAC", "M4A", "WebM", or "Ogg" with its codec.
        duration: Its length in seconds.
        rate: Samples a second.
        channels: 1 for mono, 2 for stereo.
        loudness: The mean power in dBFS (0 is a full-scale square wave); minus infinity for no sample but 0.
    """

    name: str
    format: str
    duration: float
    rate: int
    channels: int
    loudness: float

    def packed(self) -> tuple[Mapping[str, Any], bytes]:
        """Its values as JSON has them; there are no bytes."""
        return asdict(self), b""
