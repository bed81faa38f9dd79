"""An image, measured: size, colours, brightness. Knows no question.

Measured on at most 256 x 256 of the image's own pixels (never mixed ones), so a photograph costs no more
than an icon. Pixels that are mostly transparent count for nothing.

Colours are named by the nearest of some in OKLab (Björn Ottosson, 2020), where equal distances look about
equally different.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from phi4_server.media.image import opened_image

_GRID_SIDE = 256
_TURNED = frozenset({5, 6, 7, 8})
_BORDERED = 0.6
_NOTABLE = 0.03

Grid = npt.NDArray[np.uint8]
"""Pixels in sRGB with opacity, 0 to 255; shape (height, width, 4)."""


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
        colours: Its colours, the largest first; none where it is fully transparent.
        background: The name of the colour that frames it; None where none does, or nothing else is there.
        brightness: The mean luma (Rec. 601) of the pixels that are not transparent, from 0 to 1.
    """

    name: str
    format: str
    width: int
    height: int
    animated: bool
    colours: tuple[Colour, ...]
    background: str | None
    brightness: float

    def notable(self, *, but: str | None = None) -> tuple[Colour, ...]:
        """The colours with 3 % of the pixels or more, but one; if none has, the largest with 0.3 %."""
        return _notable(self.colours, but=but)

    def packed(self) -> tuple[Mapping[str, Any], bytes]:
        """Its values as JSON has them; there are no bytes."""
        return asdict(self), b""


def measure(path: Path) -> MeasuredImage:
    """Opens and measures an image, in this process: strangers' files are decoded by a `Decoder`.

    Raises:
        ValueError: It is broken, has more than 50 million pixels, or a side of more than 65,535; the text
            says which.
        MemoryError: It takes more memory than there is.
    """
    with opened_image(path) as image:
        turned = image.getexif().get(ExifTags.Base.Orientation) in _TURNED
        width, height = image.size[::-1] if turned else image.size
        kind = "JPEG" if image.format == "MPO" else str(image.format)
        animated, grid = getattr(image, "is_animated", False), _grid(image)
    colours = _colours(grid)
    around = _colours(np.concatenate([grid[0], grid[-1], grid[:, 0], grid[:, -1]])[None])[:1]
    framed = [each.name for each in around if each.part >= _BORDERED and _notable(colours, but=each.name)]
    luma = _opaque(grid).astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    brightness = float(luma.mean()) / 255 if len(luma) else 0.0
    return MeasuredImage(
        path.name, kind, width, height, animated, colours, framed[0] if framed else None, brightness
    )


def _grid(image: Image.Image) -> Grid:
    image.draft("RGB", (_GRID_SIDE, _GRID_SIDE))  # lets a JPEG be decoded small; others ignore it
    size = (min(image.width, _GRID_SIDE), min(image.height, _GRID_SIDE))
    small = image.resize(size, Image.Resampling.NEAREST)
    if small.mode.startswith(("I", "F")):
        values = np.asarray(small, dtype=np.float64)
        top = 65535.0 if small.mode.startswith("I") else max(float(values.max()), 1.0)
        small = Image.fromarray((np.clip(values / top, 0, 1) * 255).astype(np.uint8))
    return np.asarray(small.convert("RGBA"))


def _opaque(grid: Grid) -> Pixels:
    flat = grid.reshape(-1, 4)
    return flat[flat[:, 3] >= 128][:, :3]  # noqa: PLR2004 - half of 255


def _colours(grid: Grid) -> tuple[Colour, ...]:
    """The colours of some pixels by name, the largest first; none where all are transparent."""
    pixels = _opaque(grid)
    names = name_of(pixels)
    counts = np.bincount(names, minlength=len(NAMES))
    return tuple(
        Colour(NAMES[index], _code(pixels[names == index]), float(counts[index] / len(pixels)))
        for index in np.argsort(-counts, kind="stable")
        if counts[index]
    )


def _code(pixels: Pixels) -> str:
    return "#" + bytes(np.rint(pixels.mean(axis=0)).astype(np.uint8)).hex()


def _notable(colours: tuple[Colour, ...], *, but: str | None) -> tuple[Colour, ...]:
    others = tuple(colour for colour in colours if colour.name != but)
    large = tuple(colour for colour in others if colour.part >= _NOTABLE)
    return large or tuple(colour for colour in others[:1] if colour.part >= _NOTABLE / 10)


# --- names of colours ------------------------------------------------------------------------------------

_TABLE = """
    black: 000000 0a0a0a 1a1a1a, dark grey: 333333 4d4d4d, grey: 696969 808080 999999,
    light grey: c0c0c0 d3d3d3, white: ffffff f5f5f5, dark red: 800000 8b0000,
    red: ff0000 dc143c d01010 b22222, salmon: fa8072 e9967a, pink: ffc0cb ff69b4 ffb6c1,
    orange: ffa500 ff8c00 ff7f50 ff6a00,
    brown: 8b4513 a0522d a52a2a 654321 5c4033, light brown: d2b48c c19a6b, beige: f5f5dc ffe4c4 f5deb3,
    yellow: ffff00 ffd700 e6c800, light yellow: ffffa0 fffacd, olive: 808000 6b8e23,
    lime green: 00ff00 32cd32 7fff00, green: 008000 00a000 228b22 2e8b57 00c000, dark green: 006400 004000,
    light green: 90ee90 98fb98, teal: 008080 20b2aa, turquoise: 40e0d0 00ced1, cyan: 00ffff,
    sky blue: 87ceeb 00bfff, light blue: add8e6 b0c4de, blue: 0000ff 1e90ff 4169e1 0000cd 4682b4,
    navy blue: 000080 191970, purple: 800080 6a0dad 4b0082 663399, violet: 8a2be2 9370db ee82ee,
    lavender: e6e6fa d8bfd8, magenta: ff00ff c71585
"""
_CODES = dict(entry.strip().split(": ") for entry in _TABLE.split(","))
NAMES = tuple(_CODES)
"""The names that colours are given; the last word of each is a plain one: "navy blue" is a blue."""

_SAID = {*NAMES, *(name.split()[-1] for name in NAMES), "gray", "gold", "silver"}
MENTIONED = re.compile(rf"(?i:\b(?:{'|'.join(sorted(_SAID, key=len, reverse=True))})\b)")
"""A colour's name in a text."""

Pixels = npt.NDArray[np.uint8]
"""Colours in sRGB, 0 to 255; shape (n, 3)."""

_DIGITS = np.array([256 * 256, 256, 1], dtype=np.uint32)
_CONES = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                   [0.0883024619, 0.2817188376, 0.6299787005]]).T  # fmt: skip
_LAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                 [0.0259040371, 0.7827717662, -0.8086757660]]).T  # fmt: skip
_BATCH = 4096


def name_of(pixels: Pixels) -> npt.NDArray[np.intp]:
    """The nearest name of each colour, as an index into `NAMES`; shape (n,)."""
    # as numbers: rows are sorted twenty times slower
    codes, where = np.unique(pixels.astype(np.uint32) @ _DIGITS, return_inverse=True)
    distinct = (codes[:, None] // _DIGITS % 256).astype(np.uint8)
    nearest = np.empty(len(distinct), dtype=np.intp)
    for start in range(0, len(distinct), _BATCH):
        part = _to_oklab(distinct[start : start + _BATCH])
        distance = ((part[:, None, :] - _POINTS[None, :, :]) ** 2).sum(axis=2)
        nearest[start : start + _BATCH] = _OWNERS[distance.argmin(axis=1)]
    return np.asarray(nearest[where.reshape(-1)])


def _to_oklab(pixels: Pixels) -> npt.NDArray[np.float64]:
    share = pixels / 255.0
    # the curve of sRGB
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 - sRGB's own
    return np.asarray(np.cbrt(linear @ _CONES) @ _LAB)


_OWNERS = np.array([index for index, codes in enumerate(_CODES.values()) for _ in codes.split()])
_RGB = [list(bytes.fromhex(code)) for codes in _CODES.values() for code in codes.split()]
_POINTS = _to_oklab(np.array(_RGB, dtype=np.uint8))
