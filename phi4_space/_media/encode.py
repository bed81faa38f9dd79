"""PIL images and numpy samples -> the bytes of a file. Knows both libraries, but imports neither.

Their objects are `Any` here: naming their types would need imports that fail for users without the libraries.
"""

from __future__ import annotations

import io
import operator
import sys
import wave
from typing import Any, TypeGuard

from phi4_space._errors import MediaNotReadable

# The PNG mode for the pixels of each PIL mode: the same one, or one with the same colours.
_PNG_MODES = {mode: mode for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I;16B")} | {
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
_MAX_PIXELS = 100_000_000
_PCM_BITS = 16
_PCM_PEAK = 32767
_MAX_RATE = 1_000_000
_MAX_CHANNELS = 8
_OVERSHOOT = 2.0  # filters overshoot 1.0 a little; floats beyond this were never scaled to [-1, 1]


def encode(source: object) -> bytes | None:
    """Writes a PIL image as PNG, or a pair of sample rate and numpy samples as WAV with 16-bit PCM.

    Samples have one column for each channel; floats are in [-1, 1], integers use the full range of their
    type.

    Returns:
        The file's bytes; None if the source is neither.

    Raises:
        MediaNotReadable: It is one of them, but cannot be written; the message says why.
    """
    if _is_a(source, "PIL.Image", "Image"):
        return _to_png(source)
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
    if image.width * image.height > _MAX_PIXELS:  # an image that was opened lazily is decoded below
        raise MediaNotReadable(
            f"The PIL image has {image.width} x {image.height} pixels, but at most {_MAX_PIXELS} are allowed",
            advice="Make it smaller first: image.thumbnail((4096, 4096)).",
        )
    file = io.BytesIO()
    try:
        (image if image.mode == mode else image.convert(mode)).save(file, "PNG")
    except Exception as exc:  # an image may be decoded only now, by a codec that may raise anything
        raise MediaNotReadable(f"The PIL image cannot be written as PNG: {exc}") from exc
    return file.getvalue()


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
