"""What a document is, by its bytes: text, or an image or audio. Knows bytes; no form, no I/O."""

from __future__ import annotations

import base64
import re

from phi4_space._errors import MediaNotReadable, UnsupportedContent, shortened
from phi4_space._media.formats import describe, recognise
from phi4_space._turns import Media

# Formats whose bytes may all be ASCII, so that they could pass for text.
_ASCII_FORMATS = {b"%PDF-": "a PDF", b"%!PS": "a PostScript file", rb"{\rtf": "an RTF file"}
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
# One word, or a few joined by slashes, such as "Password", "LICENSE2" and "docs/api". Base64 of other bytes
# changes between cases and digits more often than that.
_WORDS = re.compile(rb"(?:[A-Z]?[a-z]{3,}+|[A-Z]{3,}+|[0-9]{2,}+|[/+])++")
_LONGEST_WORD = 64  # bytes
_ADVICE = "Extract its text, or hand in its pages as images."


def read_document(data: bytes, *, title: str = "", mime_type: str = "") -> str | Media:
    """The text of a document, or the image or audio that it is.

    Its bytes decide. The declared type counts only where they say nothing.

    Args:
        data: The document.
        title: Its title or file name; "" where it has none.
        mime_type: The type that it is declared to be; "" where none is.

    Returns:
        Its text, without a byte order mark; or, where Phi-4 takes its format, the document as `Media`.

    Raises:
        MediaNotReadable: It is empty.
        UnsupportedContent: It is neither: a PDF, RTF, PostScript or any other binary; the text says which.
    """
    if not data:
        raise MediaNotReadable("It is empty")
    text = _text(data)
    if text is not None:
        return text
    if recognise(data) or (describe(data) is None and mime_type.lower().startswith(("image/", "audio/"))):
        return Media(data, title or None)
    name = shortened(title, 80) or "The document"
    raise UnsupportedContent(f"{name} is {_kind(data, mime_type)}", advice=_ADVICE)


def document_heading(title: str, source: str = "") -> str:
    """The line that goes before a document's text.

    Args:
        title: Its title; "" where it has none.
        source: Where it is from; "" where that is not known.
    """
    title, source = (" ".join(text.split()) for text in (title, source))
    return "".join(("Document", title and f' "{title}"', source and f" ({source})", ":"))


def document_bytes(data: bytes) -> bytes:
    """The bytes of a document that a framework keeps either as they are or in base64, and does not say which.

    Text whose letters happen to be base64, such as b"Password", is taken as text: what it would decode to is
    neither text nor of any known format.
    """
    try:
        decoded = base64.b64decode(data, validate=True)
    except ValueError:
        return data
    is_known = _text(decoded) is not None or _format(decoded) is not None
    is_word = len(data) <= _LONGEST_WORD and _WORDS.fullmatch(data) is not None
    return data if is_word and not is_known else decoded


def _text(data: bytes) -> str | None:
    """The text that the bytes are, in UTF-8; None where they are a binary."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if _ascii_format(data) or _CONTROL.search(text) else text


def _ascii_format(data: bytes) -> str | None:
    start = data.removeprefix(b"\xef\xbb\xbf")
    return next((name for magic, name in _ASCII_FORMATS.items() if start.startswith(magic)), None)


def _format(data: bytes) -> str | None:
    """What the bytes are, in words; None where nobody can tell, or they are text."""
    if form := recognise(data):
        return form.mime_type
    return _ascii_format(data) or (describe(data) if _text(data) is None else None)


def _kind(data: bytes, mime_type: str) -> str:
    declared = f" of type {mime_type}" if mime_type else ""
    return f"{_ascii_format(data) or describe(data) or f'a binary{declared}'}, not text in UTF-8"
