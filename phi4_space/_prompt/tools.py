"""Tools as Phi-4 is told of them, calls as it asks for them. Knows no prompt, no Space, no I/O."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from inspect import cleandoc
from typing import Any
from uuid import uuid4

from referencing.exceptions import Unresolvable

from phi4_space._errors import InvalidOption, shortened
from phi4_space._json import write
from phi4_space._limits import Limits
from phi4_space._prompt.escape import escape_json
from phi4_space._prompt.schema_text import told
from phi4_space._prompt.tool_calls import Block, find_opening, read_calls
from phi4_space._prompt.validation import Validation, check_schema
from phi4_space._turns import BrokenCall, ToolCall, ToolSpec

_HOW = (
    'To call tools, answer with <|tool_call|>[{"name": NAME, "arguments": {...}}]<|/tool_call|>, '
    "one item for each call."
)
_SHOWN = 80  # characters of a name that a model made up
_ORDERS = {"auto": "", "none": "Do not call a tool.", "required": "You must call at least one tool."}


def render(tools: Sequence[ToolSpec], *, choice: str = "auto") -> str:
    """What the system turn says about the tools; empty where there are none.

    Their list comes last, because Phi-4's own template has it there: right before the turn ends.

    Args:
        tools: The tools on offer.
        choice: "auto", "none", "required" or the name of the tool that must be called.

    Raises:
        InvalidOption: A tool's name is empty, unprintable or given twice; its parameters are no JSON; or the
            choice is not on offer.
    """
    names = [_checked_name(tool) for tool in tools]
    for name in names:
        if names.count(name) > 1:
            raise InvalidOption(f"Two tools are named {name!r}.", advice="Give each a name of its own.")
    if choice not in ([*_ORDERS, *names] if names else ["auto", "none"]):
        raise InvalidOption(
            f"tool_choice is {choice!r}, and the tools on offer are {names}.",
            advice='Choose "auto", "none", "required" or the name of a tool on offer.',
        )
    if not names:
        return ""
    orders = filter(None, ("" if choice == "none" else _HOW, _order(choice)))
    listed = [
        {
            "name": tool.name,
            "description": cleandoc(tool.description or ""),
            "parameters": _told_parameters(tool),
        }
        for tool in tools
    ]
    return f"{' '.join(orders)}\n<|tool|>{_written(listed, 'The tools')}<|/tool|>"


def render_calls(calls: Sequence[ToolCall]) -> str:
    """Calls as Phi-4 writes them, so that it knows them for its own; empty where there are none.

    A `CallReader` reads the same names and arguments back.

    Raises:
        InvalidOption: The arguments of a call are no JSON.
    """
    if not calls:
        return ""
    listed = [{"name": call.name, "arguments": call.arguments} for call in calls]
    return f"<|tool_call|>{_written(listed, 'The tool calls')}<|/tool_call|>"


def misfit(calls: Sequence[ToolCall], tools: Sequence[ToolSpec]) -> str | None:
    """How the arguments of a call, the first such, do not fit its tool's parameters, in a sentence.

    None where all do, or nobody can tell.
    """
    parameters = {tool.name: tool.parameters for tool in tools if _is_schema(tool.parameters)}
    validation = Validation()
    for call in calls:
        with suppress(Unresolvable):
            if complaint := validation.mismatch(parameters.get(call.name, {}), {**call.arguments}):
                return f"the arguments of {shortened(call.name, _SHOWN)} do not fit: {complaint}"
    return None


def _is_schema(schema: Mapping[str, Any]) -> bool:
    try:
        check_schema(schema)
    except ValueError:
        return False
    return True


def correct_call(choice: str) -> str:
    """What to answer, once, to a model that did not call what it had to.

    Args:
        choice: "required" or the name of a tool.
    """
    return f"{_order(choice)} Your last answer did not. Answer now with the call alone."


def _order(choice: str) -> str:
    return _ORDERS.get(choice, f"You must call the tool {escape_json(choice)}.")


def _checked_name(tool: ToolSpec) -> str:
    if not isinstance(tool, ToolSpec):
        raise InvalidOption(f"A tool is a ToolSpec, not {type(tool).__name__}.")
    # Printable, since after a line break a name could begin a turn of its own in a transcript.
    if not (isinstance(tool.name, str) and tool.name.strip() and tool.name.isprintable()):
        raise InvalidOption(f"A tool is named {tool.name!r}.", advice="Give it a printable name.")
    if not isinstance(tool.description, str | None):
        raise InvalidOption(
            f"The description of the tool {tool.name!r} is {type(tool.description).__name__}."
        )
    if not isinstance(tool.parameters, Mapping):
        raise InvalidOption(
            f"The parameters of the tool {tool.name!r} are of type {type(tool.parameters).__name__}.",
            advice='Hand in a JSON Schema, such as {"type": "object", "properties": {}}.',
        )
    return tool.name


def _told_parameters(tool: ToolSpec) -> dict[str, Any]:
    return told(json.loads(_written(tool.parameters, f"The parameters of the tool {tool.name!r}")))


def _written(value: object, what: str) -> str:
    try:
        return escape_json(write(value, Limits()))
    except ValueError as failed:
        raise InvalidOption(f"{what} cannot be written as JSON: {failed}.") from failed


_SLICE = 16_384
"""Characters read at once: what was decided is let go of after each, so that little has to be moved."""

Piece = str | ToolCall | BrokenCall
"""What an answer is made of: text, calls, and what was to be a call."""


class CallReader:
    """Tells calls from text in one answer that arrives in pieces.

    It takes every form in which Phi-4 calls: marked by `<|tool_call|>`, the closing of which may be missing;
    `functools[...]`; and bare JSON, which may stand in a Markdown fence. JSON is a list or one object, with
    `arguments` or `parameters`, which may be a JSON string.

    The first two forms count whatever tool they name, and come out as broken calls where they cannot be
    read. A broken call ends with its closing marker, or else before the next opening one or with the answer;
    one of `functools` ends with its JSON. Bare JSON counts where it has a call's two keys alone and names
    tools on offer; what looked like that and is none comes out as text, unchanged.

    Only what may still become a call is held back: up to the answer's end after a marker, otherwise at most
    `LONGEST_UNMARKED` characters. What comes out never depends on how the answer was cut.
    """

    def __init__(
        self,
        tools: Iterable[ToolSpec | str],
        *,
        new_id: Callable[[], str] = lambda: f"call_{uuid4().hex}",
        limits: Limits = Limits(),
    ) -> None:
        """Remembers what to look for.

        Args:
            tools: The tools on offer, or their names; without any, all is text and nothing is held back.
            new_id: Makes the id of each call.
            limits: What the JSON of calls may hold; what holds more is no call.
        """
        self._names = frozenset(tool if isinstance(tool, str) else tool.name for tool in tools)
        self._spellings = sorted(
            json.dumps(name, ensure_ascii=escaped)[1:] for name in self._names for escaped in (False, True)
        )
        self._new_id = new_id
        self._limits = limits
        self._held = ""
        self._block: Block | None = None

    def feed(self, text: str) -> list[Piece]:
        """Takes the next piece of the answer, and gives what is decided by now, in order."""
        pieces: list[Piece] = []
        for start in range(0, len(text), _SLICE):
            self._held += text[start : start + _SLICE]
            pieces += self._decided(ended=False)
        return _joined(pieces)

    def close(self) -> list[Piece]:
        """Ends the answer, and gives what was still held back."""
        return _joined([*self._decided(ended=True), self._release(len(self._held))])

    def _decided(self, *, ended: bool) -> Iterator[Piece]:
        while self._held:
            if self._block is None:
                yield self._text_in_front()
            pieces = self._block and self._read(self._block, ended=ended)
            if not pieces:
                return
            yield from pieces

    def _release(self, length: int) -> str:
        """Takes the front off the text held back."""
        text, self._held = self._held[:length], self._held[length:]
        self._block = None
        return text

    def _text_in_front(self) -> str:
        """Takes off the text before the next opening; where that is whole, a block begins."""
        if not self._names:
            return self._release(len(self._held))
        length, block = find_opening(self._held, self._is_offered)
        text = self._release(length)
        self._block = block
        return text

    def _is_offered(self, spelled: str) -> bool:
        at = bisect_left(self._spellings, spelled)
        return at < len(self._spellings) and self._spellings[at].startswith(spelled)

    def _read(self, block: Block, *, ended: bool) -> list[Piece] | None:
        """What the block turned out to be, or None while that is open."""
        failed = block.follow(self._held)
        if failed or (ended and block.end is None):
            return [self._give_up(block, failed or len(self._held))]
        closing = block.closing(self._held)
        if block.end is None or (closing and not closing.lastgroup and not ended):
            return None
        if block.form == "fenced" and not closing:
            # The fence holds more than one call: show the fence, and read on as if its JSON stood bare.
            return [self._release(block.start)]
        end = closing.end() if closing else block.end
        found = self._held[block.start : block.end]
        calls, fault = read_calls(found, only=self._names if block.is_bare else None, limits=self._limits)
        if not fault:
            self._release(end)
            return [ToolCall(self._new_id(), name, arguments) for name, arguments in calls]
        block.spoil(fault)
        if block.form == "marked" and not closing:
            return self._read(block, ended=ended)
        return [self._give_up(block, end)]

    def _give_up(self, block: Block, length: int) -> str | BrokenCall:
        """Takes off what cannot be read: a broken call, if more than its JSON says that it was to be one."""
        text = self._release(length)
        if block.is_bare:
            return text
        return BrokenCall(text, block.fault or read_calls(text[block.start :], limits=self._limits)[1])


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces, with neighbouring texts made one and empty ones left out."""
    joined: list[Piece] = []
    texts: list[str] = []
    for piece in (*pieces, None):
        if isinstance(piece, str):
            texts.append(piece)
            continue
        if text := "".join(texts):
            joined.append(text)
        texts.clear()
        if piece is not None:
            joined.append(piece)
    return joined
