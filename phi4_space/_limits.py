"""How much a server may send before it is refused. Knows no sockets, no Gradio and no JSON.

A Space is somebody else's program: broken or hostile, it costs an error, not this process's memory.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from phi4_space._errors import InvalidOption

MB = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one server may send. More is a `LimitExceeded` that names the limit.

    Attributes:
        body: Bytes in the body of one response; responses are asked for uncompressed.
        line: Bytes in one line, and in one message, of the event stream.
        answer: Characters in one answer, thoughts and tool calls included.
        edits: Edits in one message of the event stream.
        depth: Levels of nesting in any JSON.
        values: Values in any JSON, keys of objects included.
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
        """Refuses what is not a positive whole number.

        Raises:
            InvalidOption: A value is not a positive whole number.
        """
        for part in dataclasses.fields(self):
            value = getattr(self, part.name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidOption(f"Limits.{part.name} is a whole number from 1, not {value!r}")
