"""What is remembered of sources: what for, how long, and how much of it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import os
import time
from pathlib import Path

import pytest

from phi4_space._media import read as reading
from phi4_space._media.formats import Format, Readable, recognise
from phi4_space._media.known import KnownFiles
from phi4_space._media.read import read_media
from phi4_space._turns import File, MediaLike

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0"


async def no_fetch(url: str) -> bytes:
    pytest.fail(f"{url} was fetched")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The bytes whose format was looked at."""
    seen: list[object] = []

    def noted(data: Readable) -> Format | None:
        seen.append(data)
        return recognise(data)

    monkeypatch.setattr(reading, "recognise", noted)
    return seen


def read(source: MediaLike, known: KnownFiles) -> File:
    return asyncio.run(read_media(source, fetch=no_fetch, known=known))


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is a minute from now."""
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 60_000_000_000)


def test_values_that_cannot_change_are_read_once(made: list[object]) -> None:
    """Bytes and strings, by what they are, not by what they hold: to compare is to read."""
    known = KnownFiles()
    for source in (bytes(bytearray(PNG)), base64.b64encode(PNG).decode()):
        first = read(source, known)
        assert read(source, known) is first
        assert first.digest == hashlib.sha256(PNG).hexdigest()
    count = len(made)

    assert read(bytes(bytearray(PNG)), known) == read(PNG, known)
    assert len(made) == count + 2


@pytest.mark.parametrize("source", [bytearray(PNG), io.BytesIO(PNG)], ids=["bytearray", "open file"])
def test_what_may_change_is_read_each_time(source: bytearray | io.BytesIO) -> None:
    """A buffer that was written to is another picture."""
    known = KnownFiles()
    read(source, known)
    if isinstance(source, bytearray):
        source += b"1"
    else:
        source.write(b"1")
        source.seek(0)
    assert read(source, known).data != PNG


@pytest.mark.usefixtures("later")
def test_a_file_on_disk_is_read_once_as_long_as_it_stays(made: list[object], tmp_path: Path) -> None:
    """Its times, its size and which file it is tell it from any other."""
    known, path = KnownFiles(), tmp_path / "a.png"
    path.write_bytes(PNG)
    first = read(path, known)
    assert read(path, known) is first
    assert len(made) == 1

    other = tmp_path / "b.png"
    other.write_bytes(PNG[:-1] + b"1")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    assert read(path, known).data == PNG[:-1] + b"1"


def test_a_file_that_was_just_written_is_read_again(made: list[object], tmp_path: Path) -> None:
    """Clocks of file systems are coarse: a change within the same tick would not show."""
    known, path = KnownFiles(), tmp_path / "a.png"
    path.write_bytes(PNG)
    read(path, known)
    read(path, known)
    assert len(made) == 2


def test_names_are_part_of_it() -> None:
    """The same bytes under another name are another file."""
    known = KnownFiles()
    known.keep(PNG, "a", File("a.png", "image/png", PNG))
    assert known.find(PNG, "b") is None


def test_no_more_is_kept_than_is_bearable() -> None:
    """The oldest give way, by number or by size; what alone is too large is not kept at all."""
    known = KnownFiles()
    sources = [bytes(1 << 22) for _ in range(5)]
    for source in sources:
        known.keep(source, None, File("a.png", "image/png", source))
        known.find(sources[0], None)
    assert [known.find(source, None) is not None for source in sources] == [True, False, True, True, True]

    huge = bytes(1 << 25)
    known.keep(huge, None, File("a.png", "image/png", huge))
    assert known.find(huge, None) is None

    small = [str(number) * 2 for number in range(100)]
    for text in small:
        known.keep(text, None, File("a.png", "image/png", PNG))
    assert sum(known.find(text, None) is not None for text in small) == 64


def test_two_threads_that_read_the_same_keep_it_once() -> None:
    """The second leaves the first one's."""
    known, first, second = KnownFiles(), File("a.png", "image/png", PNG), File("a.png", "image/png", PNG)
    known.keep(PNG, None, first)
    known.keep(PNG, None, second)
    assert known.find(PNG, None) is first
