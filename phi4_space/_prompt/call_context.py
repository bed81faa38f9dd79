"""Whether what looks like a call is part of other JSON, and so is none. Knows no form of a call."""

from __future__ import annotations

import re

_INSIDE = re.compile(r"""(?:["']\s*:|[\[{]|(?:["'\]}\d]|true|false|null)\s*,)\s*\Z""")
_PARTS = re.compile(
    r"""(?:["'](?P<key>[^"'\n]{1,200}+)["']\s*+:\s*+)?(?P<opens>[\[{]) | (?P<closes>[\]}])
    | "(?:[^"\\\n]|\\.)*+" """,
    re.VERBOSE,
)
_ENDS_IN_KEY = re.compile(r"""["'](?P<key>[^"'\n]{1,64}+)["']\s*:\s*\Z""")
_LONGEST_END = 100  # characters, in which that is looked for
_CALL_KEYS = frozenset({"function", "tool_call", "tool_calls", "function_call", "function_calls"})
MAX_CONTEXT = 500  # characters


def is_nested(before: str) -> bool:
    """Whether what follows a text is part of other JSON: of the value of a property.

    Args:
        before: The text before it; of a long one the last `MAX_CONTEXT` characters.
    """
    end = before[-_LONGEST_END:]
    if not _INSIDE.search(end):
        return False
    if (key := _ENDS_IN_KEY.search(end)) and key["key"] not in _CALL_KEYS:
        return True
    stack: list[str | None] = []
    for found in _PARTS.finditer(before):
        if found["opens"]:
            stack.append(found["key"])
        elif found["closes"] and stack:
            stack.pop()
    return any(key is not None and key not in _CALL_KEYS for key in stack)
