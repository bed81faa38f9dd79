"""What is read in an answer, by its length: stop strings, tool calls, JSON and Gradio's edits.

CPU time of a turn with an answer of 1 KB to 4 MB, which arrives in pieces of 1 KB, less that of a turn with
an answer of nothing; by the character. A reader that looks at everything once costs the same at any length.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.figure import Effort, Figure, Plot, Report, Spread, at_least, at_most
from benchmarks.replay import Kind, Play, replaying
from phi4_space import Limits, SpaceClient, ToolSpec

_QUESTION = "Say a lot."
_PIECE = 1024
_PIECES = (1, 4, 16, 64, 256, 1024, 4096)
_ENOUGH_S = 5.0  # for one answer: longer ones are not tried
_LIMITS = Limits(body=2**26, line=2**26, answer=2**25, values=2**23)
_SAVE = ToolSpec("save", "Saves a text.", {"type": "object", "properties": {"text": {"type": "string"}}})
_ROWS = {"type": "object", "properties": {"rows": {"type": "array"}}}  # more is too much work at 4 MB
_READERS: Mapping[str, tuple[Kind, str, dict[str, Any]]] = {
    "text": ("words", "chat_completion", {}),
    "edits": ("words", "process_message", {}),
    "stop strings": ("words", "process_message", {"stop": ["a stop string", "another\none"]}),
    "tool calls": ("call", "chat_completion", {"tools": [_SAVE]}),
    "tools, but no call": ("words", "chat_completion", {"tools": [_SAVE]}),
    "JSON": ("json", "chat_completion", {"response_format": _ROWS}),
}


def measure(effort: Effort) -> Report:
    """Each reader at each length, up to those that take too long."""
    figures: list[Figure] = []
    lines: dict[str, list[tuple[float, float]]] = {}
    with replaying() as url:
        for reader, (kind, endpoint, options) in _READERS.items():
            points = asyncio.run(_by_length(url, kind, endpoint, options, _PIECES[: effort(len(_PIECES), 3)]))
            lines[reader] = [(length, 1e6 * milliseconds) for length, milliseconds in points.items()]
            figures += _figures(reader, points)
    plot = Plot(
        name="readers",
        title="CPU for each character of an answer",
        x="characters of the answer",
        y="nanoseconds",
        lines=lines,
        logarithmic=True,
    )
    return Report(figures, [plot])


def _figures(reader: str, points: Mapping[int, float]) -> list[Figure]:
    lengths = [*points]
    middle = points[lengths[len(lengths) // 2]]
    growth = points[lengths[-1]] / middle
    return [
        Figure(f"{reader}: a character of the longest / of 64 KB", Spread.of([growth]), goal=at_most(1.5)),
        Figure(f"{reader}: a character of 64 KB", Spread.of([1e9 * middle]), unit="ns"),
        Figure(
            f"{reader}: longest within {_ENOUGH_S:g} s",
            Spread.of([lengths[-1] / _PIECE]),
            unit="KB",
            goal=at_least(_PIECES[-1]),
        ),
    ]


async def _by_length(
    url: str, kind: Kind, endpoint: str, options: Mapping[str, Any], pieces: Sequence[int]
) -> dict[int, float]:
    """Seconds for a character, by the length of the answer."""
    nothing = await _seconds(url, Play(deltas=1), endpoint, {}, 15)
    found, before = {}, 0.0
    for count in pieces:
        play = Play(kind, deltas=count, size=_PIECE)
        seconds = await _seconds(url, play, endpoint, options, max(1, 64 // count))
        found[count * _PIECE] = max(seconds - nothing, 1e-9) / (count * _PIECE)
        if before and seconds * seconds / before > _ENOUGH_S:  # as the next would take, if it goes on so
            break
        before = seconds
    return found


async def _seconds(url: str, play: Play, endpoint: str, options: Mapping[str, Any], rounds: int) -> float:
    """The CPU time of one turn, the median of some."""
    path = url + play.path
    async with SpaceClient(path, endpoint=endpoint, limits=_LIMITS, timeouts=None) as client:
        seen = []
        await client.areply(_QUESTION) if rounds > 1 else await client.astatus()  # warms up
        for _ in range(rounds):
            began = time.process_time()
            async for _ in client.astream(_QUESTION, **options):
                pass
            seen.append(time.process_time() - began)
    return statistics.median(seen)
