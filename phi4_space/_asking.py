"""From what a caller says to what is asked. Knows turns, prompts and files; no HTTP, no Gradio."""

from __future__ import annotations

import difflib
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypedDict

from phi4_space._errors import EmptyPrompt, InvalidOption, ToolChoiceNotMet
from phi4_space._exchange import Exchange, Question, Script, Standing
from phi4_space._media import read_all
from phi4_space._prompt import PromptStyle, compose
from phi4_space._tools import corrective
from phi4_space._turns import Delta, Event, File, Media, MediaLike, Reply, Rewritten, ToolSpec, Turn

Message = str | Turn | Sequence[Turn]
"""What calls take as a message: words, a turn, or several turns, oldest first."""


class Options(TypedDict, total=False):
    """What a call takes besides its message.

    Attributes:
        media: Pictures and recordings that go with the message, in order.
        system: What the model is told about its part, before the message.
        prompt: A prompt to be sent as it is, in the message's place, nothing added or neutralised.
        tools: Tools that the model may call.
        tool_choice: "auto" lets the model choose, "none" forbids calls, "required" asks for one, a tool's
            name asks for that one.
    """

    media: Sequence[MediaLike]
    system: str | None
    prompt: str | None
    tools: Sequence[ToolSpec]
    tool_choice: str


@dataclass(frozen=True, slots=True)
class Said:
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
    """

    turns: tuple[Turn, ...]
    verbatim: str | None = None
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str = "auto"

    @property
    def must_call(self) -> bool:
        """Whether an answer without a call is no answer."""
        return self.tool_choice not in {"auto", "none"}

    def is_met_by(self, reply: Reply) -> bool:
        """Whether the reply calls what it had to call."""
        called = {call.name for call in reply.tool_calls}
        return bool(called) if self.tool_choice == "required" else self.tool_choice in called


def to_request(message: Message, options: Options) -> Request:
    """Checks what a call was given.

    Raises:
        InvalidOption: An option is not known, or makes no sense here.
        EmptyPrompt: There is nothing to send.
    """
    refuse_unknown(options, Options.__annotations__, what="This call")
    media = options.get("media", ())
    if isinstance(media, str | bytes) or not isinstance(media, Sequence):
        raise InvalidOption("media is a list", advice="Write media=[...], also for one picture or recording.")
    system, prompt = options.get("system"), options.get("prompt")
    if prompt is not None and (message or system):
        raise InvalidOption(
            "A prompt is sent as it is, without a message or system text", advice="Leave one of them out."
        )
    turns = _turns(
        message if prompt is None else prompt,
        tuple(part if isinstance(part, Media) else Media(part) for part in media),
    )
    if not any(turn.text.strip() or turn.media for turn in turns):
        raise EmptyPrompt("There is nothing to send")
    if system:
        turns = (Turn(role="system", text=system), *turns)
    tools = tuple(options.get("tools", ()))
    return Request(turns=turns, verbatim=prompt, tools=tools, tool_choice=options.get("tool_choice", "auto"))


def refuse_unknown(given: Collection[str], known: Collection[str], *, what: str) -> None:
    """Refuses arguments that nobody reads.

    Raises:
        InvalidOption: There is one; the advice names the nearest that exists.
    """
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            advice = f"Did you mean {near[0]}?" if near else f"It takes {', '.join(sorted(known))}."
            raise InvalidOption(f"{what} takes no argument {name!r}", advice=advice)


def _turns(message: Message, media: tuple[Media, ...]) -> tuple[Turn, ...]:
    match message:
        case str():
            return (Turn(role="user", text=message, media=media),)
        case Turn():
            turns: tuple[Turn, ...] = (message,)
        case Sequence() if all(isinstance(turn, Turn) for turn in message):
            turns = tuple(message)
        case _:
            raise InvalidOption("A message is a string, a Turn, or a list of Turns")
    return (*turns, Turn(role="user", media=media)) if media else turns


async def read_turns(turns: Sequence[Turn], *, fetch: Callable[[str], Awaitable[bytes]]) -> tuple[Said, ...]:
    """Reads the files of all turns.

    Raises:
        InvalidInput: One cannot be read, or Phi-4 does not take its kind; the text says which.
    """
    files = iter(await read_all([part for turn in turns for part in turn.media], fetch=fetch))
    return tuple(Said(turn, tuple(next(files) for _ in turn.media)) for turn in turns)


def to_question(
    known: Sequence[Said], news: Sequence[Said], request: Request, *, style: PromptStyle
) -> Question:
    """What to ask, for a session that knows nothing and for one that knows what was said before."""

    def script(said: Sequence[Said]) -> Script:
        if request.verbatim is not None:
            return Script(request.verbatim, tuple(file for one in news for file in one.files))
        files = tuple(file for one in said for file in one.files)
        prompt = compose(
            [one.turn for one in said],
            tools=request.tools,
            tool_choice=request.tool_choice,
            style=style,
            kinds=[file.kind for file in files],
        )
        return Script(prompt.text, files)

    return Question(
        whole=script([*known, *news]), news=script(news), tools=tuple(tool.name for tool in request.tools)
    )


async def ask(
    exchange: Callable[[Question, Standing], Exchange],
    known: Sequence[Said],
    request: Request,
    standing: Standing,
    *,
    news: Sequence[Said],
    style: PromptStyle,
) -> AsyncGenerator[Event, None]:
    """Takes the turn; where a call is a must and none came, asks once more and then gives up.

    Text is held back until a must is met: an answer in prose is no answer then.

    Raises:
        ToolChoiceNotMet: The model answered twice without the call.
    """
    tries = 2 if request.must_call else 1
    for _ in range(tries):
        held: list[Event] = []
        question = to_question(known, news, request, style=style)
        async with aclosing(exchange(question, standing).run()) as events:
            async for event in events:
                if request.must_call and isinstance(event, Delta | Rewritten | Reply):
                    held.append(event)
                else:
                    yield event
        if not held:
            return
        reply = held[-1]
        assert isinstance(reply, Reply)  # noqa: S101 - the last event of every turn; told to mypy
        if request.is_met_by(reply):
            for event in held:
                yield event
            return
        known = (*known, *news, Said(Turn(role="assistant", text=reply.text, tool_calls=reply.tool_calls)))
        news = (Said(Turn(role="user", text=corrective(request.tool_choice))),)
    error = ToolChoiceNotMet(f"The model called no tool where {request.tool_choice!r} was to be met")
    error.partial_text = reply.text
    error.locate(step="get", space=reply.space)
    raise error
