"""The first turn of a fresh process: how long it took, and how long with what it imports. See `start`.

python -m benchmarks.first_turn floor|ours|gradio_client process_message|chat_completion URL
"""

from __future__ import annotations

import sys
import time

BEGAN = time.perf_counter()
QUESTION = "Say something short."


def floor(contract: str, url: str) -> float:
    """With /config, from which the functions' numbers are."""
    import asyncio  # noqa: PLC0415  its time counts

    import httpx  # noqa: PLC0415  see above

    from benchmarks.floor import Floor  # noqa: PLC0415  see above

    async def turn() -> float:
        began = time.perf_counter()
        async with httpx.AsyncClient(timeout=60) as http:
            one = Floor(url, http)
            await one.look()
            await (one.chat(QUESTION) if contract == "chat_completion" else one.two_steps(QUESTION))
            return time.perf_counter() - began

    return asyncio.run(turn())


def ours(contract: str, url: str) -> float:
    """By areply."""
    import asyncio  # noqa: PLC0415  its time counts

    from phi4_space import SpaceClient  # noqa: PLC0415  see above

    async def turn() -> float:
        began = time.perf_counter()
        async with SpaceClient(url, endpoint=contract) as client:
            await client.areply(QUESTION)
            return time.perf_counter() - began

    return asyncio.run(turn())


def peer(_contract: str, url: str) -> float:
    """The two calls as public code makes them."""
    import gradio_client  # noqa: PLC0415  its time counts

    began = time.perf_counter()
    client = gradio_client.Client(url, verbose=False, download_files=False)
    history, *_ = client.predict([], {"text": QUESTION, "files": []}, api_name="/process_message")
    client.predict(history, api_name="/bot_response")
    return time.perf_counter() - began


if __name__ == "__main__":
    who, *where = sys.argv[1:]
    turn_s = {"floor": floor, "ours": ours, "gradio_client": peer}[who](*where)
    print(turn_s, time.perf_counter() - BEGAN)
