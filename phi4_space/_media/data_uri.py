"""Base64 and data URIs. Knows their letters; not what the bytes are, and no I/O."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, unquote_to_bytes

from phi4_space._errors import MediaNotReadable

_SCHEME = re.compile(r"data:", re.IGNORECASE)
_BASE64 = re.compile(r";\s*base64\s*$", re.IGNORECASE)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_FROM_URL_SAFE = str.maketrans("-_", "+/")


@dataclass(frozen=True, slots=True)
class DataUri:
    """What a data URI holds.

    Attributes:
        data: The bytes.
        mime_type: The type that it declares, in lower case and without parameters; "" where it declares none.
    """

    data: bytes = field(repr=False)
    mime_type: str


def is_data_uri(text: str) -> bool:
    """Whether a string is meant as a data URI."""
    return _SCHEME.match(text) is not None


def read_data_uri(uri: str) -> DataUri:
    """The bytes in a data URI, and the type that it declares.

    Raises:
        MediaNotReadable: It is broken.
    """
    head, comma, body = uri.strip().partition(",")
    if not comma:
        raise _broken('there is no "," before its data')
    if not _is_unicode(body):
        raise _broken("it holds half of a surrogate pair")
    if _BROKEN_ESCAPE.search(body):
        raise _broken("a % in it is not followed by two hexadecimal digits")
    data = from_base64(unquote(body)) if _BASE64.search(head) else unquote_to_bytes(body)
    if data is None:
        raise _broken("its data is not base64")
    return DataUri(data, head[len("data:") :].partition(";")[0].strip().lower())


def decode_base64(text: str) -> bytes:
    """The bytes in standard or URL-safe base64, with or without white space and padding.

    Raises:
        MediaNotReadable: It is not base64, or empty.
    """
    data = from_base64(text)
    if data is None:
        raise MediaNotReadable("Its base64 is broken")
    if not data:
        raise MediaNotReadable("Its base64 is empty")
    return data


def from_base64(text: str) -> bytes | None:
    """The same, where there may be none: None for what is not base64."""
    letters = "".join(text.split()).rstrip("=").translate(_FROM_URL_SAFE)
    try:
        return base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True)
    except ValueError:
        return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _broken(why: str) -> MediaNotReadable:
    return MediaNotReadable(f"The data URI is not valid: {why}")
