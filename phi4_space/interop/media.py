"""An image or audio where an adapter found it, as `Media`. Knows bytes and URLs; fetches nothing."""

from __future__ import annotations

import re

from phi4_space._errors import MediaNotReadable, UrlRefused
from phi4_space._media.data_uri import decode_base64, is_data_uri
from phi4_space._turns import Media

_HTTP = re.compile(r"https?://", re.IGNORECASE)


def media_from_data(data: object, name: str | None = None) -> Media:
    """The image or audio that a block or node holds itself.

    Args:
        data: Bytes; or a string that is base64 or a data URI.
        name: Its file name, where it has one.

    Raises:
        MediaNotReadable: It is empty, broken base64, or neither bytes nor a string.
        UrlRefused: It is a data URI that cannot be sent.
    """
    match data:
        case bytes() | bytearray() | memoryview():
            return Media(_not_empty(bytes(data)), name)
        case str() if is_data_uri(data.strip()):
            return media_from_url(data, name)
        case str():
            return Media(decode_base64(data), name)
    raise MediaNotReadable(f"Its data is of type {type(data).__name__}, not base64")


def media_from_url(url: object, name: str | None = None) -> Media:
    """The image or audio that a block or node refers to; it is loaded when it is sent.

    Args:
        url: An http(s) URL or a data URI.
        name: Its file name, where it has one.

    Raises:
        UrlRefused: It is neither, or cannot be sent.
    """
    text = url.strip() if isinstance(url, str) else ""
    if not (_HTTP.match(text) or is_data_uri(text)):
        raise UrlRefused(
            f"Only http(s) URLs and data URIs are read, not {url!r:.80}", advice="Pass its bytes."
        )
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise UrlRefused("Its URL holds half of a surrogate pair, which cannot be sent") from exc
    return Media(text, name)


def _not_empty(data: bytes) -> bytes:
    if not data:
        raise MediaNotReadable("It is empty")
    return data
