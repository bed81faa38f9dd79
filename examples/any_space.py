"""Asks the same question of any chat Spaces, whatever kind each is, and shows what each takes.

    python any_space.py "What is the capital of France?" http://127.0.0.1:7860 owner/name ...

docs/spaces.md tells which Spaces work.
"""

import sys
from contextlib import closing
from pathlib import Path

from phi4_space import Delta, Phi4Error, Reply, Rewritten, SpaceClient, Thought

WANTED = {"system": "Answer in one sentence.", "temperature": 0.2, "max_tokens": 200}
"""What is set wherever the Space has a place for it."""


def ask(name: str, question: str) -> bool:
    """Asks one Space, and returns whether it answered."""
    with SpaceClient(name) as space:
        status = space.status()
        if not status.ready or status.takes is None:
            print(f"{name}: {status.problem} {status.advice}", file=sys.stderr)
            return False
        takes = status.takes
        print(f"{name}: {takes.contract}; takes {', '.join((*takes.kinds, *takes.names)) or 'text'}")
        options = {option: value for option, value in WANTED.items() if option in takes.names}
        return show(space, question, options)


def show(space: SpaceClient, question: str, options: dict[str, object]) -> bool:
    """Streams the answer: its thoughts, its text, and the files that it holds."""
    with closing(space.stream(question, **options)) as events:  # type: ignore[arg-type]
        for event in events:
            match event:
                case Thought(text):
                    print(text, end="", file=sys.stderr, flush=True)
                case Delta(text):
                    print(text, end="", flush=True)
                case Rewritten(text):  # a status text went before the answer
                    print(f"\n{text}", end="", flush=True)
                case Reply(files=files):
                    print()
                    for file in files:
                        Path(Path(file.name).name).write_bytes(space.read_file(file))
                        print(f"It sent {file.name}")
    return True


def main(question: str = "", *names: str) -> int:
    """Asks each Space, and returns the exit status."""
    if not names:
        print(__doc__, file=sys.stderr)
        return 2
    answered = True
    for name in names:
        try:
            answered &= ask(name, question)
        except Phi4Error as error:  # its text says what happened, where, and what to do
            print(error, file=sys.stderr)
            answered = False
    return 0 if answered else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
