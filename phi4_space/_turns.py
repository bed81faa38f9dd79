"""A turn: what it is made of, what happens meanwhile, and the reply; values, all of them frozen.

Knows no wire, no framework, no I/O.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import IO, Any, Literal, Protocol, Self

Role = Literal["system", "user", "assistant", "tool"]
Kind = Literal["image", "audio"]
PromptStyle = Literal["transcript", "template"]
"""How a prompt is written: as lines such as `User: ...`, or with Phi-4's own tokens."""


@dataclass(frozen=True, slots=True)
class Media:
    """An image or audio, by reference; nothing is read before it is sent.

    Attributes:
        source: Where its bytes come from: a `pathlib.Path`; bytes; an open binary file; a string that is a
            data URI, an http(s) URL or base64 (never a local path); a PIL image; a numpy array of pixels; or
            a pair of sample rate in Hz and numpy samples (one column for each channel).
        name: The file name to send it under; one is made if it is None. Its extension is corrected to match
            the bytes.
    """

    source: object = field(repr=False)
    name: str | None = None


MediaLike = Media | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | str | object
"""What calls accept as media: a `Media`, or anything that its `source` may be."""


class StoredBytes(Protocol):
    """The bytes of a file that are read where they are, when they are needed."""

    @property
    def digest(self) -> str:
        """Their SHA-256, in hex."""

    def __len__(self) -> int:
        """How many there are."""

    def read(self) -> bytes:
        """All of them.

        Raises:
            MediaNotReadable: The file has changed.
        """

    def pieces(self) -> AsyncIterator[bytes]:
        """All of them, in pieces.

        Raises:
            MediaNotReadable: The file has changed.
        """


@dataclass(frozen=True, slots=True)
class File:
    """An image or audio file that was read, and its format recognised.

    Attributes:
        name: Its file name, with the extension of its format.
        mime_type: Its MIME type, from its bytes, such as "image/png".
        data: Its bytes; of a large file on disk, where they are.
    """

    name: str
    mime_type: str
    data: bytes | StoredBytes = field(repr=False)
    _digest: str = field(default="", init=False, repr=False, compare=False)

    @property
    def kind(self) -> Kind:
        """Which of the kinds that Phi-4 accepts it is."""
        return "image" if self.mime_type.startswith("image/") else "audio"

    @property
    def digest(self) -> str:
        """The SHA-256 of the bytes, in hex, which is equal for files with the same content; made once."""
        if not isinstance(self.data, bytes):
            return self.data.digest
        if not self._digest:
            object.__setattr__(self, "_digest", hashlib.sha256(self.data).hexdigest())
        return self._digest

    def read(self) -> bytes:
        """Its bytes.

        Raises:
            MediaNotReadable: It is on disk, and has changed.
        """
        return self.data if isinstance(self.data, bytes) else self.data.read()


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that the model may call.

    Attributes:
        name: Its name, as the model will write it.
        description: What it does and when to use it, for the model.
        parameters: The JSON Schema of its arguments, an object.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call that the model asks for.

    Attributes:
        id: A unique id, made by this client when the call was read; its result refers to it.
        name: The tool's name.
        arguments: Its arguments, parsed.
    """

    id: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BrokenCall:
    """Text that is marked as a tool call but cannot be read as one.

    Attributes:
        text: The text as the model wrote it, including markers.
        reason: What is wrong with it, in a sentence.
    """

    text: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of a conversation.

    Attributes:
        role: Who wrote it; "tool" is for the result of a call.
        text: The text.
        media: Images and audio that belong to it, in order.
        offsets: Where in the text each of the media stands, in characters; () puts all of them before it.
        tool_calls: The calls of an assistant's turn.
        tool_call_id: The id of the call whose result a tool's turn is.
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
        """Makes a turn of text and media in a given order.

        Args:
            role: Who wrote it.
            *parts: Texts, which are joined unchanged, and media among them.
            tool_calls: The calls of an assistant's turn.
            tool_call_id: The id of the call whose result a tool's turn is.
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
        """Its text and media in order, as `of` takes them."""
        edges = (0, *(self.offsets or (0,) * len(self.media)), len(self.text))
        first, *others = (self.text[start:end] for start, end in pairwise(edges))
        placed = (part for pair in zip(self.media, others, strict=True) for part in pair)
        return tuple(part for part in (first, *placed) if part)


@dataclass(frozen=True, slots=True)
class Waking:
    """The Space is not up yet, and the client is waiting for it.

    Attributes:
        stage: The Hub's name for its state, such as "BUILDING".
        waited: Seconds waited so far.
    """

    stage: str
    waited: float


@dataclass(frozen=True, slots=True)
class Queued:
    """The turn is waiting in the Space's queue.

    Attributes:
        position: How many turns are ahead of it; 0 is next.
        size: How many turns are waiting in all.
        eta: Seconds until it starts, as estimated by the Space; None without an estimate.
    """

    position: int
    size: int
    eta: float | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The Space has started to work on the turn.

    Attributes:
        eta: Seconds until it ends, as estimated by the Space; None without an estimate.
    """

    eta: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress that the Space reports, or that of files on their way to it, in "bytes".

    Attributes:
        done: Units done, if it counts them.
        total: Units in all, if it counts them.
        unit: What it counts, such as "steps".
        fraction: The progress from 0 to 1, if it reports that instead.
        description: What it is doing, if it says so.
    """

    done: float | None = None
    total: float | None = None
    unit: str = "steps"
    fraction: float | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A message from the Space, or from this client, to the user.

    Attributes:
        text: The text, without markup.
        level: "info", "warning", "success" or "error".
        title: Its title, if it has one.
    """

    text: str
    level: str = "info"
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """New text of the answer, to be appended to the text so far."""

    text: str


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The Space replaced text that it had sent.

    Attributes:
        text: The whole answer so far; it replaces all deltas before it.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Thought:
    """What a model, or a tool that it used, says before its answer; never part of the answer's text.

    As an event it is what is new of a thought, to be appended to the one with the same number; in a `Reply`
    it is the whole.

    Attributes:
        text: The text.
        title: What the Space calls it, such as "Thinking" or "Used tool get_weather", if it has one; it may
            change while the text grows.
        number: Which of the answer's thoughts it is, from 0.
        rewritten: Whether the Space replaced what it had sent of this thought, so that this event takes the
            place of all before it with the same number; without text, it is withdrawn. False in a `Reply`.
    """

    text: str
    title: str | None = None
    number: int = 0
    rewritten: bool = False


@dataclass(frozen=True, slots=True)
class ReplyFile:
    """A file in an answer, on the Space until it is read: see `SpaceClient.aread_file`.

    Attributes:
        path: Where the Space keeps it, or its URL there.
        name: Its name.
        mime_type: Its media type, if the Space says so.
    """

    path: str
    name: str
    mime_type: str | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """When each step of a turn was reached, in seconds since it began; None for a step that was not seen.

    Attributes:
        queued: The Space put it into its queue.
        started: The Space started to work on it.
        first_text: The first text arrived.
        done: The answer was complete.
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
    """What was sent for a turn, to inspect when an answer is surprising.

    Attributes:
        prompt: The text as the model received it; the chat's JSON without its options, where the Space takes
            turns with their roles.
        files: The names of the files that were sent with it.
        session_hash: The session on the Space.
        event_id: The job on the Space.
        attempts: How often it was sent; 1 if it succeeded at once.
    """

    prompt: str
    files: tuple[str, ...] = ()
    session_hash: str = ""
    event_id: str = ""
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The complete answer; the last event of every turn.

    Attributes:
        text: The text, without tool calls.
        tool_calls: The calls that the model asks for, in order.
        broken_calls: Calls that cannot be read, in order.
        usage: Token counts, of an answer that was asked for twice the sums; None unless the Space counts.
        finish_reason: Why the answer ended, in OpenAI's words: "stop", "length", "tool_calls" or
            "content_filter"; None unless the Space says so.
        timing: When each step was reached.
        sent: What was sent.
        space: The Space that answered, as its URL.
        model: The model's name, as the Space has it where it says so.
        stopped_by: The stop string before which the text ends, if one was found.
        gradio_version: The version of the Space's Gradio.
        thoughts: What was thought before it, in order.
        files: The files that it holds, in order.
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    broken_calls: tuple[BrokenCall, ...] = ()
    usage: Usage | None = None
    finish_reason: str | None = None
    timing: Timing = Timing()
    sent: Sent
    space: str
    model: str
    stopped_by: str | None = None
    gradio_version: str | None = None
    thoughts: tuple[Thought, ...] = ()
    files: tuple[ReplyFile, ...] = ()

    @property
    def turn(self) -> Turn:
        """The answer as an assistant's turn for a history, with broken calls as text at its end."""
        broken = "".join(call.text for call in self.broken_calls)
        return Turn(role="assistant", text=self.text + broken, tool_calls=self.tool_calls)


Event = Waking | Queued | Started | Progress | Notice | Thought | Delta | Rewritten | Reply
"""What `astream` and `stream` yield; the last one, and only that, is a `Reply`."""
