"""The files that were made of sources lately, so that each is decoded and hashed once. Knows no formats."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

from phi4_space._turns import File

_MOST = 64
_MOST_BYTES = 1 << 24


class _Entry(NamedTuple):
    source: object
    file: File
    size: int


class KnownFiles:
    """Remembers the last files, up to 64, and 16 MiB of bytes, sources included.

    A source is a value that cannot change: bytes or a string, known by identity since comparing them would
    cost as much as reading; or what tells one state of a file on disk from another, known by equality.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[object, _Entry] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()  # files are read in threads

    def find(self, source: object, name: str | None) -> File | None:
        """The file that was made of a source and a name, if it is remembered."""
        key = _key(source, name)
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry.file

    def keep(self, source: object, name: str | None, file: File) -> None:
        """Remembers a file, unless it is large."""
        size = _size(source) + (0 if file.data is source else _size(file.data))
        if size > _MOST_BYTES:
            return
        key = _key(source, name)
        with self._lock:
            if key in self._entries:
                return  # another thread was faster
            self._entries[key] = _Entry(source, file, size)
            self._size += size
            while len(self._entries) > _MOST or self._size > _MOST_BYTES:
                self._size -= self._entries.popitem(last=False)[1].size


def _key(source: object, name: str | None) -> object:
    # An entry holds its source, so no other object has the same id as long as there is one.
    return (id(source) if isinstance(source, bytes | str) else source, name)


def _size(value: object) -> int:
    return len(value) if isinstance(value, bytes | str) else 0
