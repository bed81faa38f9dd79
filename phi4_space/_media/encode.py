"""PIL images and numpy samples -> the bytes of a file. Knows those libraries by sight and imports neither.

Their objects are `Any` here: naming their types would take the imports that a user without them has not.
"""

from __future__ import annotations

import io
import operator
import sys
import wave
from typing import Any, TypeGuard

from phi4_space._errors import MediaNotReadable

# The mode of PNG that holds the pixels of each mode of PIL: the same one, or one with the same colours.
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


def encode(thing: object) -> bytes | None:
    """Writes a PIL image as PNG, or a pair of sample rate and numpy samples as WAV with 16-bit PCM.

    Samples are one column a channel; floats lie in [-1, 1], integers fill the range of their type.

    Returns:
        The file's bytes; None where the thing is neither.

    Raises:
        MediaNotReadable: It is one of them, and cannot be written; the text says why.
    """
    if _is_a(thing, "PIL.Image", "Image"):
        return _to_png(thing)
    match thing:
        case (rate, samples) if _is_a(samples, "numpy", "ndarray"):
            return _to_wav(rate, samples)
        case (samples, _) if _is_a(samples, "numpy", "ndarray"):
            raise MediaNotReadable("Samples come second: hand in (sample_rate, samples)")
    return None


def _is_a(thing: object, module: str, name: str) -> TypeGuard[Any]:
    """Whether it is an instance of a class whose module somebody else has imported."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(thing, kind)


def _to_png(picture: Any) -> bytes:
    mode = _PNG_MODES.get(picture.mode)
    if mode is None:
        raise MediaNotReadable(
            f"A PIL image of mode {picture.mode!r} has no PNG form",
            advice='Convert it first, to "RGB" for one.',
        )
    if picture.width * picture.height > _MAX_PIXELS:  # an image that was only opened is decoded here
        raise MediaNotReadable(
            f"The PIL image has {picture.width} x {picture.height} pixels; at most {_MAX_PIXELS} are sent",
            advice="Make it smaller first: image.thumbnail((4096, 4096)).",
        )
    file = io.BytesIO()
    try:
        (picture if picture.mode == mode else picture.convert(mode)).save(file, "PNG")
    except Exception as exc:  # its own bytes may be read only now, by a codec that raises what it likes
        raise MediaNotReadable(f"The PIL image cannot be written as PNG: {exc}") from exc
    return file.getvalue()


def _to_wav(rate: object, samples: Any) -> bytes:
    hertz, channels, pcm = _checked_rate(rate), _count_channels(samples), _to_pcm(samples)
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setframerate(hertz)
        recording.setnchannels(channels)
        recording.setsampwidth(_PCM_BITS // 8)
        recording.writeframes(pcm.tobytes())
    return file.getvalue()


def _checked_rate(rate: Any) -> int:
    try:
        hertz = operator.index(rate)
    except TypeError as exc:
        raise MediaNotReadable(f"A sample rate is a whole number of Hz, not {rate!r}") from exc
    if not 0 < hertz <= _MAX_RATE:
        raise MediaNotReadable(f"A sample rate lies between 1 and {_MAX_RATE} Hz, not at {hertz}")
    return hertz


def _count_channels(samples: Any) -> int:
    channels = int(samples.shape[1]) if samples.ndim == 2 else samples.ndim  # noqa: PLR2004 - rows and columns
    if not samples.size:
        raise MediaNotReadable("The recording has no samples")
    if not 0 < channels <= _MAX_CHANNELS or samples.ndim > 2:  # noqa: PLR2004 - as above
        raise MediaNotReadable(
            f"Samples of shape {samples.shape} are no recording",
            advice=f"Hand in one dimension for mono, or a column for each of up to {_MAX_CHANNELS} channels.",
        )
    return channels


def _to_pcm(samples: Any) -> Any:
    kind, bits = samples.dtype.kind, samples.dtype.itemsize * 8
    if kind == "f":
        exact = samples.astype("f8")
        if not (abs(exact) <= _OVERSHOOT).all():  # so written that NaN fails it too
            raise MediaNotReadable("Float samples lie in [-1, 1]; these go beyond, or are no numbers")
        return (exact.clip(-1, 1) * _PCM_PEAK).round().astype("<i2")
    if kind in "iu" and bits <= 32:  # noqa: PLR2004 - 64 bits are what lists become: they say nothing of a range
        middle = 1 << (bits - 1) if kind == "u" else 0
        return ((samples.astype("i8") - middle) << _PCM_BITS >> bits).astype("<i2")
    raise MediaNotReadable(
        f"Samples of type {samples.dtype} have no known range",
        advice="Hand in floats in [-1, 1], or integers of 8, 16 or 32 bits.",
    )
