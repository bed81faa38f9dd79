"""What servers say of failures, as read on Gradio and in ZeroGPU's package, and the errors they become."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_space._errors import (
    AuthenticationFailed,
    FileTooLarge,
    GpuAborted,
    NoGpuAvailable,
    Phi4Error,
    PromptTooLong,
    QueueFull,
    QuotaExceeded,
    RateLimited,
    SpaceBusy,
    SpaceError,
    TooManyFiles,
    UnexpectedAnswer,
    UploadLost,
)
from phi4_space._net.error_mapping import Content, from_handler, from_response, strip_markup

JSON = {"content-type": "application/json"}
TEXT = {"content-type": "text/plain; charset=utf-8"}
HTML = {"content-type": "text/html; charset=utf-8"}
LONGEST = 601

SIGN_UP = (
    '<a style="white-space: nowrap; text-underline-offset: 2px; color: var(--body-text-color)" '
    'href="https://huggingface.co/join">Create a free account</a> to get more daily usage quota.'
)
# (title, text as the Space sends it, requested, left, retry_after)
QUOTA = [
    # the package `spaces` 0.51.3
    (
        "ZeroGPU quota exceeded",
        (
            "You have exceeded your free ZeroGPU quota (60s requested vs. 30s left). Try again in 1:32:34. "
            "Authenticate with a Hugging Face token for more quota - https://huggingface.co/settings/tokens"
        ),
        60.0,
        30.0,
        5554.0,
    ),
    (
        "ZeroGPU quota exceeded",
        "You have exceeded your Pro ZeroGPU quota (120s requested vs. 0s left). Try again in 1 day, 2:03:04.",
        120.0,
        0.0,
        93784.0,
    ),
    (
        "ZeroGPU quota exceeded",
        "You have exceeded your ZeroGPU quota (60s requested vs. 59s left). Try again in 3 days, 0:00:01.5",
        60.0,
        59.0,
        259201.0,
    ),
    ("ZeroGPU quota exceeded", "You have exceeded your ZeroGPU runs limit. ", None, None, None),
    ("ZeroGPU quota exceeded", "in words that are not known yet", None, None, None),
    (
        None,
        (
            "Space app has reached its GPU limit. Try re-running outside of examples if it happened after "
            "clicking one"
        ),
        None,
        None,
        None,
    ),
    ("ZeroGPU pending credits exceeded", "Too many credits are pending.", None, None, None),
    # 0.32.0, early 2025
    (
        "ZeroGPU quota exceeded",
        f"You have exceeded your free GPU quota (60s requested vs. 56s left). {SIGN_UP}",
        60.0,
        56.0,
        None,
    ),
    (None, f"You have exceeded your GPU quota (60s requested vs. 56s left). {SIGN_UP}", 60.0, 56.0, None),
    (
        None,
        "You have exceeded your Pro GPU quota (60s requested vs. 1s left). Try again in 0:09:48",
        60.0,
        1.0,
        588.0,
    ),
    # 2024
    (
        None,
        (
            "You have exceeded your GPU quota (46s left vs. 60s requested). Sign-up on Hugging Face to get "
            "more quotas or retry in 0:09:48."
        ),
        60.0,
        46.0,
        588.0,
    ),
    # seen broken: no time at all would have the turn sent again and again
    (
        "ZeroGPU quota exceeded",
        "You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 0:00:00",
        60.0,
        0.0,
        1.0,
    ),
    # captured on Gradio 5.20.1, 5.50.0 and 6.31.0
    (
        "ZeroGPU quota exceeded",
        "You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 0:05:00",
        60.0,
        0.0,
        300.0,
    ),
]
# (title, text, class, a word of the message)
HANDLERS: list[tuple[str | None, str, type[Phi4Error], str]] = [
    ("ZeroGPU queue timeout", "No GPU was available after 60s. Retry later", NoGpuAvailable, "60s"),
    ("ZeroGPU queue timeout", "in words that are not known yet", NoGpuAvailable, "not known"),
    ("ZeroGPU client error", "No GPU was available", NoGpuAvailable, "No GPU"),
    (None, "No GPU is currently available for you after 60s", NoGpuAvailable, "No GPU"),
    ("ZeroGPU client error", "Expired ZeroGPU proxy token", SpaceError, "Expired"),
    (
        "ZeroGPU illegal duration",
        "The requested GPU duration (180s) is larger than the maximum allowed",
        SpaceError,
        "180s",
    ),
    ("Queue is full", "Queue is full: others have waited for longer.", QueueFull, "others"),
    ("ZeroGPU worker error", "GPU task aborted", GpuAborted, "aborted"),
    (None, "GPU task aborted", GpuAborted, "aborted"),
    ("ZeroGPU worker error", "ValueError", SpaceError, "ValueError"),
    (
        "Error",
        (
            "Cannot move /tmp/gradio/deadbeef/x.png to the gradio cache dir because it was not uploaded by a "
            "user."
        ),
        UploadLost,
        "no longer holds",
    ),
    ("Error", "internal secret path /home/user/x", SpaceError, "The Space says: internal"),
    ("Error", "You have exceeded your monthly quota of tokens at Azure", SpaceError, "Azure"),
    (
        "Error",
        "1 validation error for ChatbotDataMessages\n0.content\n  Input should be a valid list",
        SpaceError,
        "valid list",
    ),
]


def body(answer: Any) -> bytes:
    """An answer as the server writes it."""
    return json.dumps(answer).encode()


@pytest.mark.parametrize(("title", "text", "requested", "left", "retry_after"), QUOTA)
def test_a_used_up_quota_is_told_with_its_numbers(
    title: str | None, text: str, requested: float | None, left: float | None, retry_after: float | None
) -> None:
    """Each of ZeroGPU's wordings, old and new, tells what was asked for, what is left, and when to return."""
    error = from_handler(strip_markup(text), title)

    assert isinstance(error, QuotaExceeded)
    assert (error.requested, error.left, error.retry_after) == (requested, left, retry_after)
    assert "<" not in str(error)
    assert not error.retryable


@pytest.mark.parametrize(("title", "text", "kind", "word"), HANDLERS)
def test_a_handlers_words_tell_what_failed(
    title: str | None, text: str, kind: type[Phi4Error], word: str
) -> None:
    """The title, and failing that the text, decide which error it is; the Space's words stay in it."""
    error = from_handler(strip_markup(text), title)

    assert type(error) is kind
    assert word in error.what
    assert not isinstance(error, SpaceError) or (error.title == title and not error.hidden)


def test_a_hidden_failure_says_that_it_is_hidden() -> None:
    """A Space with show_error off sends null; the error says so instead of saying nothing."""
    error = from_handler(None, "Error")

    assert isinstance(error, SpaceError)
    assert error.hidden
    assert error.title == "Error"
    assert "does not say why" in str(error)


TRACEBACK = """Traceback (most recent call last):
  File "/home/user/.venv/lib/python3.10/site-packages/gradio/queueing.py", line 625, in process_events
    response = await route_utils.call_process_api(
KeyError: 999
"""
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/home/user/.venv/lib/python3.10/site-packages/starlette/_utils.py", line 76, in collapse
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/home/user/app/app.py", line 3, in app
    | gradio.route_utils.FnIndexInferError: Could not infer function index for API name: nope
    +------------------------------------
"""
STATUSES: list[tuple[int, bytes, dict[str, str], type[Phi4Error], str]] = [
    (400, body({"detail": "Invalid content type."}), JSON, UnexpectedAnswer, "400: Invalid content type"),
    (401, body({"detail": "Not authenticated"}), JSON, AuthenticationFailed, "Not authenticated"),
    (
        401,
        body({"detail": {"error": "Not authenticated", "auth_message": None}}),
        JSON,
        AuthenticationFailed,
        "login: Not authenticated",
    ),
    (401, b"<html>Sign in</html>", HTML, AuthenticationFailed, "a web page"),
    (403, body({"error": "Forbidden"}), JSON, AuthenticationFailed, "credentials: Forbidden"),
    (404, body({"detail": "Not Found"}), JSON, UnexpectedAnswer, "404: Not Found"),
    (
        404,
        b"<html>",
        {**HTML, "x-error-message": "Repository <b>not</b> found"},
        UnexpectedAnswer,
        "404: Repository not found",
    ),
    (413, b"<html>nginx</html>", HTML, UnexpectedAnswer, "413: a web page"),
    (
        422,
        body({"detail": [{"type": "missing", "loc": ["body", "data"], "msg": "Field required"}]}),
        JSON,
        UnexpectedAnswer,
        "Field required",
    ),
    (429, b"slow down", TEXT, RateLimited, "Too many requests: slow down"),
    (500, TRACEBACK.encode(), TEXT, UnexpectedAnswer, "500: KeyError: 999"),
    (500, GROUP.encode(), TEXT, UnexpectedAnswer, "500: gradio.route_utils.FnIndexInferError: Could not"),
    (500, b"Internal Server Error", TEXT, UnexpectedAnswer, "500: Internal Server Error"),
    (500, b"", {}, UnexpectedAnswer, "500: no message"),
    (500, body({"error": None}), JSON, SpaceError, "does not say why"),
    (500, body({"error": "boom", "visible": True}), JSON, SpaceError, "The Space says: boom"),
    (500, body({"error": ["odd", 1]}), JSON, SpaceError, "['odd', 1]"),
    (500, body({"error": TRACEBACK}), JSON, SpaceError, "The Space says: KeyError: 999"),
    (
        500,
        body({"error": "Cannot move x because it was not uploaded by a user."}),
        JSON,
        UploadLost,
        "no longer holds",
    ),
    (
        500,
        body({"error": "No GPU was available", "title": "ZeroGPU client error"}),
        JSON,
        NoGpuAvailable,
        "No GPU",
    ),
    (500, b"[" * 100_000, JSON, UnexpectedAnswer, "500: [[["),
    (500, b"\xff\xfe", TEXT, UnexpectedAnswer, "500: \ufffd"),
    (502, b"<html>Bad Gateway</html>", HTML, SpaceBusy, "a web page"),
    (503, body({"detail": "Queue is full. Max size is 2 and size is 2."}), JSON, QueueFull, "Max size is 2"),
    (503, body({"detail": "Queue is stopped."}), JSON, SpaceBusy, "Queue is stopped"),
    (503, b"Your space is in error, check its status on hf.co", TEXT, SpaceBusy, "in error"),
    (504, b"upstream timed out", TEXT, SpaceBusy, "upstream timed out"),
    (418, body("a teapot"), JSON, UnexpectedAnswer, "teapot"),
    (302, b"", {}, UnexpectedAnswer, "302: no message"),
]


@pytest.mark.parametrize(("status", "sent", "headers", "kind", "message"), STATUSES)
def test_an_http_answer_tells_what_failed(
    status: int, sent: bytes, headers: dict[str, str], kind: type[Phi4Error], message: str
) -> None:
    """Each status, with the bodies that Gradio and the proxies before it send, is an error of its own."""
    error = from_response(status, sent, headers)

    assert type(error) is kind
    assert error.status == status
    assert message in error.what
    assert "Traceback" not in str(error)
    assert "site-packages" not in str(error)


@pytest.mark.parametrize(
    ("header", "retry_after"),
    {
        "55": 55.0,
        "0": 1.0,
        "": None,
        "1.5": 1.5,
        "Wed, 21 Oct 2015 07:28:00 GMT": 1.0,
        "Fri, 31 Dec 9999 23:59:59 GMT": 1e9,
        "-3": None,
        "\N{ARABIC-INDIC DIGIT ONE}": None,
        "9" * 400: 1e9,
    }.items(),
)
@pytest.mark.parametrize("status", [429, 502, 503])
def test_retry_after_is_passed_on_in_seconds(status: int, header: str, retry_after: float | None) -> None:
    """A server's Retry-After is kept, be it a number of seconds or a date, and is never nought."""
    assert from_response(status, b"", {"retry-after": header}).retry_after == retry_after


def test_an_upload_of_too_many_files_tells_the_limit() -> None:
    """A server that counts them says how many it takes."""
    words = b'{"detail":"Too many files. Maximum number of files is 1000."}'
    error = from_response(400, words, JSON, sent="files")

    assert isinstance(error, TooManyFiles)
    assert (error.limit, error.status) == (1000, 400)
    assert type(from_response(400, words, JSON, sent="text")) is UnexpectedAnswer


@pytest.mark.parametrize(
    ("sent", "kind", "what"), [("files", FileTooLarge, "upload"), ("text", PromptTooLong, "prompt")]
)
@pytest.mark.parametrize(
    ("body", "limit", "words"),
    [
        (b"File size exceeded maximum allowed size of 1024 bytes.", 1024, "File size exceeded"),
        (b"Request body exceeded maximum allowed size of 9 bytes.", 9, "Request body exceeded"),
        (b"maximum allowed size of " + b"9" * 5_000 + b" bytes", None, "maximum"),
        (b"<html><h1>413 Request Entity Too Large</h1>nginx</html>", None, "413 Request Entity Too Large"),
        (b"", None, "no message"),
    ],
)
def test_what_is_too_large_is_what_was_sent(
    sent: Content,
    kind: type[FileTooLarge | PromptTooLong],
    what: str,
    body: bytes,
    limit: int | None,
    words: str,
) -> None:
    """Files or text, by what was in the request; the limit is read where it stands (gradio 6665)."""
    error = from_response(413, body, {}, sent=sent)

    assert isinstance(error, kind)
    assert (error.limit, error.status) == (limit, 413)
    assert error.what.startswith(f"The server refused the {what} because of its size: {words}")
    assert ("image" in str(error)) == (sent == "files")


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "  a word \n": "a word",
        '<a href="https://x">Sign up</a> &amp; see': "Sign up & see",
        "a <br/>b<!-- c -->": "a b",
        "if a < b and c > d": "if a < b and c > d",
        "write <|tool_call|> or <3": "write <|tool_call|> or <3",
        "\x1b[31mred\x1b[0m\x07": "[31mred[0m",
        "&#27;[2J&lt;b&gt;": "[2J",
        "line\n\ttwo": "line\n\ttwo",
        f"Error: {TRACEBACK}": "Error: KeyError: 999",
        "Traceback (most recent call last):": "",
    }.items(),
)
def test_plain_text_is_fit_to_be_shown(text: str, expected: str) -> None:
    """Markup, control characters and tracebacks are taken out, and nothing else."""
    assert strip_markup(text) == expected


@given(
    st.text(max_size=2000)
    | st.lists(
        st.sampled_from(["Traceback (most recent call last)", ":\n", "<b", ">", "\x1b", "| ", "x" * 300]),
        max_size=9,
    ).map("".join)
)
def test_nothing_a_server_says_is_too_much(text: str) -> None:
    """Whatever a server says, what is shown is short, has no traceback, and nothing a terminal obeys."""
    result = strip_markup(text)

    assert len(result) <= LONGEST
    assert "Traceback (most recent" not in result
    assert all(character.isprintable() or character in "\n\t" or character > "\x9f" for character in result)


numbers = st.integers(0, 10**12) | st.integers(10**300, 10**301)


@given(
    st.builds(
        "exceeded your GPU quota ({}s requested vs. {}s left). Try again in {} days, {}:00:00".format,
        numbers,
        numbers,
        numbers,
        numbers,
    )
    | st.text(),
    st.none() | st.sampled_from(["ZeroGPU quota exceeded", "ZeroGPU queue timeout", "Error"]),
    st.integers(300, 599),
)
def test_no_words_of_a_server_break_the_reading(text: str, title: str | None, status: int) -> None:
    """Whatever numbers and words a server makes up, an error of this package comes out, with sane times."""
    answers = (
        from_handler(strip_markup(text), title),
        from_response(status, json.dumps({"error": text, "title": title}).encode(), JSON),
        from_response(status, text.encode("utf-8", "replace"), {"retry-after": "9" * 9}),
    )

    for error in answers:
        assert isinstance(error, Phi4Error)
        assert error.retry_after is None or 1.0 <= error.retry_after < 1e10
