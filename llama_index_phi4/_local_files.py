"""Which local files may be read. Knows paths; no block, no node, no message.

A path in a block or node may be the program's own, or stand in JSON, an index or a chat that was loaded, and
nothing in the block tells which. So none is read unless the program has said where from.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from phi4_space import FileTooLarge, MediaNotReadable

_LARGEST = 8_000_000  # bytes of a document, all of which goes into the prompt
_ADVICE = (
    "Phi4(local_files=FOLDER) reads the files of a folder, Phi4(local_files=True) all; or hand in its bytes."
)


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """What a program allows.

    Attributes:
        allowed: True for all files, or the folder whose files may be read; anything else allows none.
    """

    allowed: bool | str | os.PathLike[str] = False

    def find(self, path: str | os.PathLike[str]) -> Path:
        """The file, at its real place, if it may be read; nothing is opened.

        Raises:
            MediaNotReadable: It may not: the text says why, and what would allow it.
        """
        shown = repr(str(path))
        if self.allowed is not True and not isinstance(self.allowed, str | os.PathLike):
            raise MediaNotReadable(f"{shown} is a local file, and none may be read", advice=_ADVICE)
        try:
            found = Path(path).resolve()  # what links and ".." lead to
        except (OSError, ValueError, RuntimeError) as exc:  # too long, with a null, or links in a circle
            raise MediaNotReadable(f"{shown} cannot be read: {exc}") from exc
        if self.allowed is not True and not found.is_relative_to(Path(self.allowed).resolve()):
            raise MediaNotReadable(f"{shown} is not in {str(self.allowed)!r}", advice=_ADVICE)
        return found

    def read(self, path: str | os.PathLike[str]) -> bytes:
        """What a document holds.

        Raises:
            MediaNotReadable: It may not be read, or cannot.
            FileTooLarge: It is too large for a prompt.
        """
        found = self.find(path)
        try:
            # A pipe or a device might never end, so that neither is opened.
            _checked_size(found.stat())
            with open(found, "rb", opener=_open) as file:
                return file.read(_checked_size(os.fstat(file.fileno())))
        except OSError as exc:
            raise MediaNotReadable(f"There is no file {str(path)!r}: {exc.strerror}") from exc


NO_FILES = LocalFiles()
"""What is allowed where nobody said anything."""


def _checked_size(found: os.stat_result) -> int:
    """How much is to be read: no more than the file says, as one in /proc says that it is empty."""
    if not stat.S_ISREG(found.st_mode):
        raise FileNotFoundError(0, "it is a directory, a pipe or a device")
    if found.st_size > _LARGEST:
        raise FileTooLarge(f"It has {found.st_size} bytes", size=found.st_size, limit=_LARGEST)
    return found.st_size


def _open(path: str, flags: int) -> int:
    # Should a pipe have come into its place meanwhile, nobody waits for who writes to it.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
