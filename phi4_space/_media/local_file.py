"""A local file, read whole. Knows paths and sizes; not what the bytes are."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from phi4_space._errors import FileTooLarge, MediaNotReadable, Phi4Error, shortened


def read_local_file(path: Path, *, max_bytes: int) -> bytes:
    """All bytes of a regular file.

    Args:
        path: Where it is.
        max_bytes: How many bytes it may have.

    Raises:
        MediaNotReadable: It is missing, empty, not readable, or no regular file.
        FileTooLarge: It has more bytes.
    """
    short_path = repr(shortened(str(path)))
    try:
        # A pipe or a device might never end, so neither is opened.
        _checked_size(path.stat(), short_path, max_bytes)
        with open(path, "rb", opener=_open) as file:
            data = file.read(_checked_size(os.fstat(file.fileno()), short_path, max_bytes))
    except Phi4Error:
        raise
    except (OSError, ValueError) as exc:
        raise MediaNotReadable(
            f"{short_path} cannot be read: {getattr(exc, 'strerror', None) or exc}"
        ) from exc
    if not data:
        raise MediaNotReadable(f"{short_path} is empty")
    return data


def _checked_size(status: os.stat_result, path: str, max_bytes: int) -> int:
    """How many bytes to read of a file: its size, which is 0 for files in /proc."""
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise MediaNotReadable(f"{path} is {kind}")
    if status.st_size > max_bytes:
        raise FileTooLarge(
            f"{path} has {status.st_size} bytes, but at most {max_bytes} are allowed",
            size=status.st_size,
            limit=max_bytes,
        )
    return status.st_size


def _open(path: str, flags: int) -> int:
    # If a pipe has replaced the file meanwhile, opening it must not wait for a writer.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
