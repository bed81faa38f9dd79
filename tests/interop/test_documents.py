from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from media import square, tone

from phi4_space import Media, MediaNotReadable, UnsupportedContent
from phi4_space.interop import document_bytes, document_heading, read_document

BINARIES = {
    b"%PDF-1.7\nall of it in ASCII": "a PDF",
    b"\xef\xbb\xbf%PDF-1.7": "a PDF",
    rb"{\rtf1 words}": "an RTF file",
    b"%!PS-Adobe-3.0": "a PostScript file",
    b"\r\n%PDF-1.7": "a PDF",
    b"\n{\\rtf1 words}": "an RTF file",
    b"PK\x03\x04\x14\x00\x06\x00": "ZIP",
    "Größe".encode("latin-1"): "a binary",
    b"words \x00 words": "a binary",
    b"words \x7f": "a binary",
    "in an old encoding, far behind: Ä".rjust(9_000).encode("latin-1"): "a binary",
}


@pytest.mark.parametrize("data", BINARIES)
def test_a_binary_is_refused_by_name(data: bytes) -> None:
    """No binary ends in a prompt, and the error says what it is and what to do."""
    with pytest.raises(UnsupportedContent) as caught:
        read_document(data, title="paper")

    assert re.match(
        rf"paper is .*{BINARIES[data]}.*, not text in UTF-8\. Extract its text", str(caught.value)
    )


def test_a_binary_of_no_known_format_is_refused_with_its_declared_type() -> None:
    """That is all that is known of it; a long title is cut."""
    with pytest.raises(UnsupportedContent, match="The document is a binary of type video/mp4, not text"):
        read_document(b"\xff\xfe", mime_type="video/mp4")
    with pytest.raises(UnsupportedContent, match=r"^a{100}… is a binary"):
        read_document(b"\xff\xfe", title="a" * 999)


def test_a_title_in_an_error_is_fit_to_be_shown() -> None:
    """It may be anything: no markup, control character or second line of it reaches a terminal or page."""
    with pytest.raises(UnsupportedContent) as caught:
        read_document(
            b"\xff\xfe", title="<b>Q3</b>\x1b[2J\n\u202efdp.exe", mime_type="a/b\x1b[1m\n<i>c</i>" + "d" * 999
        )

    assert str(caught.value).startswith("Q3[2J fdp.exe is a binary of type a/b[1m cd")
    assert len(caught.value.what) < 200


@pytest.mark.parametrize("text", ["BMW and MZ", "ID3 tags", "GIFs", "\ttabs\r\n\x1b[1m", "%PD", "<svg/>"])
@pytest.mark.parametrize("mime_type", ["", "application/pdf", "image/bmp", "text/plain"])
def test_text_is_text_whatever_it_is_declared_to_be(text: str, mime_type: str) -> None:
    """Its bytes decide; a byte order mark is left out."""
    assert read_document(text.encode(), mime_type=mime_type) == text
    assert read_document(b"\xef\xbb\xbf" + text.encode(), mime_type=mime_type) == text


@pytest.mark.parametrize("data", [square(1, 2, 3), tone(440)], ids=["image", "audio"])
@pytest.mark.parametrize("mime_type", ["", "text/plain", "application/pdf"])
def test_an_image_or_audio_in_a_document_is_one(data: bytes, mime_type: str) -> None:
    """By its bytes, too; its title becomes its name."""
    assert read_document(data, mime_type=mime_type) == Media(data)
    media = read_document(data, title="a.png", mime_type=mime_type)
    assert isinstance(media, Media)
    assert media.name == "a.png"


def test_a_declared_type_counts_where_the_bytes_say_nothing() -> None:
    """The client then says what is wrong with the image."""
    assert read_document(b"\xff\xfe", mime_type="Image/PNG") == Media(b"\xff\xfe")


def test_an_empty_document_is_refused() -> None:
    """Silence would look like a document that was read."""
    with pytest.raises(MediaNotReadable, match="It is empty"):
        read_document(b"")
    with pytest.raises(MediaNotReadable, match="It is empty"):
        read_document(b"\xef\xbb\xbf \n")


@pytest.mark.parametrize(
    ("title", "source", "heading"),
    [
        ("", "", "Document:"),
        ("A\n B", "", 'Document "A B":'),
        ("", "x.test", "Document (x.test):"),
        ("A", " x ", 'Document "A" (x):'),
    ],
)
def test_a_heading_is_one_line(title: str, source: str, heading: str) -> None:
    """So that no title poses as another turn."""
    assert document_heading(title, source) == heading


@pytest.mark.parametrize(
    "text", ["Password", "password", "PASSWORD", "docs/api", "2026", "fullName", "Rust", "README10"]
)
def test_words_that_happen_to_be_base64_are_words(text: str) -> None:
    """A framework that keeps both alike does not say which it is."""
    base64.b64decode(text, validate=True)

    assert document_bytes(text.encode()) == text.encode()


@pytest.mark.parametrize("data", [b"abc", b"Hello!", b"the cat", *BINARIES, square(1, 2, 3), "Äh".encode()])
def test_base64_of_a_document_is_decoded(data: bytes) -> None:
    """Be it text or not, so that a binary is refused and not sent as letters."""
    assert document_bytes(base64.b64encode(data)) == data


@pytest.mark.parametrize("data", [b"abc", b"words " * 40, square(9, 9, 9) * 3])
def test_base64_in_lines_is_decoded(data: bytes) -> None:
    """As `base64.encodebytes` and PEM write it; lines of words stay text."""
    assert document_bytes(base64.encodebytes(data)) == data


@pytest.mark.parametrize("text", [b"the\ncat\nsat", b"Password\n", b"word\n" * 30, b"two words"])
def test_lines_of_words_are_not_base64(text: bytes) -> None:
    """Though their letters alone could be."""
    assert document_bytes(text) == text


@given(st.binary(min_size=49))
def test_base64_of_all_but_the_shortest_documents_is_decoded(data: bytes) -> None:
    """Only a few words can be mistaken for it."""
    assert document_bytes(base64.b64encode(data)) == data


def test_what_is_not_base64_stays_as_it_is() -> None:
    """Text nearly always has a blank or a full stop."""
    assert document_bytes(b"Two words.") == b"Two words."


@pytest.mark.timeout(30)
def test_words_are_found_in_one_go() -> None:
    """No text makes the search go back, which would take the power of its length."""
    for text in (b"a" * 63 + b"B", b"Aaa" * 20 + b"AAbb", b"0" * 63 + b"A", b"Aaa" * 400_000):
        assert document_bytes(text) == base64.b64decode(text)
