"""What works in a notebook, where a loop is running already: plain calls, and `await`.

Paste the lines of `notebook` into cells; here they stand in a coroutine, so that a loop runs around them.
"""

import asyncio

from phi4_space import Delta, SpaceClient


async def notebook() -> None:
    """Four cells."""
    # --- a plain call, though a loop runs: no nest_asyncio, no await
    space = SpaceClient()
    print("reply:", space.reply("Who are you?").text)

    # --- a plain loop over what happens
    print("stream:", sum(isinstance(event, Delta) for event in space.stream("Who are you?")), "deltas")

    # --- the same with await
    print("areply:", (await space.areply("The library opens at nine. When does the library open?")).text)

    # --- several at once
    replies = await asyncio.gather(*(space.areply(f"Who are you, for the {n}th time?") for n in (4, 5, 6)))
    print("gather:", len(replies), "replies")

    await space.aclose()  # closes what either kind of call opened


if __name__ == "__main__":
    asyncio.run(notebook())
