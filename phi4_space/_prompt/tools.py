"""Tools as a prompt lists them, and calls as an answer contains them. Knows no prompt, no Space, no I/O."""

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
from phi4_space._prompt.schema_text import normalize_schema
from phi4_space._prompt.tool_calls import CallBlock, find_opening, read_calls
from phi4_space._prompt.validation import Validation, check_schema
from phi4_space._turns import BrokenCall, ToolCall, ToolSpec

_HOW_TO_CALL = (
    'To call tools, answer with <|tool_call|>[{"name": NAME, "arguments": {...}}]<|/tool_call|>, '
    "one item for each call."
)
_MAX_NAME = 80  # characters shown of a name that a model made up
_ORDERS = {"auto": "", "none": "Do not call a tool.", "required": "You must call at least one tool."}


def render(tools: Sequence[ToolSpec], *, choice: str = "auto") -> str:
    """The part of the system turn about the tools; "" where there are none.

    The list of tools comes last, right before the turn ends, as in Phi-4's own template.

    Args:
        tools: The available tools.
        choice: "auto", "none", "required" or the name of the tool that must be called.

    Raises:
        InvalidOption: A tool's name is empty, unprintable or used twice; its parameters are not JSON; or
            there is no such choice.
    """
    names = [_checked_name(tool) for tool in tools]
    for name in names:
        if names.count(name) > 1:
            raise InvalidOption(f"Two tools are named {name!r}.", advice="Give each tool a different name.")
    if choice not in ([*_ORDERS, *names] if names else ["auto", "none"]):
        raise InvalidOption(
            f"tool_choice is {choice!r}, but the tools are {names}.",
            advice='Choose "auto", "none", "required" or the name of one of the tools.',
        )
    if not names:
        return ""
    orders = filter(None, ("" if choice == "none" else _HOW_TO_CALL, _order(choice)))
    listed = [
        {
            "name": tool.name,
            "description": cleandoc(tool.description or ""),
            "parameters": _parameters(tool),
        }
        for tool in tools
    ]
    return f"{' '.join(orders)}\n<|tool|>{_to_json(listed, 'The tools')}<|/tool|>"


def render_calls(calls: Sequence[ToolCall]) -> str:
    """Calls as Phi-4 writes them, so that it recognises its own; "" where there are none.

    A `CallReader` reads the same names and arguments back.

    Raises:
        InvalidOption: The arguments of a call are not JSON.
    """
    if not calls:
        return ""
    listed = [{"name": call.name, "arguments": call.arguments} for call in calls]
    return f"<|tool_call|>{_to_json(listed, 'The tool calls')}<|/tool_call|>"


def argument_error(calls: Sequence[ToolCall], tools: Sequence[ToolSpec]) -> str | None:
    """What is wrong with the arguments of the first call that does not match its tool's parameters.

    None where all match, or where the parameters are not a JSON Schema that can be checked.
    """
    parameters = {tool.name: tool.parameters for tool in tools if _is_schema(tool.parameters)}
    validation = Validation()
    for call in calls:
        with suppress(Unresolvable):
            if error := validation.mismatch(parameters.get(call.name, {}), {**call.arguments}):
                return f"the arguments of {shortened(call.name, _MAX_NAME)} are not valid: {error}"
    return None


def _is_schema(schema: Mapping[str, Any]) -> bool:
    try:
        check_schema(schema)
    except ValueError:
        return False
    return True


def correct_call(choice: str) -> str:
    """What to reply, once, to a model that did not make the call that it had to.

    Args:
        choice: "required" or the name of a tool.
    """
    return f"{_order(choice)} Your last answer did not. Answer again, with the tool call only."


def _order(choice: str) -> str:
    return _ORDERS.get(choice, f"You must call the tool {escape_json(choice)}.")


def _checked_name(tool: ToolSpec) -> str:
    if not isinstance(tool, ToolSpec):
        raise InvalidOption(f"A tool must be a ToolSpec, not {type(tool).__name__}.")
    # Printable, since after a line break a name could start a turn of its own in a transcript.
    if not (isinstance(tool.name, str) and tool.name.strip() and tool.name.isprintable()):
        raise InvalidOption(f"A tool cannot be named {tool.name!r}.", advice="Give it a printable name.")
    if not isinstance(tool.description, str | None):
        raise InvalidOption(
            f"The description of the tool {tool.name!r} must be a str, not {type(tool.description).__name__}."
        )
    if not isinstance(tool.parameters, Mapping):
        raise InvalidOption(
            f"The parameters of the tool {tool.name!r} must be a mapping,"
            f" not {type(tool.parameters).__name__}.",
            advice='Pass a JSON Schema, such as {"type": "object", "properties": {}}.',
        )
    return tool.name


def _parameters(tool: ToolSpec) -> dict[str, Any]:
    return normalize_schema(
        json.loads(_to_json(tool.parameters, f"The parameters of the tool {tool.name!r}"))
    )


def _to_json(value: object, what: str) -> str:
    try:
        return escape_json(write(value, Limits()))
    except ValueError as exc:
        raise InvalidOption(f"{what} cannot be written as JSON: {exc}.") from exc


_SLICE = 16_384
"""Characters read at once: what is decided is dropped after each slice, so that little has to be moved."""

AnswerPiece = str | ToolCall | BrokenCall
"""What an answer consists of: text, calls, and calls that cannot be read."""


class CallReader:
    """Separates calls from text in an answer that arrives in chunks.

    It reads every form in which Phi-4 writes calls: marked by `<|tool_call|>`, whose closing marker may be
    missing; `functools[...]`; and bare JSON, which may stand in a Markdown fence. The JSON is a list or one
    object, with `arguments` or `parameters`, which may be a JSON string.

    The first two forms are calls whatever tool they name, and broken calls where they cannot be read. A
    broken call ends with its closing marker, or else before the next opening one or with the answer; one of
    `functools` ends with its JSON. Bare JSON is a call only if it has exactly a call's two keys and names an
    available tool; otherwise it is passed on as text, unchanged.

    Only what may still become a call is held back: up to the end of the answer after a marker, otherwise at
    most `LONGEST_UNMARKED` characters. The result never depends on how the answer was cut.
    """

    def __init__(
        self,
        tools: Iterable[ToolSpec | str],
        *,
        new_id: Callable[[], str] = lambda: f"call_{uuid4().hex}",
        limits: Limits = Limits(),
    ) -> None:
        """Takes the tools whose calls to find.

        Args:
            tools: The available tools, or their names. Without any, everything is text and nothing is held
                back.
            new_id: Makes the id of each call.
            limits: How large and how deeply nested a call's JSON may be; beyond that it is not a call.
        """
        self._names = frozenset(tool if isinstance(tool, str) else tool.name for tool in tools)
        self._spellings = sorted(
            json.dumps(name, ensure_ascii=escaped)[1:] for name in self._names for escaped in (False, True)
        )
        self._new_id = new_id
        self._limits = limits
        self._held = ""
        self._block: CallBlock | None = None

    def feed(self, text: str) -> list[AnswerPiece]:
        """Takes the next chunk of the answer, and returns the pieces that are certain by now, in order."""
        pieces: list[AnswerPiece] = []
        for start in range(0, len(text), _SLICE):
            self._held += text[start : start + _SLICE]
            pieces += self._certain(ended=False)
        return _joined(pieces)

    def close(self) -> list[AnswerPiece]:
        """Ends the answer, and returns what was still held back."""
        return _joined([*self._certain(ended=True), self._release(len(self._held))])

    def _certain(self, *, ended: bool) -> Iterator[AnswerPiece]:
        while self._held:
            if self._block is None:
                yield self._leading_text()
            pieces = self._block and self._read(self._block, ended=ended)
            if not pieces:
                return
            yield from pieces

    def _release(self, length: int) -> str:
        """Removes and returns the start of the text that is held back."""
        text, self._held = self._held[:length], self._held[length:]
        self._block = None
        return text

    def _leading_text(self) -> str:
        """Removes and returns the text before the next opening; a block begins where that is complete."""
        if not self._names:
            return self._release(len(self._held))
        length, block = find_opening(self._held, self._is_offered)
        text = self._release(length)
        self._block = block
        return text

    def _is_offered(self, spelled: str) -> bool:
        at = bisect_left(self._spellings, spelled)
        return at < len(self._spellings) and self._spellings[at].startswith(spelled)

    def _read(self, block: CallBlock, *, ended: bool) -> list[AnswerPiece] | None:
        """What the block turned out to be; None while that is not certain."""
        rejected = block.follow(self._held)
        if rejected or (ended and block.end is None):
            return [self._give_up(block, rejected or len(self._held))]
        closing = block.closing(self._held)
        if block.end is None or (closing and not closing.lastgroup and not ended):
            return None
        if block.form == "fenced" and not closing:
            # The fence holds more than one call: pass the fence on, and read its JSON as if it were bare.
            return [self._release(block.start)]
        end = closing.end() if closing else block.end
        text = self._held[block.start : block.end]
        calls, error = read_calls(text, only=self._names if block.is_bare else None, limits=self._limits)
        if not error:
            self._release(end)
            return [ToolCall(self._new_id(), name, arguments) for name, arguments in calls]
        block.reject(error)
        if block.form == "marked" and not closing:
            return self._read(block, ended=ended)
        return [self._give_up(block, end)]

    def _give_up(self, block: CallBlock, length: int) -> str | BrokenCall:
        """Removes and returns what cannot be read: a broken call, or text if only JSON suggested a call."""
        text = self._release(length)
        if block.is_bare:
            return text
        return BrokenCall(text, block.error or read_calls(text[block.start :], limits=self._limits)[1])


def _joined(pieces: Iterable[AnswerPiece]) -> list[AnswerPiece]:
    """The pieces, with adjacent texts joined and empty ones left out."""
    joined: list[AnswerPiece] = []
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
