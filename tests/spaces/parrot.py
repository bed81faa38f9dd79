"""What the plain apps answer with in place of a model: what came in, or a text known beforehand.

| in the question | answer |
|---|---|
| `get_weather`, without `It rains` | a call of that tool, as Phi-4 writes it |
| `"age"` | pretty JSON: an object in an object |
| `steps` | a Markdown list in a list, with code in it |
| anything else | the number of the turn, the question, the names of its files, and the settings |
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

CALL = '<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Paris"}}]<|/tool_call|>'
JSON = '{\n  "age": 36,\n  "home": {\n    "city": "London"\n  }\n}'
STEPS = (
    "1. Open the box:\n    - with care\n    - from above\n2. Then run\n\n```python\nif True:\n    go()\n```"
)


def answer(text: str, files: Sequence[str] = (), turn: int = 1, **settings: object) -> str:
    """The whole answer to a question.

    Args:
        text: The question.
        files: The paths of its files.
        turn: Its number in the chat.
        settings: What else the app was handed, to be repeated by its name.
    """
    if "get_weather" in text and "It rains" not in text:
        return CALL
    if '"age"' in text:
        return JSON
    if "steps" in text:
        return STEPS
    parts = [f"Turn {turn}: you said {text!r}"]
    if files:
        parts.append(f"with {' and '.join(Path(file).name for file in files)}")
    if settings:
        parts.append(f"({', '.join(f'{name}={value}' for name, value in settings.items())})")
    return " ".join(parts)


def pieces(text: str, *, every: float = 0.0) -> Iterator[str]:
    """A text as it grows, cut before each blank and after each line.

    Args:
        text: The whole of it.
        every: Seconds from one piece to the next.
    """
    for at in range(1, len(text)):
        if text[at] == " " or text[at - 1] == "\n":
            yield text[:at]
            time.sleep(every)
    yield text
