"""A conversation that outlives its process: saved as JSON by one, continued by another.

    python conversation.py chat.json "My name is Ada." "I live in Lima."
    python conversation.py chat.json "What is my name?"

The file holds the whole conversation, images and audio included, and the key to the Space's session: keep
it as private as the words. It holds no token.
"""

import sys
from pathlib import Path

from phi4_space import Conversation, SpaceClient


def main(file: Path, *questions: str) -> None:
    """Goes on where the file left off, or begins; and writes the file again after each answer."""
    with SpaceClient() as space:
        chat = (
            Conversation.from_json(file.read_text(), space=space) if file.exists() else space.conversation()
        )
        print(f"{len(chat.turns)} turns so far")
        for question in questions:
            print(f"> {question}")
            print(chat.reply(question).text)
            file.touch(mode=0o600)
            file.write_text(chat.to_json())


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
