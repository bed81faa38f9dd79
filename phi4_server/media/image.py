"""Images: opened within limits, and rewritten as PNG. Knows no model; runs in a decoder's child process.

Its sides are checked before its pixels are made, and it is never asked how many frames it has: that would
walk them all.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

_MAX_PIXELS = 50_000_000
_MAX_SIDE = 65_535
_DECODERS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
_WHITE = (255, 255, 255)
_FAST = 3
"""PNG's level of compression: the highest takes ten times as long, for a tenth of the bytes."""


@dataclass(frozen=True, slots=True)
class Png:
    """An image as RGB pixels in a PNG, as it is meant to be seen."""

    data: bytes
    width: int
    height: int

    def packed(self) -> tuple[Mapping[str, Any], bytes]:
        """Its size, and the file."""
        return {"width": self.width, "height": self.height}, self.data


@contextmanager
def opened_image(path: Path) -> Iterator[Image.Image]:
    """An image, for as long as the block; what goes wrong in it is put in words, too.

    Raises:
        ValueError: It is broken, has more than 50 million pixels, or a side of more than 65,535; the text
            says which.
        MemoryError: It takes more memory than there is.
    """
    try:
        with path.open("rb") as file, Image.open(file, formats=_DECODERS) as image:
            if image.width * image.height > _MAX_PIXELS or max(image.size) > _MAX_SIDE:
                raise ValueError(f"{image.width} x {image.height} pixels are too many")  # noqa: TRY301
            yield image
    except MemoryError:
        raise
    except UnidentifiedImageError as error:  # its text would tell the whole path
        raise ValueError("its bytes make no picture") from error
    except Exception as error:  # decoders raise anything on damaged bytes
        raise ValueError(getattr(error, "strerror", None) or str(error)) from error


def to_png(path: Path, side: str) -> Png:
    """An image in the one form that models are given: the first frame, turned as it is shown, on white.

    Args:
        path: The file.
        side: The longest side in pixels; a larger image is scaled down, a smaller one is left.

    Raises:
        ValueError: See `opened_image`.
        MemoryError: See `opened_image`.
    """
    longest = int(side)
    with opened_image(path) as image:
        image.draft("RGB", (longest, longest))  # lets a JPEG be decoded small; others ignore it
        pixels = _rgb(_upright(image))
        pixels.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=3.0)
    file = io.BytesIO()
    pixels.save(file, "PNG", compress_level=_FAST)
    return Png(file.getvalue(), pixels.width, pixels.height)


def _upright(image: Image.Image) -> Image.Image:
    """The image, turned as its EXIF data say; as it is, where they are broken."""
    image.load()
    try:
        image.getexif()
    except Exception:  # noqa: BLE001 - of broken data, anything
        return image
    return ImageOps.exif_transpose(image)


def _rgb(image: Image.Image) -> Image.Image:
    """Its pixels, those that are transparent on white, without anything else that the file holds."""
    image = _eight_bits(image)
    if not image.has_transparency_data:
        return _bare(image.convert("RGB"))
    layer = image.convert("RGBA")
    paper = Image.new("RGB", layer.size, _WHITE)
    paper.paste(layer, mask=layer.getchannel("A"))
    return paper


def _bare(image: Image.Image) -> Image.Image:
    image.info.clear()  # text, profiles and positions on the globe would be written into the PNG
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Shades of 16 or 32 bits by their highest eight; Pillow itself would cut off what is above 255."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image, dtype=np.float32)
    top = 65535.0 if image.mode.startswith("I") else max(float(values.max()), 1.0)
    return Image.fromarray((np.clip(values / top, 0, 1) * 255).astype(np.uint8))
