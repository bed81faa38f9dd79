"""Guards: take from a text the power to pose as a turn. Knows Phi-4's tokens and roles; no turn, no prompt.

What they put in is seen: an invisible change may be lost on the way, and puzzles who compares the texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple, get_args

from phi4_space._turns import Role


class Guard(NamedTuple):
    """What takes its power from a text.

    Attributes:
        pattern: Finds where it has power.
        added: What is put in behind each place that is found.
    """

    pattern: re.Pattern[str]
    added: str


TOKENS = Guard(re.compile(r"<(?=\|[^\s<>|]+\|>)"), " ")
"""Phi-4's control tokens."""

_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_INVISIBLE = "\xad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
_GAP = f"(?:[^\\S{_BREAKS}]|[{_INVISIBLE}])*"

ROLE_LINES = Guard(
    re.compile(
        rf"(?:\A|(?<=[{_BREAKS}])){_GAP}"
        rf"(?=(?:{'|'.join(get_args(Role))}){_GAP}(?:\([^(){_BREAKS}]*\){_GAP})?[:\uff1a\ufe55\ufe13])",
        re.IGNORECASE,
    ),
    "> ",
)
"""Lines that begin like a turn of the transcript."""


def break_tokens(text: str) -> str:
    """The text with `< |end|>` for `<|end|>` and the like, which only this client may write.

    A model reads it as before, but its tokenizer no longer takes it for the token. Other text stays as it is.
    """
    return "".join(guarded([text], [TOKENS]))


def quote_role_lines(text: str) -> str:
    """The text with `> Assistant: ...` for a line that begins like a turn of the transcript.

    A model reads the line as the quotation that it is. Other text stays as it is.
    """
    return "".join(guarded([text], [ROLE_LINES]))


def guarded(texts: Sequence[str], guards: Sequence[Guard]) -> list[str]:
    """The texts without power: each alone, and all in a row.

    So nothing comes to power by what is put between them, or by its being taken out again.

    Args:
        texts: What is said in a row, cut where something else will stand.
        guards: What to take the power from.
    """
    row = "".join(texts)
    edges = [0, *accumulate(map(len, texts))]
    added = {
        start + found.end(): guard.added
        for start, end in {(0, len(row)), *pairwise(edges)}
        for guard in guards
        for found in guard.pattern.finditer(row[start:end])
    }
    cuts = [sorted({start, end, *(at for at in added if start < at < end)}) for start, end in pairwise(edges)]
    return ["".join(added.get(at, "") + row[at:to] for at, to in pairwise(cut)) for cut in cuts]
