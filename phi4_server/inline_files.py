"""Files that come inside of a request, in base64. Knows data URIs and the folder for uploads; no HTTP."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from gradio.utils import get_upload_folder

_HEAD = re.compile(
    r"data:(?:[\w.+-]+/(?:x-)?([a-z0-9]{1,8})[\w.+-]*)?(?:;[\w-]+=[\w.-]*)*;base64,", re.IGNORECASE
)
_LONGEST_HEAD = 200


class FileTooLarge(ValueError):
    """A file is larger than one may be; the text says which, and how large."""


@dataclass(frozen=True, slots=True)
class InlineFiles:
    """Those of one request. They are there until somebody deletes them.

    Attributes:
        most: Bytes that a file may have.
        paths: The files that were written, in order.
    """

    most: int
    paths: list[str] = field(default_factory=list)

    def add_data_uri(self, uri: str, name: str) -> int:
        """Writes what a data URI holds.

        Args:
            uri: The URI. No other is followed: nothing is fetched, and no file of this machine is read.
            name: What the file is called in errors, without an ending.

        Returns:
            Its number among `paths`.

        Raises:
            ValueError: It is no data URI in base64, or too large.
        """
        head = _HEAD.match(uri[:_LONGEST_HEAD])
        if head is None:
            raise ValueError(
                f"{name} is not a data URI. This server fetches no URL and reads no file of its own: send "
                f"the content, as data:...;base64,..."
            )
        return self.add_base64(uri[head.end() :], name, ending=head[1] or "bin")

    def add_base64(self, text: str, name: str, *, ending: str) -> int:
        """Writes what base64 holds; otherwise as `add_data_uri`."""
        if len(text) * 3 // 4 > self.most + 2:
            raise FileTooLarge(f"{name} is too large: a file may have {self.most:,} bytes.")
        try:
            content = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(f"{name} is not base64.") from None
        if not content:
            raise ValueError(f"{name} is empty.")
        if len(content) > self.most:
            raise FileTooLarge(f"{name} is too large: a file may have {self.most:,} bytes.")
        # As Gradio has it: each in a folder whose name nobody can guess, since its path is also its URL.
        folder = Path(get_upload_folder(), secrets.token_hex(32))
        folder.mkdir(parents=True)
        path = folder / f"{name}.{ending.lower()}"
        self.paths.append(str(path))
        path.write_bytes(content)
        return len(self.paths) - 1
