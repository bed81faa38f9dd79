"""Large files on disk: recognised, hashed and sent from there, as they were or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import struct
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import pytest

from phi4_space._errors import MediaNotReadable, UnsupportedContent
from phi4_space._media import local_file
from phi4_space._media import read as reading
from phi4_space._media.known import KnownFiles
from phi4_space._media.local_file import LocalFile, Stamp
from phi4_space._media.read import read_media
from phi4_space._turns import File, MediaLike

WAV = b"RIFF" + struct.pack("<I", 3_000_036) + b"WAVEfmt " + bytes(3_000_028)


async def no_fetch(url: str) -> bytes:
    pytest.fail(f"{url} was fetched")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte is large here."""
    monkeypatch.setattr(reading, "_IN_MEMORY", 1_000_000)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A recording of 3 MB."""
    path = tmp_path / "talk.wav"
    path.write_bytes(WAV)
    return path


def read(source: MediaLike, known: KnownFiles | None = None) -> File:
    return asyncio.run(read_media(source, fetch=no_fetch, known=known))


async def sent(file: File) -> list[bytes]:
    assert isinstance(file.data, LocalFile)
    return [piece async for piece in file.data.pieces()]


def test_a_large_file_stays_on_disk(recording: Path) -> None:
    """What is known of it is its name, format, size and digest; its bytes come in pieces."""
    file = read(recording)

    assert (file.name, file.mime_type, len(file.data)) == ("talk.wav", "audio/wav", len(WAV))
    assert isinstance(file.data, LocalFile)
    assert file.digest == hashlib.sha256(WAV).hexdigest()
    pieces = asyncio.run(sent(file))
    assert (b"".join(pieces), max(map(len, pieces))) == (WAV, 1 << 20)
    assert file.read() == WAV


@pytest.mark.parametrize("opening", [lambda path: path.open("rb"), io.FileIO], ids=["buffered", "raw"])
def test_an_open_file_is_read_from_where_it_stands(
    opening: Callable[[Path], io.FileIO], recording: Path
) -> None:
    """It ends up at its end, as if it had been read; closed by then, it is read by its name."""
    recording.write_bytes(b"12345" + WAV)
    with opening(recording) as opened:
        opened.seek(5)
        file = read(opened)
        assert opened.read() == b""

    assert isinstance(file.data, LocalFile)
    assert file.digest == hashlib.sha256(WAV).hexdigest()
    assert b"".join(asyncio.run(sent(file))) == WAV


def test_an_open_file_whose_name_is_anothers_is_read_as_it_is(recording: Path, tmp_path: Path) -> None:
    """Neither what took its place nor nothing is sent in its stead."""
    with recording.open("rb") as opened:
        (tmp_path / "other").write_bytes(b"RIFF other")
        (tmp_path / "other").replace(recording)
        assert read(opened).data == WAV
    with recording.open("rb") as opened:
        recording.unlink()
        with pytest.raises(UnsupportedContent):
            read(opened)
    reading_end, writing_end = os.pipe()
    os.write(writing_end, WAV[:1000])
    os.close(writing_end)
    with os.fdopen(reading_end, "rb") as pipe:
        assert read(pipe).data == WAV[:1000]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda path: path.write_bytes(WAV[:-1] + b"1"), id="other bytes"),
        pytest.param(lambda path: os.truncate(path, 2_000_000), id="shorter"),
        pytest.param(lambda path: path.write_bytes(WAV + b"1"), id="longer"),
        pytest.param(lambda path: path.unlink(), id="gone"),
    ],
)
def test_a_file_that_changes_is_not_sent(change: Callable[[Path], object], recording: Path) -> None:
    """Neither at once nor in the middle; the error says what it is."""
    file = read(recording)

    async def change_meanwhile() -> None:
        assert isinstance(file.data, LocalFile)
        pieces = aiter(file.data.pieces())
        await anext(pieces)
        time.sleep(0.02)  # noqa: ASYNC251 - the file system's clock ticks
        change(recording)
        with pytest.raises(MediaNotReadable, match=r"talk.wav' (changed after|cannot be read)"):
            await anext(pieces)

    asyncio.run(change_meanwhile())
    with pytest.raises(MediaNotReadable):
        file.read()


def test_a_large_file_of_another_format_is_refused(recording: Path) -> None:
    """It is not hashed for that."""
    recording.write_bytes(bytes(3_000_000))

    with pytest.raises(UnsupportedContent, match=r"talk.wav' is in an unknown format"):
        read(recording)


def test_it_is_hashed_once(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each name, as long as it stays, and once it was not written to for a while."""
    known = KnownFiles()
    hashed: list[Path] = []
    original = LocalFile.hashed

    def noted(stored: LocalFile) -> str:
        hashed.append(stored.path)
        return original(stored)

    monkeypatch.setattr(LocalFile, "hashed", noted)
    read(recording, known)
    read(recording, known)
    assert len(hashed) == 2

    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 60_000_000_000)
    for _ in range(2):
        read(recording, known)
        with recording.open("rb") as opened:
            read(opened, known)
    assert len(hashed) == 4


def box(kind: bytes, content: bytes) -> bytes:
    """A part of an MP4 file."""
    return struct.pack(">I4s", len(content) + 8, kind) + content


def test_a_file_of_many_parts_is_opened_no_more_often(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever made it: parts are looked at in one that stays open."""
    opened: list[Path] = []
    original = local_file.opened

    def noted(path: Path, *, max_bytes: int) -> AbstractContextManager[tuple[BinaryIO, Stamp]]:
        opened.append(path)
        return original(path, max_bytes=max_bytes)

    monkeypatch.setattr(local_file, "opened", noted)
    counts = []
    for tracks in (1, 300):
        parts = box(b"trak", box(b"mdia", box(b"hdlr", b"\0" * 8 + b"soun"))) * tracks
        start = box(b"ftyp", b"isom\0\0\0\0") + box(b"moov", parts)
        recording.write_bytes(start + box(b"mdat", bytes(3_000_000 - len(start))))
        opened.clear()
        assert read(recording).mime_type == "audio/mp4"
        counts.append(len(opened))

    assert counts[0] == counts[1]


def test_a_file_that_becomes_shorter_while_it_is_open(recording: Path) -> None:
    """It has changed, as for who opens it later."""
    stored = read(recording).data
    assert isinstance(stored, LocalFile)

    with stored.opened() as section:
        os.truncate(recording, 1_000)
        with pytest.raises(MediaNotReadable, match="changed after"):
            section[2_000_000:2_000_010]
