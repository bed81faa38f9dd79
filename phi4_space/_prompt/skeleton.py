"""The skeleton of a text: the same text without its disguises. Knows Unicode; no tokens, no roles, no prompt.

A text is compared by its skeleton, but sent as it is. `fold` removes from a character:

- compatibility forms (NFKD, which distinguishes what NFKC does): fullwidth and mathematical letters,
  ligatures;
- the difference between upper and lower case, also where it changes the number of letters, as in U+00DF;
- what is invisible: all that Unicode calls default ignorable, and other format and control characters;
- combining marks, such as accents and the line through or under a letter.

It keeps, on purpose, letters of other scripts that look like Latin ones (a Cyrillic U+0430 for an "a"), small
capitals, and whatever else only a table of look-alikes would find. Colons and blanks are the exception.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Self

LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""The line ends of `str.splitlines`; `fold` leaves them alone."""

# Unicode's Default_Ignorable_Code_Point, unassigned ones included: first, last.
_IGNORABLE = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_INVISIBLE = frozenset({"Mn", "Mc", "Me", "Cf", "Cc"})
_LOOK_ALIKES = dict.fromkeys(
    "\u02d0\u02f8\u0589\u05c3\u0703\u0704\u16ec\u1803\u1809\u205a\u2236\ua4fd\ua789", ":"
)
_LOOK_ALIKES |= {"\u2800": " "}  # a pattern of Braille without dots
_PLAIN = frozenset(map(chr, range(0x20, 0x7F))) | frozenset("\t\n\r")


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A text's skeleton, and the position in the text that each of its characters came from.

    Attributes:
        text: The skeleton.
        folded: For each character of the text, what it was folded to.
    """

    text: str
    folded: Sequence[str]

    @classmethod
    def of(cls, text: str) -> Self:
        """The skeleton of a text, in time linear in its length."""
        if _PLAIN.issuperset(text):
            return cls(text, text)
        # Character by character: normalising the whole sorts its marks, in quadratic time for a run of them.
        folded = list(map(fold, text))
        return cls("".join(folded), folded)

    def origins(self, positions: Sequence[int]) -> list[int]:
        """The positions in the text that these positions of the skeleton came from, in order."""
        ends = list(accumulate(map(len, self.folded))) if positions else []
        return [bisect_right(ends, position) for position in positions]


@lru_cache(maxsize=32_768)
def fold(character: str) -> str:
    """One character without its disguise; "" for one that is invisible."""
    if character in LINE_ENDS:
        return character
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(_LOOK_ALIKES.get(letter, letter) for letter in letters if _is_visible(letter))


def _is_visible(letter: str) -> bool:
    if any(first <= ord(letter) <= last for first, last in _IGNORABLE):
        return False
    return letter.isspace() or unicodedata.category(letter) not in _INVISIBLE
