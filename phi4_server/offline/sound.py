"""A sound: what its samples measure. Knows no question.

Decoded as a stream, so that an hour of it fits in little memory; the pitch is taken from the first half
minute. What is bounded is samples, since a second may hold any number of them: of a sound with more than 100
million, the first are measured, and its length is what the file says. FFmpeg is named the container that the
first bytes show: it is never left to guess, as some of its formats (playlists) would open other files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import av
import numpy as np
import numpy.typing as npt

_MOST_CHANNELS = 8
_FASTEST = 384_000
_MOST_VALUES = 100_000_000
_PITCH_S = 30.0
_PITCH_VALUES = 6_000_000
_SILENT = -80.0
_LOWEST, _HIGHEST = 50.0, 4200.0
_WINDOW = 0.2
_FINER = 4
_PERIODIC = 0.7
_NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_CONTAINERS = {"wav": "WAV", "mp3": "MP3", "flac": "FLAC", "mov": "M4A"}
_COVERS = frozenset({"mjpeg", "png", "bmp", "gif"})
_CODECS = frozenset(
    {
        *("aac", "alac", "flac", "libopus", "libvorbis", "mp1float", "mp2", "mp2float", "mp3", "mp3float"),
        *(
            "adpcm_ima_wav",
            "adpcm_ms",
            "opus",
            "pcm_alaw",
            "pcm_f32le",
            "pcm_f64le",
            "pcm_mulaw",
            "pcm_s16be",
        ),
        *("pcm_s16le", "pcm_s24be", "pcm_s24le", "pcm_s32be", "pcm_s32le", "pcm_u8", "speex", "vorbis"),
    }
)
"""FFmpeg's decoders that may run, of some hundreds that it has."""

_OPTIONS = {"codec_whitelist": ",".join(sorted(_CODECS)), "protocol_whitelist": "none", "max_streams": "32"}
"""What FFmpeg itself holds a file to: no other decoder, no other file or address opened, few streams."""

Samples = npt.NDArray[np.float32]
"""Samples of one or more channels, -1 to 1; shape (channels, n)."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound, measured.

    Attributes:
        name: Its file's name.
        format: "WAV", "MP3", "FLAC", "M4A", or "Ogg" with its codec.
        duration: Its length in seconds.
        rate: Samples a second.
        channels: 1 for mono, 2 for stereo.
        loudness: The mean power in dBFS (0 is a full-scale square wave); minus infinity for no sample but 0.
        pitch: The fundamental in Hz that most of it has; None where no pitch stands out.
    """

    name: str
    format: str
    duration: float
    rate: int
    channels: int
    loudness: float
    pitch: float | None

    @property
    def silent(self) -> bool:
        """Whether nothing can be heard in it."""
        return self.loudness < _SILENT

    @property
    def note(self) -> str | None:
        """The name of the note nearest to the pitch, A4 being 440 Hz."""
        if self.pitch is None:
            return None
        key = round(69 + 12 * math.log2(self.pitch / 440))
        return f"{_NOTES[key % 12]}{key // 12 - 1}"

    def packed(self) -> tuple[Mapping[str, Any], bytes]:
        """Its values as JSON has them, without its name; there are no bytes."""
        levels = {"loudness": self.loudness, "pitch": self.pitch}
        size = {"duration": self.duration, "rate": self.rate, "channels": self.channels}
        return {"format": self.format, **size, **levels}, b""

    @classmethod
    def unpacked(cls, name: str, fields: Mapping[str, Any]) -> Self:
        """The sound of that name that was packed so.

        Raises:
            ValueError: None was.
        """
        match fields:
            case {
                "format": str(kind),
                "duration": float(duration),
                "rate": int(rate),
                "channels": int(channels),
                "loudness": float(loudness),
                "pitch": None | float() as pitch,
            }:
                return cls(name, kind, duration, rate, channels, loudness, pitch)
        raise ValueError(f"{name} cannot be decoded: its decoder's reply makes no sense")


def listen(path: Path, container: str) -> Sound:
    """Decodes and measures a sound, in this process: files of strangers are decoded by a `Decoder`.

    Args:
        path: The file.
        container: The container it is in, by FFmpeg's names.

    Raises:
        ValueError: It is broken, holds no sound, is a video, or has more channels or a higher sample rate
            than is taken; the text says which.
        MemoryError: It takes more memory than there is.
    """
    try:
        # FFmpeg is handed the open file, and so no name that it could take for an address of its own.
        with (
            path.open("rb") as data,
            av.open(data, "r", container, options=_OPTIONS, metadata_errors="replace") as file,
        ):
            stream = _audio(file)
            kind = _CONTAINERS.get(container) or f"Ogg {stream.codec_context.name.capitalize()}"
            return _measured(file, stream, name=path.name, kind=kind)
    except MemoryError:
        raise
    except Exception as error:  # decoders raise anything on damaged bytes; FFmpeg's would tell the whole path
        raise ValueError(getattr(error, "strerror", None) or str(error)) from error


def _audio(file: av.container.InputContainer) -> av.AudioStream:
    """The first sound of a file that is no video, if it is within the limits by what the file says of it."""
    if any(_codec(stream) not in _COVERS for stream in file.streams.video):
        raise ValueError("it is a video; only pictures and sounds are taken")
    if not file.streams.audio:
        raise ValueError("it holds no sound")
    stream = file.streams.audio[0]
    if (codec := _codec(stream)) not in _CODECS:
        raise ValueError(f"its codec {codec} is not taken" if codec else "its codec is unknown")
    _refuse_absurd(stream.codec_context.channels, stream.codec_context.sample_rate)
    stream.codec_context.thread_count = 1
    return stream


def _codec(stream: av.stream.Stream) -> str | None:
    """The name of a stream's codec; None where FFmpeg has none for it."""
    return stream.codec_context.name if stream.codec_context else None


def _refuse_absurd(channels: int, rate: int) -> None:
    if channels > _MOST_CHANNELS:
        raise ValueError(f"it has {channels} channels; at most {_MOST_CHANNELS} are taken")
    if rate > _FASTEST:
        raise ValueError(f"its sample rate is {rate} Hz; at most {_FASTEST} Hz are taken")


def _measured(file: av.container.InputContainer, stream: av.AudioStream, *, name: str, kind: str) -> Sound:
    rate, count, values, power = stream.rate or 1, 0, 0, 0.0
    first: list[Samples] = []
    for block in _blocks(file, stream):
        power += float((block.astype(np.float64) ** 2).mean(axis=0).sum())
        first += [block] if count < _PITCH_S * rate and values < _PITCH_VALUES else []
        count += block.shape[1]
        values += block.size
        if values > _MOST_VALUES:
            break
    if not first:
        raise ValueError("it holds no sound")
    samples = np.concatenate(first, axis=1)
    loudness = 10 * math.log10(power / count) if power else -math.inf
    length = file.duration if values > _MOST_VALUES else None
    return Sound(
        name=name,
        format=kind,
        duration=length / av.time_base if length else count / rate,
        rate=rate,
        channels=samples.shape[0],
        loudness=loudness,
        pitch=_pitch(samples, rate) if loudness >= _SILENT else None,
    )


def _blocks(file: av.container.InputContainer, stream: av.AudioStream) -> Iterator[Samples]:
    # Packed: of planes, PyAV (18 as well) reads one too many where there are eight or more, and crashes.
    resampler = av.AudioResampler(format="flt")
    for frame in file.decode(stream):
        _refuse_absurd(frame.layout.nb_channels, frame.sample_rate)  # it need not be as the file said
        for block in resampler.resample(frame):
            yield _unpacked(block)
    for block in resampler.resample(None):
        yield _unpacked(block)


def _unpacked(frame: av.AudioFrame) -> Samples:
    channels = frame.layout.nb_channels
    return np.asarray(frame.to_ndarray().reshape(-1, channels).T, dtype=np.float32)


def _pitch(samples: Samples, rate: int) -> float | None:
    """The median fundamental of the loudest channel's loud windows, where a third of them have one."""
    channel = samples[(samples**2).sum(axis=1).argmax()]
    length = min(int(_WINDOW * rate), len(channel))
    if length < 3 * rate / _HIGHEST:
        return None
    starts = np.linspace(0, len(channel) - length, 24).astype(int)
    windows = np.stack([channel[start : start + length] for start in np.unique(starts)])
    loud = (windows**2).mean(axis=1)
    found = [_fundamental(window, rate) for window in windows[loud >= loud.max() / 10]]
    pitches = [pitch for pitch in found if pitch is not None]
    return float(np.median(pitches)) if 3 * len(pitches) >= len(found) else None


def _fundamental(window: Samples, rate: int) -> float | None:
    """The fundamental of one window by autocorrelation (Boersma 1993), refined on the spectrum."""
    taper = np.hanning(len(window) + 2)[1:-1]
    spectrum = np.fft.rfft((window - window.mean()) * taper, 2 * len(window))
    alike = _autocorrelation(spectrum) / np.maximum(
        _autocorrelation(np.fft.rfft(taper, 2 * len(window))), 1e-3
    )
    first = max(int(_FINER * rate / _HIGHEST), 1)
    last = min(int(_FINER * rate / _LOWEST), _FINER * len(window) // 2)
    span = alike[first - 1 : last + 1]
    peaks = np.flatnonzero((span[1:-1] >= span[:-2]) & (span[1:-1] > span[2:])) + 1
    if not len(peaks) or span[peaks].max() < _PERIODIC:
        return None
    lag = first - 1 + peaks[span[peaks] >= 0.9 * span[peaks].max()][0]
    return _refined(np.abs(spectrum), _FINER * rate / lag, rate)


def _autocorrelation(spectrum: npt.NDArray[np.complex128]) -> npt.NDArray[np.float64]:
    """The autocorrelation behind a spectrum, 1 at lag 0, with `_FINER` values a sample."""
    length = 2 * (len(spectrum) - 1) * _FINER
    alike = np.fft.irfft(np.abs(spectrum) ** 2, length)
    return np.asarray(alike / (alike[0] or 1.0))


def _refined(magnitudes: npt.NDArray[np.float64], pitch: float, rate: int) -> float:
    """The pitch at the spectrum's own peak next to it, where it has one there."""
    step = rate / (2 * (len(magnitudes) - 1))
    low, high = max(int(0.97 * pitch / step), 1), min(math.ceil(1.03 * pitch / step) + 1, len(magnitudes) - 1)
    if low >= high:
        return pitch
    peak = low + int(magnitudes[low:high].argmax())
    left, top, right = (float(magnitudes[index]) for index in (peak - 1, peak, peak + 1))
    if top < 0.1 * magnitudes.max() or top <= left or top <= right:
        return pitch
    return (peak + (right - left) / (2 * (2 * top - left - right))) * step
