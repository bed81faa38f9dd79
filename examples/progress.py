"""Shows what happens in a turn besides its text, and what each step took.

    python progress.py "What is this?" cat.png

The Space is the one that PHI4_SPACE names, else the public one.
"""

import asyncio
import sys
from contextlib import aclosing
from pathlib import Path

from phi4_space import Event, Notice, Progress, Queued, Reply, SpaceClient, Started, Waking


def describe(event: Event) -> str | None:
    """One line for what is worth one."""
    match event:
        case Waking(stage, waited):
            return f"The Space is not up yet ({stage}), waited {waited:.0f} s"
        case Queued(position, size):
            return f"In the queue: {position} in front, {size} in all"
        case Started():
            return "At work"
        case Progress(done, total, unit, _, description):
            return f"{description}: {done} of {total} {unit}"
        case Notice(text, level):
            return f"{level.title()}: {text}"
        case _:
            return None  # the answer's text: see ask.py


async def main(question: str, *files: str) -> None:
    """Asks, tells what happens, and at the end what was sent and when."""
    async with (
        SpaceClient() as space,
        aclosing(space.astream(question, media=[*map(Path, files)])) as events,
    ):
        async for event in events:
            if line := describe(event):
                print(line)
            if isinstance(event, Reply):
                print(event.text)
                print(f"Sent {event.sent.prompt!r} and {len(event.sent.files)} files")
                print(f"Queued, started, first text, done: {event.timing}")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
