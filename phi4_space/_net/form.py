"""Files as the body of a request, multipart/form-data. Knows MIME; neither Gradio nor where files are.

httpx would read files on disk within the loop, which they may block.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence

import httpx

from phi4_space._turns import File

_ESCAPED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
"""As browsers write them in names."""
_PIECE = 1 << 16


class Form(httpx.AsyncByteStream):
    """A form of files, which are read as they are sent.

    Args:
        field: The field that they all have.
        files: The files.

    Attributes:
        headers: The headers of the request.
        size: How many bytes the files have together.
        sent: How many of them were sent.
    """

    def __init__(self, field: str, files: Sequence[File]) -> None:
        boundary = secrets.token_hex(16)
        self._parts = [(_head(field, file, boundary), file) for file in files]
        self._end = f"--{boundary}--\r\n".encode()
        self.size = sum(len(file.data) for file in files)
        self.sent = 0
        length = self.size + sum(len(head) + len(b"\r\n") for head, _ in self._parts) + len(self._end)
        self.headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(length),
        }

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for head, file in self._parts:
            yield head
            async for piece in _pieces(file):
                yield piece
                self.sent += len(piece)
            yield b"\r\n"
        yield self._end


def _head(field: str, file: File, boundary: str) -> bytes:
    lines = (
        f"--{boundary}",
        f'Content-Disposition: form-data; name="{field}"; filename="{file.name.translate(_ESCAPED)}"',
        f"Content-Type: {file.mime_type}",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


async def _pieces(file: File) -> AsyncIterator[bytes]:
    if isinstance(file.data, bytes):
        for at in range(0, len(file.data), _PIECE):
            yield file.data[at : at + _PIECE]
    else:
        async for piece in file.data.pieces():
            yield piece
