"""Tool calls in an answer that arrives in pieces. Knows Phi-4's markers; no model and no wire."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_OPENINGS = ("<|tool_call|>", "<|tool_calls|>")
_OPENING = re.compile(r"<\|tool_calls?\|>")
_CLOSING = re.compile(r"<\|/tool_calls?\|>")
_LONGEST_CLOSING = len("<|/tool_calls|>")


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call: the tool's name, and its arguments in JSON."""

    name: str
    arguments: str


class CallReader:
    """Parts an answer into text and calls.

    What may still become a marker is held back, and so are blanks, which go if a call stands beside them.
    What stands between markers and is no call stays text.
    """

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._held = ""
        self._is_inside = False
        self._searched = 0
        self._blank = ""
        self._drops_blank = False

    def feed(self, piece: str) -> Iterator[str | ToolCall]:
        """Takes the next piece, and yields what is known by now."""
        self._held += piece
        while (step := self._closed() if self._is_inside else self._opened()) is not None:
            yield from step

    def close(self) -> Iterator[str | ToolCall]:
        """Ends the answer, and yields the rest; calls whose marker was not closed count if they are whole."""
        rest, self._held = self._held, ""
        if self._is_inside:
            marker = _OPENING.match(rest)
            calls = _calls(rest[marker.end() :] if marker else rest)
            yield from self._called(calls) if calls else self._text(rest)
        else:
            yield from self._text(rest)
        if self._blank:
            yield self._blank

    def _opened(self) -> list[str | ToolCall] | None:
        """The text up to the next opening; None if nothing more is known."""
        opening = _OPENING.search(self._held)
        end = self._partial_opening() if opening is None else opening.start()
        text, self._held = self._held[:end], self._held[end:]
        if opening is not None:
            self._is_inside, self._searched = True, 0
        elif not text:
            return None
        return self._text(text)

    def _closed(self) -> list[str | ToolCall] | None:
        closing = _CLOSING.search(self._held, self._searched)
        if closing is None:
            self._searched = max(0, len(self._held) - _LONGEST_CLOSING)
            return None
        block, self._held = self._held[: closing.end()], self._held[closing.end() :]
        self._is_inside = False
        opening = _OPENING.match(block)
        calls = _calls(block[opening.end() if opening else 0 : closing.start()])
        return self._called(calls) if calls else self._text(block)

    def _called(self, calls: list[ToolCall]) -> list[str | ToolCall]:
        self._blank, self._drops_blank = "", True
        return [*calls]

    def _text(self, text: str) -> list[str | ToolCall]:
        text = self._blank + text
        if self._drops_blank:
            text = text.lstrip()
        solid = text.rstrip()
        self._blank = text[len(solid) :]
        if not solid:
            return []
        self._drops_blank = False
        return [solid]

    def _partial_opening(self) -> int:
        """Where the text may end with the beginning of an opening; its length if it does not."""
        start = self._held.rfind("<")
        is_partial = start >= 0 and any(opening.startswith(self._held[start:]) for opening in _OPENINGS)
        return start if is_partial else len(self._held)


def _calls(text: str) -> list[ToolCall]:
    """The calls in JSON; none if any part of it is not a call."""
    try:
        value = _parse(text)
        items = value if isinstance(value, list) else [value]
        calls = [_call(item) for item in items]
    except (ValueError, RecursionError):
        return []
    return [call for call in calls if call is not None] if None not in calls else []


def _call(item: Any) -> ToolCall | None:
    match item:
        case {"name": str(name), "arguments": arguments} | {"name": str(name), "parameters": arguments}:
            pass
        case {"name": str(name), **more} if not more:
            arguments = {}
        case _:
            return None
    if isinstance(arguments, str):
        arguments = _parse(arguments.strip() or "{}")
    arguments = {} if arguments is None else arguments
    if not (name.strip() and isinstance(arguments, dict)):
        return None
    written = json.dumps(arguments, ensure_ascii=False)
    f"{name}{written}".encode()  # an error, and so no call, if there is half a character in it
    return ToolCall(name, written)


def _parse(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
