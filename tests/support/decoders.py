"""Functions for a decoder whose files misbehave: each does what a hostile file could make a library do."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from phi4_server.media import audio
from phi4_server.offline.audio import measure
from phi4_server.offline.measured import MeasuredAudio


@dataclass(frozen=True, slots=True)
class Result:
    """Whatever a function found out.

    Attributes:
        fields: Its values.
        data: Its bytes.
    """

    fields: Mapping[str, Any]
    data: bytes = b""

    def packed(self) -> tuple[Mapping[str, Any], bytes]:
        return self.fields, self.data


def read(path: Path) -> Result:
    """A file that is as it should be."""
    return Result({"size": path.stat().st_size}, path.read_bytes())


def crash(_: Path) -> Result:
    """As a wild pointer does."""
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(60)
    raise AssertionError


def leave(_: Path) -> Result:
    """As a library that calls exit()."""
    os._exit(0)


def hang(_: Path) -> Result:
    """Waits for what never comes."""
    time.sleep(600)
    raise AssertionError


def spin(_: Path) -> Result:
    """Works without an end, and never lets another thread run."""
    sys.setswitchinterval(1e6)
    while True:
        pass


def swell(_: Path) -> Result:
    """Takes memory without an end."""
    held = []
    while True:
        held.append(b"x" * (16 << 20))


def flood(_: Path) -> Result:
    """Decodes into more than anybody wants."""
    return Result({}, bytes(16 << 20))


def babble(_: Path) -> Result:
    """Has been taken over, and writes a line of its own."""
    return _write(b"\x80\x04cos\nsystem\n")


def nest(_: Path) -> Result:
    """Has been taken over, and writes JSON of no end of depth."""
    return _write(b"[" * 60_000 + b"\n")


def lie(_: Path) -> Result:
    """Has been taken over, and promises more bytes than it may send."""
    return _write(b'{"bytes": 1e99}\n')


def _write(line: bytes) -> Result:
    for number in range(3, 20):  # whichever the pipe is
        try:
            os.write(number, line)
        except OSError:
            continue
    time.sleep(600)
    raise AssertionError


def shout(path: Path) -> Result:
    """A library that prints, on both streams, and goes on."""
    os.write(1, b'{"bytes": 0, "forged": true}\n')
    os.write(2, b"Warning: " + os.fsencode(path) + b" is odd\n")
    return Result({"forged": False})


def refuse(_: Path) -> Result:
    """Says why it does not take a file."""
    raise ValueError("it is not a cat")


def fail(_: Path) -> Result:
    """Fails as nobody foresaw."""
    raise ZeroDivisionError("secret")


def describe_process(_: Path) -> Result:
    """What it is like in there."""
    import resource  # noqa: PLC0415  not on Windows

    limits = {
        name: resource.getrlimit(getattr(resource, name))[0]
        for name in ("RLIMIT_CORE", "RLIMIT_FSIZE", "RLIMIT_DATA")
    }
    descriptors = [os.path.realpath(path) for path in Path("/proc/self/fd").iterdir()]
    return Result({"environment": dict(os.environ), "open": descriptors, **limits})


def number(_: Path) -> Result:
    """Its process's number."""
    return Result({"pid": os.getpid()})


def listen_with_links(path: Path, container: str) -> MeasuredAudio:
    """Measures audio, and has FFmpeg follow references to other files as far as it can be told to."""
    links = {"enable_drefs": "1", "use_absolute_path": "1"}
    with patch.object(audio, "_OPTIONS", {**audio._OPTIONS, **links}):
        return measure(path, container)
