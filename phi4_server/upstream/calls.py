"""Calls that an engine has read out of the text, put together again. Knows chat completions; no HTTP."""

from __future__ import annotations

import json
from typing import Any

from phi4_server.chat_completion.surrogates import encodable
from phi4_server.upstream.chunk import CallDelta

_MAX_CALLS = 1_000
_MAX_ARGUMENTS = 1_000_000
_MAX_NAME = 200


class CallReader:
    """Puts the parts of calls together, and writes the calls as Phi-4 does.

    Attributes:
        size: Characters that were taken so far.
    """

    def __init__(self) -> None:
        """Begins without a call."""
        self.size = 0
        self._calls: dict[object, list[str]] = {}
        self._last: object = None

    def add(self, part: CallDelta) -> None:
        """Takes a part of a call.

        Raises:
            ValueError: They are too long.
        """
        name, arguments = part.name[:_MAX_NAME], part.arguments
        self._last = self._key(part)
        known = self._calls.setdefault(self._last, ["", ""])
        known[0] = known[0] or name
        known[1] += arguments
        self.size += len(name) + len(arguments)
        if len(self._calls) > _MAX_CALLS or self.size > _MAX_ARGUMENTS:
            raise ValueError("its calls are too long")

    def written(self) -> str:
        """All calls as Phi-4 writes them; "" if there are none.

        Raises:
            ValueError: They nest too deeply.
        """
        if not self._calls:
            return ""
        listed = [{"name": name, "arguments": _arguments(text)} for name, text in self._calls.values()]
        # As text, no control token of the model's may stand in them; JSON reads the same characters.
        try:
            written = json.dumps(listed, ensure_ascii=False).replace("<|", "<\\u007c")
        except RecursionError:
            raise ValueError("its calls nest too deeply") from None
        return encodable(f"<|tool_call|>{written}<|/tool_call|>")

    def _key(self, part: CallDelta) -> object:
        """What tells its call from others: the index, or the id; without either, a name begins a new one."""
        if part.index is not None:
            return part.index
        if part.id:
            return part.id
        return ("unnamed", len(self._calls)) if part.name or self._last is None else self._last


def _arguments(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except (ValueError, RecursionError):
        return text  # as the model wrote it
