"""What is answered about images and audio, from what was measured of them. Knows no prompt and no file.

It recognises no objects and transcribes no speech, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from phi4_server.offline import words
from phi4_server.offline.audio import MeasuredAudio
from phi4_server.offline.image import MENTIONED, Colour, MeasuredImage
from phi4_server.offline.words import ORDINALS

T = TypeVar("T")
Facts = dict[str, str | int | float]
"""What is known of a file, under what it is called."""

_asks = partial(re.compile, flags=re.IGNORECASE)
# "the first half" and "the second row" count nothing that was sent
_ORDINAL = (
    rf"\b(?:(?P<word>{'|'.join(ORDINALS)})|(?P<nth>\d{{1,2}})(?:st|nd|rd|th)|(?P<last>last))\b"
    r"(?!\s+(?:half|part|row|line|column))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium(Generic[T]):
    """What can be told of the files of one kind, which are numbered from 1.

    Attributes:
        noun: What one of them is called.
        nouns: What they are called in questions, as the inside of a regular expression.
        aspects: What may be asked of one, each with what tells it, given the question too.
        described: One in a few sentences.
        limits: What cannot be told of them.
    """

    noun: str
    nouns: str
    aspects: Sequence[tuple[re.Pattern[str], Callable[[T, str], str]]]
    described: Callable[[T], str]
    limits: str

    def answer(self, files: Sequence[T], question: str) -> str | None:
        """The answer to a question about files; None where it asks nothing that can be told."""
        given = f"I was given {len(files)} {self.noun}{'s' * (len(files) != 1)}."
        if (absent := self.absent(question, count=len(files))) is not None:
            return f"There is no {self.noun} {absent}: {given}"
        texts = [(number, self._tell(file, question)) for number, file in self._meant(files, question)]
        return self._labelled(texts, count=len(files)) or None

    def description(self, files: Sequence[T], question: str) -> str:
        """A few sentences on each file that a question means."""
        texts = [(number, self.described(file)) for number, file in self._meant(files, question)]
        return f"{self._labelled(texts, count=len(files))} {self.limits}"

    def absent(self, question: str, *, count: int) -> int | None:
        """The first number that a question names, where none that it names is there."""
        named = self._numbers(question, count)
        return named[0] if named and not any(0 < number <= count for number in named) else None

    def _meant(self, files: Sequence[T], question: str) -> list[tuple[int, T]]:
        """The files that a question means, each with its number; all where it names none that is there."""
        every = list(enumerate(files, start=1))
        named = [number for number in self._numbers(question, len(files)) if 0 < number <= len(files)]
        return [every[number - 1] for number in named] or every

    def _numbers(self, question: str, count: int) -> list[int]:
        numbered = rf"\b(?:{self.nouns})\s{{0,9}}(?:number|no\.?|#)?\s{{0,9}}(?P<number>\d{{1,2}})\b"
        found = re.compile(f"{_ORDINAL}|{numbered}", re.IGNORECASE).finditer(question)
        return list(dict.fromkeys(_number(match, count) for match in found))

    def _tell(self, file: T, question: str) -> str:
        return " ".join(tell(file, question) for asked, tell in self.aspects if asked.search(question))

    def _labelled(self, texts: Sequence[tuple[int, str]], *, count: int) -> str:
        label = self.noun.capitalize()
        return " ".join(f"{label} {number}: {text}" if count > 1 else text for number, text in texts if text)


def _number(match: re.Match[str], count: int) -> int:
    if match["last"]:
        return count
    return ORDINALS[match["word"].casefold()] if match["word"] else int(match["nth"] or match["number"])


# --- images ----------------------------------------------------------------------------------------------

_IMAGES = r"pictures?|images?|photos?|photographs?|figures?|screenshots?|drawings?|graphics?|icons?"
_WHOLE = _asks(
    r"\bcolou?rs\b|\b(?:main|dominant|most|mostly|overall|any|there)\b|\bcolou?r (?:is|are|has|have|of|in)"
    rf" (?:(?:the|this|that|these|those|my|each|both|\w+(?:st|nd|rd|th)) )*(?:{_IMAGES})\b"
)
_LIGHTS = {0.15: "very dark", 0.4: "dark", 0.65: "of medium brightness", 0.88: "bright", 2: "very bright"}


def _size(image: MeasuredImage) -> str:
    return f"{image.width} x {image.height} pixels"


def _sides(image: MeasuredImage, _: str) -> str:
    return f"It is {image.width} pixels wide and {image.height} pixels high ({image.width} x {image.height})."


def _light(image: MeasuredImage, _: str = "") -> str:
    name = next(name for limit, name in _LIGHTS.items() if image.brightness < limit)
    return f"It is {name} (brightness {image.brightness:.0%})."


def _colour(image: MeasuredImage, question: str) -> str:
    """What is asked of the colours: all of them, or what stands out."""
    figure = image.notable(but=image.background)
    if not figure or _WHOLE.search(question):
        return _main(image)
    around = f" on a {image.background} background" if image.background else ""
    also = f"; there is also {words.listed([_coded(colour) for colour in figure[1:4]])}" if figure[1:] else ""
    return f"It is {_coded(figure[0])}{around}{also}."


def _coded(colour: Colour) -> str:
    return f"{colour.name} ({colour.code})"


def _main(image: MeasuredImage) -> str:
    found = image.notable()[:5]
    parts = words.listed([f"{colour.name} ({colour.part:.0%}, {colour.code})" for colour in found])
    return (
        f"Its main colour{'s are' if found[1:] else ' is'} {parts}." if found else "It is fully transparent."
    )


def _described_image(image: MeasuredImage) -> str:
    kind = f"{'an animated' if image.animated else 'a'} {image.format} picture"
    return f"{image.name} is {kind} of {_size(image)}. {_main(image)} {_light(image)}"


def facts(image: MeasuredImage) -> Facts:
    """What is known of an image, under what it is called."""
    figure = image.notable(but=image.background)
    known: Facts = {"format": image.format, "width": image.width, "height": image.height}
    known |= {"color": figure[0].name, "colour": figure[0].name} if figure else {}
    return known | ({"background color": image.background} if image.background else {})


IMAGES: Medium[MeasuredImage] = Medium(
    noun="picture",
    nouns=_IMAGES,
    aspects=(
        (_asks(rf"\bcolou?r\w*\b|\bhue\b|\bbackground\b|{MENTIONED.pattern}"), _colour),
        (
            _asks(r"\b(?:size|dimensions?|resolution|width|height|wide|tall|\w*pixels|how (?:big|large))\b"),
            _sides,
        ),
        (_asks(r"\b(?:format|file ?type|kind of file)\b"), lambda image, _: f"Its format is {image.format}."),
        (_asks(r"\bbright\w*\b|\bdark(?:ness|er|est)?\b(?! \w)"), _light),
    ),
    described=_described_image,
    limits="I read pixels and recognise no objects.",
)
"""What can be told of images."""


# --- audio -----------------------------------------------------------------------------------------------


def _duration(audio: MeasuredAudio) -> str:
    minutes, seconds = divmod(round(audio.duration, 2), 60)
    return f"{audio.duration:.2f} seconds" + (f" ({int(minutes)} min {seconds:.0f} s)" if minutes else "")


def _channels(audio: MeasuredAudio) -> str:
    named = {1: "1 channel (mono)", 2: "2 channels (stereo)"}
    return named.get(audio.channels, f"{audio.channels} channels")


def _loudness(audio: MeasuredAudio) -> str:
    return "It is silent." if audio.silent else f"Its loudness is {audio.loudness:.1f} dBFS (RMS)."


def _pitch(audio: MeasuredAudio) -> str:
    if audio.silent:
        return "It is silent, so it has no pitch."
    found = f"Its main pitch is {audio.pitch:.1f} Hz (about {audio.note})." if audio.pitch else ""
    return found or "It has no clear pitch."


def _described_audio(audio: MeasuredAudio) -> str:
    measures = f"{_duration(audio)}, {_channels(audio)}, at {audio.rate} Hz"
    audible = "" if audio.silent else f" {_pitch(audio)}"
    return f"{audio.name} is a {audio.format} sound of {measures}. {_loudness(audio)}{audible}"


AUDIO: Medium[MeasuredAudio] = Medium(
    noun="sound",
    nouns=r"sounds?|audios?|recordings?|clips?|songs?|tracks?|tones?",
    aspects=(
        (
            _asks(r"\bhow long\b|\b(?:duration|length|seconds)\b"),
            lambda audio, _: f"It lasts {_duration(audio)}.",
        ),
        (_asks(r"\bsampl\w+\b"), lambda audio, _: f"Its sample rate is {audio.rate} Hz."),
        (_asks(r"\b(?:channels?|stereo|mono)\b"), lambda audio, _: f"It has {_channels(audio)}."),
        (_asks(r"\bloud\w*\b|\bvolume\b|\bquiet\w*\b|\bsilen\w+\b"), lambda audio, _: _loudness(audio)),
        (_asks(r"\b(?:pitch\w*|note|frequency|hz|hertz|what tone)\b"), lambda audio, _: _pitch(audio)),
        (_asks(r"\b(?:format|codec|kind of file)\b"), lambda audio, _: f"Its format is {audio.format}."),
    ),
    described=_described_audio,
    limits="I measure samples and transcribe no speech.",
)
"""What can be told of audio."""
