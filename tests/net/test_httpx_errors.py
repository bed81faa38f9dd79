"""httpx's exceptions and HTTP statuses become this package's errors, without any secret."""

from __future__ import annotations

import asyncio
import ssl

import httpx
import httpx_sse
import pytest
from foreign import FOREIGN, made

from phi4_space._errors import (
    ConnectionFailed,
    DeadlineExceeded,
    InvalidOption,
    Phi4Error,
    SpaceError,
    Step,
    StreamLost,
    UnexpectedAnswer,
)
from phi4_space._net.httpx_errors import ErrorTranslation, check
from phi4_space._net.redaction import Redaction
from phi4_space._timeouts import Timeouts

TIMEOUTS = Timeouts(connect=1, request=2, idle=3)
URL = "https://phi.example/config"
NOTHING = Redaction(())

# (what httpx raises, at which step, what it means, the timeout that ran out)
MEANINGS: list[tuple[type[Exception], Step, type[Phi4Error], str | None]] = [
    (httpx.ConnectTimeout, "get", DeadlineExceeded, "connect"),
    (httpx.ConnectTimeout, "post", DeadlineExceeded, "connect"),
    (httpx.PoolTimeout, "post", DeadlineExceeded, "connect"),
    (httpx.ReadTimeout, "get", DeadlineExceeded, "idle"),
    (httpx.ReadTimeout, "predict", DeadlineExceeded, "request"),
    (httpx.WriteTimeout, "upload", DeadlineExceeded, "request"),
    (httpx.ProxyError, "connect", ConnectionFailed, None),
    (httpx.ConnectError, "get", ConnectionFailed, None),
    (httpx.ConnectError, "connect", ConnectionFailed, None),
    (httpx.ReadError, "get", StreamLost, None),
    (httpx.ReadError, "predict", ConnectionFailed, None),
    (httpx.WriteError, "upload", ConnectionFailed, None),
    (httpx.CloseError, "post", ConnectionFailed, None),
    (httpx.RemoteProtocolError, "get", StreamLost, None),
    (httpx.RemoteProtocolError, "post", ConnectionFailed, None),
    (httpx.LocalProtocolError, "get", InvalidOption, None),
    (httpx.UnsupportedProtocol, "connect", InvalidOption, None),
    (httpx.InvalidURL, "connect", InvalidOption, None),
    (httpx.DecodingError, "connect", UnexpectedAnswer, None),
    (httpx.TooManyRedirects, "connect", UnexpectedAnswer, None),
    (httpx.CookieConflict, "connect", UnexpectedAnswer, None),
    (httpx_sse.SSEError, "get", StreamLost, None),
    (OSError, "get", StreamLost, None),
    (ConnectionResetError, "post", ConnectionFailed, None),
    (ssl.SSLError, "predict", ConnectionFailed, None),
]
UNFORESEEN: list[Exception] = [
    ValueError("cannot convert float NaN to integer"),
    OverflowError("cannot convert float infinity to integer"),
    RecursionError("maximum recursion depth exceeded"),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    UnicodeDecodeError("utf-8", b"\xff" * 9000, 0, 1, "invalid start byte"),
    TypeError("unhashable type: 'dict'"),
    AssertionError(),
    LookupError("unknown encoding: klingon"),
    KeyError("props"),
    ZeroDivisionError("division by zero"),
    ExceptionGroup("two", [ValueError("one"), TypeError("another")]),
]


def translation(
    step: Step = "get", timeouts: Timeouts = TIMEOUTS, redaction: Redaction = NOTHING
) -> ErrorTranslation:
    """A translation of errors."""
    return ErrorTranslation(step, space="owner/name", timeouts=timeouts, redaction=redaction)


def crossing(exc: BaseException, step: Step = "get", timeouts: Timeouts = TIMEOUTS) -> Phi4Error:
    """What is raised in place of the exception."""
    with pytest.raises(Phi4Error) as caught, translation(step, timeouts):
        raise exc
    return caught.value


def test_a_certificate_that_is_not_trusted_has_advice_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable that decides it is named, and no other failure to connect speaks of certificates."""
    monkeypatch.setenv("SSL_CERT_FILE", "/a.pem")

    untrusted = crossing(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"), "connect")
    refused = crossing(httpx.ConnectError("refused"), "connect")

    assert "SSL_CERT_FILE='/a.pem'" in untrusted.advice
    assert "SSL_CERT_FILE" not in refused.advice


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("step", ["get", "post"])
def test_no_foreign_exception_gets_out(kind: type[Exception], step: Step) -> None:
    """Every exception that httpx and httpx-sse have becomes one of ours, which names its cause and place."""
    foreign = made(kind)

    error = crossing(foreign, step)

    assert error.__cause__ is foreign
    assert (error.step, error.space) == (step, "owner/name")
    assert not isinstance(error, RuntimeError)


@pytest.mark.parametrize(("kind", "step", "meaning", "which"), MEANINGS)
def test_foreign_errors_mean_something(
    kind: type[Exception], step: Step, meaning: type[Phi4Error], which: str | None
) -> None:
    """What a foreign error means depends on the step, and a timeout names the setting that ran out."""
    error = crossing(made(kind), step)

    assert type(error) is meaning
    assert getattr(error, "which", None) == which
    assert getattr(error, "seconds", None) == (getattr(TIMEOUTS, which) if which else None)
    assert not which or error.what.endswith(f"within {getattr(TIMEOUTS, which)} s")


def test_a_timeout_of_the_systems_own_needs_no_setting() -> None:
    """The system gives up on a connection by itself; with no timeout set that is told without a number."""
    error = crossing(made(httpx.ConnectTimeout), timeouts=Timeouts(connect=None))

    assert isinstance(error, DeadlineExceeded)
    assert error.what == "No connection was made"
    assert error.seconds is None


def test_an_error_without_words_is_told_by_its_name() -> None:
    """Errors of httpx are often empty; then the class says what happened."""
    assert "ReadError" in crossing(httpx.ReadError("")).what


def test_our_own_errors_learn_their_place() -> None:
    """An error of this package crosses as it is, and learns the place where that is not known yet."""
    error, placed = SpaceError("It broke"), SpaceError("It broke")
    placed.locate(step="upload", space="other/space")

    assert crossing(error) is error
    assert (error.step, error.space) == ("get", "owner/name")
    assert crossing(placed) is placed
    assert (placed.step, placed.space) == ("upload", "other/space")


@pytest.mark.parametrize(
    "kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, MemoryError, RuntimeError, GeneratorExit]
)
def test_what_is_nobodys_passes(kind: type[BaseException]) -> None:
    """Interrupts, cancellation, want of memory, and loops or clients that are closed are not dressed up."""
    nobodys = kind()

    with pytest.raises(kind) as caught, translation():
        raise nobodys

    assert caught.value is nobodys


@pytest.mark.parametrize("foreign", UNFORESEEN, ids=repr)
@pytest.mark.parametrize("step", ["connect", "get"])
def test_what_nobody_thought_of_is_an_unexpected_answer(foreign: Exception, step: Step) -> None:
    """Whatever else a server's bytes make Python raise gets a name of ours, and a note of where that was."""
    error = crossing(foreign, step)

    assert type(error) is UnexpectedAnswer
    assert error.what.startswith(f"The response cannot be read: {type(foreign).__name__}")
    assert error.__cause__ is foreign
    assert len(repr(foreign)) < 1000
    assert any(__file__ in note for note in error.__notes__)


def test_a_redirect_to_nowhere_is_an_unexpected_answer() -> None:
    """A 3xx without a place to go is told by its number."""
    with pytest.raises(UnexpectedAnswer, match="answered with HTTP status 304"):
        check(httpx.Response(304, request=httpx.Request("GET", URL)))
