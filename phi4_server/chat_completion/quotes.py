"""Lines that look like a turn, quoted. Knows the words for roles; no model, no wire.

Where results of tools stand in text that is the user's, a user could write one, and a page that a tool has
read could write a user's turn. The client quotes such lines in its transcripts likewise.
"""

from __future__ import annotations

import re
from typing import get_args

from phi4_server.model import Role

_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"  # those of str.splitlines
_GAP = rf"[^\S{_LINE_ENDS}]*+"
_TURN = re.compile(
    rf"(?:\A|(?<=[{_LINE_ENDS}])){_GAP}"
    rf"(?=(?:{'|'.join(get_args(Role))}){_GAP}(?:\([^(){_LINE_ENDS}]*+\){_GAP})?[:\uff1a])",
    re.IGNORECASE,
)


def quote_roles(text: str) -> str:
    """The text with `> ` before the role in each line that begins like a turn, such as `Tool:`."""
    return _TURN.sub(r"\g<0>> ", text)
