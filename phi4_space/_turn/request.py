"""A call's message and options, checked. Knows turns; no prompts, no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict

from phi4_space._caller import Caller
from phi4_space._config import Settings
from phi4_space._errors import EmptyPrompt, InvalidOption
from phi4_space._json import mended
from phi4_space._prompt.response_format import ResponseFormat
from phi4_space._prompt.schema_text import is_schema
from phi4_space._prompt.stop import to_stop
from phi4_space._sampling import NAMES, to_sampling
from phi4_space._turns import File, Media, MediaLike, Reply, ToolSpec, Turn

Message = str | Turn | Sequence[Turn]
"""What calls take as a message: words, a turn, or several turns, oldest first."""


class Options(TypedDict, total=False):
    """What a call takes besides its message. None is not set: the client's own holds, where it has one.

    Attributes:
        media: Images and audio that go with the message, in order.
        system: What the model is told about its part, before the message.
        prompt: A prompt to be sent as it is, in the message's place, nothing added or neutralised.
        tools: Tools that the model may call.
        tool_choice: "auto" lets the model choose, "none" forbids calls, "required" asks for one, a tool's
            name asks for that one.
        stop: A string, or several, before which the answer's text ends; the job is cancelled as soon as one
            comes.
        response_format: JSON that the answer is to be: a format, or its JSON Schema; an answer that calls
            tools is not held to it.
        temperature: How freely the model chooses its words, from 0. This and what follows reaches a Space
            that takes it; on others it is ignored, with one warning, or refused where the client is strict.
        max_tokens: The most tokens that the answer may have.
        top_p: The share of the likeliest words that the model chooses among, up to 1.
        top_k: How many of the likeliest words the model chooses among.
        seed: What its choice of words starts from, for the same answer twice.
        repetition_penalty: How much it shies away from words that it has used; 1 not at all.
    """

    media: Sequence[MediaLike] | None
    system: str | None
    prompt: str | None
    tools: Sequence[ToolSpec] | None
    tool_choice: str | None
    stop: str | Sequence[str] | None
    response_format: ResponseFormat | Mapping[str, Any] | None
    temperature: float | None
    max_tokens: int | None
    top_p: float | None
    top_k: int | None
    seed: int | None
    repetition_penalty: float | None


@dataclass(frozen=True, slots=True)
class LoadedTurn:
    """A turn and its files, read."""

    turn: Turn
    files: tuple[File, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call's message and options, checked.

    Attributes:
        turns: What is new.
        verbatim: The prompt to send in their place, if the caller wrote one.
        tools: The tools on offer.
        tool_choice: Which of them the model is to call.
        stop: The strings before which the answer's text ends.
        response_format: JSON that the answer is to be.
        sampling: The sampling options that are set, by name.
        caller: The line that asked, for warnings.
    """

    turns: tuple[Turn, ...]
    caller: Caller
    verbatim: str | None = None
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str = "auto"
    stop: tuple[str, ...] = ()
    response_format: ResponseFormat | None = None
    sampling: Mapping[str, object] = field(default_factory=dict)

    @property
    def must_call(self) -> bool:
        """Whether an answer without a call is no answer."""
        return self.tool_choice not in {"auto", "none"}

    def is_met_by(self, reply: Reply) -> bool:
        """Whether the reply calls what it had to call."""
        called = {call.name for call in reply.tool_calls}
        return bool(called) if self.tool_choice == "required" else self.tool_choice in called


def to_request(message: Message, options: Options, *, defaults: Settings, caller: Caller) -> Request:
    """Checks what a call was given.

    Args:
        message: What is asked.
        options: What the call says besides.
        defaults: The client's settings, which hold where the call says nothing.
        caller: The line that asked.

    Raises:
        InvalidOption: An option is not known, or makes no sense here.
        EmptyPrompt: There is nothing to send.
    """
    refuse_unknown([name for name in options if name not in NAMES], Options.__annotations__, what="This call")
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    request = Request(
        turns=_turns(message, given),
        caller=caller,
        verbatim=_encodable(given.get("prompt")),
        tools=_tools(given.get("tools", ())),
        tool_choice=given.get("tool_choice", "auto"),
        stop=to_stop(given["stop"]) if "stop" in given else defaults.stop,
        response_format=_format(given.get("response_format")),
        sampling={**defaults.sampling, **to_sampling(given)},
    )
    if request.verbatim is not None and (request.must_call or request.response_format is not None):
        wish = "tool_choice asks for a call" if request.must_call else "response_format asks for JSON"
        raise InvalidOption(
            f"{wish}, which a prompt sent as it is cannot be made to ask for",
            advice="Give a message in the prompt's place.",
        )
    return request


def _encodable(prompt: object) -> str | None:
    if not isinstance(prompt, str | None):
        raise InvalidOption(f"prompt is a str, not {type(prompt).__name__}")
    if prompt is not None and prompt != mended(prompt):
        raise InvalidOption(
            "The prompt holds halves of surrogate pairs, which cannot be sent",
            advice='Decode its bytes as UTF-8 with errors="replace".',
        )
    return prompt


def _tools(tools: object) -> tuple[ToolSpec, ...]:
    if not isinstance(tools, Iterable):
        raise InvalidOption("tools is a list", advice="Write tools=[...], also for one tool.")
    return tuple(tools)


def _format(wanted: object) -> ResponseFormat | None:
    if wanted is None or isinstance(wanted, ResponseFormat):
        return wanted
    if isinstance(wanted, Mapping) and is_schema(wanted):
        return ResponseFormat(wanted)
    raise InvalidOption(
        f"response_format is a ResponseFormat or a JSON Schema, not {type(wanted).__name__}",
        advice="Write response_format=ResponseFormat(schema).",
    )


def refuse_unknown(names: Iterable[str], known: Collection[str], *, what: str) -> None:
    """Refuses arguments that nobody reads: one may be another library's name for the server to ask.

    Args:
        names: The names of the arguments.
        known: The names that are read.
        what: What was called with them, for the error's text.

    Raises:
        InvalidOption: There is one; the advice says what it is called here, or the nearest name.
    """
    for name in names:
        if name not in known:
            raise InvalidOption.unknown(name, known, what=what)


def _turns(message: Message, options: Mapping[str, Any]) -> tuple[Turn, ...]:
    system, prompt = options.get("system"), options.get("prompt")
    if prompt is not None and (message or system):
        raise InvalidOption(
            "A prompt is sent as it is, without a message or system text", advice="Leave one of them out."
        )
    turns = _with_media(_to_turns(message if prompt is None else prompt), options.get("media", ()))
    if strange := next((turn for turn in turns if not isinstance(turn.text, str)), None):
        raise InvalidOption(f"A turn's text is a str, not {type(strange.text).__name__}")
    if not any(turn.text.strip() or turn.media or turn.tool_calls or turn.role == "tool" for turn in turns):
        raise EmptyPrompt("There is nothing to send")
    return (Turn(role="system", text=system), *turns) if system else turns


def _to_turns(message: Message) -> tuple[Turn, ...]:
    match message:
        case str():
            return (Turn(role="user", text=message),)
        case Turn():
            return (message,)
        case [*turns] if all(isinstance(turn, Turn) for turn in turns):
            return tuple(turns)
        case _:
            raise InvalidOption("A message is a string, a Turn, or a list of Turns")


def _with_media(turns: tuple[Turn, ...], things: Sequence[MediaLike]) -> tuple[Turn, ...]:
    """The turns, with a call's media given to the user's turn at their end, behind what it has itself."""
    if isinstance(things, str | bytes) or not isinstance(things, Sequence):
        raise InvalidOption(
            "media must be a list", advice="Write media=[...], also for one image or audio file."
        )
    if not things:
        return turns
    media = tuple(thing if isinstance(thing, Media) else Media(thing) for thing in things)
    match turns:
        case [*before, Turn(role="user") as last]:
            offsets = (*last.offsets, *(len(last.text) for _ in media)) if last.offsets else ()
            return (*before, replace(last, media=(*last.media, *media), offsets=offsets))
        case _:
            return (*turns, Turn(role="user", media=media))
