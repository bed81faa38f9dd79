"""What is answered about images and audio, from what was measured of them. Knows no prompt and no file.

It recognises no objects and transcribes no speech, and says so. Images and audio are numbered apart, from 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from phi4_server.offline import words
from phi4_server.offline.audio import MeasuredAudio
from phi4_server.offline.image import MeasuredImage

Measured = MeasuredImage | MeasuredAudio

_asks = partial(re.compile, flags=re.IGNORECASE)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_NUMBERED = _asks(
    # "the first half" and "the second row" count nothing that was sent
    rf"\b(?:(?P<word>{'|'.join(_ORDINALS)})|(?P<nth>\d{{1,2}})(?:st|nd|rd|th)|(?P<last>last))\b"
    r"(?!\s+(?:half|part|row|line|column))"
    r"|\b(?:picture|image|photo|figure|screenshot|sound|audio|recording|clip|song|track)s?"
    r"\s{0,9}(?:number|no\.?|#)?\s{0,9}(?P<number>\d{1,2})\b"
)
_LIGHTS = {0.15: "very dark", 0.4: "dark", 0.65: "of medium brightness", 0.88: "bright", 2: "very bright"}
_CHANNELS = {1: "1 channel (mono)", 2: "2 channels (stereo)"}
_SILENT_DBFS = -80.0


def is_numbered(question: str) -> bool:
    """Whether a question names files by their number."""
    return bool(_NUMBERED.search(question))


def answer(files: Sequence[Measured], question: str) -> str | None:
    """The answer to a question about files; None where it asks nothing that can be told."""
    meant = _meant(files, question)
    if not meant:
        return "There is no file with that number."
    return _joined([(label, " ".join(_asked(file, question))) for label, file in meant]) or None


def description(files: Sequence[Measured], question: str) -> str:
    """A few sentences on each file that a question means, and what cannot be told of it."""
    meant = _meant(files, question)
    kinds = {type(file) for _, file in meant}
    return " ".join(
        [
            _joined([(label, _described(file)) for label, file in meant]),
            *(limit for kind, limit in _LIMITS.items() if kind in kinds),
        ]
    )


def facts(image: MeasuredImage) -> Mapping[str, str | int | float]:
    """What is known of an image, under what it is called."""
    known = dict.fromkeys(("color", "colour"), image.colours[0].name) if image.colours else {}
    return {"format": image.format, "width": image.width, "height": image.height, **known}


def _meant(files: Sequence[Measured], question: str) -> list[tuple[str, Measured]]:
    """The files that a question means, each with a label if it is not alone; all where it numbers none."""
    meant: list[tuple[str, Measured]] = []
    for noun, kind in (("Picture", MeasuredImage), ("Sound", MeasuredAudio)):
        alike = [file for file in files if isinstance(file, kind)]
        named = {_number(match, len(alike)) for match in _NUMBERED.finditer(question)}
        meant += [
            (f"{noun} {number}: " if alike[1:] else "", file)
            for number, file in enumerate(alike, start=1)
            if number in named or not named
        ]
    return meant


def _number(match: re.Match[str], last: int) -> int:
    if match["last"]:
        return last
    word = match["word"]
    return _ORDINALS.index(word.casefold()) + 1 if word else int(match["nth"] or match["number"])


def _joined(texts: Sequence[tuple[str, str]]) -> str:
    return " ".join(f"{label}{text}" for label, text in texts if text)


def _asked(file: Measured, question: str) -> list[str]:
    """A sentence on each thing that a question asks of a file."""
    if isinstance(file, MeasuredImage):
        return [tell(file) for asked, tell in _OF_IMAGES if asked.search(question)]
    return [tell(file) for asked, tell in _OF_AUDIO if asked.search(question)]


def _described(file: Measured) -> str:
    if isinstance(file, MeasuredImage):
        kind = f"{'an animated' if file.animated else 'a'} {file.format} picture"
        return f"{file.name} is {kind} of {file.width} x {file.height} pixels. {_main(file)} {_light(file)}"
    measures = f"{_duration(file)}, {_channels(file)}, at {file.rate} Hz"
    return f"{file.name} is a {file.format} sound of {measures}. {_loudness(file)}"


# --- images ----------------------------------------------------------------------------------------------


def _sides(image: MeasuredImage) -> str:
    return f"It is {image.width} pixels wide and {image.height} pixels high ({image.width} x {image.height})."


def _light(image: MeasuredImage) -> str:
    name = next(name for limit, name in _LIGHTS.items() if image.brightness < limit)
    return f"It is {name} (brightness {image.brightness:.0%})."


def _main(image: MeasuredImage) -> str:
    parts = [f"{colour.name} ({colour.part:.0%}, {colour.code})" for colour in image.colours[:5]]
    if not parts:
        return "It is fully transparent."
    return f"Its main colour{'s are' if parts[1:] else ' is'} {words.listed(parts)}."


_OF_IMAGES: Sequence[tuple[re.Pattern[str], Callable[[MeasuredImage], str]]] = (
    (_asks(r"\bcolou?r\w*\b|\bhue\b|\bbackground\b"), _main),
    (
        _asks(r"\b(?:size|dimensions?|resolution|width|height|wide|tall|\w*pixels|how (?:big|large))\b"),
        _sides,
    ),
    (_asks(r"\b(?:format|file ?type|kind of file)\b"), lambda image: f"Its format is {image.format}."),
    (_asks(r"\bbright\w*\b|\bdark(?:ness|er|est)?\b(?! \w)"), _light),
)
"""What may be asked of an image, and what tells it."""


# --- audio -----------------------------------------------------------------------------------------------


def _duration(audio: MeasuredAudio) -> str:
    minutes, seconds = divmod(round(audio.duration, 2), 60)
    return f"{audio.duration:.2f} seconds" + (f" ({int(minutes)} min {seconds:.0f} s)" if minutes else "")


def _channels(audio: MeasuredAudio) -> str:
    return _CHANNELS.get(audio.channels, f"{audio.channels} channels")


def _loudness(audio: MeasuredAudio) -> str:
    if audio.loudness < _SILENT_DBFS:
        return "It is silent."
    return f"Its loudness is {audio.loudness:.1f} dBFS (RMS)."


_OF_AUDIO: Sequence[tuple[re.Pattern[str], Callable[[MeasuredAudio], str]]] = (
    (_asks(r"\bhow long\b|\b(?:duration|length|seconds)\b"), lambda audio: f"It lasts {_duration(audio)}."),
    (_asks(r"\bsampl\w+\b"), lambda audio: f"Its sample rate is {audio.rate} Hz."),
    (_asks(r"\b(?:channels?|stereo|mono)\b"), lambda audio: f"It has {_channels(audio)}."),
    (_asks(r"\bloud\w*\b|\bvolume\b|\bquiet\w*\b|\bsilen\w+\b"), _loudness),
    (_asks(r"\b(?:format|codec|kind of file)\b"), lambda audio: f"Its format is {audio.format}."),
)
"""What may be asked of audio, and what tells it."""

_LIMITS = {
    MeasuredImage: "I read pixels and recognise no objects.",
    MeasuredAudio: "I measure samples and transcribe no speech.",
}
"""What cannot be told of a file."""
