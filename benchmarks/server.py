"""What our Space costs beside a bare Gradio app of ten lines that answers with the same words.

CPU time of the server's process, asked by the floor, one turn after another; a delta's is the difference
between long and short answers. Ready means that its URL was printed. The memory of a session, with a picture
of its own, is that of the second three hundred of a Space's first, all of which it keeps; that memory stays
level beyond the thousand that it keeps at most, `python benchmarks/sessions.py` shows. The offline model is
asked in this process, what the demo asks.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.child import ROOT
from benchmarks.figure import Effort, Figure, Report, Spread, at_most, difference, ratio
from benchmarks.floor import Floor
from benchmarks.measure import cpu_of, memory_of
from benchmarks.sessions import visit
from phi4_server.model import Message
from phi4_server.offline.model import OfflineModel

_QUESTION = "Say something."
_READY = re.compile(r" is ready at (http://\S+)")
_SHORT, _LONG = 8, 400  # words
_CONTRACTS = ("two steps", "chat_completion")
_EXAMPLES = ROOT / "phi4_server" / "examples"
_DEMO = (
    ("who it is", "Who are you?", ()),
    ("a text", "The library opens at nine. The cafe beside it opens at ten. When does the cafe open?", ()),
    ("an image", "What are the main colours of this picture?", (_EXAMPLES / "hills.png",)),
    ("a recording", "Describe this recording.", (_EXAMPLES / "chime.wav",)),
)


@dataclass(frozen=True, slots=True)
class _Server:
    """One that runs.

    Attributes:
        url: Where.
        pid: Its process.
        seconds: How long it took to be ready.
    """

    url: str
    pid: int
    seconds: float


def measure(effort: Effort) -> Report:
    """Turns and deltas, the start, sessions, and the offline model."""
    return Report(
        [*_turns(effort), *_starts(effort(3, 1)), _sessions(effort(600, 10)), *_offline(effort(30))]
    )


@contextmanager
def _serving(*program: str) -> Iterator[_Server]:
    """A server of its own, with a folder for its files."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TMPDIR": folder,
            "GRADIO_ANALYTICS_ENABLED": "False",
        }
        began = time.perf_counter()
        with subprocess.Popen(  # noqa: S603  our own programs
            [sys.executable, *program], stdout=subprocess.PIPE, text=True, env=environment
        ) as process:
            try:
                yield _Server(_await_url(process), process.pid, time.perf_counter() - began)
            finally:
                process.terminate()


def _await_url(process: subprocess.Popen[str]) -> str:
    for line in process.stdout or ():
        if ready := _READY.search(line):
            return ready[1]
    raise ChildProcessError("the server did not start")


@contextmanager
def _ours(words: int) -> Iterator[_Server]:
    script = [{"when": ".", "text": " ".join(["word"] * words)}]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "script.json")
        file.write_text(json.dumps(script), encoding="utf-8")
        with _serving("-m", "phi4_server", "--port", "0", "--script", str(file)) as server:
            yield server


def _bare(words: int) -> AbstractContextManager[_Server]:
    return _serving(str(ROOT / "benchmarks" / "bare_space.py"), str(words))


def _turns(effort: Effort) -> list[Figure]:
    with _ours(_SHORT) as ours, _bare(_SHORT) as bare:
        short = asyncio.run(_cpu({"ours": ours, "bare": bare}, effort(15, 2), effort(4)))
        memory = [memory_of(server.pid) for server in (ours, bare)]
    with _ours(_LONG) as ours, _bare(_LONG) as bare:
        long = asyncio.run(_cpu({"ours": ours, "bare": bare}, 1, effort(4)))
    figures = []
    for contract in _CONTRACTS:
        mine, other = (f"{who}, {contract}" for who in ("ours", "bare"))
        each = [difference(long[one], short[one], scale=1 / (_LONG - _SHORT)) for one in (mine, other)]
        figures += [
            Figure(f"{contract}: CPU of a turn / bare", ratio(short[mine], short[other]), goal=at_most(1.1)),
            Figure(
                f"{contract}: CPU of a delta / bare",
                Spread.of([each[0].value / each[1].value]),
                goal=at_most(1.1),
            ),
        ]
    return [*figures, Figure("memory / bare", Spread.of([memory[0] / memory[1]]))]


async def _cpu(servers: dict[str, _Server], turns: int, rounds: int) -> dict[str, list[float]]:
    """CPU seconds of a turn, of each server by each contract."""
    seen: dict[str, list[float]] = {}
    async with httpx.AsyncClient(timeout=60) as http:
        floors = {who: Floor(server.url, http) for who, server in servers.items()}
        for floor in floors.values():
            await floor.look()
        for number in range(rounds + 1):
            for contract in _CONTRACTS:
                for who, floor in floors.items():
                    before = cpu_of(servers[who].pid)
                    for _ in range(turns):
                        await (
                            floor.two_steps(_QUESTION) if contract == "two steps" else floor.chat(_QUESTION)
                        )
                    if number:  # the first round warms up
                        took = (cpu_of(servers[who].pid) - before) / turns
                        seen.setdefault(f"{who}, {contract}", []).append(took)
    return seen


def _starts(rounds: int) -> list[Figure]:
    seen: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(rounds):
        for who, serving in (("ours", _ours), ("bare", _bare)):
            with serving(_SHORT) as server:
                seen[who].append(server.seconds)
    return [
        Figure("time to ready / bare", ratio(seen["ours"], seen["bare"]), goal=at_most(1.1)),
        Figure("time to ready", Spread.of(seen["ours"]), unit="s"),
    ]


def _sessions(count: int) -> Figure:
    with _serving("-m", "phi4_server", "--port", "0") as server:
        half = count // 2
        asyncio.run(_visits(server.url, half))
        before = memory_of(server.pid)
        asyncio.run(_visits(server.url, count - half))
        kilobytes = 1000 * (memory_of(server.pid) - before) / (count - half)
    return Figure("memory of a session that is kept", Spread.of([kilobytes]), unit="KB")


async def _visits(url: str, count: int, at_once: int = 8) -> None:
    left = iter(range(count))
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:

        async def visitor() -> None:
            for _ in left:
                await visit(http)

        await asyncio.gather(*(visitor() for _ in range(at_once)))


def _offline(rounds: int) -> list[Figure]:
    model, figures = OfflineModel(), []
    for name, question, files in _DEMO:
        seen = []
        for _ in range(rounds + 1):
            began = time.process_time()
            for _ in model.stream([Message(role="user", text=question, files=files)]):
                pass
            seen.append(1000 * (time.process_time() - began))
        figures.append(
            Figure(f"offline model, {name}: CPU", Spread.of(seen[1:]), unit="ms", goal=at_most(20))
        )
    return figures
