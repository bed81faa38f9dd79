"""Objects instead of prose: from a text, from an image, and while they grow.

    python structured.py

The Space is the one that PHI4_SPACE names, else the public one.
"""

from pathlib import Path

from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel, Field

from llama_index_phi4 import Phi4

CORPUS = Path(__file__).parent / "corpus"


class Ferry(BaseModel):
    """A ship that carries passengers."""

    name: str
    captain: str
    year_launched: int
    passengers: int = Field(description="How many passengers she carries", gt=0)


class Seen(BaseModel):
    """What an image shows."""

    color: str = Field(description="The main colour of what is shown")
    width: int = Field(description="In pixels")
    height: int = Field(description="In pixels")


def main() -> None:
    """Three ways to ask."""
    llm = Phi4(local_files=CORPUS)  # whose files may be read
    prompt = PromptTemplate("Tell of the ferry, from this text:\n{text}")
    text = (CORPUS / "ferry.txt").read_text()

    print(llm.structured_predict(Ferry, prompt, text=text))

    for growing in llm.stream_structured_predict(Ferry, prompt, text=text):
        print("...", growing)

    question = ChatMessage(
        role="user",
        blocks=[ImageBlock(path=CORPUS / "lighthouse.png"), TextBlock(text="What does the picture show?")],
    )
    print(llm.as_structured_llm(Seen).chat([question]).raw)


if __name__ == "__main__":
    main()
