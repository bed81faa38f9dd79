"""Draws the pictures and plays the sounds of this folder. It needs `pip install pillow`.

    python make.py

writes them beside itself, the same pixels and samples each time. Everything here was made for these examples:
the pictures from the shapes below, the sounds from sines, the words by hand.
"""

import math
import sys
import wave
from array import array
from pathlib import Path

from PIL import Image, ImageDraw

Shape = tuple[str, str, tuple[int, ...]]
PICTURES: dict[str, tuple[tuple[int, int], str, tuple[Shape, ...]]] = {
    "lighthouse.png": (
        (120, 160),
        "#f5f5f5",
        (
            ("polygon", "#c81e1e", (44, 40, 76, 40, 86, 160, 34, 160)),
            ("rectangle", "#f5f5f5", (36, 84, 84, 104)),
            ("rectangle", "#ffd700", (50, 18, 70, 40)),
            ("polygon", "#c81e1e", (44, 18, 76, 18, 60, 2)),
        ),
    ),
    "buoy.png": (
        (96, 96),
        "#b9c0c4",
        (
            ("rectangle", "#8a9296", (0, 64, 96, 96)),
            ("polygon", "#1e8c3c", (30, 72, 66, 72, 56, 20, 40, 20)),
            ("ellipse", "#1e8c3c", (26, 58, 70, 82)),
        ),
    ),
    "ferry.png": (
        (200, 100),
        "#f5f5f5",
        (
            ("polygon", "#1e4bc8", (10, 50, 190, 50, 170, 88, 30, 88)),
            ("rectangle", "#ffffff", (50, 26, 140, 50)),
            ("rectangle", "#1e4bc8", (110, 8, 126, 26)),
        ),
    ),
    "flag.png": (
        (128, 96),
        "#e8f0f0",
        (
            ("rectangle", "#5c4033", (14, 4, 20, 96)),
            ("rectangle", "#ffd700", (21, 8, 116, 64)),
        ),
    ),
    "night.png": (
        (160, 120),
        "#0a0a14",
        (
            ("ellipse", "#f5f5dc", (112, 16, 136, 40)),
            ("rectangle", "#000000", (0, 90, 160, 120)),
        ),
    ),
    "sunset.png": (
        (160, 90),
        "#6a0dad",
        (
            ("ellipse", "#ff8c00", (50, 30, 110, 90)),
            ("rectangle", "#4b0082", (0, 70, 160, 90)),
        ),
    ),
}
"""Each picture's width and height, its background, and what is drawn on it, in order."""

RATE = 8000
SOUNDS = {"foghorn.wav": (165, 1.5), "bell.wav": (880, 0.5)}
"""Each sound's pitch in hertz and its length in seconds."""


def main(folder: Path) -> None:
    """Writes all of them."""
    for name, (size, background, shapes) in PICTURES.items():
        picture = Image.new("RGB", size, background)
        pen = ImageDraw.Draw(picture)
        for shape, colour, points in shapes:
            getattr(pen, shape)(points, fill=colour)
        picture.save(folder / name, optimize=True)
    for name, (pitch, seconds) in SOUNDS.items():
        with wave.open(str(folder / name), "wb") as sound:
            sound.setparams((1, 2, RATE, 0, "NONE", ""))
            sound.writeframes(array("h", tone(pitch, seconds)))


def tone(pitch: int, seconds: float) -> list[int]:
    """Samples of a sine that comes and goes."""
    count = int(seconds * RATE)
    return [
        round(12_000 * math.sin(math.pi * at / count) * math.sin(math.tau * pitch * at / RATE))
        for at in range(count)
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
