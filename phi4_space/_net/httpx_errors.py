"""httpx's exceptions and HTTP statuses, translated into this package's errors. Knows no Gradio.

No foreign exception gets out, and nothing that does contains a credential: neither its message, nor its
causes, nor the local variables of the frames in its traceback.
"""

from __future__ import annotations

import sys
import traceback
from types import TracebackType

import httpx

from phi4_space._errors import (
    ConnectionFailed,
    DeadlineExceeded,
    InvalidOption,
    Phi4Error,
    Step,
    StreamLost,
    UnexpectedAnswer,
)
from phi4_space._net import certificates
from phi4_space._net.error_mapping import Content, from_response, strip_markup
from phi4_space._net.proxies import NOWHERE, Route
from phi4_space._net.redaction import Redaction
from phi4_space._timeouts import Timeouts

_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"
_NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)


class ErrorTranslation:
    """Translates what a `with` block raises into this package's errors.

    Cancellation, interrupts and MemoryError pass unchanged. So do RuntimeErrors, which come from the caller's
    loop or client.

    Args:
        step: The step that the block carries out.
        space: The server, as errors name it.
        timeouts: The timeouts that apply to it.
        redaction: Removes credentials from whatever is raised.
        route: The way to it.
    """

    def __init__(
        self,
        step: Step,
        *,
        space: str,
        timeouts: Timeouts,
        redaction: Redaction,
        route: Route = NOWHERE,
    ) -> None:
        self._step = step
        self._space = space
        self._timeouts = timeouts
        self._redaction = redaction
        self._route = route

    def __enter__(self) -> None:
        self._outer = sys.exception()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if exc is None or isinstance(exc, GeneratorExit):
            return
        error = _translate(exc, self._step, self._timeouts)
        if error is None or error is exc:
            self._redaction.error(exc, outer=self._outer)
        if error is None:
            return
        error.locate(step=self._step, space=self._space)
        if isinstance(exc, _NO_CONNECTION):
            error.advice = f"{error.advice} {self._route.describe()}".rstrip()
        if error is not exc:
            error.__cause__ = exc
            self._redaction.error(error, outer=self._outer)
            raise error from error.__cause__  # which the redaction may have dropped


def _translate(  # noqa: C901, PLR0911, PLR0912 - a table of foreign errors, one row each
    exc: BaseException, step: Step, timeouts: Timeouts
) -> Phi4Error | None:
    """This package's error for an exception; None for one that passes unchanged."""
    message = str(exc) or type(exc).__name__
    match exc:
        case Phi4Error():
            return exc
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return _deadline("connect", timeouts, "No connection was made")
        case httpx.TimeoutException() if step == "get":
            return _deadline("idle", timeouts, "The Space sent nothing")
        case httpx.TimeoutException():
            return _deadline("request", timeouts, "There was no response")
        case httpx.ProxyError():
            return ConnectionFailed(f"The proxy made no connection: {message}")
        case httpx.ConnectError() if _UNTRUSTED in message:
            return ConnectionFailed(f"The connection failed: {message}", advice=certificates.advice())
        case httpx.ConnectError():
            return ConnectionFailed(f"The connection failed: {message}")
        case httpx.UnsupportedProtocol() | httpx.InvalidURL():
            return InvalidOption(f"No request can be sent to that URL: {message}")
        case httpx.LocalProtocolError():  # its message may repeat a header, and with it a credential
            return InvalidOption("The request is not valid HTTP")
        case httpx.TransportError() | OSError() if step == "get":
            return StreamLost(f"The response stream broke off: {message}")
        case httpx.TransportError() | OSError():
            return ConnectionFailed(f"The connection was lost: {message}")
        case httpx.HTTPError() | httpx.CookieConflict() | httpx.StreamError():
            return UnexpectedAnswer(f"The response cannot be read: {message}")
        case MemoryError():
            return None
        case RuntimeError() if not isinstance(exc, RecursionError):
            return None  # a closed client, or a loop of another kind: the caller's fault, not the server's
        case Exception():
            return _unexpected(exc)
        case _:
            return None


def _unexpected(exc: Exception) -> UnexpectedAnswer:
    """The error for an exception that nobody expected a server's bytes to cause."""
    error = UnexpectedAnswer(f"The response cannot be read: {type(exc).__name__}: {strip_markup(str(exc))}")
    *_, (frame, line) = traceback.walk_tb(exc.__traceback__)
    error.add_note(f"Raised in {frame.f_code.co_qualname}, line {line} of {frame.f_code.co_filename}.")
    return error


def _deadline(which: str, timeouts: Timeouts, what: str) -> DeadlineExceeded:
    seconds: float | None = getattr(timeouts, which)
    # Without a timeout of ours it was one of the system's.
    message = what if seconds is None else f"{what} within {seconds:g} s"
    return DeadlineExceeded(message, which=which, seconds=seconds)


def check(response: httpx.Response, body: bytes = b"", *, sent: Content = "nothing") -> None:
    """Raises the error for a response other than a success.

    Args:
        response: The response.
        body: Its body; not needed for a redirect.
        sent: What the request's body held.

    Raises:
        Phi4Error: It is not a success; the class says which failure it is.
    """
    if response.has_redirect_location:
        # A redirect is not followed: httpx would send the token's header to whatever host it names.
        target = response.url.join(response.headers["location"])
        raise UnexpectedAnswer(
            f"The server redirects to {target.scheme}://{target.netloc.decode()}",
            advice="If you trust that URL, use it as the Space's.",
            status=response.status_code,
        )
    if not response.is_success:
        raise from_response(response.status_code, body, response.headers, sent=sent)
