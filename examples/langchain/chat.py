"""The quick start: an answer, an answer as it arrives, an image, audio.

    python chat.py
    python chat.py cat.png meow.wav

The Space is the one that PHI4_SPACE names, else the public one.
"""

import base64
import mimetypes
import sys
from collections.abc import Sequence
from pathlib import Path

from langchain_core.messages import HumanMessage
from langchain_core.messages.content import create_audio_block, create_image_block, create_text_block
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

from langchain_phi4 import ChatPhi4

CORPUS = Path(__file__).parents[1] / "llama_index" / "corpus"
HOURS = "The library opens at nine. On Fridays the library closes at six."


def main(files: Sequence[Path]) -> None:
    """Asks for words, and then about files."""
    model = ChatPhi4()

    # --- an answer
    print(model.invoke("Who are you?").text)

    # --- a chain, whose answer is shown as it arrives
    prompt = ChatPromptTemplate([("system", "Answer from this text:\n{text}"), ("user", "{question}")])
    chain = prompt | model | StrOutputParser()
    for piece in chain.stream({"text": HOURS, "question": "When does the library close?"}):
        print(piece, end="", flush=True)
    print()

    # --- an image, audio
    for file in files:
        answer = model.invoke([about(file)])
        print(f"{file.name}: {answer.text}")
        print(f"({answer.response_metadata['timing']['done']:.1f} s)")


def about(file: Path) -> HumanMessage:
    """A question about an image or audio."""
    mime_type, _ = mimetypes.guess_type(file)
    create = create_audio_block if f"{mime_type}".startswith("audio/") else create_image_block
    data = base64.b64encode(file.read_bytes()).decode()
    return HumanMessage(
        content_blocks=[create_text_block("What is this?"), create(base64=data, mime_type=mime_type)]
    )


if __name__ == "__main__":
    main([*map(Path, sys.argv[1:])] or [CORPUS / "lighthouse.png", CORPUS / "foghorn.wav"])
