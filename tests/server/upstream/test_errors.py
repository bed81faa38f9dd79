"""What an engine's failures are called."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from phi4_server.model import ModelBusy, ModelFailed
from phi4_server.upstream.errors import ErrorReader

KEY = "sk-sentinel-4f1d/9c2b"
ERRORS = ErrorReader(host="engine:8000", key=KEY)


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        (None, True),
        ("7", 7.0),
        (" 0.5 ", 0.5),
        ("30", 30.0),
        ("31", False),
        ("9" * 9, False),
        ("9" * 400, False),
        ("0.", 0.0),
        ("inf", True),
        ("Sun Nov  6 08:49:37 1994", 0.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0),
        ("soon", True),
        ("-1", True),
        (format_datetime(datetime(2020, 1, 1, tzinfo=UTC), usegmt=True), 0.0),
        (format_datetime(datetime(2199, 1, 1, tzinfo=UTC), usegmt=True), False),
    ],
)
def test_how_long_to_wait(retry_after: str | None, wait: float) -> None:
    """As many seconds as the engine asks for, up to half a minute; what it does not say is left to us."""
    failure = ERRORS.from_response(429, b"", retry_after=retry_after)

    assert isinstance(failure.error, ModelBusy)
    assert failure.wait == wait
    assert isinstance(failure.wait, bool) == isinstance(wait, bool)


def test_a_wait_without_end_is_not_counted() -> None:
    """Nobody is told to come again in thousands of years."""
    text = str(ERRORS.from_response(429, b"", retry_after="Fri, 31 Dec 9999 23:59:59 GMT").error)

    assert text.endswith("It asks to come again in more than a day.")


@pytest.mark.parametrize("status", [*range(400, 600, 7), 300, 304, 308, 600, 999])
@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"[]", b"{}", b"null", b'{"error": []}', b'{"detail": {}}', b"7"]
)
def test_any_response_is_an_error_with_a_sentence(status: int, body: bytes) -> None:
    """Whatever the status and the body are, there is a sentence, which names the engine."""
    failure = ERRORS.from_response(status, body)

    assert isinstance(failure.error, ValueError)
    assert str(failure.error).endswith(".")
    assert "engine" in str(failure.error)


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"message": "no such option"}}',
        b'{"error": "no such option"}',
        b'{"detail": "no such option"}',
        b'{"detail": [{"msg": "no such option", "loc": ["body", 0]}, {"msg": "another"}]}',
        b'{"object": "error", "message": "no such option"}',
        b'[{"error": {"message": "no such option"}}]',
        b'"no such option"',
        b"no such option",
        b'{"error": {"message": " no\\n such\\u0000  option. "}}',
    ],
)
def test_each_shape_of_a_message_is_read(body: bytes) -> None:
    """OpenAI's, FastAPI's, Google's, plain text: the message is the same, on one line."""
    assert str(ERRORS.from_response(400, body).error) == (
        "The engine refused the request (HTTP 400): no such option."
    )


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><b>Oops</b>", b"\n <html>", b"Oops <br>"])
def test_a_web_page_is_not_shown(body: bytes) -> None:
    """What a proxy shows to browsers is no message."""
    assert "Oops" not in str(ERRORS.from_response(400, body).error)


def test_a_long_message_is_cut() -> None:
    """Of a long message the beginning is shown."""
    assert len(str(ERRORS.from_response(400, b"x" * 10_000).error)) < 600


@pytest.mark.parametrize(
    "text", [KEY, KEY[:8], KEY[5:13], f"Bearer {KEY}", "sk-sentinel-4f1d%2F9c2b", "1d%2F9c2b"]
)
def test_a_message_with_the_key_is_not_shown(text: str) -> None:
    """Nor one with a part of it, or with it as URLs write it."""
    failure = ERRORS.from_response(400, f"You sent {text} here".encode())

    assert str(failure.error) == "The engine refused the request (HTTP 400)."
    assert text not in repr(failure)


def test_a_short_key_is_a_secret_too() -> None:
    """A key of a few characters is looked for as a whole."""
    errors = ErrorReader(host="h", key="abc")

    assert "xabcx" not in str(errors.from_response(400, b"xabcx").error)
    assert "xabx" in str(errors.from_response(400, b"xabx").error)


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        ({"message": "too much", "code": 429}, ModelBusy, "too much to do: too much"),
        ({"message": "bad", "code": 400}, ValueError, "refused the request"),
        ({"message": "bad", "code": "400"}, ModelFailed, "failed"),
        ({"message": "longer than the maximum context length", "code": 400}, ValueError, "too long"),
        ("boom", ModelFailed, "boom"),
        (True, ModelFailed, "failed"),
    ],
)
def test_an_error_in_a_stream_is_of_the_same_kinds(error: object, kind: type[ValueError], text: str) -> None:
    """Its code counts as the status that came too late."""
    failure = ERRORS.from_event(error)

    assert type(failure.error) is kind
    assert text in str(failure.error)


def test_no_status_is_invented() -> None:
    """An error in a stream, or in a body of success, has the status that it names, or none."""
    assert str(ERRORS.from_event("boom").error) == "The engine at engine:8000 failed: boom: see its log."
    assert str(ERRORS.from_body(b'{"error": "boom"}').error) == (
        "The engine at engine:8000 failed: boom: see its log."
    )
    assert "(HTTP 429)" not in str(ERRORS.from_event({"message": "boom", "code": 7}).error)
    assert "(HTTP 418)" in str(ERRORS.from_event({"message": "boom", "code": 418}).error)


def test_words_about_images_need_an_image() -> None:
    """Only where files were sent, a message that speaks of images is about them."""
    body = b'{"error": "cannot imagine"}'

    assert "these files" not in str(ERRORS.from_response(400, body).error)
    assert "these files" not in str(ERRORS.from_response(401, b"images", has_files=True).error)
    assert "these files" not in str(ERRORS.from_response(500, b"ended immediately", has_files=True).error)
    assert "these files" in str(ERRORS.from_response(400, b"no images", has_files=True).error)
