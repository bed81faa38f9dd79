"""phi4_space's errors as langchain-core's, too. Knows both error trees; no model, no message, no tool.

Retry middleware asks `ModelError.is_retryable`, fallbacks name core's kinds, and traces look for
`.response`. An error that leaves ChatPhi4 answers all three, and stays what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from langchain_core.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
    OutputParserException,
)

from phi4_space import (
    AuthenticationFailed,
    ConnectionFailed,
    ContractNotMet,
    DeadlineExceeded,
    GpuAborted,
    InvalidInput,
    Phi4Error,
    QuotaExceeded,
    RateLimited,
    ResponseFormatNotMet,
    SpaceBusy,
    SpaceError,
    SpaceNotFound,
    SpaceUnavailable,
    StreamLost,
    ToolChoiceNotMet,
    TurnCancelled,
    UnexpectedAnswer,
    UploadRefused,
)

_Bases = tuple[type[Phi4Error], type[ModelError]]
_FORBIDDEN = 403


class OutputNotMet(ModelError, OutputParserException):
    """The model answered, and not in the form that was asked for.

    Structured output raises core's `OutputParserException` where a parser fails; code that catches it catches
    the client's own failure to get JSON or a call as well. Made without its `__init__`, which would change
    the error's text; its attributes `observation`, `llm_output` and `send_to_llm` are there.
    """


# The first of an error's classes that is listed decides; core keys its kinds to the usual HTTP status.
_KINDS: Mapping[type[Phi4Error], type[ModelError]] = {
    InvalidInput: ModelInvalidRequestError,
    SpaceNotFound: ModelNotFoundError,
    SpaceUnavailable: ModelAPIError,
    RateLimited: ModelRateLimitError,
    SpaceBusy: ModelAPIError,
    QuotaExceeded: ModelRateLimitError,
    GpuAborted: ModelAPIError,
    AuthenticationFailed: ModelAuthenticationError,
    ContractNotMet: ModelNotFoundError,
    UploadRefused: ModelAPIError,
    SpaceError: ModelAPIError,
    ConnectionFailed: ModelConnectionError,
    StreamLost: ModelConnectionError,
    DeadlineExceeded: ModelTimeoutError,
    TurnCancelled: ModelAPIError,
    UnexpectedAnswer: ModelAPIError,
    ResponseFormatNotMet: OutputNotMet,
    ToolChoiceNotMet: OutputNotMet,
    Phi4Error: ModelError,
}


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response, in the shape in which langchain-core's traces look for it.

    Attributes:
        status_code: Its status.
        body: What the error says about it.
    """

    status_code: int
    body: Mapping[str, object]

    def json(self) -> Mapping[str, object]:
        """The body."""
        return self.body


@contextmanager
def as_langchain_errors() -> Iterator[None]:
    """Makes each Phi4Error that leaves its body the matching error of langchain-core as well.

    The error stays the same object, so that its text, fields, cause, notes and traceback are untouched. It
    goes around the body of a function or generator, synchronous or not, and may be nested.
    """
    try:
        yield
    except Phi4Error as error:
        if not isinstance(error, ModelError):
            error.__class__ = _merged_class((type(error), _kind_of(error)))
            vars(error).update(_core_fields(error))
        raise


def _kind_of(error: Phi4Error) -> type[ModelError]:
    if isinstance(error, AuthenticationFailed) and error.status == _FORBIDDEN:
        return ModelPermissionDeniedError
    return next(_KINDS[one] for one in type(error).__mro__ if one in _KINDS)


def _core_fields(error: Phi4Error) -> dict[str, object]:
    """The attributes that core and its users look for on such an error, where they have a value."""
    fields: dict[str, object] = {}
    if isinstance(error, OutputNotMet):
        fields |= {"observation": error.what, "llm_output": error.partial_text, "send_to_llm": False}
    if error.status is not None:
        names = ("what", "advice", "space", "step", "retry_after", "partial_text")
        body = {"error": type(error).__name__, **{name: getattr(error, name) for name in names}}
        fields["response"] = Response(error.status, {name: value for name, value in body.items() if value})
    return fields


@cache
def _merged_class(bases: _Bases) -> type[Phi4Error]:
    """A class that is both, made at run time, so that this room need not list each error."""
    ours, _ = bases
    fields = {
        "__module__": ours.__module__,  # a traceback names it as it would without us
        "__doc__": ours.__doc__,
        "__reduce__": _reduced,
        "is_retryable": ours.retryable,
    }
    return type(ours.__name__, bases, fields)


def _reduced(error: Phi4Error) -> tuple[object, ...]:
    """How to pickle an error whose class no module holds."""
    return _revived, (type(error).__bases__, error.args), vars(error)


def _revived(bases: _Bases, args: tuple[object, ...]) -> Phi4Error:
    error = (both := _merged_class(bases)).__new__(both)  # no __init__: its fields come back as they were
    error.args = args
    return error
