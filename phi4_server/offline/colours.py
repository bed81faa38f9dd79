"""Colours: the name that a person would give an RGB value. Knows no picture.

Values are compared in OKLab (Björn Ottosson, 2020), where equal distances look about equally different.
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

_ANCHORS = {
    "black": "000000 0a0a0a 1a1a1a",
    "dark grey": "333333 4d4d4d",
    "grey": "696969 808080 999999",
    "light grey": "c0c0c0 d3d3d3",
    "white": "ffffff f5f5f5",
    "dark red": "800000 8b0000",
    "red": "ff0000 dc143c d01010 b22222",
    "salmon": "fa8072 e9967a",
    "pink": "ffc0cb ff69b4 ffb6c1",
    "orange": "ffa500 ff8c00 ff7f50 ff6a00",
    "brown": "8b4513 a0522d a52a2a 654321 5c4033",
    "light brown": "d2b48c c19a6b",
    "beige": "f5f5dc ffe4c4 f5deb3",
    "yellow": "ffff00 ffd700 e6c800",
    "light yellow": "ffffa0 fffacd",
    "olive": "808000 6b8e23",
    "lime green": "00ff00 32cd32 7fff00",
    "green": "008000 00a000 228b22 2e8b57 00c000",
    "dark green": "006400 004000",
    "light green": "90ee90 98fb98",
    "teal": "008080 20b2aa",
    "turquoise": "40e0d0 00ced1",
    "cyan": "00ffff",
    "sky blue": "87ceeb 00bfff",
    "light blue": "add8e6 b0c4de",
    "blue": "0000ff 1e90ff 4169e1 0000cd 4682b4",
    "navy blue": "000080 191970",
    "purple": "800080 6a0dad 4b0082 663399",
    "violet": "8a2be2 9370db ee82ee",
    "lavender": "e6e6fa d8bfd8",
    "magenta": "ff00ff c71585",
}
NAMES = tuple(_ANCHORS)
"""The names that are given, a base name last in each: "navy blue" is a blue."""

BASES = frozenset(name.split()[-1] for name in NAMES)
"""The plain names among them."""

MENTIONED = re.compile(
    rf"(?i:\b(?:{'|'.join(sorted({*NAMES, *BASES, 'gray', 'gold', 'silver'}, key=len, reverse=True))})\b)"
)
"""A colour's name in a text."""

Pixels = npt.NDArray[np.uint8]
"""Colours in sRGB, 0 to 255; shape (n, 3)."""


def name_of(pixels: Pixels) -> npt.NDArray[np.intp]:
    """The nearest name of each colour, as an index into `NAMES`; shape (n,)."""
    # as numbers: rows are sorted twenty times slower
    codes, where = np.unique(pixels.astype(np.uint32) @ _DIGITS, return_inverse=True)
    distinct = (codes[:, None] // _DIGITS % 256).astype(np.uint8)
    nearest = np.empty(len(distinct), dtype=np.intp)
    for start in range(0, len(distinct), 4096):
        part = _to_oklab(distinct[start : start + 4096])
        distance = ((part[:, None, :] - _POINTS[None, :, :]) ** 2).sum(axis=2)
        nearest[start : start + 4096] = _OWNERS[distance.argmin(axis=1)]
    return np.asarray(nearest[where.reshape(-1)])


_DIGITS = np.array([256 * 256, 256, 1], dtype=np.uint32)
_CONES = np.array(
    [
        [0.4122214708, 0.2119034982, 0.0883024619],
        [0.5363325363, 0.6806995451, 0.2817188376],
        [0.0514459929, 0.1073969566, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 1.9779984951, 0.0259040371],
        [0.7936177850, -2.4285922050, 0.7827717662],
        [-0.0040720468, 0.4505937099, -0.8086757660],
    ]
)


def _to_oklab(pixels: Pixels) -> npt.NDArray[np.float64]:
    share = pixels / 255.0
    # the curve of sRGB
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004 - sRGB's own
    return np.asarray(np.cbrt(linear @ _CONES) @ _LAB)


_OWNERS = np.array([index for index, name in enumerate(NAMES) for _ in _ANCHORS[name].split()])
_POINTS = _to_oklab(
    np.array(
        [list(bytes.fromhex(code)) for codes in _ANCHORS.values() for code in codes.split()], dtype=np.uint8
    )
)


def plain(name: str) -> str:
    """A name's base: "navy blue" is a "blue", "gray" is spelled "grey"."""
    return name.casefold().split()[-1].replace("gray", "grey")
