"""What a document is, by its bytes: text, or an image or audio. Knows bytes; no form, no I/O."""

from __future__ import annotations

import base64
import re

from phi4_space._errors import MediaNotReadable, UnsupportedContent
from phi4_space._media.formats import describe, recognise
from phi4_space._net.error_mapping import label
from phi4_space._turns import Media

# Formats whose bytes may all be ASCII, so that they could pass for text.
_ASCII_FORMATS = {b"%PDF-": "a PDF", b"%!PS": "a PostScript file", rb"{\rtf": "an RTF file"}
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
# One word, or several without a blank, such as "Password", "docs/api" and "TooManyFiles". In base64 of other
# bytes, letters of both cases and digits change more often than that.
_WORDS = re.compile(rb"(?:[A-Z][a-z]{2,}+|[a-z]{3,}+|[A-Z]{3,}+s?|[0-9]{2,}+|[/+])++")
_PROSE = re.compile(rb"[A-Za-z0-9\s.,;:!?'()-]+")
_LONGEST_WORDS = 64  # bytes
_SHORTEST_LINE = 60  # letters
_ADVICE = "Extract its text, or pass its pages as images."


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
        UnsupportedContent: It is neither: a PDF, RTF, PostScript or any other binary; the text says which,
            and has the title without markup and control characters.
    """
    text = _text(data)
    if text is not None and not text.strip():
        raise MediaNotReadable("It is empty")
    if text is not None:
        return text
    kind = _binary_format(data)
    if recognise(data) or (kind is None and mime_type.lower().startswith(("image/", "audio/"))):
        return Media(data, title or None)
    name, declared = label(title) or "The document", label(mime_type)
    declared = f" of type {declared}" if declared else ""
    raise UnsupportedContent(f"{name} is {kind or f'a binary{declared}'}, not text in UTF-8", advice=_ADVICE)


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

    Words whose letters happen to be base64, such as b"Password", are taken as words, unless they decode to
    prose or to a file of a known format.
    """
    lines = data.splitlines()
    # Encoders write lines of one length, 64 or 76 letters; text does not.
    is_wrapped = len({len(line) for line in lines[:-1]}) == 1 and len(lines[0]) >= _SHORTEST_LINE
    try:
        decoded = base64.b64decode(b"".join(lines) if is_wrapped else data.strip(), validate=True)
    except ValueError:
        return data
    are_words = len(data) <= _LONGEST_WORDS and _WORDS.fullmatch(data.strip()) is not None
    is_encoded = _PROSE.fullmatch(decoded) or recognise(decoded) or _binary_format(decoded)
    return data if are_words and not is_encoded else decoded


def _text(data: bytes) -> str | None:
    """The text that the bytes are, in UTF-8; None where they are a binary."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if _start(data).startswith(tuple(_ASCII_FORMATS)) or _CONTROL.search(text) else text


def _binary_format(data: bytes) -> str | None:
    """The binary format that bytes are in, in words; None where it is not known."""
    if name := next((name for magic, name in _ASCII_FORMATS.items() if _start(data).startswith(magic)), None):
        return name
    name = describe(data)
    return None if name == "text" else name  # it may begin like text, and not go on as such


def _start(data: bytes) -> bytes:
    return data[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
