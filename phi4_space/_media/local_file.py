"""A local file, as it stood when it was looked at. Knows paths, sizes and times; not what the bytes are."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from anyio import to_thread

from phi4_space._errors import FileTooLarge, MediaNotReadable, Phi4Error, shortened

_PIECE = 1 << 20
_SETTLED = 2e9  # nanoseconds after which each further change shows in a file's times: FAT counts in these


def read_local_file(path: Path, *, max_bytes: int) -> bytes:
    """All bytes of a regular file.

    Args:
        path: Where it is.
        max_bytes: How many bytes it may have.

    Raises:
        MediaNotReadable: It is missing, empty, not readable, or no regular file.
        FileTooLarge: It has more bytes.
    """
    with opened(path, max_bytes=max_bytes) as (file, stamp):
        return not_empty(file.read(stamp.size), path)


def not_empty(data: bytes, path: Path) -> bytes:
    """The bytes of a file, of which there must be some; files in /proc say that they have none.

    Raises:
        MediaNotReadable: There are none.
    """
    if not data:
        raise MediaNotReadable(f"{_shown(path)} is empty")
    return data


class Stamp(NamedTuple):
    """What differs once a file was written to, or is another one."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int

    def is_settled(self, now: int) -> bool:
        """Whether it was written to so long ago that it would show if it were again.

        Args:
            now: The time in nanoseconds, as `time.time_ns` has it.
        """
        return now - max(self.modified, self.changed) > _SETTLED


@contextmanager
def opened(path: Path, *, max_bytes: int) -> Iterator[tuple[BinaryIO, Stamp]]:
    """Opens a regular file, in a `with` block.

    Args:
        path: Where it is.
        max_bytes: How many bytes it may have.

    Raises:
        MediaNotReadable: It is missing, not readable, or no regular file.
        FileTooLarge: It has more bytes.
    """
    try:
        # A pipe or a device might never end, so neither is opened.
        _check(path.stat(), path, max_bytes)
        with open(path, "rb", opener=_open) as file:
            yield file, _check(os.fstat(file.fileno()), path, max_bytes)
    except Phi4Error:
        raise
    except (OSError, ValueError) as exc:
        raise MediaNotReadable(
            f"{_shown(path)} cannot be read: {getattr(exc, 'strerror', None) or exc}"
        ) from exc


def _check(status: os.stat_result, path: Path, max_bytes: int) -> Stamp:
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise MediaNotReadable(f"{_shown(path)} is {kind}")
    if status.st_size > max_bytes:
        raise FileTooLarge(
            f"{_shown(path)} has {status.st_size} bytes, but at most {max_bytes} are allowed",
            size=status.st_size,
            limit=max_bytes,
        )
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@dataclass(frozen=True, slots=True)
class Section:
    """The bytes of a `LocalFile` while it is open.

    Attributes:
        whole: The file.
        file: The same, opened.
    """

    whole: LocalFile
    file: BinaryIO

    def __len__(self) -> int:
        """How many there are."""
        return len(self.whole)

    def __getitem__(self, part: slice) -> bytes:
        """Some of them.

        Raises:
            MediaNotReadable: The file has become shorter.
        """
        start, stop, _ = part.indices(len(self))
        size = max(0, stop - start)
        self.file.seek(self.whole.start + start)
        data = self.file.read(size)
        if len(data) != size:
            raise _changed(self.whole.path)
        return data


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file on disk, or its end, which is read a piece at a time, and as it was or not at all.

    Attributes:
        path: Where it is.
        stamp: How it was when it was looked at.
        start: The first byte that counts.
        digest: The SHA-256 of the bytes, in hex.
    """

    path: Path
    stamp: Stamp
    start: int = 0
    digest: str = ""

    def __len__(self) -> int:
        """How many bytes it has."""
        return max(0, self.stamp.size - self.start)

    def __getitem__(self, part: slice) -> bytes:
        """Some of its bytes.

        Raises:
            MediaNotReadable: It has changed, or is not there any more.
        """
        with self.opened() as section:
            return section[part]

    @contextmanager
    def opened(self) -> Iterator[Section]:
        """Opens it once, for who reads many parts, in a `with` block.

        Raises:
            MediaNotReadable: It has changed, or is not there any more.
        """
        with opened(self.path, max_bytes=sys.maxsize) as (file, stamp):
            if stamp != self.stamp:
                raise _changed(self.path)
            yield Section(self, file)

    def read(self) -> bytes:
        """All of its bytes.

        Raises:
            MediaNotReadable: It has changed, or is not there any more.
        """
        return self[:]

    async def pieces(self) -> AsyncIterator[bytes]:
        """Its bytes in pieces, each read in a thread.

        Raises:
            MediaNotReadable: It has changed, or is not there any more.
        """
        for part in self._parts():
            yield await to_thread.run_sync(partial(self.__getitem__, part))

    def hashed(self) -> str:
        """The SHA-256 of its bytes, in hex.

        Raises:
            MediaNotReadable: It has changed, or is not there any more.
        """
        digest = hashlib.sha256()
        for part in self._parts():
            digest.update(self[part])
        return digest.hexdigest()

    def _parts(self) -> Iterator[slice]:
        return (slice(at, at + _PIECE) for at in range(0, len(self), _PIECE))


def behind(file: io.BufferedReader | io.FileIO) -> LocalFile | None:
    """What an open file has from its position on; None where that is not to be read by the file's name.

    It is not where the file is a pipe or has no name, or where by now another one has the name.
    """
    raw = file.raw if isinstance(file, io.BufferedReader) else file
    if type(raw) is not io.FileIO or isinstance(raw.name, int):
        return None
    try:
        path, start = Path(os.fsdecode(raw.name)).absolute(), file.tell()
        with opened(path, max_bytes=sys.maxsize) as (_, stamp):
            is_it = stamp == _check(os.fstat(file.fileno()), path, sys.maxsize)
    except (OSError, ValueError):  # ours is one, too
        return None
    return LocalFile(path, stamp, start) if is_it else None


def _changed(path: Path) -> MediaNotReadable:
    return MediaNotReadable(
        f"{_shown(path)} changed after it was first read", advice="Ask again once nobody writes to it."
    )


def _shown(path: Path) -> str:
    return repr(shortened(str(path)))


def _open(path: str, flags: int) -> int:
    # If a pipe has replaced the file meanwhile, opening it must not wait for a writer.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
