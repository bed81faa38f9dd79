"""Small pictures and sounds, the same bytes on every machine. Knows their formats alone."""

from __future__ import annotations

import io
import struct
import wave
import zlib


def square(red: int, green: int, blue: int, *, side: int = 24) -> bytes:
    """A PNG of one colour.

    Args:
        red: From 0 to 255, as the other two.
        green: See `red`.
        blue: See `red`.
        side: Its width and height in pixels.
    """
    row = b"\0" + bytes((red, green, blue)) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    # Stored, not deflated: compressors differ.
    pixels = zlib.compress(row * side, level=0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def tone(pitch: int, *, seconds: float = 0.5, rate: int = 8000) -> bytes:
    """A WAV of one square wave, mono.

    Args:
        pitch: In hertz.
        seconds: How long it lasts.
        rate: Samples a second.
    """
    samples = (48 if 2 * pitch * at // rate % 2 else 208 for at in range(round(seconds * rate)))
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(rate)
        sound.writeframes(bytes(samples))
    return file.getvalue()
