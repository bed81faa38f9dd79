"""How much a server may send. Knows no sockets, no Gradio and no JSON.

A Space is somebody else's program: if it is broken or hostile, it causes an error, and does not use up
memory.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from phi4_space._errors import InvalidOption

MB = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one server may send. More raises a `LimitExceeded` that names the limit.

    Attributes:
        body: Bytes in the body of one response; responses are asked for uncompressed.
        line: Bytes in one line or one message of the event stream.
        answer: Characters in one answer, including thoughts and tool calls.
        edits: Edits in one message of the event stream.
        depth: Levels of nesting in any JSON.
        values: Values in any JSON, including keys of objects.
        notices: Notices and progress reports in one turn.
    """

    body: int = 8 * MB
    line: int = 8 * MB
    answer: int = 4 * MB
    edits: int = 10_000
    depth: int = 100
    values: int = 100_000
    notices: int = 1_000

    def __post_init__(self) -> None:
        """Refuses invalid values.

        Raises:
            InvalidOption: A value is not a positive integer.
        """
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidOption(f"Limits.{field.name} must be an integer of at least 1, not {value!r}")
