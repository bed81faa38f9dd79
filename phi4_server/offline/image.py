"""An image, measured: format, size, colours, brightness. Knows no question.

Measured on at most 256 x 256 of the image's own pixels (never mixed ones), so a photograph costs no more
than an icon. Pixels that are mostly transparent count for nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageColor

from phi4_server.media.image import opened_image
from phi4_server.offline.measured import Colour, MeasuredImage

_SAMPLE_SIDE = 256
_TURNED = frozenset({5, 6, 7, 8})
_NOTABLE = 0.03
"""The part of an image that a colour must have to be named, unless it is the largest."""
_OPAQUE = 128

_NAMED = """
    black: black, dark grey: darkslategray dimgray, grey: gray lightslategray, white: white whitesmoke,
    light grey: darkgray silver lightgray, dark red: maroon, red: red crimson firebrick,
    salmon: salmon lightsalmon, pink: pink hotpink, orange: orange darkorange coral, beige: beige tan,
    brown: brown saddlebrown sienna, yellow: yellow gold, olive: olive olivedrab, lime green: lime limegreen,
    green: green forestgreen seagreen, dark green: darkgreen, light green: lightgreen, teal: teal,
    turquoise: turquoise, cyan: cyan, sky blue: skyblue deepskyblue, blue: blue royalblue steelblue,
    navy blue: navy midnightblue, purple: purple indigo, violet: violet mediumpurple, magenta: magenta
"""
_COLOURS = [
    (name.strip(), ImageColor.getrgb(css))
    for name, _, of_css in (entry.partition(": ") for entry in _NAMED.split(","))
    for css in of_css.split()
]
_NAMES = sorted({name for name, _ in _COLOURS})
_NUMBERS = np.array([_NAMES.index(name) for name, _ in _COLOURS])
_PALETTE = Image.new("P", (1, 1))
_PALETTE.putpalette([value for _, rgb in _COLOURS for value in rgb])
"""Colours of CSS by plainer names; each pixel is named by the nearest."""


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
        animated, sample = getattr(image, "is_animated", False), _sample(image)
    opaque = np.asarray(sample.getchannel("A")) >= _OPAQUE
    luma = np.asarray(sample.convert("L"))[opaque]
    brightness = float(luma.mean()) / 255 if luma.size else 0.0
    return MeasuredImage(path.name, kind, width, height, animated, colours(sample), brightness)


def _sample(image: Image.Image) -> Image.Image:
    """Some of an image's pixels, with their opacity."""
    image.draft("RGB", (_SAMPLE_SIDE, _SAMPLE_SIDE))  # lets a JPEG be decoded small; others ignore it
    size = (min(image.width, _SAMPLE_SIDE), min(image.height, _SAMPLE_SIDE))
    small = image.resize(size, Image.Resampling.NEAREST)
    if small.mode.startswith(("I", "F")):
        values = np.asarray(small, dtype=np.float64)
        top = 65535.0 if small.mode.startswith("I") else max(float(values.max()), 1.0)
        small = Image.fromarray((np.clip(values / top, 0, 1) * 255).astype(np.uint8))
    return small.convert("RGBA")


def colours(image: Image.Image) -> tuple[Colour, ...]:
    """The main colours of an image in mode RGBA, the largest first; none where it is fully transparent."""
    pixels = np.asarray(image)
    opaque = pixels[..., 3] >= _OPAQUE
    nearest = np.asarray(image.convert("RGB").quantize(palette=_PALETTE, dither=Image.Dither.NONE))
    numbers, values = _NUMBERS[nearest[opaque]], pixels[opaque]
    counts = np.bincount(numbers, minlength=len(_NAMES))
    sums = np.stack([np.bincount(numbers, values[:, part], len(_NAMES)) for part in range(3)], axis=1)
    found = [
        Colour(name, f"#{np.rint(total / count).astype(np.uint8).tobytes().hex()}", count / len(numbers))
        for name, count, total in zip(_NAMES, counts.tolist(), sums, strict=True)
        if count
    ]
    found.sort(key=lambda colour: -colour.part)
    return (*found[:1], *(colour for colour in found[1:] if colour.part >= _NOTABLE))
