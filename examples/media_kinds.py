"""Every way to attach an image or audio. It needs `pip install pillow numpy` for the last two.

    python media_kinds.py

The Space is the one that PHI4_SPACE names, else the public one.
"""

import base64
import io
import math
import tempfile
import wave
from array import array
from pathlib import Path

import numpy as np
from PIL import Image

from phi4_space import Media, SpaceClient


def main(folder: Path) -> None:
    """Asks about each of them."""
    image = Image.new("RGB", (64, 48), "red")
    image.save(folder / "red.png")
    write_tone(folder / "tone.wav")
    png = (folder / "red.png").read_bytes()
    encoded = base64.b64encode(png).decode()
    rate, seconds = 16_000, np.arange(16_000) / 16_000

    things: dict[str, list[object]] = {
        "a path": [folder / "red.png"],
        "bytes": [png],
        "an open file": [io.BytesIO(png)],
        "a data URI": [f"data:image/png;base64,{encoded}"],
        "base64": [encoded],
        "a name of its own": [Media(png, name="holiday.png")],
        "a PIL image": [image],
        "numpy samples": [(rate, 0.5 * np.sin(2 * np.pi * 440 * seconds))],
        "several": [folder / "red.png", folder / "tone.wav"],
    }
    with SpaceClient() as space:
        for name, media in things.items():
            reply = space.reply("What is this?", media=media)
            print(f"{name}: {', '.join(reply.sent.files)}: {reply.text}")


def write_tone(file: Path) -> None:
    """Two seconds of 440 Hz."""
    with wave.open(str(file), "wb") as audio:
        audio.setparams((1, 2, 8000, 0, "NONE", ""))
        audio.writeframes(
            array("h", (int(9000 * math.sin(math.tau * 440 * n / 8000)) for n in range(16_000)))
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
