"""The vocabulary: frozen values that travel between the rooms. Knows no wire, no framework, no I/O."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import IO, Any, Literal, Self

Role = Literal["system", "user", "assistant", "tool"]
Kind = Literal["image", "audio"]


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or a recording, by reference; nothing is read before it is sent.

    Attributes:
        source: Where its bytes are: a `pathlib.Path`; bytes; an open binary file; a string that is a data
            URI, an http(s) URL or base64 (never a local path); a PIL image; or a pair of sample rate in Hz
            and numpy samples (one column a channel).
        name: A file name to send it under; otherwise one is made. Its extension is corrected from the bytes.
    """

    source: object = field(repr=False)
    name: str | None = None


MediaLike = Media | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | str | object
"""What calls take as media: a `Media`, or anything that its `source` may be."""


@dataclass(frozen=True, slots=True)
class File:
    """A picture or a recording, read and recognised.

    Attributes:
        name: Its file name, with the extension that its bytes call for.
        mime_type: Its type, from its bytes, such as "image/png".
        data: Its bytes.
    """

    name: str
    mime_type: str
    data: bytes = field(repr=False)

    @property
    def kind(self) -> Kind:
        """Which of the two kinds Phi-4 takes."""
        return "image" if self.mime_type.startswith("image/") else "audio"

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hex: what makes two files the same content."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that the model may call.

    Attributes:
        name: Its name, as the model will write it.
        description: What it does and when it helps, for the model.
        parameters: JSON Schema of its arguments, an object.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model asks for.

    Attributes:
        id: Made here when the call was read; unique, so that its result can name it.
        name: The tool's name.
        arguments: Its arguments, parsed.
    """

    id: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BrokenCall:
    """What was marked as a call and cannot be read as one.

    Attributes:
        text: All of it as the model wrote it, marks included.
        reason: What is wrong with it, in a sentence.
    """

    text: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One thing said in a conversation.

    Attributes:
        role: Who says it; "tool" is the result of a call.
        text: The words.
        media: Pictures and recordings that belong to it, in order.
        offsets: Where in the text each of the media stands, in characters; () puts all of them before it.
        tool_calls: What an assistant's turn called.
        tool_call_id: Which call a tool's turn answers.
        name: The tool's name, in a tool's turn.
    """

    role: Role
    text: str = ""
    media: tuple[Media, ...] = ()
    offsets: tuple[int, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    name: str | None = None

    @classmethod
    def of(
        cls,
        role: Role,
        *parts: str | Media,
        tool_calls: Sequence[ToolCall] = (),
        tool_call_id: str | None = None,
        name: str | None = None,
    ) -> Self:
        """A turn of words and media in the order in which they are said.

        Args:
            role: Who says it.
            *parts: Words, joined as they are, and media among them.
            tool_calls: What an assistant's turn called.
            tool_call_id: Which call a tool's turn answers.
            name: The tool's name, in a tool's turn.
        """
        text, media, offsets = "", [], []
        for part in parts:
            if isinstance(part, str):
                text += part
            else:
                media.append(part)
                offsets.append(len(text))
        return cls(
            role=role,
            text=text,
            media=tuple(media),
            offsets=tuple(offsets) if any(offsets) else (),
            tool_calls=tuple(tool_calls),
            tool_call_id=tool_call_id,
            name=name,
        )

    @property
    def parts(self) -> tuple[str | Media, ...]:
        """Its words and media in the order in which they are said: what `of` takes."""
        edges = (0, *(self.offsets or (0,) * len(self.media)), len(self.text))
        first, *others = (self.text[start:end] for start, end in pairwise(edges))
        placed = (part for pair in zip(self.media, others, strict=True) for part in pair)
        return tuple(part for part in (first, *placed) if part)


@dataclass(frozen=True, slots=True)
class Waking:
    """The Space is not up yet, and is being waited for.

    Attributes:
        stage: The Hub's word for its state, such as "BUILDING".
        waited: Seconds waited so far.
    """

    stage: str
    waited: float


@dataclass(frozen=True, slots=True)
class Queued:
    """The turn waits in the Space's queue.

    Attributes:
        position: How many are in front; 0 is next.
        size: How many wait in all.
        eta: Seconds until it starts, as the Space guesses, if it does.
    """

    position: int
    size: int
    eta: float | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The Space works on the turn.

    Attributes:
        eta: Seconds until it ends, as the Space guesses, if it does.
    """

    eta: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the Space is, in its own measure.

    Attributes:
        done: Units done, if it counts them.
        total: Units in all, if it counts them.
        unit: What it counts, such as "steps".
        fraction: From 0 to 1, if it tells that instead.
        description: What it is doing, if it says so.
    """

    done: float | None = None
    total: float | None = None
    unit: str = "steps"
    fraction: float | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that the Space, or this client, tells the user meanwhile.

    Attributes:
        text: The words, without markup.
        level: "info", "warning", "success" or "error".
        title: Its title, if it has one.
    """

    text: str
    level: str = "info"
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """New text of the answer, to be appended to what came before."""

    text: str


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The Space took back text that it had sent.

    Attributes:
        text: The whole answer as it reads now; it replaces all deltas so far.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Timing:
    """When each step of a turn was reached, in seconds since it began; None for a step not seen.

    Attributes:
        queued: The Space took it into its queue.
        started: The Space began to work on it.
        first_text: The first text arrived.
        done: The answer was whole.
    """

    queued: float | None = None
    started: float | None = None
    first_text: float | None = None
    done: float = 0.0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the Space counted them."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent for a turn, to look at when an answer surprises.

    Attributes:
        prompt: The text as the model received it.
        files: The names of the files that went with it.
        session_hash: The session on the Space.
        event_id: The job on the Space.
        attempts: How often it was tried, 1 when it went well at once.
    """

    prompt: str
    files: tuple[str, ...] = ()
    session_hash: str = ""
    event_id: str = ""
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer, whole; the last event of every turn.

    Attributes:
        text: The words, without the markup of tool calls.
        tool_calls: The calls that the model asks for, in order.
        broken_calls: What it marked as calls and cannot be read, in order.
        usage: Token counts, only where the Space counted them.
        timing: When each step was reached.
        sent: What was sent.
        space: The Space that answered, as its URL.
        model: The model's name.
        stopped_by: The stop string before which the text ends, where one was met.
        gradio_version: The version of the Space's Gradio.
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    broken_calls: tuple[BrokenCall, ...] = ()
    usage: Usage | None = None
    timing: Timing = Timing()
    sent: Sent
    space: str
    model: str
    stopped_by: str | None = None
    gradio_version: str | None = None

    @property
    def turn(self) -> Turn:
        """The assistant's turn that it is in a history, broken calls as text at its end."""
        broken = "".join(call.text for call in self.broken_calls)
        return Turn(role="assistant", text=self.text + broken, tool_calls=self.tool_calls)


Event = Waking | Queued | Started | Progress | Notice | Delta | Rewritten | Reply
"""What `astream` and `stream` yield; a `Reply` comes last, once."""


@dataclass(frozen=True, slots=True)
class Quota:
    """GPU seconds of a Hugging Face account.

    Attributes:
        total: Seconds in a full quota.
        left: Seconds left now.
        resets_at: When it is filled again, as the Hub writes it, if it does.
    """

    total: float
    left: float
    resets_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a Space stands.

    Attributes:
        space: Its URL.
        stage: The Hub's word for its state, "RUNNING" for a server outside the Hub that answers, or
            "UNREACHABLE".
        ready: Whether a turn can be sent to it.
        problem: What is wrong, in one sentence; None when nothing is.
        advice: What to do about it; None when nothing is wrong.
        hardware: What it runs on, if the Hub tells.
        gradio_version: Its Gradio's version, if it answered.
        endpoints: The endpoints of the contract that were found.
        missing: The endpoints of the contract that were not.
        max_file_size: Bytes that a file may have, None for no limit.
        queue_size: Turns that wait or run, if it told.
        quota: The account's quota, where a token let the Hub tell.
    """

    space: str
    stage: str
    ready: bool
    problem: str | None = None
    advice: str | None = None
    hardware: str | None = None
    gradio_version: str | None = None
    endpoints: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    max_file_size: int | None = None
    queue_size: int | None = None
    quota: Quota | None = None
