"""Where to start: ask, stream, and show an image.

    python chat.py "Who are you?"

The Space is the one that PHI4_SPACE names, else the public one.
"""

import sys
from pathlib import Path

from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock

from llama_index_phi4 import Phi4

IMAGE = Path(__file__).parent / "corpus" / "flag.png"


def main(question: str) -> None:
    """Asks three times."""
    # Phi4(space="owner/name") for another Space; without local_files, no path is read
    llm = Phi4(local_files=IMAGE.parent)

    # all at once
    print(llm.complete(question))

    # as it arrives
    for response in llm.stream_chat([ChatMessage(content=question)]):
        print(response.delta, end="", flush=True)
    print()

    # about an image
    blocks = [ImageBlock(path=IMAGE), TextBlock(text="What colour is the flag?")]
    print(llm.chat([ChatMessage(blocks=blocks)]).message.content)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "Who are you?")
