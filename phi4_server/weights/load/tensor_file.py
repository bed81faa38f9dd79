"""The head of a safetensors file: which tensors it has, and whether the file is whole. Reads no tensor."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MOST = 100 << 20
"""How long a head may be, in bytes."""
_POINTER = b"version https://git-lfs"
_BITS = {"BOOL": 8, "F64": 64, "I64": 64, "U64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16, "BF16": 16}


@dataclass(frozen=True, slots=True)
class Tensor:
    """What is known of a tensor: the type of its numbers, as the file calls it, and its shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """In bytes."""
        return math.prod(self.shape) * _BITS.get(self.dtype, 8) // 8


def read(file: Path) -> dict[str, Tensor]:
    """The tensors of a file, by name.

    Raises:
        ValueError: It is cut off, or is no safetensors file; the text goes on after the file's name.
    """
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(8)
        if start == _POINTER[:8]:
            raise ValueError("is Git's pointer to the file, and not the file: git lfs pull fetches it")
        if len(start) < 8:  # noqa: PLR2004  the length of the head
            raise ValueError("is cut off: it is all but empty")
        (length,) = struct.unpack("<Q", start)
        if length > _MOST:
            raise ValueError("is no safetensors file, or broken")
        head = stream.read(length)
    if len(head) < length:
        raise ValueError(f"is cut off after {size:,} bytes")
    try:
        tensors, end = _tensors(head)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise ValueError("is no safetensors file, or broken") from None
    whole = 8 + length + end
    if size < whole:
        raise ValueError(f"is cut off: {size:,} of {whole:,} bytes are there")
    return tensors


def _tensors(head: bytes) -> tuple[dict[str, Tensor], int]:
    """The tensors, and where the last of them ends."""
    entries: dict[str, Any] = json.loads(head)
    entries.pop("__metadata__", None)
    tensors = {name: Tensor(str(entry["dtype"]), tuple(entry["shape"])) for name, entry in entries.items()}
    if not all(type(side) is int and side >= 0 for tensor in tensors.values() for side in tensor.shape):
        raise ValueError("a shape is made of whole numbers")
    return tensors, max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
