"""Lines that look like another's turn, quoted. Knows the four roles; no model, no wire."""

from __future__ import annotations

import re
from typing import get_args

from phi4_server.model import Role

_LINE_ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_BLANKS = f"[^\\S{_LINE_ENDS}]*+"
_ROLE_LINE = re.compile(
    rf"(?:\A|(?<=[{_LINE_ENDS}])){_BLANKS}"
    rf"(?=(?:{'|'.join(get_args(Role))}){_BLANKS}(?:\([^(){_LINE_ENDS}]*+\){_BLANKS})?[:\uff1a])",
    re.IGNORECASE,
)


def quote_roles(text: str) -> str:
    """The text with "> " before the role in each line that begins like a turn, such as `Tool: 3`.

    For where a text goes to a model beside others that are written so.
    """
    return _ROLE_LINE.sub(lambda found: f"{found[0]}> ", text)
