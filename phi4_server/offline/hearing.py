"""Hearing: answers questions about sounds from what their samples measure. Knows no prompt.

It hears duration, rate, channels, loudness and pitch. It transcribes no speech, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from phi4_server.offline import sense
from phi4_server.offline.scene import Value
from phi4_server.offline.sense import Sense
from phi4_server.offline.sound import Sound

_asks = partial(re.compile, flags=re.IGNORECASE)

_STATES = _asks(r"\b(?:stereo|mono|silent|wav|mp3|flac|ogg|opus|m4a)\b")


def facts(heard: Sound) -> dict[str, Value]:
    """What is known of a sound, under what it is called."""
    known: dict[str, Value] = {
        "file name": heard.name,
        "format": heard.format,
        "duration": round(heard.duration, 2),
        "sample rate": heard.rate,
        "channels": heard.channels,
    }
    known |= {} if heard.silent else {"loudness": round(heard.loudness, 1)}
    if heard.pitch is None:
        return known
    pitch = round(heard.pitch, 1)
    return known | {"pitch": pitch, "frequency": pitch, "note": heard.note}


def _traits(heard: Sound) -> dict[str, str]:
    return {
        "format": heard.format,
        "duration": _duration(heard),
        "sample rate": f"{heard.rate} Hz",
        "channels": str(heard.channels),
        "loudness": "silent" if heard.silent else f"{heard.loudness:.1f} dBFS",
        "pitch": "none" if heard.pitch is None else f"{heard.pitch:.1f} Hz",
    }


def _described(heard: Sound) -> str:
    measures = f"{_duration(heard)}, {_channels(heard)}, at {heard.rate} Hz"
    audible = "" if heard.silent else f" {_pitch(heard)}"
    return f"{heard.name} is a {heard.format} sound of {measures}. {_loudness(heard)}{audible}"


def _duration(heard: Sound) -> str:
    minutes, seconds = divmod(round(heard.duration, 2), 60)
    exact = f"{heard.duration:.2f} seconds"
    return f"{exact} ({int(minutes)} min {seconds:.0f} s)" if minutes else exact


def _channels(heard: Sound) -> str:
    return {1: "1 channel (mono)", 2: "2 channels (stereo)"}.get(heard.channels, f"{heard.channels} channels")


def _loudness(heard: Sound) -> str:
    return "It is silent." if heard.silent else f"Its loudness is {heard.loudness:.1f} dBFS (RMS)."


def _pitch(heard: Sound) -> str:
    if heard.silent:
        return "It is silent, so it has no pitch."
    if heard.pitch is None:
        return "It has no clear pitch."
    return f"Its main pitch is {heard.pitch:.1f} Hz (about {heard.note})."


def _speech(heard: Sound) -> str:
    return f"I can't tell what is said: I am a rehearsal model and transcribe no speech. {_described(heard)}"


def _is_such(heard: Sound, question: str) -> bool | None:
    state = _STATES.search(question)
    return state[0].casefold() in _described(heard).casefold() if state else None


def _told(tell: Callable[[Sound], str]) -> Callable[[Sound, str], str]:
    """What tells an aspect, with a yes or a no where the question wants one."""
    return lambda heard, question: sense.confirmed(tell(heard), question, asked=_STATES)


EAR: Sense[Sound] = Sense(
    noun="sound",
    nouns=r"sounds?|audios?|recordings?|clips?|songs?|tracks?|tones?",
    aspects=(
        (
            _asks(
                r"\btranscri\w+\b|\b(?:said|say|says|saying|spoken|speak|speaks|speaker|speaking|speech|words|lyrics)\b"
                r"|\b(?:talk|talks|talking|voice|sung|sings?)\b"
            ),
            lambda heard, _: _speech(heard),
        ),
        (
            _asks(r"\bhow long\b|\b(?:duration|length|seconds|minutes)\b"),
            _told(lambda heard: f"It lasts {_duration(heard)}."),
        ),
        (_asks(r"\bsampl\w+\b"), _told(lambda heard: f"Its sample rate is {heard.rate} Hz.")),
        (
            _asks(r"\b(?:channels?|stereo|mono|surround)\b"),
            _told(lambda heard: f"It has {_channels(heard)}."),
        ),
        (
            _asks(
                r"\bloud\w*\b|\bvolume\b|\bquiet\w*\b|\bsilen\w+\b|\bdecibels?\b|\bdbfs?\b|\bhear anything\b"
            ),
            _told(_loudness),
        ),
        (_asks(r"\b(?:pitch\w*|note|frequency|hz|hertz|what tone)\b"), _told(_pitch)),
        (
            _asks(r"\b(?:format|codec|file ?(?:type|extension)|kind of file|wav|mp3|flac|ogg|opus|m4a)\b"),
            _told(lambda heard: f"Its format is {heard.format}."),
        ),
    ),
    measures=(
        (_asks(r"\blong(?:er|est)\b"), lambda heard: heard.duration),
        (_asks(r"\bshort(?:er|est)\b"), lambda heard: -heard.duration),
        (_asks(r"\bloud(?:er|est)\b"), lambda heard: heard.loudness),
        (_asks(r"\b(?:quiet|soft)(?:er|est)\b"), lambda heard: -heard.loudness),
        (_asks(r"\bhigh(?:er|est)\b"), lambda heard: heard.pitch or 0.0),
        (_asks(r"\b(?:low|deep)(?:er|est)\b"), lambda heard: -(heard.pitch or 1e9)),
    ),
    is_such=_is_such,
    traits=_traits,
    described=_described,
    limits="I measure samples and transcribe no speech.",
)
"""What can be told of sounds."""
