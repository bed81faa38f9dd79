"""Every failure a caller may want to tell apart. Knows no wire, no framework, no I/O.

::

    Phi4Error
    ├── InvalidInput            what was handed in cannot be sent; nothing was sent (also a ValueError)
    │   ├── EmptyPrompt             no words and no media
    │   ├── InvalidOption           a mistyped or senseless argument (also a TypeError)
    │   ├── InvalidSpaceName        neither "owner/name" nor an http(s) URL
    │   ├── InvalidConversation     saved JSON that is not a conversation's
    │   ├── MediaNotReadable        a file that is missing, empty or broken
    │   ├── UnsupportedContent      a kind that Phi-4 does not take, such as video or PDF
    │   ├── UrlRefused              a URL that the fetch policy does not allow, or that failed to load
    │   ├── FileTooLarge            larger than the Space takes
    │   └── TooManyFiles            more than one turn may carry
    ├── SpaceUnavailable        the Space does not run
    │   ├── SpaceNotFound           there is none of that name, or it is private
    │   ├── SpaceNotReady           it sleeps, builds or starts; waiting helps
    │   ├── SpacePaused             its owner stopped it
    │   └── SpaceBroken             it failed to build or to run
    ├── SpaceBusy               the Space runs, and has no room now; waiting helps
    │   ├── QueueFull               its queue takes nobody more
    │   ├── RateLimited             too many requests from here
    │   └── NoGpuAvailable          ZeroGPU had none free in time
    ├── QuotaExceeded           the GPU seconds of this account are used up
    ├── GpuAborted              the GPU stopped in the middle of the work
    ├── AuthenticationFailed    the token or login was refused
    ├── ContractNotMet          the Space is not a Phi-4 Space as this client knows it
    ├── UploadRefused           the Space did not take the files
    │   └── UploadLost              the Space no longer holds a file that it took
    ├── SpaceError              the Space's own code failed
    ├── ConnectionFailed        no connection to the Space
    ├── StreamLost              the answer's stream broke off
    ├── DeadlineExceeded        one of the timeouts ran out (also a TimeoutError)
    ├── TurnCancelled           somebody cancelled the job on the Space
    ├── UnexpectedAnswer        the server answered in a way that Gradio does not
    │   └── LimitExceeded           it sent more than `Limits` allows
    ├── ToolChoiceNotMet        the model did not call the tool that it was told to call
    ├── ResponseFormatNotMet    the model's answer is not the JSON that was asked for
    └── BlockingCallRefused     a synchronous door was used from the thread that has to do the work

None derives from RuntimeError: frameworks catch that for reasons of their own. `OptionIgnored` is a warning
and stands outside the tree.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import ClassVar, Literal, Self

from phi4_space._synonyms import advice as advice_on

_LONGEST = 2_000  # characters of what happened


def shortened(text: str, longest: int = 600) -> str:
    """A text that may be of any length, as an error shows it."""
    return text if len(text) <= longest else f"{text[:longest]}…"


Step = Literal["prepare", "fetch", "connect", "upload", "predict", "post", "get", "status"]
"""Where in a turn something failed: `predict`, `post` and `get` are the three calls of one turn."""


class Phi4Error(Exception):
    """Base of everything this package raises.

    Attributes:
        what: What happened, in one sentence.
        advice: What to do about it, in one sentence.
        step: The step of the turn that failed, if it was one.
        space: The Space, as its URL or "owner/name".
        status: The HTTP status that told so, if one did.
        retry_after: Seconds after which trying again makes sense, if that is known.
        partial_text: What had arrived of the answer.
        retryable: Whether the same turn may succeed when sent again, unchanged (on the class).
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
        what = shortened(what, _LONGEST)  # it may repeat what a server sent
        super().__init__(what)
        self.what = what
        self.advice = self.usual_advice if advice is None else advice
        self.status = status
        self.retry_after = retry_after
        self.step: Step | None = None
        self.space: str | None = None
        self.partial_text = ""

    def locate(self, *, step: Step, space: str) -> None:
        """Notes where it happened, unless a room closer to it did."""
        self.step = self.step or step
        self.space = self.space or space

    def __str__(self) -> str:
        """What happened, where, and what to do."""
        where = ", ".join(
            part for part in (self.space and f"Space {self.space}", self.step and f"step {self.step}") if part
        )
        told = f"{self.what.rstrip('.')} [{where}]." if where else f"{self.what.rstrip('.')}."
        return f"{told} {self.advice}".rstrip()


class InvalidInput(Phi4Error, ValueError):
    """What was handed in cannot be sent. Nothing was sent."""


class OptionIgnored(UserWarning):
    """An option was handed in that the Space does not take; it is ignored."""


class EmptyPrompt(InvalidInput):
    """Neither words nor media."""

    usual_advice = "Give a question, a picture or a recording."


class InvalidOption(InvalidInput, TypeError):
    """A mistyped or senseless argument of a constructor or call."""

    @classmethod
    def unknown(cls, name: str, known: Collection[str], *, what: str) -> Self:
        """The error for an argument that nobody reads; it tells the nearest that somebody does.

        Where another client has an argument of that name, it tells what that is called here.

        Args:
            name: The argument.
            known: The arguments that are read.
            what: Who was given it.
        """
        near = difflib.get_close_matches(name, known, n=1)
        usual = f"Did you mean {near[0]}?" if near else f"It takes {', '.join(sorted(known))}."
        return cls(f"{what} takes no argument {name!r}", advice=advice_on(name, known) or usual)


class InvalidSpaceName(InvalidInput):
    """Neither "owner/name" nor an http(s) URL."""

    usual_advice = 'Write "owner/name", as on huggingface.co/spaces, or the URL of a running Space.'


class InvalidConversation(InvalidInput):
    """Saved JSON that is not a conversation's."""

    usual_advice = "Hand in, unchanged, what Conversation.to_json() returned."


class MediaNotReadable(InvalidInput):
    """A file that is missing, empty or broken."""


class UnsupportedContent(InvalidInput):
    """A kind of content that Phi-4 does not take, such as video or PDF."""

    usual_advice = (
        "Phi-4 takes images (jpeg, png, gif, webp, bmp, tiff) and audio (wav, mp3, flac, ogg, opus, m4a)."
    )


class UrlRefused(InvalidInput):
    """A media URL that the fetch policy does not allow, or that could not be loaded."""

    usual_advice = "Load it yourself and hand in its bytes."


class FileTooLarge(InvalidInput):
    """A file larger than the Space takes, as found out here or, with a `status` of 413, by the Space.

    Attributes:
        size: Its size in bytes, if known.
        limit: The Space's limit in bytes, if it told one.
    """

    usual_advice = "Send a smaller picture or a shorter recording, or raise the limit on a Space of your own."

    def __init__(
        self, what: str, *, size: int | None = None, limit: int | None = None, status: int | None = None
    ) -> None:
        super().__init__(what, status=status)
        self.size = size
        self.limit = limit


class TooManyFiles(InvalidInput):
    """More files than one turn may carry.

    Attributes:
        count: How many it would carry, with those of earlier turns that have to be sent again.
        limit: How many it may carry, if known.
    """

    usual_advice = (
        "Hand in fewer, or say with SpaceClient(max_files=...) that more may go; "
        "a conversation that is said again carries all of its files."
    )

    def __init__(self, what: str, *, count: int | None = None, limit: int | None = None) -> None:
        super().__init__(what)
        self.count = count
        self.limit = limit


class SpaceUnavailable(Phi4Error):
    """The Space does not run.

    Attributes:
        stage: The Hub's word for its state, such as "SLEEPING", or None where no Hub knows it.
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
    """There is no Space of that name, or it is private."""

    usual_advice = (
        "Check the name on huggingface.co/spaces; for a private Space hand in a token that may read it."
    )


class SpaceNotReady(SpaceUnavailable):
    """The Space sleeps, builds or starts; waiting helps."""

    usual_advice = (
        'Wait and ask again, or let "phi4 doctor --wake 300" or SpaceClient.await_ready() wait for it.'
    )
    retryable = True


class SpacePaused(SpaceUnavailable):
    """The Space's owner stopped it."""

    usual_advice = 'Only its owner can restart it: duplicate it, or run your own with "phi4 serve".'


class SpaceBroken(SpaceUnavailable):
    """The Space failed to build or to run."""

    usual_advice = 'Only its owner can repair it: use a duplicate, or run your own with "phi4 serve".'


class SpaceBusy(Phi4Error):
    """The Space runs, and has no room now; waiting helps."""

    usual_advice = "Wait a little and ask again."
    retryable = True


class QueueFull(SpaceBusy):
    """The Space's queue takes nobody more."""


class RateLimited(SpaceBusy):
    """Too many requests from here."""

    usual_advice = "Ask less often, or hand in a Hugging Face token for a higher limit."


class NoGpuAvailable(SpaceBusy):
    """ZeroGPU had no GPU free in time."""


class QuotaExceeded(Phi4Error):
    """The GPU seconds of this account are used up.

    Attributes:
        requested: Seconds that the turn would have needed, if told.
        left: Seconds that are left, if told.
        retry_after: Seconds until the quota is filled again, if told.
    """

    usual_advice = (
        'Wait until the quota is filled again, hand in a token with more, or run your own with "phi4 serve".'
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
    """The GPU stopped in the middle of the work."""

    usual_advice = "Ask again; if it happens each time, the request is too long for this Space's GPU time."
    retryable = True


class AuthenticationFailed(Phi4Error):
    """The token or login was refused."""

    usual_advice = "Hand in a valid Hugging Face token (token=..., or HF_TOKEN), or the cookies of a login."


class ContractNotMet(Phi4Error):
    """The Space is not a Phi-4 Space as this client knows it.

    Attributes:
        missing: The endpoints that were looked for and are not there.
        found: The endpoints that are there.
    """

    usual_advice = "Use a Space with process_message and bot_response, or run your own with phi4 serve."

    def __init__(
        self,
        what: str,
        *,
        missing: tuple[str, ...] = (),
        found: tuple[str, ...] = (),
        status: int | None = None,
    ) -> None:
        super().__init__(what, status=status)
        self.missing = missing
        self.found = found


class UploadRefused(Phi4Error):
    """The Space did not take the files."""


class UploadLost(UploadRefused):
    """The Space no longer holds a file that it took."""

    usual_advice = "Ask again: the file is uploaded anew."
    retryable = True


class SpaceError(Phi4Error):
    """The Space's own code failed.

    Attributes:
        title: The Space's title for it, such as "Error", if it gave one.
        hidden: Whether the Space keeps its message to itself.
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
    """No connection to the Space."""

    usual_advice = "Check the address, the network and the proxy, and that the Space runs."
    retryable = True


class StreamLost(Phi4Error):
    """The answer's stream broke off; `partial_text` holds what had arrived."""

    usual_advice = "Ask again: the answer cannot be resumed."
    retryable = True


class DeadlineExceeded(Phi4Error, TimeoutError):
    """One of the timeouts ran out.

    Attributes:
        which: The name of the timeout, a field of `Timeouts`.
        seconds: How long it was.
    """

    retryable = True

    def __init__(self, what: str, *, which: str = "", seconds: float | None = None) -> None:
        super().__init__(what, advice=f"Raise Timeouts.{which} if the Space needs longer.")
        self.which = which
        self.seconds = seconds


class TurnCancelled(Phi4Error):
    """Somebody cancelled the job on the Space."""

    usual_advice = "Ask again."


class UnexpectedAnswer(Phi4Error):
    """The server answered in a way that Gradio does not."""

    usual_advice = "Check with phi4 doctor that the address is a Gradio Space's."


class LimitExceeded(UnexpectedAnswer):
    """The server sent more than `Limits` allows; what was read of it is thrown away.

    Attributes:
        which: The name of the limit, a field of `Limits`.
        limit: Its value.
    """

    def __init__(
        self, what: str, *, which: str = "", limit: int | None = None, status: int | None = None
    ) -> None:
        super().__init__(
            what, advice=f"Raise Limits.{which}, if you trust this Space to send so much.", status=status
        )
        self.which = which
        self.limit = limit


class ToolChoiceNotMet(Phi4Error):
    """The model did not call the tool that it was told to call."""

    usual_advice = "Say in the question what the tool is for, or let the model choose."


class ResponseFormatNotMet(Phi4Error):
    """The model's answer is not the JSON that was asked for; `partial_text` holds it."""

    usual_advice = "Ask for less at once, or describe the fields in the schema."


class BlockingCallRefused(Phi4Error):
    """A synchronous door was used from the thread that has to do the work."""

    usual_advice = "Inside a callback of this package use the asynchronous doors (areply, astream)."
