"""Long answers, through every method: 16,000 deltas against 2,000, in CPU time and memory.

Against a replayed Space. Eight times the answer shall take at most eight times the time and memory: one means
just that. Memory is the most that Python allocated, of answers an eighth as long as these.
"""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from llama_index.core.base.llms.types import ChatMessage

from benchmarks.figure import Effort, Figure, Report, Spread, at_most
from benchmarks.measure import Work
from benchmarks.replay import Play, replaying
from langchain_phi4 import ChatPhi4
from llama_index_phi4 import Phi4
from phi4_space import SpaceClient

_QUESTION = "Say something very long."
_TIMES = 8


def measure(effort: Effort) -> Report:
    """Each method alone."""
    with replaying() as url:
        lengths = (effort(2_000, 16), effort(16_000, 128))
        seconds = [asyncio.run(_methods(url, deltas, _seconds)) for deltas in lengths]
        memory = [asyncio.run(_methods(url, deltas // _TIMES, _peak)) for deltas in lengths]
    figures = []
    for what, goal, (short, long) in (("time", 1.2, seconds), ("memory", 1.2, memory)):
        for method in short:
            growth = long[method] / short[method] / _TIMES
            figures.append(Figure(f"{method}: {what}", Spread.of([growth]), goal=at_most(goal)))
    return Report(figures)


async def _methods(url: str, deltas: int, measured: Callable[[Work], Awaitable[float]]) -> dict[str, float]:
    """What each method took."""
    async with (
        SpaceClient(url + Play(deltas=deltas).path, endpoint="chat_completion", timeouts=300) as chats,
        SpaceClient(url + Play(deltas=deltas).path, endpoint="process_message", timeouts=300) as steps,
    ):
        chat, llm, messages = ChatPhi4(client=chats), Phi4(client=chats), [ChatMessage(_QUESTION)]
        works: dict[str, Work] = {
            "astream": lambda: _drain(chats.astream(_QUESTION)),
            "astream, two steps": lambda: _drain(steps.astream(_QUESTION)),
            "areply": lambda: chats.areply(_QUESTION),
            "conversation.astream": lambda: _drain(chats.conversation().astream(_QUESTION)),
            "stream": lambda: asyncio.to_thread(_exhaust, lambda: chats.stream(_QUESTION)),
            "reply": lambda: asyncio.to_thread(chats.reply, _QUESTION),
            "ChatPhi4.astream": lambda: _drain(chat.astream(_QUESTION)),
            "ChatPhi4.ainvoke": lambda: chat.ainvoke(_QUESTION),
            "ChatPhi4.stream": lambda: asyncio.to_thread(_exhaust, lambda: chat.stream(_QUESTION)),
            "ChatPhi4.invoke": lambda: asyncio.to_thread(chat.invoke, _QUESTION),
            "Phi4.astream_chat": lambda: _await_and_drain(llm.astream_chat(messages)),
            "Phi4.achat": lambda: llm.achat(messages),
            "Phi4.stream_chat": lambda: asyncio.to_thread(_exhaust, lambda: llm.stream_chat(messages)),
            "Phi4.chat": lambda: asyncio.to_thread(llm.chat, messages),
        }
        found = {name: await measured(work) for name, work in works.items()}
        await asyncio.to_thread(chats.close)
    return found


async def _seconds(work: Work) -> float:
    began = time.process_time()
    await work()
    return time.process_time() - began


async def _peak(work: Work) -> float:
    gc.collect()
    tracemalloc.start()
    await work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return float(most)


async def _drain(stream: AsyncIterator[object]) -> None:
    async for _ in stream:
        pass


async def _await_and_drain(stream: Awaitable[AsyncIterator[object]]) -> None:
    await _drain(await stream)


def _exhaust(stream: Callable[[], Iterator[object]]) -> None:
    for _ in stream():
        pass
