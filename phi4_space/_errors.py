"""Every failure that a caller may want to distinguish. Knows no wire, no framework, no I/O.

::

    Phi4Error
    ├── InvalidInput            the input cannot be sent; nothing was sent (also a ValueError)
    │   ├── EmptyPrompt             no text and no media
    │   ├── InvalidOption           an unknown or invalid argument (also a TypeError)
    │   ├── InvalidSpaceName        neither "owner/name" nor an http(s) URL
    │   ├── InvalidConversation     JSON that is not a saved conversation
    │   ├── MediaNotReadable        a file that is missing, empty or broken
    │   ├── UnsupportedContent      content that Phi-4 does not accept, such as video or PDF
    │   ├── UrlRefused              a URL that the fetch policy does not allow, or that failed to load
    │   ├── FileTooLarge            a file larger than the Space accepts
    │   ├── PromptTooLong           a prompt, or a chat, larger than the Space accepts
    │   └── TooManyFiles            more files than one turn may have
    ├── SpaceUnavailable        the Space is not running
    │   ├── SpaceNotFound           there is no such Space, or it is private
    │   ├── SpaceNotReady           it is asleep, building or starting; waiting helps
    │   ├── SpacePaused             its owner paused it
    │   └── SpaceBroken             it failed to build or to run
    ├── SpaceBusy               the Space is running, but has no capacity now; waiting helps
    │   ├── QueueFull               its queue is full
    │   ├── RateLimited             too many requests from here
    │   └── NoGpuAvailable          ZeroGPU had no GPU free in time
    ├── QuotaExceeded           the GPU seconds of this account are used up
    ├── GpuAborted              the GPU task was aborted
    ├── AuthenticationFailed    the token or login was refused
    ├── ContractNotMet          it is not a chat Space that this client knows
    ├── UploadRefused           the Space did not accept the files
    │   └── UploadLost              the Space no longer has a file that was uploaded
    ├── SpaceError              the Space's own code failed
    ├── ConnectionFailed        no connection to the Space
    ├── StreamLost              the response stream broke off
    ├── DeadlineExceeded        one of the timeouts ran out (also a TimeoutError)
    ├── TurnCancelled           the job was cancelled on the Space
    ├── UnexpectedAnswer        the server answered in a way that Gradio does not
    │   └── LimitExceeded           it sent more than `Limits` allows
    ├── ToolChoiceNotMet        the model did not call the tool that it had to call
    ├── ResponseFormatNotMet    the answer is not the JSON that was asked for
    ├── BlockingCallRefused     a synchronous method was called where it would wait for itself
    └── LoopNotSupported        an asynchronous method was called where asyncio's loop does not run

None of them is a RuntimeError, which frameworks catch for reasons of their own. `OptionIgnored` is a warning,
and not part of the tree.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import ClassVar, Literal, Self

from phi4_space._synonyms import advice as synonym_advice

_MAX_MESSAGE = 2_000  # characters


def shortened(text: str, longest: int = 600) -> str:
    """A text of any length, as an error message shows it."""
    return text if len(text) <= longest else f"{text[:longest]}…"


Step = Literal["prepare", "fetch", "connect", "upload", "predict", "post", "get", "status"]
"""Where in a turn something failed; `predict`, `post` and `get` are the three requests of a turn."""


class Phi4Error(Exception):
    """The base class of everything that this package raises.

    Attributes:
        what: What happened, in one sentence.
        advice: What to do about it, in one sentence.
        step: The step of the turn that failed, if it was one.
        space: The Space, as its URL or "owner/name".
        status: The HTTP status, if the error is about a response.
        retry_after: Seconds to wait before trying again, if known.
        partial_text: The part of the answer that had arrived.
        retryable: Whether the same turn may succeed when it is sent again (a class attribute).
    """

    retryable: ClassVar[bool] = False
    usual_advice: ClassVar[str] = ""

    def __init__(
        self,
        what: str,
        *,
        advice: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        what = shortened(what, _MAX_MESSAGE)  # it may quote what a server sent
        super().__init__(what)
        self.what = what
        self.advice = self.usual_advice if advice is None else advice
        self.status = status
        self.retry_after = retry_after
        self.step: Step | None = None
        self.space: str | None = None
        self.partial_text = ""

    def locate(self, *, step: Step, space: str) -> None:
        """Notes where it happened, unless that was noted before."""
        self.step = self.step or step
        self.space = self.space or space

    def __str__(self) -> str:
        """What happened, where, and what to do."""
        where = ", ".join(
            part for part in (self.space and f"Space {self.space}", self.step and f"step {self.step}") if part
        )
        sentence = f"{self.what.rstrip('.')} [{where}]." if where else f"{self.what.rstrip('.')}."
        return f"{sentence} {self.advice}".rstrip()


class InvalidInput(Phi4Error, ValueError):
    """The input cannot be sent. Nothing was sent."""


class OptionIgnored(UserWarning):
    """The Space does not support an option that was passed; the option is ignored."""


class EmptyPrompt(InvalidInput):
    """There is neither text nor media."""

    usual_advice = "Pass a question, an image or audio."


class InvalidOption(InvalidInput, TypeError):
    """An unknown or invalid argument of a constructor or call."""

    @classmethod
    def unknown(cls, name: str, known: Collection[str], *, what: str) -> Self:
        """The error for an unknown argument; it suggests the most similar one.

        Where another client has an argument of that name, it says what that is called here.

        Args:
            name: The argument.
            known: The arguments that are accepted.
            what: The function or class that it was passed to.
        """
        near = difflib.get_close_matches(name, known, n=1)
        usual = f"Did you mean {near[0]}?" if near else f"It takes {', '.join(sorted(known))}."
        return cls(f"{what} takes no argument {name!r}", advice=synonym_advice(name, known) or usual)


class InvalidSpaceName(InvalidInput):
    """Neither "owner/name" nor an http(s) URL."""

    usual_advice = 'Write "owner/name", as on huggingface.co/spaces, or the URL of a running Space.'


class InvalidConversation(InvalidInput):
    """JSON that is not a saved conversation."""

    usual_advice = "Pass what Conversation.to_json() returned, unchanged."


class MediaNotReadable(InvalidInput):
    """A file is missing, empty or broken."""


class UnsupportedContent(InvalidInput):
    """Content that Phi-4 does not accept, such as video or PDF."""

    usual_advice = (
        "Phi-4 accepts images (jpeg, png, gif, webp, bmp, tiff) and audio (wav, mp3, flac, ogg, opus, m4a)."
    )


class UrlRefused(InvalidInput):
    """A media URL that the fetch policy does not allow, or that could not be loaded.

    Also a file of an answer that is not on its Space's own server, or not there any more.
    """

    usual_advice = "Download it yourself and pass its bytes."


class FileTooLarge(InvalidInput):
    """A file is larger than the Space accepts, as noticed here or, with a `status` of 413, by the Space.

    Attributes:
        size: Its size in bytes, if known.
        limit: The Space's limit in bytes, if known.
    """

    usual_advice = "Send a smaller image or shorter audio, or raise the limit on a Space of your own."

    def __init__(
        self,
        what: str,
        *,
        size: int | None = None,
        limit: int | None = None,
        advice: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(what, advice=advice, status=status)
        self.size = size
        self.limit = limit


class PromptTooLong(InvalidInput):
    """A prompt, or the chat that is sent with it, is larger than the Space accepts, as the Space says.

    Attributes:
        limit: The Space's limit in bytes, if known.
    """

    usual_advice = "Shorten the prompt, or the conversation and the tools that are sent with it."

    def __init__(
        self, what: str, *, limit: int | None = None, advice: str | None = None, status: int | None = None
    ) -> None:
        super().__init__(what, advice=advice, status=status)
        self.limit = limit


class TooManyFiles(InvalidInput):
    """A turn has more files than it may have.

    Attributes:
        count: How many it has, including those of earlier turns that have to be sent again.
        limit: How many it may have, if known.
    """

    usual_advice = (
        "Pass fewer files, or raise SpaceClient(max_files=...) if the Space accepts more. "
        "A conversation that has to be sent again has the files of all its turns."
    )

    def __init__(
        self, what: str, *, count: int | None = None, limit: int | None = None, status: int | None = None
    ) -> None:
        super().__init__(what, status=status)
        self.count = count
        self.limit = limit


class SpaceUnavailable(Phi4Error):
    """The Space is not running.

    Attributes:
        stage: The Hub's name for its state, such as "SLEEPING"; None for a Space outside the Hub.
    """

    def __init__(
        self,
        what: str,
        *,
        stage: str | None = None,
        advice: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what, advice=advice, status=status, retry_after=retry_after)
        self.stage = stage


class SpaceNotFound(SpaceUnavailable):
    """There is no such Space, or it is private."""

    usual_advice = (
        "Check the name on huggingface.co/spaces. For a private Space pass a token that may read it."
    )


class SpaceNotReady(SpaceUnavailable):
    """The Space is asleep, building or starting; waiting helps."""

    usual_advice = (
        'Wait and ask again, or let "phi4 doctor --wake 300" or SpaceClient.await_ready() wait for it.'
    )
    retryable = True


class SpacePaused(SpaceUnavailable):
    """The Space's owner paused it."""

    usual_advice = 'Only its owner can restart it. Run a Space of your own with "phi4 serve".'


class SpaceBroken(SpaceUnavailable):
    """The Space failed to build or to run."""

    usual_advice = 'Only its owner can repair it. Run a Space of your own with "phi4 serve".'


class SpaceBusy(Phi4Error):
    """The Space is running, but has no capacity now; waiting helps."""

    usual_advice = "Wait a little and try again."
    retryable = True


class QueueFull(SpaceBusy):
    """The Space's queue is full."""


class RateLimited(SpaceBusy):
    """Too many requests were sent from here."""

    usual_advice = "Send fewer requests, or pass a Hugging Face token for a higher limit."


class NoGpuAvailable(SpaceBusy):
    """ZeroGPU had no GPU free in time."""


class QuotaExceeded(Phi4Error):
    """The GPU seconds of this account are used up.

    Attributes:
        requested: Seconds that the turn would have needed, if known.
        left: Seconds that are left, if known.
        retry_after: Seconds until the quota is reset, if known.
    """

    usual_advice = (
        'Wait until the quota is reset, pass a token with more quota, or run your own with "phi4 serve".'
    )

    def __init__(
        self,
        what: str,
        *,
        requested: float | None = None,
        left: float | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(what, retry_after=retry_after)
        self.requested = requested
        self.left = left


class GpuAborted(Phi4Error):
    """The GPU task was aborted."""

    usual_advice = (
        "Try again. If it happens every time, the request takes more GPU time than the Space allows."
    )
    retryable = True


class AuthenticationFailed(Phi4Error):
    """The token or login was refused."""

    usual_advice = "Pass a valid Hugging Face token (token=..., or HF_TOKEN), or the cookies of a login."


class ContractNotMet(Phi4Error):
    """It is not a chat Space that this client knows, or has several chats.

    Attributes:
        missing: The endpoints that the Space lacks.
        found: The endpoints that it has.
    """

    usual_advice = (
        'Use another Space, such as one with a gr.ChatInterface, or run your own: "phi4 serve" does on your '
        'machine, and "phi4 deploy" on Hugging Face.'
    )

    def __init__(
        self,
        what: str,
        *,
        missing: tuple[str, ...] = (),
        found: tuple[str, ...] = (),
        advice: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(what, advice=advice, status=status)
        self.missing = missing
        self.found = found


class UploadRefused(Phi4Error):
    """The Space did not accept the files."""


class UploadLost(UploadRefused):
    """The Space no longer has a file that was uploaded to it."""

    usual_advice = "Try again: the file will be uploaded again."
    retryable = True


class SpaceError(Phi4Error):
    """The Space's own code failed.

    Attributes:
        title: The title that the Space gave it, such as "Error", if any.
        hidden: Whether the Space hides its message.
    """

    def __init__(
        self,
        what: str,
        *,
        title: str | None = None,
        hidden: bool = False,
        advice: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(what, advice=advice, status=status)
        self.title = title
        self.hidden = hidden


class ConnectionFailed(Phi4Error):
    """There is no connection to the Space."""

    usual_advice = "Check the address, the network and the proxy, and that the Space is running."
    retryable = True


class StreamLost(Phi4Error):
    """The response stream broke off; `partial_text` holds what had arrived."""

    usual_advice = "Try again: the answer cannot be resumed."
    retryable = True


class DeadlineExceeded(Phi4Error, TimeoutError):
    """One of the timeouts ran out.

    Attributes:
        which: The name of the timeout, a field of `Timeouts`.
        seconds: How long it was.
    """

    retryable = True

    def __init__(self, what: str, *, which: str = "", seconds: float | None = None) -> None:
        super().__init__(what, advice=f"Raise Timeouts.{which} if the Space needs more time.")
        self.which = which
        self.seconds = seconds


class TurnCancelled(Phi4Error):
    """The job was cancelled on the Space."""

    usual_advice = "Try again."


class UnexpectedAnswer(Phi4Error):
    """The server answered in a way that Gradio does not."""

    usual_advice = (
        "Check that the address is that of a Gradio Space, with its path where it is mounted under one."
    )


class LimitExceeded(UnexpectedAnswer):
    """The server sent more than `Limits` allows; what was read of it is discarded.

    Attributes:
        which: The name of the limit, a field of `Limits`.
        limit: Its value.
    """

    def __init__(
        self, what: str, *, which: str = "", limit: int | None = None, status: int | None = None
    ) -> None:
        super().__init__(
            what, advice=f"Raise Limits.{which} if you trust this Space to send that much.", status=status
        )
        self.which = which
        self.limit = limit


class ToolChoiceNotMet(Phi4Error):
    """The model did not call the tool that it had to call."""

    usual_advice = "Explain in the question what the tool is for, or let the model choose."


class ResponseFormatNotMet(Phi4Error):
    """The answer is not the JSON that was asked for; `partial_text` holds it."""

    usual_advice = "Ask for less at a time, or describe the fields in the schema."


class BlockingCallRefused(Phi4Error):
    """A synchronous method was called where it would wait for itself."""

    usual_advice = "Use the asynchronous methods (areply, astream) there."


class LoopNotSupported(Phi4Error):
    """An asynchronous method was called where asyncio's event loop does not run, as under trio."""

    usual_advice = (
        'Run it on asyncio: asyncio.run(...), or anyio.run(..., backend="asyncio"). Under trio call the '
        "synchronous method in a thread: await trio.to_thread.run_sync(space.reply, question)."
    )
