from __future__ import annotations

import base64
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_space import MediaNotReadable
from phi4_space._media.data_uri import DataUri, decode_base64, is_data_uri, read_data_uri


@given(st.binary(min_size=1))
def test_base64_is_read_in_both_alphabets_and_without_padding(data: bytes) -> None:
    """Providers write it either way, some with line breaks; the bytes are the same."""
    written = base64.b64encode(data).decode()

    assert decode_base64(written) == data
    assert decode_base64(written.rstrip("=")) == data
    assert decode_base64(base64.urlsafe_b64encode(data).decode()) == data
    assert decode_base64("\n".join(written)) == data


@pytest.mark.parametrize(
    ("text", "reason"), [("!", "broken"), ("a", "broken"), ("", "empty"), ("=", "empty")]
)
def test_broken_base64_is_refused(text: str, reason: str) -> None:
    """No bytes are made up."""
    with pytest.raises(MediaNotReadable, match=f"Its base64 is {reason}"):
        decode_base64(text)


@given(st.binary())
def test_a_data_uri_holds_the_same_bytes_in_base64_and_percent_encoded(data: bytes) -> None:
    """And its type comes along, in lower case and without parameters."""
    expected = DataUri(data, "text/plain")

    assert read_data_uri(f"data:text/plain;base64,{base64.b64encode(data).decode()}") == expected
    assert read_data_uri(f" DATA:Text/Plain;charset=utf-8,{quote_from_bytes(data)}") == expected


def test_a_data_uri_may_declare_no_type() -> None:
    """Its type is the empty string."""
    assert read_data_uri("data:,a%20b") == DataUri(b"a b", "")


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("data:text/plain", 'there is no ","'),
        ("data:,%4", "two hexadecimal digits"),
        ("data:;base64,*", "its data is not base64"),
        ("data:,\ud800", "half of a surrogate pair"),
    ],
)
def test_a_broken_data_uri_is_refused(uri: str, reason: str) -> None:
    """The error says what is wrong with it."""
    with pytest.raises(MediaNotReadable, match=rf"The data URI is not valid: .*{reason}"):
        read_data_uri(uri)


def test_a_data_uri_is_known_by_its_scheme() -> None:
    """In letters of either case."""
    assert is_data_uri("data:,")
    assert is_data_uri("DATA:image/png;base64,")
    assert not is_data_uri("https://x.test/data:")


def test_its_bytes_are_not_in_its_repr() -> None:
    """They may be megabytes."""
    assert "secret" not in repr(read_data_uri("data:,secret"))
