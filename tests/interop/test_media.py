from __future__ import annotations

import base64
from typing import Any

import pytest

from phi4_space import InvalidInput, Media, MediaNotReadable, UrlRefused
from phi4_space.interop import media_from_data, media_from_url

URL = "https://x.test/cat.png"


@pytest.mark.parametrize(
    ("data", "source"),
    [
        (b"abc", b"abc"),
        (bytearray(b"abc"), b"abc"),
        (memoryview(b"abc"), b"abc"),
        (base64.b64encode(b"abc").decode(), b"abc"),
        (" data:image/png;base64,YWJj ", "data:image/png;base64,YWJj"),
    ],
)
def test_data_are_read_in_every_form(data: object, source: object) -> None:
    """Bytes, base64 and data URIs become one kind of reference, under their name."""
    media = media_from_data(data, "cat.png")

    assert (media.source, media.name) == (source, "cat.png")


@pytest.mark.parametrize(
    ("data", "error", "reason"),
    [
        (b"", MediaNotReadable, "It is empty"),
        ("", MediaNotReadable, "Its base64 is empty"),
        (5, MediaNotReadable, "of type int, not base64"),
        ("data:,\ud800", UrlRefused, "half of a surrogate pair"),
    ],
)
def test_data_that_are_none_are_refused(data: object, error: type[InvalidInput], reason: str) -> None:
    """At once, and not when they are sent."""
    with pytest.raises(error, match=reason):
        media_from_data(data)


@pytest.mark.parametrize("url", [URL, f" {URL}\n", "HTTP://x.test/", "data:,x"])
def test_urls_are_kept_as_they_are(url: str) -> None:
    """Without the white space around them; nothing is loaded."""
    assert media_from_url(url, "a").source == url.strip()
    assert media_from_url(url, "a").name == "a"
    assert media_from_url(url) == Media(url.strip())


@pytest.mark.parametrize("url", ["file:///etc/passwd", "s3://b/a.png", "a.png", "/etc/passwd", "", 5, None])
def test_other_urls_and_paths_are_refused(url: Any) -> None:
    """A string is never a local path."""
    with pytest.raises(UrlRefused, match=r"Only http\(s\) URLs and data URIs are read"):
        media_from_url(url)


def test_a_url_that_cannot_be_sent_is_refused() -> None:
    """UTF-8 does not hold half of a surrogate pair."""
    with pytest.raises(UrlRefused, match="half of a surrogate pair"):
        media_from_url(f"{URL}\ud800")
