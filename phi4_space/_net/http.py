"""The border to httpx: what it raises, and what a status means, in this package's errors. Knows no Gradio.

Nothing foreign gets out, and nothing that crosses tells a credential: neither its words nor its causes do,
nor the locals of the frames below.
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
from phi4_space._net.error_mapping import from_response, plain
from phi4_space._net.redaction import Redaction
from phi4_space._timeouts import Timeouts


def to_httpx(timeouts: Timeouts, *, read: float | None) -> httpx.Timeout:
    """The timeouts of one request whose answer may take `read` seconds between two pieces."""
    return httpx.Timeout(read, connect=timeouts.connect, pool=timeouts.connect)


class Border:
    """Lets nothing foreign out of a `with` block but what is nobody's: cancellation, interrupts, no memory.

    Args:
        step: What is done inside.
        space: Whom it is done with.
        timeouts: How long it may take.
        redaction: Cuts credentials out of all that crosses.
    """

    def __init__(self, step: Step, *, space: str, timeouts: Timeouts, redaction: Redaction) -> None:
        self._step = step
        self._space = space
        self._timeouts = timeouts
        self._redaction = redaction

    def __enter__(self) -> None:
        self._outer = sys.exception()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if exc is None or isinstance(exc, GeneratorExit):
            return
        error = _meaning(exc, self._step, self._timeouts)
        if error is None or error is exc:
            self._redaction.error(exc, outer=self._outer)
        if error is None:
            return
        error.locate(step=self._step, space=self._space)
        if error is not exc:
            error.__cause__ = exc
            self._redaction.error(error, outer=self._outer)
            raise error from error.__cause__  # which the redaction may have dropped


def _meaning(  # noqa: C901, PLR0911, PLR0912 - a table of foreign errors, one row each
    exc: BaseException, step: Step, timeouts: Timeouts
) -> Phi4Error | None:
    """The error of ours for what came to the border; None for what passes it as it is."""
    told = str(exc) or type(exc).__name__
    match exc:
        case Phi4Error():
            return exc
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return _deadline("connect", timeouts, "There was no connection")
        case httpx.TimeoutException() if step == "get":
            return _deadline("idle", timeouts, "The Space said nothing")
        case httpx.TimeoutException():
            return _deadline("request", timeouts, "There was no answer")
        case httpx.ProxyError():
            return ConnectionFailed(f"The proxy let nothing through: {told}", advice="Check the proxy's URL.")
        case httpx.ConnectError():
            return ConnectionFailed(f"There is no connection: {told}")
        case httpx.UnsupportedProtocol() | httpx.InvalidURL():
            return InvalidOption(f"That URL cannot be asked: {told}")
        case httpx.LocalProtocolError():  # whose words may repeat a header, and with it a credential
            return InvalidOption("The request cannot be written in HTTP")
        case httpx.TransportError() | OSError() if step == "get":
            return StreamLost(f"The answer's stream broke off: {told}")
        case httpx.TransportError() | OSError():
            return ConnectionFailed(f"The connection broke off: {told}")
        case httpx.HTTPError() | httpx.CookieConflict() | httpx.StreamError():
            return UnexpectedAnswer(f"The answer cannot be read: {told}")
        case MemoryError():
            return None
        case RuntimeError() if not isinstance(exc, RecursionError):
            return None  # a client that is closed, a loop of another kind: the caller's, not the server's
        case Exception():
            return _unforeseen(exc)
        case _:
            return None


def _unforeseen(exc: Exception) -> UnexpectedAnswer:
    """The error for what nobody thought that a server's bytes could cause."""
    error = UnexpectedAnswer(f"The answer cannot be read: {type(exc).__name__}: {plain(str(exc))}")
    *_, (frame, line) = traceback.walk_tb(exc.__traceback__)
    error.add_note(f"Noticed in {frame.f_code.co_qualname}, line {line} of {frame.f_code.co_filename}.")
    return error


def _deadline(which: str, timeouts: Timeouts, what: str) -> DeadlineExceeded:
    seconds: float | None = getattr(timeouts, which)
    told = what if seconds is None else f"{what} for {seconds:g} s"  # the system has timeouts of its own
    return DeadlineExceeded(told, which=which, seconds=seconds)


def check(response: httpx.Response, body: bytes = b"") -> None:
    """Raises what an answer other than a success means.

    Args:
        response: The answer; of a redirect no body is needed.
        body: Its body.

    Raises:
        Phi4Error: It is no success; the class says which failure it is.
    """
    if response.has_redirect_location:
        # A redirect is not followed: httpx would carry the token's header to whatever host it names.
        target = response.url.join(response.headers["location"])
        raise UnexpectedAnswer(
            f"The server sends one on to {target.scheme}://{target.netloc.decode()}",
            advice="Use that URL as the Space's, if you trust it.",
            status=response.status_code,
        )
    if not response.is_success:
        raise from_response(response.status_code, body, response.headers)
