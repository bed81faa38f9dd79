"""PIL images, numpy pixels and samples -> the bytes of a file. Knows both libraries, but imports neither.

Their objects are `Any` here: naming their types would need imports that fail for users without the libraries.
"""

from __future__ import annotations

import io
import operator
import struct
import sys
import wave
import zlib
from typing import Any, TypeGuard

from phi4_space._errors import MediaNotReadable

# The mode to write for the pixels of each PIL mode: the same one, or one with the same colours.
_PNG_MODES = {mode: mode for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16B", "F")} | {
    "I": "I;16",
    "La": "LA",
    "PA": "RGBA",
    "RGBa": "RGBA",
    "RGBX": "RGB",
    "CMYK": "RGB",
    "YCbCr": "RGB",
    "LAB": "RGB",
    "HSV": "RGB",
}
_FORMATS = {"F": "TIFF"}
"""The file format for modes that PNG has nothing like."""
_ORIENTATION = 0x0112
"""EXIF's tag."""
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""What makes an image upright, for each orientation."""
_COLOUR_TYPES = {
    **dict.fromkeys(
        [("u", 1, ()), ("u", 1, (1,)), ("u", 2, ()), ("u", 2, (1,)), ("b", 1, ()), ("b", 1, (1,))], 0
    ),
    ("u", 1, (3,)): 2,
    ("u", 1, (4,)): 6,
}
"""PNG's code for numpy's kind, bytes and channels of pixels: grey, RGB, RGBA."""
_MAX_PIXELS = 100_000_000
_PCM_BITS = 16
_PCM_PEAK = 32767
_MAX_RATE = 1_000_000
_MAX_CHANNELS = 8
_OVERSHOOT = 2.0  # filters overshoot 1.0 a little; floats beyond this were never scaled to [-1, 1]


def encode(source: object) -> bytes | None:
    """Writes a PIL image or numpy pixels as PNG, or a pair of rate and numpy samples as WAV with 16-bit PCM.

    An image is written as it is meant to be seen, turned as its EXIF data say, since a Space may not look at
    them; one of mode F, for which PNG has nothing, as TIFF. Pixels are rows and columns of integers: grey of
    8 or 16 bits, or RGB or RGBA of 8. Samples have one column for each channel; floats are in [-1, 1],
    integers use the full range of their type.

    Returns:
        The file's bytes; None if the source is neither.

    Raises:
        MediaNotReadable: It is one of them, but cannot be written; the message says why.
    """
    if _is_a(source, "PIL.Image", "Image"):
        return _to_png(source)
    if _is_a(source, "numpy", "ndarray"):
        return _pixels_to_png(source)
    match source:
        case (rate, samples) if _is_a(samples, "numpy", "ndarray"):
            return _to_wav(rate, samples)
        case (samples, _) if _is_a(samples, "numpy", "ndarray"):
            raise MediaNotReadable("The samples come first in this pair; pass (sample_rate, samples)")
    return None


def _is_a(value: object, module: str, name: str) -> TypeGuard[Any]:
    """Whether a value is an instance of a class whose module was imported elsewhere."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)


def _to_png(image: Any) -> bytes:
    mode = _PNG_MODES.get(image.mode)
    if mode is None:
        raise MediaNotReadable(
            f"A PIL image of mode {image.mode!r} cannot be written as PNG",
            advice='Convert it first: image.convert("RGB").',
        )
    _refuse_too_many(image.width, image.height)  # one that was opened lazily is decoded below
    file = io.BytesIO()
    try:
        _upright(image if image.mode == mode else _converted(image, mode)).save(
            file, _FORMATS.get(mode, "PNG")
        )
    except Exception as exc:  # an image may be decoded only now, by a codec that may raise anything
        raise MediaNotReadable(f"The PIL image cannot be written as PNG: {exc}") from exc
    return file.getvalue()


def _converted(image: Any, mode: str) -> Any:
    converted = image.convert(mode)
    converted.info.pop("icc_profile", None)  # it is about the colours before
    return converted


def _upright(image: Any) -> Any:
    """The image, turned as its EXIF data say; as it is, where they are broken."""
    image.load()
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - of broken data, anything
        turn = None
    if turn is None:
        return image
    turned = image.transpose(sys.modules["PIL.Image"].Transpose[turn])
    turned.info.pop("exif", None)  # or it would be turned once more
    return turned


def _pixels_to_png(pixels: Any) -> bytes:
    colour_type = _COLOUR_TYPES.get((pixels.dtype.kind, pixels.dtype.itemsize, pixels.shape[2:]))
    if colour_type is None or pixels.ndim < 2 or not pixels.size:  # noqa: PLR2004 - rows and columns
        raise MediaNotReadable(
            f"A numpy array of {pixels.dtype} and of shape {pixels.shape} is not an image",
            advice="Pass integers of 8 bits, in rows and columns of RGB or RGBA; samples as (rate, samples).",
        )
    height, width = pixels.shape[:2]
    _refuse_too_many(width, height)
    if pixels.dtype.kind == "b":
        pixels = pixels.astype("u1") * 255
    bits = 8 * pixels.dtype.itemsize
    rows = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _refuse_too_many(width: int, height: int) -> None:
    if width * height > _MAX_PIXELS:
        raise MediaNotReadable(
            f"The image has {width} x {height} pixels, but at most {_MAX_PIXELS} are allowed",
            advice="Make it smaller first, such as by PIL's image.thumbnail((4096, 4096)).",
        )


def _to_wav(rate: object, samples: Any) -> bytes:
    hertz, channels, pcm = _checked_rate(rate), _count_channels(samples), _to_pcm(samples)
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setframerate(hertz)
        wav.setnchannels(channels)
        wav.setsampwidth(_PCM_BITS // 8)
        wav.writeframes(pcm.tobytes())
    return file.getvalue()


def _checked_rate(rate: Any) -> int:
    try:
        hertz = operator.index(rate)
    except TypeError as exc:
        raise MediaNotReadable(f"A sample rate must be an integer in Hz, not {rate!r}") from exc
    if not 0 < hertz <= _MAX_RATE:
        raise MediaNotReadable(f"A sample rate must be between 1 and {_MAX_RATE} Hz, not {hertz}")
    return hertz


def _count_channels(samples: Any) -> int:
    channels = int(samples.shape[1]) if samples.ndim == 2 else samples.ndim  # noqa: PLR2004 - rows, columns
    if not samples.size:
        raise MediaNotReadable("The audio has no samples")
    if not 0 < channels <= _MAX_CHANNELS or samples.ndim > 2:  # noqa: PLR2004 - as above
        raise MediaNotReadable(
            f"Samples of shape {samples.shape} are not audio",
            advice=f"Pass one dimension for mono, or one column for each of up to {_MAX_CHANNELS} channels.",
        )
    return channels


def _to_pcm(samples: Any) -> Any:
    kind, bits = samples.dtype.kind, samples.dtype.itemsize * 8
    if kind == "f":
        exact = samples.astype("f8")
        if not (abs(exact) <= _OVERSHOOT).all():  # written so that NaN fails as well
            raise MediaNotReadable("Float samples must be in [-1, 1]; these are out of range, or NaN")
        return (exact.clip(-1, 1) * _PCM_PEAK).round().astype("<i2")
    if kind in "iu" and bits <= 32:  # noqa: PLR2004 - lists become 64 bits, whatever their range
        middle = 1 << (bits - 1) if kind == "u" else 0
        return ((samples.astype("i8") - middle) << _PCM_BITS >> bits).astype("<i2")
    raise MediaNotReadable(
        f"The range of samples of type {samples.dtype} is not known",
        advice="Pass floats in [-1, 1], or integers of 8, 16 or 32 bits.",
    )
