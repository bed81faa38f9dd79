"""Each error that leaves ChatPhi4: what it is besides, and what stays as it was."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import AsyncIterator, Iterator

import langchain_core.exceptions as core
import pytest
from langchain.agents.middleware._retry import default_retry_on
from langchain_core.language_models.chat_models import _generate_response_from_error

import phi4_space as p4
from langchain_phi4._errors import as_langchain_errors

KINDS: dict[type[p4.Phi4Error], type[core.LangChainException]] = {
    p4.Phi4Error: core.ModelError,
    p4.InvalidInput: core.ModelInvalidRequestError,
    p4.EmptyPrompt: core.ModelInvalidRequestError,
    p4.InvalidOption: core.ModelInvalidRequestError,
    p4.InvalidSpaceName: core.ModelInvalidRequestError,
    p4.InvalidConversation: core.ModelInvalidRequestError,
    p4.MediaNotReadable: core.ModelInvalidRequestError,
    p4.UnsupportedContent: core.ModelInvalidRequestError,
    p4.UrlRefused: core.ModelInvalidRequestError,
    p4.FileTooLarge: core.ModelInvalidRequestError,
    p4.PromptTooLong: core.ModelInvalidRequestError,
    p4.TooManyFiles: core.ModelInvalidRequestError,
    p4.SpaceUnavailable: core.ModelAPIError,
    p4.SpaceNotFound: core.ModelNotFoundError,
    p4.SpaceNotReady: core.ModelAPIError,
    p4.SpacePaused: core.ModelAPIError,
    p4.SpaceBroken: core.ModelAPIError,
    p4.SpaceBusy: core.ModelAPIError,
    p4.QueueFull: core.ModelAPIError,
    p4.RateLimited: core.ModelRateLimitError,
    p4.NoGpuAvailable: core.ModelAPIError,
    p4.QuotaExceeded: core.ModelRateLimitError,
    p4.GpuAborted: core.ModelAPIError,
    p4.AuthenticationFailed: core.ModelAuthenticationError,
    p4.ContractNotMet: core.ModelNotFoundError,
    p4.UploadRefused: core.ModelAPIError,
    p4.UploadLost: core.ModelAPIError,
    p4.SpaceError: core.ModelAPIError,
    p4.ConnectionFailed: core.ModelConnectionError,
    p4.StreamLost: core.ModelConnectionError,
    p4.DeadlineExceeded: core.ModelTimeoutError,
    p4.TurnCancelled: core.ModelAPIError,
    p4.UnexpectedAnswer: core.ModelAPIError,
    p4.LimitExceeded: core.ModelAPIError,
    p4.ResponseFormatNotMet: core.OutputParserException,
    p4.ToolChoiceNotMet: core.OutputParserException,
    p4.BlockingCallRefused: core.ModelError,
    p4.LoopNotSupported: core.ModelError,
}
PUBLIC = [
    thing
    for thing in map(vars(p4).get, p4.__all__)
    if isinstance(thing, type) and issubclass(thing, p4.Phi4Error)
]


def made(kind: type[p4.Phi4Error], *, status: int | None = None) -> p4.Phi4Error:
    """An error with all of the fields that the client fills."""
    error = kind("It failed", limit=3, count=4) if kind is p4.TooManyFiles else kind("It failed")
    error.locate(step="get", space="https://space.test")
    error.partial_text = "The answer is"
    error.retry_after = 2.5
    error.status = status
    return error


def left(error: p4.Phi4Error) -> p4.Phi4Error:
    """The error as it is after it left."""
    with pytest.raises(p4.Phi4Error) as caught, as_langchain_errors():
        raise error
    return caught.value


def test_the_table_is_whole() -> None:
    """Each error that the client raises is in the table below: a new one is placed, not forgotten."""
    assert set(PUBLIC) == set(KINDS)


@pytest.mark.parametrize("kind", PUBLIC)
def test_an_error_is_both(kind: type[p4.Phi4Error]) -> None:
    """An error is caught as its own class and as core's kind, and middleware retries what may succeed."""
    error = left(made(kind))
    assert isinstance(error, kind)
    assert isinstance(error, core.ModelError)
    assert isinstance(error, KINDS[kind])
    assert error.is_retryable == kind.retryable
    assert default_retry_on(error) == kind.retryable
    assert (type(error).__module__, type(error).__name__) == (kind.__module__, kind.__name__)
    assert type(error).__doc__ == kind.__doc__


@pytest.mark.parametrize("kind", PUBLIC)
@pytest.mark.parametrize("again", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])  # noqa: S301 - our own
def test_an_error_travels(kind: type[p4.Phi4Error], again) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - three kinds of copying
    """A copied or pickled error is of the same class, with the same text, arguments and fields."""
    error = left(made(kind, status=503))
    other = again(error)
    assert type(other) is type(error)
    assert (str(other), repr(other), other.args) == (str(error), repr(error), error.args)
    assert vars(other) == vars(error)


@pytest.mark.parametrize("kind", PUBLIC)
def test_an_error_stays_as_it_was(kind: type[p4.Phi4Error]) -> None:
    """It is the same object: text, fields, cause, notes and place of origin are untouched."""
    error = made(kind)
    error.add_note("while testing")
    before = (str(error), error.args, dict(vars(error)))
    cause = OSError("below")
    with pytest.raises(p4.Phi4Error) as caught, as_langchain_errors():
        raise error from cause
    assert caught.value is error
    assert (str(error), error.args) == before[:2]
    assert vars(error).items() >= before[2].items()
    assert error.__cause__ is cause
    assert error.__suppress_context__
    assert error.__notes__ == ["while testing"]
    assert caught.traceback[-1].name == "test_an_error_stays_as_it_was"


def test_a_forbidden_space_is_told_from_a_wrong_token() -> None:
    """403 is core's lack of permission, 401 its failed authentication; both are our AuthenticationFailed."""
    assert isinstance(left(made(p4.AuthenticationFailed, status=403)), core.ModelPermissionDeniedError)
    assert isinstance(left(made(p4.AuthenticationFailed, status=401)), core.ModelAuthenticationError)


def test_an_error_of_the_callers_own_is_placed_by_its_base() -> None:
    """A class derived from one of ours has the kind of that one."""

    class Mine(p4.QueueFull):
        """Their own."""

    assert isinstance(left(Mine("full")), core.ModelAPIError)


def test_nested_doors_change_an_error_once() -> None:
    """A door that calls another leaves the error as the inner one let it go."""
    error = left(made(p4.QueueFull))
    kind = type(error)
    assert type(left(error)) is kind
    assert type(left(made(p4.QueueFull))) is kind


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), asyncio.CancelledError()])
def test_errors_of_others_pass(error: BaseException) -> None:
    """What is no Phi4Error is not touched."""
    kind = type(error)
    with pytest.raises(kind) as caught, as_langchain_errors():
        raise error
    assert type(caught.value) is kind


def test_it_stands_around_generators() -> None:
    """Synchronous and asynchronous generators let their errors go through it, after what they yielded."""

    def numbers() -> Iterator[int]:
        with as_langchain_errors():
            yield 1
            raise p4.StreamLost("gone")

    async def anumbers() -> AsyncIterator[int]:
        with as_langchain_errors():
            yield 1
            raise p4.StreamLost("gone")

    async def drain() -> None:
        chunks = anumbers()
        assert await anext(chunks) == 1
        with pytest.raises(core.ModelConnectionError):
            await anext(chunks)

    chunks = numbers()
    assert next(chunks) == 1
    with pytest.raises(core.ModelConnectionError):
        next(chunks)
    asyncio.run(drain())


def test_it_is_a_decorator_as_well() -> None:
    """A function under it raises both kinds, each time that it is called."""

    @as_langchain_errors()
    def refuse() -> None:
        raise p4.InvalidOption("no")

    for _ in range(2):
        with pytest.raises(core.ModelInvalidRequestError):
            refuse()


def test_the_trace_learns_the_status() -> None:
    """Where an HTTP status told of the failure, core's trace holds it, with where and what it was."""
    [generation] = _generate_response_from_error(left(made(p4.RateLimited, status=429)))
    assert generation.message.response_metadata == {
        "status_code": 429,
        "body": {
            "error": "RateLimited",
            "what": "It failed",
            "advice": p4.RateLimited.usual_advice,
            "space": "https://space.test",
            "step": "get",
            "retry_after": 2.5,
            "partial_text": "The answer is",
        },
    }


def test_no_response_is_made_up() -> None:
    """Where no HTTP answer was, there is no `.response`, and the trace holds none."""
    error = left(made(p4.StreamLost))
    assert not hasattr(error, "response")
    assert _generate_response_from_error(error) == []


@pytest.mark.parametrize("kind", [p4.ResponseFormatNotMet, p4.ToolChoiceNotMet])
def test_what_was_said_instead_of_json_is_kept(kind: type[p4.Phi4Error]) -> None:
    """Who catches core's OutputParserException finds its attributes: what was said, and what is wrong."""
    error = left(made(kind))
    assert isinstance(error, core.OutputParserException)
    assert (error.llm_output, error.observation, error.send_to_llm) == ("The answer is", "It failed", False)
    assert str(error) == str(made(kind))
