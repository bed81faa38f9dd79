"""Images and recordings: what a turn costs with an image that the Space has, and 200 MB of audio in memory.

Against a replayed Space. The image goes along as the same object each time, so it need be neither sent nor
read again. The recording's turns have processes of their own; what counts is the most memory that these held,
over what they held before.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
import wave
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
from PIL import Image

from benchmarks.child import printed
from benchmarks.figure import Effort, Figure, Report, Spread, at_most, ratio
from benchmarks.measure import by_turns
from benchmarks.replay import Play, replaying
from phi4_space import Media, SpaceClient

_QUESTION = "What is this?"
_PATH = Play().path
_EDGE = 1_300  # of an image whose noise takes up 5 MB
_RECORDING = 200_000_000


def measure(effort: Effort) -> Report:
    """The image, then the recording."""
    with tempfile.TemporaryDirectory() as folder, replaying() as url:
        picture, recording = Path(folder, "noise.png"), Path(folder, "silence.wav")
        _draw(picture, effort(_EDGE, 64))
        _record(recording, effort(_RECORDING, 100_000))
        figures = asyncio.run(_image(url, picture, effort(30)))
        seen = {who: _sent(who, url, recording, effort(3, 1)) for who in ("ours", "floor")}
    (memory, seconds), (floor_memory, floor_seconds) = seen["ours"], seen["floor"]
    return Report(
        [
            *figures,
            Figure("200 MB recording: memory", Spread.of(memory), unit="MB", goal=at_most(20)),
            Figure("200 MB recording: memory, floor", Spread.of(floor_memory), unit="MB"),
            Figure("200 MB recording: time / floor", ratio(seconds, floor_seconds)),
        ]
    )


def _draw(place: Path, edge: int) -> None:
    pixels = random.Random(4).randbytes(3 * edge * edge)  # noqa: S311  the same noise each time
    Image.frombytes("RGB", (edge, edge), pixels).save(place)


def _record(place: Path, size: int) -> None:
    with wave.open(str(place), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(size))


async def _image(url: str, picture: Path, rounds: int) -> list[Figure]:
    image = picture.read_bytes()  # noqa: ASYNC240  nothing runs beside it
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(SpaceClient(url + _PATH)) for _ in range(3)]
        in_memory = Media(image)
        works = {
            "without": lambda: clients[0].areply(_QUESTION),
            "bytes": lambda: clients[1].areply(_QUESTION, media=[in_memory]),
            "a path": lambda: clients[2].areply(_QUESTION, media=[Media(picture)]),
        }
        seen = await by_turns(works, rounds, clock=time.process_time)
        http = await stack.enter_async_context(httpx.AsyncClient())
        sent = float((await http.get(f"{url}{_PATH}/uploads")).json())
    figures = [
        Figure(
            f"known 5 MB image, {kind}: CPU of a turn / without",
            ratio(seen[kind], seen["without"]),
            goal=at_most(1.1),
        )
        for kind in ("bytes", "a path")
    ]
    return [
        *figures,
        Figure("times that each was sent", Spread.of([sent / 2]), unit="times", goal=at_most(1)),
    ]


def _sent(who: str, url: str, recording: Path, rounds: int) -> tuple[list[float], list[float]]:
    seen = [printed("benchmarks.recording", who, url + _PATH, str(recording)) for _ in range(rounds)]
    memory, seconds = zip(*seen, strict=True)
    return [*memory], [*seconds]
