"""What the frameworks' models and the synchronous methods add to the client: CPU time of the process.

They stand on one client, against a replayed Space, whole chats. What the framework itself costs is seen in
its own fake: LangChain's GenericFakeChatModel and LlamaIndex's MockLLM, which answer at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import repeat

from langchain_core.language_models import GenericFakeChatModel
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.llms.mock import MockLLM

from benchmarks.figure import Effort, Figure, Report, Spread, at_most, difference
from benchmarks.measure import Work, by_turns
from benchmarks.replay import Play, replaying
from langchain_phi4 import ChatPhi4
from llama_index_phi4 import Phi4
from phi4_space import SpaceClient

_QUESTION = "Say something."
_MILLI = 1000.0


def measure(effort: Effort) -> Report:
    """By the call, and by the delta."""
    with replaying() as url:
        calls = asyncio.run(_calls(url + Play().path, effort(100)))
        deltas = effort(400, 10)
        each = asyncio.run(_deltas(url + Play(deltas=deltas).path, deltas, effort(12)))

    def over(name: str, seen: dict[str, list[float]], goal: float, *less: str) -> Figure:
        spread = difference(seen[name.partition(",")[0]], *(seen[one] for one in less), scale=_MILLI)
        return Figure(" less ".join([name, *less]), spread, unit="ms", goal=at_most(goal))

    def alone(name: str, seen: dict[str, list[float]]) -> Figure:
        return Figure(name, Spread.of([_MILLI * one for one in seen[name.partition(",")[0]]]), unit="ms")

    return Report(
        [
            over("ChatPhi4.ainvoke", calls, 0.3, "areply", "fake.ainvoke"),
            over("Phi4.achat", calls, 0.5, "areply", "MockLLM.achat"),
            over("reply", calls, 0.3, "areply"),
            *(alone(name, calls) for name in ("areply", "fake.ainvoke", "MockLLM.achat")),
            over("ChatPhi4.astream, a delta", each, 0.08, "astream"),
            over("Phi4.astream_chat, a delta", each, 0.05, "astream"),
            over("stream, a delta", each, 0.05, "astream"),
            *(
                alone(f"{name}, a delta", each)
                for name in ("astream", "fake.astream", "MockLLM.astream_chat")
            ),
        ]
    )


async def _calls(url: str, rounds: int) -> dict[str, list[float]]:
    async with SpaceClient(url) as client:
        chat, llm, fake, mock = ChatPhi4(client=client), Phi4(client=client), _fake(8), MockLLM()
        messages = [ChatMessage(_QUESTION)]

        async def reply() -> None:
            client.reply(_QUESTION)

        works: dict[str, Work] = {
            "areply": lambda: client.areply(_QUESTION),
            "ChatPhi4.ainvoke": lambda: chat.ainvoke(_QUESTION),
            "fake.ainvoke": lambda: fake.ainvoke(_QUESTION),
            "Phi4.achat": lambda: llm.achat(messages),
            "MockLLM.achat": lambda: mock.achat(messages),
            "reply": reply,
        }
        seen = await by_turns(works, rounds, clock=time.process_time)
        client.close()
        return seen


async def _deltas(url: str, deltas: int, rounds: int) -> dict[str, list[float]]:
    async with SpaceClient(url) as client:
        chat, llm, fake, mock = ChatPhi4(client=client), Phi4(client=client), _fake(deltas), MockLLM()
        messages, long = [ChatMessage(_QUESTION)], [ChatMessage("a" * deltas)]
        counts: dict[str, int] = {}

        def counted(name: str, stream: Callable[[], Awaitable[AsyncIterator[object]]]) -> Work:
            async def work() -> None:
                counts[name] = 0
                async for _ in await stream():
                    counts[name] += 1

            return work

        async def ready(stream: AsyncIterator[object]) -> AsyncIterator[object]:
            return stream

        async def sync() -> None:
            counts["stream"] = sum(1 for _ in client.stream(_QUESTION))

        works: dict[str, Work] = {
            "astream": counted("astream", lambda: ready(client.astream(_QUESTION))),
            "ChatPhi4.astream": counted("ChatPhi4.astream", lambda: ready(chat.astream(_QUESTION))),
            "fake.astream": counted("fake.astream", lambda: ready(fake.astream(_QUESTION))),
            "Phi4.astream_chat": counted("Phi4.astream_chat", lambda: llm.astream_chat(messages)),
            "MockLLM.astream_chat": counted("MockLLM.astream_chat", lambda: mock.astream_chat(long)),
            "stream": sync,
        }
        seen = await by_turns(works, rounds, clock=time.process_time)
        client.close()
    return {name: [one / counts[name] for one in times] for name, times in seen.items()}


def _fake(words: int) -> GenericFakeChatModel:
    return GenericFakeChatModel(messages=repeat(" ".join(["word"] * words)))
