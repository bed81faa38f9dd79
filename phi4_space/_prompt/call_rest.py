"""What belongs to a tool call behind its JSON: closings, fences, tags, and the next call. Knows no JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass

from phi4_space._prompt.call_patterns import BLANK, BOXES, GAP, KINDS, LESS, arriving, word

_SLIP = rf"[{BLANK}\]}})]{{0,64}}+"  # an extra bracket is a harmless slip
_ENDED = word("tool_call_end", "tool_calls_end", "eom_id")
_CLOSED = f"(?i:{word(*KINDS, 'function', 'functions', 'tool', 'tools', 'invoke')})"
_CLOSING = re.compile(
    rf"{_SLIP}(?:\Z|<(?:\Z|{arriving(r'[|]', _ENDED, '[|]', '(?P<ended>>)')}"
    rf"|{arriving('[|]?+', '/', '[|]?+', _CLOSED, '[|]?+', '(?P<closed>>)')})"
    rf"|{arriving(word('[/TOOL_CALLS'), '(?P<unlisted>])')}"
    rf"|{arriving(word('<｜tool▁call▁end｜', '<｜tool▁calls▁end｜'), '(?P<unseparated>>)')})"
)
_NAMED = r"(?:/[|]?+(?:\Z|[\w.:-]{1,41}+)|[\w.:-]{1,41}+(?:\Z|(?<=_end)))"
_UNBOXED = rf"(?i:{word('[/', '[END_')}(?:\Z|{word(*BOXES)}))"
_UNSHEATHING = r"(?:(?P<unsheathed>>|&gt;)|&g?t?\Z)"
_UNSHEATHED = re.compile(
    rf"{_SLIP}(?:\Z|{arriving(LESS, '[|]?+', _NAMED, '[|]?+', _UNSHEATHING)}"
    rf"|{arriving(_UNBOXED, '(?P<unboxed>])')})"
)
_UNFENCED = {ticks: re.compile(arriving(GAP, *"`" * (ticks - 1), "(?P<unfenced>`)")) for ticks in (1, 2, 3)}
_NEXT = re.compile(arriving(r"[\s,;]{0,64}+", r"(?P<at>[\[{])", GAP, "(?P<next>[\"'{])"))


@dataclass(frozen=True, slots=True)
class Rest:
    """What still belongs to a call, behind its JSON.

    Attributes:
        length: How many characters do.
        is_partial: Whether it may go on, where more arrives.
        closes: Whether the call is closed by it.
        unfences: Whether that was the end of the fence around it.
        continues: Whether another call of the same form follows.
    """

    length: int
    is_partial: bool = False
    closes: bool = False
    unfences: bool = False
    continues: bool = False


def find_rest(text: str, *, ticks: int, can_continue: bool, tags: int = 0) -> Rest | None:
    """What follows a call and belongs to it; None where nothing does.

    Args:
        text: What follows.
        ticks: How many backticks opened the fence around it; 0 without one.
        can_continue: Whether another call may follow without an opening of its own.
        tags: How many tags around it are open.
    """
    found = [
        match
        for pattern in (
            _CLOSING,
            _UNFENCED.get(ticks),
            _UNSHEATHED if tags else None,
            _NEXT if can_continue else None,
        )
        if pattern and (match := pattern.match(text))
    ]
    for match in found:
        match match.lastgroup:
            case "closed" | "ended" | "unlisted" | "unseparated" | "unsheathed" | "unboxed":
                return Rest(match.end(), closes=True)
            case "unfenced":
                return Rest(match.end(), unfences=True)
            case "next":
                return Rest(match.start("at"), continues=True)
    return Rest(max(match.end() for match in found), is_partial=True) if found else None
