"""What works in a notebook, where a loop is running already: plain calls, and `await`.

Paste the lines of `notebook` into cells; here they stand in a coroutine, so that a loop runs around them.
"""

import asyncio

from phi4_space import Delta, SpaceClient


async def notebook() -> None:
    """Four cells."""
    # --- a plain call, though a loop runs: no nest_asyncio, no await
    space = SpaceClient()
    print("reply:", space.reply("What is a notebook?").text)

    # --- a plain loop over what happens
    print("stream:", sum(isinstance(event, Delta) for event in space.stream("Tell me more.")), "deltas")

    # --- the same with await
    print("areply:", (await space.areply("What is a notebook?")).text)

    # --- several at once
    replies = await asyncio.gather(*(space.areply(f"What is {n} + {n}?") for n in (1, 2, 3)))
    print("gather:", len(replies), "replies")

    space.close()  # what the plain calls opened
    await space.aclose()  # what this loop opened


if __name__ == "__main__":
    asyncio.run(notebook())
