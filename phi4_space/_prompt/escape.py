"""Guards, which keep a text from passing for a turn. Knows Phi-4's tokens and roles; no turn, no prompt.

What they insert is visible: an invisible change may get lost on the way, and puzzles anyone who compares
texts.

They examine a text's skeleton, so that a disguise which a reader or a server would undo does not help. The
tokenizer itself recognises its tokens by their exact characters. What is let through on purpose:

- letters of other scripts, such as Cyrillic ones that look like Latin (see `skeleton`);
- other words for a role, such as "Human:" or "Benutzer:", since a transcript uses four words only;
- a role behind other marks, such as "- User:", "**User:**" or "User 2:", which no line of a transcript has;
- what becomes a line only when it is decoded once more, such as an escaped line break or an HTML one;
- a mark such as "[image 1]" in a text, which refers to an image but adds none.
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
    """What keeps a text from passing for something else.

    Attributes:
        pattern: Finds, in a skeleton, what has to be broken up. The insertion goes behind each match, in
            front of a visible character.
        inserted: The text that is inserted there.
    """

    pattern: re.Pattern[str]
    inserted: str


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
"""Lines that start like a turn of the transcript."""

_JSON_LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in LINE_ENDS}


def break_tokens(text: str) -> str:
    """The text with `< |end|>` for `<|end|>` and the like, which only this client may write.

    A model reads it as before, but the tokenizer no longer takes it for the token. Other text is unchanged.
    """
    return "".join(guarded([text], [TOKENS]))


def escape_json(text: str) -> str:
    """The same JSON with control tokens and line ends escaped, which JSON reads as the same characters.

    Args:
        text: JSON on one line.
    """
    text = _encodable(text).replace("<|", "<\\u007c").translate(_JSON_LINE_ENDS)
    edges = [0, *(edge for bar in _positions(text, TOKENS) for edge in (bar, bar + 1)), len(text)]
    parts = [text[start:end] for start, end in pairwise(edges)]
    parts[1::2] = [f"\\u{ord(bar):04x}" for bar in parts[1::2]]
    return "".join(parts)


def guarded(texts: Sequence[str], guards: Sequence[Guard]) -> list[str]:
    """The texts with all guards applied, to each on its own and to all of them joined.

    So they stay harmless whatever is put between them, and when that is taken out again. Surrogates, which
    could not be sent, are combined into the characters that they stand for, or replaced.

    Args:
        texts: A text, cut where something else will stand.
        guards: The guards, in order; each examines what the ones before it inserted as well.
    """
    texts = [_encodable(text) for text in texts]
    for guard in guards:
        texts = _guarded(texts, guard)
    return texts


def _guarded(texts: Sequence[str], guard: Guard) -> list[str]:
    joined = "".join(texts)
    edges = [0, *accumulate(map(len, texts))]
    spans = {(0, len(joined)), *pairwise(edges)}
    inserted = {
        start + at: guard.inserted for start, end in spans for at in _positions(joined[start:end], guard)
    }
    if guard.inserted.isspace():
        # Next to something that stands between the texts, it would pass for part of that, and go with it.
        inserted |= {edge: 2 * guard.inserted for edge in edges[1:-1] if edge in inserted}
    positions = sorted(inserted)
    cuts = [
        sorted({start, end, *positions[bisect_right(positions, start) : bisect_left(positions, end)]})
        for start, end in pairwise(edges)
    ]
    return ["".join(inserted.get(at, "") + joined[at:to] for at, to in pairwise(cut)) for cut in cuts]


def _positions(text: str, guard: Guard) -> list[int]:
    """Where a guard inserts its text, in order."""
    skeleton = Skeleton.of(text)
    return skeleton.origins([match.end() for match in guard.pattern.finditer(skeleton.text)])


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
