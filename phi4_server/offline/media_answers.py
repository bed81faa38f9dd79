"""What is answered about images and audio, from what was measured of them. Knows no prompt and no file.

It recognises no objects and transcribes no speech, and says so. Images and audio are numbered apart, from 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial

from phi4_server.offline import words
from phi4_server.offline.measured import MeasuredAudio, MeasuredImage

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
_FORMAT = _asks(r"\b(?:format|codec|file ?type|kind of file)\b")
_SIZE = _asks(r"\b(?:size|dimensions?|resolution|width|height|wide|tall|\w*pixels|how (?:big|large))\b")
_COLOUR = _asks(r"\bcolou?r\w*\b|\bhue\b|\bbackground\b")
_LIGHT = _asks(r"\bbright\w*\b|\bdark(?:ness|er|est)?\b(?! \w)")
_LENGTH = _asks(r"\bhow long\b|\b(?:duration|length|seconds)\b")
_RATE = _asks(r"\bsampl\w+\b")
_CHANNELS = _asks(r"\b(?:channels?|stereo|mono)\b")
_LOUDNESS = _asks(r"\bloud\w*\b|\bvolume\b|\bquiet\w*\b|\bsilen\w+\b")
_LIGHTS = {0.15: "very dark", 0.4: "dark", 0.65: "of medium brightness", 0.88: "bright", 2: "very bright"}
_SILENT_DBFS = -80.0


def is_numbered(question: str) -> bool:
    """Whether a question names files by their number."""
    return bool(_NUMBERED.search(question))


def answer(files: Sequence[Measured], question: str) -> str | None:
    """The answer to a question about files; None where it asks for nothing that was measured."""
    meant = _meant(files, question)
    if not meant:
        return "There is no file with that number."
    texts = [
        (label, " ".join(sentence for asks, sentence in _sentences(file).items() if asks.search(question)))
        for label, file in meant
    ]
    return " ".join(f"{label}{text}" for label, text in texts if text) or None


def description(files: Sequence[Measured], question: str) -> str:
    """All that was measured of each file that a question means, and what was not."""
    return (
        " ".join(
            f"{label}{file.name} is {'a picture' if isinstance(file, MeasuredImage) else 'a sound'}."
            f" {' '.join(_sentences(file).values())}"
            for label, file in _meant(files, question)
        )
        + " I recognise no objects and transcribe no speech."
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


def _sentences(file: Measured) -> Mapping[re.Pattern[str], str]:
    """A sentence on each thing that was measured of a file, under what asks for it."""
    return _of_image(file) if isinstance(file, MeasuredImage) else _of_audio(file)


def _of_image(image: MeasuredImage) -> Mapping[re.Pattern[str], str]:
    width, height = image.width, image.height
    light = next(name for limit, name in _LIGHTS.items() if image.brightness < limit)
    parts = [f"{colour.name} ({colour.part:.0%}, {colour.code})" for colour in image.colours[:5]]
    colours = f"Its main colour{'s are' if parts[1:] else ' is'} {words.listed(parts)}."
    return {
        _FORMAT: f"Its format is {image.format}{', animated' if image.animated else ''}.",
        _SIZE: f"It is {width} pixels wide and {height} pixels high ({width} x {height}).",
        _COLOUR: colours if parts else "It is fully transparent.",
        _LIGHT: f"It is {light} (brightness {image.brightness:.0%}).",
    }


def _of_audio(audio: MeasuredAudio) -> Mapping[re.Pattern[str], str]:
    minutes, seconds = divmod(round(audio.duration, 2), 60)
    clock = f" ({int(minutes)} min {seconds:.0f} s)" if minutes else ""
    kind = {1: " (mono)", 2: "s (stereo)"}.get(audio.channels, "s")
    loudness = f"Its loudness is {audio.loudness:.1f} dBFS (RMS)."
    return {
        _FORMAT: f"Its format is {audio.format}.",
        _LENGTH: f"It lasts {audio.duration:.2f} seconds{clock}.",
        _RATE: f"Its sample rate is {audio.rate} Hz.",
        _CHANNELS: f"It has {audio.channels} channel{kind}.",
        _LOUDNESS: "It is silent." if audio.loudness < _SILENT_DBFS else loudness,
    }
