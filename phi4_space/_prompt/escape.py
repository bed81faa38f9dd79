"""Guards: take from a text the power to pose as a turn. Knows Phi-4's tokens and roles; no turn, no prompt.

What they put in is seen: an invisible change may be lost on the way, and puzzles who compares the texts.

They look at a text's skeleton, so that no disguise helps which a reader, or a server in between, would take
off. The tokenizer itself knows its tokens by their exact letters. What passes all the same, knowingly:

- letters of other scripts, such as Cyrillic ones that look like Latin (see `_skeleton`);
- other words for a role, such as "Human:" or "Benutzer:", since a transcript has four words alone;
- a role behind other marks, such as "- User:", "**User:**" or "User 2:", which no line of a transcript has;
- what is a line only when it is decoded once more, such as an escaped line break or an HTML one;
- a mark such as "[image 1]" in a text, which names a picture and brings none.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple, get_args

from phi4_space._prompt.skeleton import LINE_ENDS, Skeleton
from phi4_space._turns import Role


class Guard(NamedTuple):
    """What takes its power from a text.

    Attributes:
        pattern: Finds where it has power, in a skeleton. What is put in stands behind what is found, and in
            front of a character that is seen.
        added: What is put in there.
    """

    pattern: re.Pattern[str]
    added: str


TOKENS = Guard(re.compile(r"<(?=\|[^\s<>|]+\|>)"), " ")
"""Phi-4's control tokens."""

_GAP = f"[^\\S{LINE_ENDS}]*+"

ROLE_LINES = Guard(
    re.compile(
        rf"(?:\A|(?<=[{LINE_ENDS}])){_GAP}"
        rf"(?=(?:{'|'.join(get_args(Role))}){_GAP}(?:\([^(){LINE_ENDS}]*+\){_GAP})?:)",
        re.IGNORECASE,
    ),
    "> ",
)
"""Lines that begin like a turn of the transcript."""

_JSON_LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in LINE_ENDS}


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


def escape_json(text: str) -> str:
    """The same JSON, in which no control token and no line can stand: an escape is read as its character.

    Args:
        text: JSON on one line.
    """
    text = _encodable(text).replace("<|", "<\\u007c").translate(_JSON_LINE_ENDS)
    edges = [0, *(edge for bar in _places(text, TOKENS) for edge in (bar, bar + 1)), len(text)]
    parts = [text[start:end] for start, end in pairwise(edges)]
    parts[1::2] = [f"\\u{ord(bar):04x}" for bar in parts[1::2]]
    return "".join(parts)


def guarded(texts: Sequence[str], guards: Sequence[Guard]) -> list[str]:
    """The texts without power: each alone, and all in a row.

    So nothing comes to power by what is put between them, or by its being taken out again. Surrogates, which
    could not be sent, are joined to the characters that they mean, or replaced.

    Args:
        texts: What is said in a row, cut where something else will stand.
        guards: What to take the power from; a later one looks at what an earlier one put in, too.
    """
    texts = [_encodable(text) for text in texts]
    for guard in guards:
        texts = _guarded(texts, guard)
    return texts


def _guarded(texts: Sequence[str], guard: Guard) -> list[str]:
    row = "".join(texts)
    edges = [0, *accumulate(map(len, texts))]
    spans = {(0, len(row)), *pairwise(edges)}
    added = {start + at: guard.added for start, end in spans for at in _places(row[start:end], guard)}
    if guard.added.isspace():
        # Where something stands between, it would be taken for a part of that, and be taken out with it.
        added |= {edge: 2 * guard.added for edge in edges[1:-1] if edge in added}
    places = sorted(added)
    cuts = [
        sorted({start, end, *places[bisect_right(places, start) : bisect_left(places, end)]})
        for start, end in pairwise(edges)
    ]
    return ["".join(added.get(at, "") + row[at:to] for at, to in pairwise(cut)) for cut in cuts]


def _places(text: str, guard: Guard) -> list[int]:
    """Where a guard puts in what it adds, in order."""
    skeleton = Skeleton.of(text)
    return skeleton.origins([found.end() for found in guard.pattern.finditer(skeleton.text)])


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
