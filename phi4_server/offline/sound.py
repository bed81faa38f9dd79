"""A sound: what its samples measure. Knows no question.

Decoded as a stream, so that an hour of it fits in little memory; the pitch is taken from the first half
minute. The decoder is told the container that the first bytes show: FFmpeg is never left to guess, as some of
its formats (playlists) would open other files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

_HEARD = 30.0
_MOST = 3600.0
_SILENT = -80.0
_LOWEST, _HIGHEST = 50.0, 4200.0
_WINDOW = 0.2
_FINER = 4
_PERIODIC = 0.7
_NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_CONTAINERS = {"wav": "WAV", "mp3": "MP3", "flac": "FLAC", "mov": "M4A"}
_COVERS = frozenset({"mjpeg", "png", "bmp", "gif"})

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


def listen(path: Path, container: str) -> Sound:
    """Decodes and measures a sound in the container of that name, by FFmpeg's names.

    Raises:
        ValueError: It is broken, holds no sound, or is a video.
    """
    try:
        with av.open(str(path), format=container) as file:
            stream = _audio(file)
            kind = _CONTAINERS.get(container) or f"Ogg {stream.codec_context.name.capitalize()}"
            return _measured(file, stream, name=path.name, kind=kind)
    except (av.FFmpegError, EOFError, OSError, ValueError) as error:
        # an error of FFmpeg's would tell the whole path
        raise ValueError(
            f"{path.name} cannot be heard: {getattr(error, 'strerror', None) or error}"
        ) from error


def _audio(file: av.container.InputContainer) -> av.AudioStream:
    if any(stream.codec_context.name not in _COVERS for stream in file.streams.video):
        raise ValueError("it is a video; only pictures and sounds are taken")
    if not file.streams.audio:
        raise ValueError("it holds no sound")
    return file.streams.audio[0]


def _measured(file: av.container.InputContainer, stream: av.AudioStream, *, name: str, kind: str) -> Sound:
    rate, count, power = stream.rate or 1, 0, 0.0
    heard: list[Samples] = []
    for block in _blocks(file, stream):
        power += float((block.astype(np.float64) ** 2).mean(axis=0).sum())
        heard += [block] if count < _HEARD * rate else []
        count += block.shape[1]
        if count > _MOST * rate:
            break
    if not heard:
        raise ValueError("it holds no sound")
    samples = np.concatenate(heard, axis=1)
    loudness = 10 * math.log10(power / count) if power else -math.inf
    return Sound(
        name=name,
        format=kind,
        duration=file.duration / av.time_base if file.duration and count > _MOST * rate else count / rate,
        rate=rate,
        channels=samples.shape[0],
        loudness=loudness,
        pitch=_pitch(samples, rate) if loudness >= _SILENT else None,
    )


def _blocks(file: av.container.InputContainer, stream: av.AudioStream) -> Iterator[Samples]:
    resampler = av.AudioResampler(format="fltp")
    for frame in file.decode(stream):
        for block in resampler.resample(frame):
            yield block.to_ndarray().astype(np.float32, copy=False)
    for block in resampler.resample(None):
        yield block.to_ndarray().astype(np.float32, copy=False)


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
