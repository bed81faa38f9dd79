"""Turns to one prompt and its media. Knows Phi-4's template and a plain transcript; no Space, no I/O."""

from __future__ import annotations

import reprlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Any, Literal, NamedTuple, get_args

from phi4_space._errors import EmptyPrompt, InvalidOption
from phi4_space._prompt.escape import ROLE_LINES, TOKENS, Guard, break_tokens, guarded
from phi4_space._prompt.tools import render, render_calls
from phi4_space._turns import Kind, Media, Role, ToolCall, ToolSpec, Turn

PromptStyle = Literal["transcript", "template"]
"""How a prompt is written: as lines such as `User: ...`, or with Phi-4's own tokens."""

_ROLES = get_args(Role)
_KINDS = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent.

    Attributes:
        text: The text.
        media: The pictures and recordings of all turns, in order.
    """

    text: str
    media: tuple[Media, ...] = ()


class _Line(NamedTuple):
    """A turn, its words as they are sent."""

    role: Role
    words: str


def compose(
    turns: Sequence[Turn],
    *,
    tools: Sequence[ToolSpec] = (),
    tool_choice: str = "auto",
    style: PromptStyle = "transcript",
    kinds: Sequence[Kind] | None = None,
    remembered: bool = False,
) -> Prompt:
    """Writes turns as one prompt.

    In a transcript, one user turn alone stands as it is, unless one of its media stands between words, or the
    Space remembers turns, so that a line of it could pose as one: such lines are quoted. Otherwise each turn
    is a line such as `User: ...`, and an empty `Assistant:` comes last. Media are told at their places as
    `[image 1]`, counted by kind, or as `[file 1]` where kinds are not given; the result of a call as
    `Tool: NAME -> text`, or `Tool: NAME (call 2) -> text` where several calls were made at once. The template
    says the same with Phi-4's tokens.

    Turns that say nothing are left out, and system turns in a row are made one. The tools end the system turn
    at the front, which is added where there is none. No text can begin a turn of its own: guards see to that.

    Args:
        turns: What was said, oldest first; or only what is new, where the Space remembers the rest.
        tools: The tools that the model may call.
        tool_choice: "auto", "none", "required" or the name of a tool.
        style: How to write it.
        kinds: The kind of each of the media, in order; the template needs them.
        remembered: Whether the Space remembers turns before these.

    Raises:
        EmptyPrompt: No turn says anything.
        InvalidOption: A turn, the tools, the choice, the style or the kinds make no sense.
    """
    said = [turn for turn in _checked(turns) if _says_something(turn)]
    if not said:
        raise EmptyPrompt("There is nothing to send: no words, and no media.")
    form = _form(style)
    media = tuple(part for turn in said for part in turn.media)
    marks = iter(_marks(form, media, kinds))
    offered = render(tools, choice=tool_choice)
    if form.leaves_one_turn and not offered and _is_one_question(said):
        guards = form.guards if remembered else (TOKENS,)
        return Prompt("".join(guarded([said[0].text], guards)), media)
    labels = _call_labels(said)
    written = _merged([turn if turn.text.strip() else replace(turn, text="", offsets=()) for turn in said])
    lines = [_Line(turn.role, _words(turn, form, marks, labels)) for turn in written]
    if offered:
        lines = _with_tools(lines, offered)
    told = (form.line.format(role=role, title=role.title(), words=words) for role, words in lines)
    return Prompt("".join(told) + form.last, media)


@dataclass(frozen=True, slots=True)
class _Form:
    """How a style writes.

    Attributes:
        line: A turn, of `role` or `title`, and `words`.
        last: What stands last, for the model to go on from.
        mark: One of the media, of `kind` and `number`.
        gap: What stands between marks, text and calls that no white space keeps apart.
        guards: What takes from text what could begin a turn.
        needs_kinds: Whether media cannot be told without their kind.
        leaves_one_turn: Whether one user turn alone stands as it is.
    """

    line: str
    last: str
    mark: str
    gap: str
    guards: Sequence[Guard]
    needs_kinds: bool
    leaves_one_turn: bool


_FORMS: Mapping[str, _Form] = {
    "transcript": _Form(
        line="{title}: {words}\n",
        last="Assistant:",
        mark="[{kind} {number}]",
        gap=" ",
        guards=(ROLE_LINES, TOKENS),  # a quotation's mark could end a token
        needs_kinds=False,
        leaves_one_turn=True,
    ),
    "template": _Form(
        line="<|{role}|>{words}<|end|>",
        last="<|assistant|>",
        mark="<|{kind}_{number}|>",
        gap="",
        guards=(TOKENS,),
        needs_kinds=True,
        leaves_one_turn=False,
    ),
}


def _form(style: str) -> _Form:
    if style not in tuple(_FORMS):
        raise InvalidOption(f"There is no prompt style {style!r}.", advice=f"Choose from {[*_FORMS]}.")
    return _FORMS[style]


_FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "role": (lambda value: value in _ROLES, f"one of {_ROLES}"),
    "text": (lambda value: isinstance(value, str), "a str"),
    "media": (lambda value: _all_are(Media, value), "a tuple of Media"),
    "offsets": (lambda value: _all_are(int, value), "a tuple of int"),
    "tool_calls": (lambda value: _all_are(ToolCall, value), "a tuple of ToolCall"),
    "tool_call_id": (lambda value: value is None or isinstance(value, str), "a str or None"),
    "name": (lambda value: value is None or isinstance(value, str), "a str or None"),
}


def _all_are(kind: type, values: object) -> bool:
    return isinstance(values, Sequence) and all(isinstance(value, kind) for value in values)


def _checked(turns: Sequence[Turn]) -> Sequence[Turn]:
    if not _all_are(Turn, turns):
        raise InvalidOption(f"Turns are a list of Turn, not {reprlib.repr(turns)}.")
    for turn in turns:
        for field, (is_sound, expected) in _FIELDS.items():
            value = getattr(turn, field)
            if not is_sound(value):
                raise InvalidOption(f"A turn's {field} is {expected}, not {reprlib.repr(value)}.")
        if turn.tool_calls and turn.role != "assistant":
            raise InvalidOption(f"Only the assistant calls tools, not the {turn.role}.")
        _check_places(turn)
    return turns


def _check_places(turn: Turn) -> None:
    ascends = all(before <= after for before, after in pairwise((0, *turn.offsets, len(turn.text))))
    if turn.offsets and not (ascends and len(turn.offsets) == len(turn.media)):
        raise InvalidOption(
            f"A turn's offsets are {reprlib.repr(turn.offsets)}, for {len(turn.media)} media in a text of"
            f" {len(turn.text)} characters.",
            advice="Give an offset in the text for each, in ascending order; or write Turn.of(role, ...).",
        )


def _says_something(turn: Turn) -> bool:
    # A result without text still says that its call is over; left out, the model would call again.
    is_result = turn.role == "tool" and (turn.name or turn.tool_call_id)
    return bool(turn.text.strip() or turn.media or turn.tool_calls or is_result)


def _is_one_question(said: Sequence[Turn]) -> bool:
    """Whether all is one user's words, and no medium stands between them."""
    return [turn.role for turn in said] == ["user"] and not any(
        said[0].text[:place].strip() and said[0].text[place:].strip() for place in said[0].offsets
    )


def _marks(form: _Form, media: Sequence[Media], kinds: Sequence[Kind] | None) -> list[str]:
    """What tells each of the media, in order."""
    if kinds is None and media and form.needs_kinds:
        raise InvalidOption("The template tells media by their kinds, and none are given.")
    if kinds is not None and (len(kinds) != len(media) or not all(kind in _KINDS for kind in kinds)):
        raise InvalidOption(f"Kinds are {_KINDS}, one for each of {len(media)} media, not {kinds!r}.")
    counts: Counter[str] = Counter()
    marks = []
    for kind in ["file"] * len(media) if kinds is None else kinds:
        counts[kind] += 1
        marks.append(form.mark.format(kind=kind, number=counts[kind]))
    return marks


def _call_labels(turns: Sequence[Turn]) -> dict[str, str]:
    """How to name each call, by its id. Phi-4's form of calls has no ids, so that they are counted."""
    return {
        call.id: call.name if len(turn.tool_calls) == 1 else f"{call.name} (call {number})"
        for turn in turns
        for number, call in enumerate(turn.tool_calls, start=1)
    }


def _merged(turns: Sequence[Turn]) -> list[Turn]:
    """The turns, with runs of system turns made one."""
    runs = [[*run] for _, run in groupby(turns, key=lambda turn: turn.role == "system")]
    return [turn for run in runs for turn in ([_one_system_turn(run)] if run[0].role == "system" else run)]


def _one_system_turn(turns: Sequence[Turn]) -> Turn:
    parts: list[str | Media] = []
    has_words = False
    for turn in turns:
        parts += ["\n", *turn.parts] if has_words and turn.text else turn.parts
        has_words = has_words or bool(turn.text)
    return Turn.of("system", *parts)


def _words(turn: Turn, form: _Form, marks: Iterator[str], labels: Mapping[str, str]) -> str:
    texts = iter(guarded([part for part in turn.parts if isinstance(part, str)], form.guards))
    parts = [next(texts) if isinstance(part, str) else next(marks) for part in turn.parts]
    words = _spaced([*parts, render_calls(turn.tool_calls)], form.gap)
    if turn.role != "tool":
        return words
    label = labels.get(turn.tool_call_id or "", turn.name or "")
    # A name may come from the model or a server, and stays on its line.
    label = break_tokens(" ".join(label.split()))
    return f"{label} -> {words or '(no output)'}" if label else words or "(no output)"


def _spaced(parts: Sequence[str], gap: str) -> str:
    """The parts in a row, with a gap between two that no white space keeps apart."""
    row = ""
    for part in filter(None, parts):
        apart = not row or row[-1].isspace() or part[0].isspace()
        row += part if apart else gap + part
    return row


def _with_tools(lines: list[_Line], offered: str) -> list[_Line]:
    first, *others = lines
    if first.role == "system":
        return [_Line("system", f"{first.words}\n{offered}"), *others]
    return [_Line("system", offered), *lines]
