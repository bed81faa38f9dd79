"""Asks one question, about files if you name some, and shows the answer as it arrives.

    python ask.py "What is this?" cat.png

The Space is the one that PHI4_SPACE names, else the public one.
"""

import sys
from contextlib import closing
from pathlib import Path

from phi4_space import Delta, Phi4Error, Reply, Rewritten, SpaceClient


def main(question: str, *files: str) -> int:
    """Asks, prints, and returns the exit status."""
    try:
        with SpaceClient() as space, closing(space.stream(question, media=[*map(Path, files)])) as events:
            for event in events:
                match event:
                    case Delta(text):
                        print(text, end="", flush=True)
                    case Rewritten(text):  # rare: the Space took back what it had said
                        print(f"\n{text}", end="", flush=True)
                    case Reply(timing=timing):
                        print(f"\n({timing.done:.1f} s)")
    except Phi4Error as error:  # its text says what happened, where, and what to do
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
