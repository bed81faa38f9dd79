"""A warm turn of a few words, on one embedded Space at several distances.

Each figure is the time of a turn over the time of the floor's turn before or after it. The two-step contract
is microsoft/phi-4-multimodal's, the other that of a Space of one's own. gradio_client has one client for its
conversation, opened before. At no distance it is mostly Gradio's own time, some 80 ms a turn: what the client
itself computes is the subject of `cpu`.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import gradio_client
import httpx

from benchmarks.figure import Effort, Figure, Goal, Plot, Report, at_least, at_most, ratio
from benchmarks.floor import Floor
from benchmarks.measure import Work, by_turns
from benchmarks.wire import wires
from phi4_server import embedded_space
from phi4_server.scripted import Script
from phi4_space import SpaceClient

QUESTION = "Say something short."
SCRIPT: Script = [{"when": ".", "text": "That is short enough, I think."}]
TWO_STEPS, RUNNING, CHATS = "two steps", "two steps, a running conversation", "chat_completion"
FLOOR, CHAT_FLOOR, PEER = "floor, two steps", "floor, chat_completion", "gradio_client, two steps"
BESIDE_CHATS, BESIDE_PEER = "two steps, beside chat_completion", "two steps, beside gradio_client"
_ROUNDS = {0.0: 40, 0.03: 16, 0.1: 12, 0.3: 5}
_GOALS: dict[tuple[str, float], Goal] = {
    (TWO_STEPS, 0.0): at_most(1.05),
    (TWO_STEPS, 0.1): at_most(1.01),
    (RUNNING, 0.1): at_most(1.0),
    (CHATS, 0.0): at_most(1.05),
    (CHATS, 0.1): at_most(1.02),
}


def measure(effort: Effort) -> Report:
    """At each distance, nearest first."""
    rtts = [0.0, 0.03] if effort.quick else [*_ROUNDS]
    found: dict[float, dict[str, list[float]]] = {}
    # Answers come word by word, as fast as they can.
    with embedded_space(script=SCRIPT) as url, wires(url, rtts) as urls:
        for rtt, far in zip(rtts, urls, strict=True):
            found[rtt] = asyncio.run(_times(far, effort(_ROUNDS[rtt], 1)))
    figures = [figure for rtt, times in found.items() for figure in _figures(rtt, times)]
    lines = {
        name: [(1000 * rtt, statistics.median(times[name])) for rtt, times in found.items()]
        for name in (PEER, FLOOR, TWO_STEPS, CHATS)
    }
    plot = Plot(
        name="distance",
        title="A warm turn, by distance",
        x="round trip, ms",
        y="seconds",
        lines=lines,
    )
    return Report(figures, [plot])


async def _times(url: str, rounds: int) -> dict[str, list[float]]:
    async with _works(url) as works:
        # In groups: after 5 s without a word a server closes connections, and the next turn were not warm.
        steps = await by_turns({name: works[name] for name in (FLOOR, TWO_STEPS, RUNNING)}, rounds)
        chats = await by_turns({name: works[name] for name in (CHAT_FLOOR, CHATS, TWO_STEPS)}, rounds)
        peers = await by_turns({name: works[name] for name in (TWO_STEPS, PEER)}, max(rounds // 3, 1))
    beside = {BESIDE_CHATS: chats.pop(TWO_STEPS), BESIDE_PEER: peers.pop(TWO_STEPS)}
    return {**steps, **chats, **peers, **beside}


@asynccontextmanager
async def _works(url: str) -> AsyncIterator[dict[str, Work]]:
    async with AsyncExitStack() as stack:
        floors = [
            Floor(url, await stack.enter_async_context(httpx.AsyncClient(timeout=60))) for _ in range(2)
        ]
        for floor in floors:
            await floor.look()
        clients = [
            await stack.enter_async_context(SpaceClient(url, endpoint=endpoint))
            for endpoint in ("process_message", "process_message", "chat_completion")
        ]
        conversation = clients[1].conversation()
        peer = await asyncio.to_thread(gradio_client.Client, url, verbose=False, download_files=False)
        yield {
            FLOOR: lambda: floors[0].two_steps(QUESTION),
            TWO_STEPS: lambda: clients[0].areply(QUESTION),
            RUNNING: lambda: conversation.areply(QUESTION),
            CHAT_FLOOR: lambda: floors[1].chat(QUESTION),
            CHATS: lambda: clients[2].areply(QUESTION),
            PEER: lambda: asyncio.to_thread(_peer_turn, peer),
        }


def _peer_turn(client: gradio_client.Client) -> str:
    """The two calls as public code makes them."""
    history, *_ = client.predict([], {"text": QUESTION, "files": []}, api_name="/process_message")
    answer, *_ = client.predict(history, api_name="/bot_response")
    return str(answer)


def _figures(rtt: float, times: dict[str, list[float]]) -> list[Figure]:
    at = f"at {1000 * rtt:.0f} ms"
    pairs = ((TWO_STEPS, FLOOR), (RUNNING, FLOOR), (CHATS, CHAT_FLOOR))
    figures = [
        Figure(f"{at}: {name} / floor", ratio(times[name], times[floor]), goal=_GOALS.get((name, rtt)))
        for name, floor in pairs
    ]
    is_far = rtt == 0.1  # noqa: PLR2004  the distance at which the goals are set
    shorter = ratio(times[CHATS], times[BESIDE_CHATS])
    figures += [Figure(f"{at}: {CHATS} / {TWO_STEPS}", shorter, goal=at_most(0.72) if is_far else None)]
    longer = ratio(times[PEER], times[BESIDE_PEER])
    goal = at_least(4.5) if is_far else None
    return [*figures, Figure(f"{at}: gradio_client / {TWO_STEPS}", longer, goal=goal, more_is_better=True)]
