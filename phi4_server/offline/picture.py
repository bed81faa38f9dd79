"""A picture: what its pixels measure. Knows no question.

Measured on at most 256 x 256 of the picture's own pixels (never mixed ones), so a photograph costs no more
than an icon. Pixels that are mostly transparent count for nothing. Its sides are checked before its pixels
are made, and it is never asked how many frames it has: that would walk them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from phi4_server.offline import colours

_MOST_PIXELS = 50_000_000
_LONGEST_SIDE = 65_535
_SIDE = 256
_DECODERS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
_TURNED = frozenset({5, 6, 7, 8})
_BORDERED = 0.6
_NOTABLE = 0.03

Grid = npt.NDArray[np.uint8]
"""Pixels in sRGB with opacity, 0 to 255; shape (height, width, 4)."""


@dataclass(frozen=True, slots=True)
class Share:
    """A colour's part of a picture.

    Attributes:
        name: Its name.
        code: The mean of its pixels, such as "#ff0000".
        part: Its part of the pixels that are not transparent, from 0 to 1.
    """

    name: str
    code: str
    part: float


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, measured.

    Attributes:
        name: Its file's name.
        format: "JPEG", "PNG", "GIF", "WEBP", "BMP" or "TIFF".
        width: Pixels across, as it is shown.
        height: Pixels down, as it is shown.
        animated: Whether it has more than one frame; only the first is measured.
        grid: Pixels of it, at most 256 x 256.
    """

    name: str
    format: str
    width: int
    height: int
    animated: bool
    grid: Grid = field(repr=False, compare=False)

    def packed(self) -> tuple[Mapping[str, Any], bytes]:
        """Its values as JSON has them, without its name, and its pixels."""
        size = {"width": self.width, "height": self.height, "grid": self.grid.shape[:2]}
        return {"format": self.format, "animated": self.animated, **size}, self.grid.tobytes()

    @classmethod
    def unpacked(cls, name: str, fields: Mapping[str, Any], pixels: bytes) -> Self:
        """The picture of that name that was packed so.

        Raises:
            ValueError: None was.
        """
        match fields:
            case {
                "format": str(kind),
                "animated": bool(animated),
                "width": int(width),
                "height": int(height),
                "grid": [int(down), int(across)],
            } if down > 0 < across:
                grid = np.frombuffer(pixels, np.uint8).reshape(down, across, 4)
                return cls(name, kind, width, height, animated, grid)
        raise ValueError(f"{name} cannot be decoded: its decoder's reply makes no sense")


def look(path: Path) -> Picture:
    """Opens and measures a picture, in this process: files of strangers are decoded by a `Decoder`.

    Raises:
        ValueError: It is broken, has more than 50 million pixels, or a side of more than 65,535; the text
            says which.
        MemoryError: It takes more memory than there is.
    """
    try:
        with path.open("rb") as file, Image.open(file, formats=_DECODERS) as image:
            _refuse_huge(image)
            turned = image.getexif().get(ExifTags.Base.Orientation) in _TURNED
            width, height = image.size[::-1] if turned else image.size
            kind = "JPEG" if image.format == "MPO" else str(image.format)
            return Picture(path.name, kind, width, height, getattr(image, "is_animated", False), _grid(image))
    except MemoryError:
        raise
    except UnidentifiedImageError as error:  # its text would tell the whole path
        raise ValueError("its bytes make no picture") from error
    except Exception as error:  # decoders raise anything on damaged bytes
        raise ValueError(getattr(error, "strerror", None) or str(error)) from error


def _refuse_huge(image: Image.Image) -> None:
    if image.width * image.height > _MOST_PIXELS or max(image.size) > _LONGEST_SIDE:
        raise ValueError(f"{image.width} x {image.height} pixels are too many")


def _grid(image: Image.Image) -> Grid:
    image.draft("RGB", (_SIDE, _SIDE))  # lets a JPEG be decoded small; others ignore it
    size = (min(image.width, _SIDE), min(image.height, _SIDE))
    small = image.resize(size, Image.Resampling.NEAREST)
    if small.mode.startswith(("I", "F")):
        values = np.asarray(small, dtype=np.float64)
        top = 65535.0 if small.mode.startswith("I") else max(float(values.max()), 1.0)
        small = Image.fromarray((np.clip(values / top, 0, 1) * 255).astype(np.uint8))
    return np.asarray(small.convert("RGBA"))


def shares(grid: Grid) -> tuple[Share, ...]:
    """The colours of some pixels by name, the largest first; none where all are transparent."""
    pixels = _opaque(grid)
    names = colours.name_of(pixels)
    counts = np.bincount(names, minlength=len(colours.NAMES))
    return tuple(
        Share(colours.NAMES[index], _code(pixels[names == index]), float(counts[index] / len(pixels)))
        for index in np.argsort(-counts, kind="stable")
        if counts[index]
    )


def _opaque(grid: Grid) -> colours.Pixels:
    flat = grid.reshape(-1, 4)
    return flat[flat[:, 3] >= 128][:, :3]  # noqa: PLR2004 - half of 255


def _code(pixels: colours.Pixels) -> str:
    return "#" + bytes(np.rint(pixels.mean(axis=0)).astype(np.uint8)).hex()


def background(grid: Grid) -> str | None:
    """The name of the colour that frames the pixels; None where none does, or nothing else is there."""
    edge = np.concatenate([grid[0], grid[-1], grid[:, 0], grid[:, -1]])[None]
    around = shares(edge)
    if not around or around[0].part < _BORDERED or len(notable(shares(grid), but=around[0].name)) == 0:
        return None
    return around[0].name


def notable(found: tuple[Share, ...], *, but: str | None = None) -> tuple[Share, ...]:
    """The colours with 3 % of the pixels or more, but one; where none has as much, the largest with 0.3 %."""
    others = tuple(share for share in found if share.name != but)
    large = tuple(share for share in others if share.part >= _NOTABLE)
    return large or tuple(share for share in others[:1] if share.part >= _NOTABLE / 10)


def brightness(grid: Grid) -> float:
    """The mean luma (Rec. 601) of the pixels that are not transparent, from 0 to 1."""
    pixels = _opaque(grid)
    luma = np.asarray(pixels, dtype=np.float64) @ np.array([0.299, 0.587, 0.114])
    return float(np.mean(luma)) / 255 if len(pixels) else 0.0


def transparency(grid: Grid) -> float:
    """The part of the pixels that are mostly transparent, from 0 to 1."""
    return 1 - len(_opaque(grid)) / grid[..., 0].size
