"""The skeleton of a text: the same text without its disguises. Knows Unicode; no tokens, no roles, no prompt.

A text is compared by its skeleton, and sent as it is. What `fold` takes off a character:

- compatibility forms (NFKD, which tells apart what NFKC does): fullwidth and mathematical letters, ligatures;
- the difference of upper and lower case, where it changes how many letters there are, as in U+00DF;
- what is not seen: all that Unicode calls default ignorable, other format and control characters;
- combining marks, such as accents and the line through or under a letter.

What it leaves, knowingly: letters of other scripts that look like Latin ones (a Cyrillic U+0430 for an "a"),
small capitals, and whatever else only a table of look-alikes would tell. Colons and blanks are the exception.
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
"""What ends a line, as `str.splitlines` has it; folded to nothing else."""

# Unicode's Default_Ignorable_Code_Point, those included that are yet to be assigned: first, last.
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
_UNSEEN = frozenset({"Mn", "Mc", "Me", "Cf", "Cc"})
_LOOK_ALIKES = dict.fromkeys(
    "\u02d0\u02f8\u0589\u05c3\u0703\u0704\u16ec\u1803\u1809\u205a\u2236\ua4fd\ua789", ":"
)
_LOOK_ALIKES |= {"\u2800": " "}  # a pattern of Braille without dots
_PLAIN = frozenset(map(chr, range(0x20, 0x7F))) | frozenset("\t\n\r")


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A text's skeleton, and where in the text each of its characters came from.

    Attributes:
        text: The skeleton.
        folded: What is left of each character of the text.
    """

    text: str
    folded: Sequence[str]

    @classmethod
    def of(cls, text: str) -> Self:
        """The skeleton of a text, in time linear in its length."""
        if _PLAIN.issuperset(text):
            return cls(text, text)
        # Letter by letter: normalising the whole would sort its marks, in time quadratic in a run of them.
        folded = list(map(fold, text))
        return cls("".join(folded), folded)

    def origins(self, places: Sequence[int]) -> list[int]:
        """Which characters of the text those at these places of the skeleton came from."""
        ends = list(accumulate(map(len, self.folded))) if places else []
        return [bisect_right(ends, place) for place in places]


@lru_cache(maxsize=32_768)
def fold(character: str) -> str:
    """What is left of one character without its disguise; nothing of one that is not seen."""
    if character in LINE_ENDS:
        return character
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(_LOOK_ALIKES.get(letter, letter) for letter in letters if _is_seen(letter))


def _is_seen(letter: str) -> bool:
    if any(first <= ord(letter) <= last for first, last in _IGNORABLE):
        return False
    return letter.isspace() or unicodedata.category(letter) not in _UNSEEN
