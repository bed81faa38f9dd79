"""Images as Phi-4 sees them: crops, and how many tokens they are. Knows their size alone."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from functools import lru_cache

from phi4_server.weights.generation.loaded import ImageForm

_LEAST_SIDE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How an image is laid out on crops, from the top left; white fills the rest.

    Attributes:
        columns: How many crops stand beside each other.
        rows: How many stand above each other.
        width: How wide the image is made, in pixels.
        height: How high.
    """

    columns: int
    rows: int
    width: int
    height: int


def size_of(png: bytes) -> tuple[int, int]:
    """The width and height that a PNG names."""
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def lay_out(width: int, height: int, form: ImageForm) -> Layout:
    """Where an image of this size stands.

    Raises:
        ValueError: One side is so much longer than the other that nothing would be left of it.
    """
    columns, rows = math.ceil(width / form.crop), math.ceil(height / form.crop)
    if columns * rows > form.most_crops:
        columns, rows = _closest(width, height, form)
    across, down = form.crop * columns / width, form.crop * rows / height
    if across < down:
        size = form.crop * columns, int(height * across)
    else:
        size = int(width * down), form.crop * rows
    if min(size) < _LEAST_SIDE:
        raise ValueError(f"{width} x {height} pixels are too narrow for the model")
    return Layout(columns=columns, rows=rows, width=size[0], height=size[1])


def useful_patches(layout: Layout, form: ImageForm) -> tuple[int, int]:
    """How many patches of each row, and of each column, of all crops together show something of the image."""
    side = form.crop // form.patch
    return (
        side * layout.columns - (form.crop * layout.columns - layout.width) // form.patch,
        side * layout.rows - (form.crop * layout.rows - layout.height) // form.patch,
    )


def count_tokens(layout: Layout, form: ImageForm) -> int:
    """How many tokens an image is: one for four patches, one for each line of those, and the whole small."""
    side = form.crop // form.patch // 2
    across, down = (math.ceil(patches / 2) for patches in useful_patches(layout, form))
    return side * (side + 1) + 1 + down * (across + 1)


def _closest(width: int, height: int, form: ImageForm) -> tuple[int, int]:
    """The shape closest to the image's own; of those that are equally close, a larger one if it fills it."""
    ratio, area = width / height, width * height
    best, least = (1, 1), math.inf
    for shape in _shapes(form.most_crops):
        distance = abs(ratio - shape[0] / shape[1])
        is_filled = area > 0.5 * form.crop * form.crop * shape[0] * shape[1]
        if distance < least or (distance == least and is_filled):
            best, least = shape, distance
    return best


@lru_cache(maxsize=4)
def _shapes(most: int) -> list[tuple[int, int]]:
    """All shapes of crops; as upstream lists them, since the order of equals decides between them."""
    shapes = {
        (i, j) for n in range(1, most + 1) for i in range(1, n + 1) for j in range(1, n + 1) if i * j <= most
    }
    return sorted(shapes, key=lambda shape: shape[0] * shape[1])
