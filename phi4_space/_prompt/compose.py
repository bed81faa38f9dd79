"""Turns, written as one prompt. Knows Phi-4's template and a plain transcript; no Space, no I/O."""

from __future__ import annotations

import reprlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Any, NamedTuple, get_args

from phi4_space._errors import EmptyPrompt, InvalidOption
from phi4_space._prompt.escape import ROLE_LINES, TOKENS, Guard, break_tokens, guarded
from phi4_space._prompt.tools import render, render_calls
from phi4_space._turns import Kind, Media, PromptStyle, Role, ToolCall, ToolSpec, Turn

_ROLES = get_args(Role)
_KINDS = get_args(Kind)


class _Line(NamedTuple):
    """A turn, and its text as it is sent."""

    role: Role
    text: str


def compose(
    turns: Sequence[Turn],
    *,
    tools: Sequence[ToolSpec] = (),
    tool_choice: str = "auto",
    style: PromptStyle = "transcript",
    kinds: Sequence[Kind] | None = None,
    remembered: bool = False,
) -> str:
    """Writes turns as one prompt.

    In a transcript, a single user turn is sent as it is, with two exceptions: it is written as a line if one
    of its media stands between words; and if the Space remembers earlier turns, lines in it that look like a
    turn are quoted. Otherwise each turn is a line such as `User: ...`, and an empty `Assistant:` comes last.
    Media are marked where they stand as `[image 1]`, counted by kind, or as `[file 1]` where kinds are not
    given. The result of a call is `Tool: NAME -> text`, or `Tool: NAME (call 2) -> text` where several calls
    were made at once. The template style writes the same with Phi-4's own tokens.

    Empty turns are left out, and consecutive system turns are merged. The tools come last in the system turn
    at the front, which is added where there is none. No text can start a turn of its own; see `escape`.

    Args:
        turns: The turns, oldest first; only the new ones where the Space remembers the rest.
        tools: The tools that the model may call.
        tool_choice: "auto", "none", "required" or the name of a tool.
        style: How the turns are written.
        kinds: The kind of each of the media, in order; the template style needs them.
        remembered: Whether the Space remembers earlier turns.

    Raises:
        EmptyPrompt: All turns are empty.
        InvalidOption: A turn, the tools, the choice, the style or the kinds are invalid.
    """
    turns = [turn for turn in _checked(turns) if not _is_empty(turn)]
    if not turns:
        raise EmptyPrompt("There is nothing to send: no text and no media.")
    form = _form(style)
    media = tuple(part for turn in turns for part in turn.media)
    marks = iter(_marks(form, media, kinds))
    offered = render(tools, choice=tool_choice)
    if form.leaves_one_turn and not offered and _is_single_question(turns):
        guards = form.guards if remembered else (TOKENS,)
        return "".join(guarded([turns[0].text], guards))
    merged = _merged([turn if turn.text.strip() else replace(turn, text="", offsets=()) for turn in turns])
    labels: dict[str, str] = {}
    lines = []
    for turn in merged:
        labels |= _call_labels(turn)  # an id may be used again later
        lines.append(_Line(turn.role, _line_text(turn, form, marks, labels)))
    if offered:
        lines = _with_tools(lines, offered)
    written = (form.line.format(role=role, title=role.title(), text=text) for role, text in lines)
    return "".join(written) + form.last


def compose_system(
    turns: Sequence[Turn], *, tools: Sequence[ToolSpec] = (), tool_choice: str = "auto"
) -> str:
    """Writes system turns, and the tools, as one text that stands in a place of its own.

    Args:
        turns: The system turns, without media.
        tools: The tools that the model may call.
        tool_choice: "auto", "none", "required" or the name of a tool.

    Raises:
        InvalidOption: A turn, the tools or the choice are invalid.
    """
    texts = guarded([turn.text for turn in _checked(turns) if turn.text.strip()], (TOKENS,))
    return "\n".join(filter(None, [*texts, render(tools, choice=tool_choice)]))


@dataclass(frozen=True, slots=True)
class _Form:
    """How a style writes turns.

    Attributes:
        line: The format of a turn, with `role` or `title`, and `text`.
        last: The end of the prompt, which the model continues.
        mark: The format of the mark of one of the media, with `kind` and `number`.
        gap: What separates marks, text and calls that have no white space between them.
        guards: What keeps a text from starting a turn of its own.
        needs_kinds: Whether media cannot be marked without their kind.
        leaves_one_turn: Whether a single user turn is sent as it is.
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
        line="{title}: {text}\n",
        last="Assistant:",
        mark="[{kind} {number}]",
        gap=" ",
        guards=(ROLE_LINES, TOKENS),  # in this order: the mark of a quotation could complete a token
        needs_kinds=False,
        leaves_one_turn=True,
    ),
    "template": _Form(
        line="<|{role}|>{text}<|end|>",
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
        raise InvalidOption(f"There is no prompt style {style!r}.", advice=f"Choose one of {[*_FORMS]}.")
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
        raise InvalidOption(f"Turns must be a list of Turn, not {reprlib.repr(turns)}.")
    for turn in turns:
        for field, (is_valid, expected) in _FIELDS.items():
            value = getattr(turn, field)
            if not is_valid(value):
                raise InvalidOption(f"A turn's {field} must be {expected}, not {reprlib.repr(value)}.")
        if turn.tool_calls and turn.role != "assistant":
            raise InvalidOption(
                f"Only a turn of the assistant can have tool calls, not one of the {turn.role}."
            )
        _check_offsets(turn)
    return turns


def _check_offsets(turn: Turn) -> None:
    ascends = all(before <= after for before, after in pairwise((0, *turn.offsets, len(turn.text))))
    if turn.offsets and not (ascends and len(turn.offsets) == len(turn.media)):
        raise InvalidOption(
            f"A turn's offsets are {reprlib.repr(turn.offsets)}, for {len(turn.media)} media in a text of"
            f" {len(turn.text)} characters.",
            advice="Give one offset in the text for each, in ascending order; or use Turn.of(role, ...).",
        )


def _is_empty(turn: Turn) -> bool:
    # A result without text still shows that its call is done; left out, the model would call again.
    is_result = turn.role == "tool" and (turn.name or turn.tool_call_id)
    return not (turn.text.strip() or turn.media or turn.tool_calls or is_result)


def _is_single_question(turns: Sequence[Turn]) -> bool:
    """Whether there is one user turn alone, without media between its words."""
    return [turn.role for turn in turns] == ["user"] and not any(
        turns[0].text[:place].strip() and turns[0].text[place:].strip() for place in turns[0].offsets
    )


def _marks(form: _Form, media: Sequence[Media], kinds: Sequence[Kind] | None) -> list[str]:
    """The mark of each of the media, in order."""
    if kinds is None and media and form.needs_kinds:
        raise InvalidOption("The template style needs the kinds of the media, and none are given.")
    if kinds is not None and (len(kinds) != len(media) or not all(kind in _KINDS for kind in kinds)):
        raise InvalidOption(
            f"Kinds must be from {_KINDS}, one for each of {len(media)} media, not {kinds!r}."
        )
    counts: Counter[str] = Counter()
    marks = []
    for kind in ["file"] * len(media) if kinds is None else kinds:
        counts[kind] += 1
        marks.append(form.mark.format(kind=kind, number=counts[kind]))
    return marks


def _call_labels(turn: Turn) -> dict[str, str]:
    """The name of each of a turn's calls, by id. Phi-4's calls have no ids, so they are numbered."""
    return {
        call.id: call.name if len(turn.tool_calls) == 1 else f"{call.name} (call {number})"
        for number, call in enumerate(turn.tool_calls, start=1)
    }


def _merged(turns: Sequence[Turn]) -> list[Turn]:
    """The turns, with consecutive system turns merged into one."""
    runs = [[*run] for _, run in groupby(turns, key=lambda turn: turn.role == "system")]
    return [turn for run in runs for turn in ([_merge_system(run)] if run[0].role == "system" else run)]


def _merge_system(turns: Sequence[Turn]) -> Turn:
    parts: list[str | Media] = []
    has_text = False
    for turn in turns:
        parts += ["\n", *turn.parts] if has_text and turn.text else turn.parts
        has_text = has_text or bool(turn.text)
    return Turn.of("system", *parts)


def _line_text(turn: Turn, form: _Form, marks: Iterator[str], labels: Mapping[str, str]) -> str:
    texts = iter(guarded([part for part in turn.parts if isinstance(part, str)], form.guards))
    parts = [next(texts) if isinstance(part, str) else next(marks) for part in turn.parts]
    text = _spaced([*parts, render_calls(turn.tool_calls)], form.gap)
    if turn.role != "tool":
        return text
    label = labels.get(turn.tool_call_id or "", turn.name or "")
    # A name may come from the model or a server, and must stay on its line.
    label = break_tokens(" ".join(label.split()))
    return f"{label} -> {text or '(no output)'}" if label else text or "(no output)"


def _spaced(parts: Sequence[str], gap: str) -> str:
    """Joins the parts, with a gap between two that have no white space between them."""
    joined = ""
    for part in filter(None, parts):
        separated = not joined or joined[-1].isspace() or part[0].isspace()
        joined += part if separated else gap + part
    return joined


def _with_tools(lines: list[_Line], offered: str) -> list[_Line]:
    first, *others = lines
    if first.role == "system":
        return [_Line("system", f"{first.text}\n{offered}"), *others]
    return [_Line("system", offered), *lines]
