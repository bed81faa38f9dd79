"""A chain that answers a question about images, several at the same time.

    python image_qa.py
    python image_qa.py "What is its main colour?" cat.png dog.png

The Space is the one that PHI4_SPACE names, else the public one.
"""

import base64
import mimetypes
import sys
from collections.abc import Sequence
from pathlib import Path

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda

from langchain_phi4 import ChatPhi4

CORPUS = Path(__file__).parents[1] / "llama_index" / "corpus"
PROMPT = ChatPromptTemplate(
    [
        ("system", "Answer in one sentence."),
        (
            "user",
            [
                {"type": "text", "text": "{question}"},
                {"type": "image", "base64": "{image}", "mime_type": "{mime_type}"},
            ],
        ),
    ]
)


def load(asked: tuple[str, Path]) -> dict[str, str]:
    """What the prompt takes, of a question and a file."""
    question, file = asked
    image = base64.b64encode(file.read_bytes()).decode()
    return {"question": question, "image": image, "mime_type": f"{mimetypes.guess_type(file)[0]}"}


def main(question: str, files: Sequence[Path]) -> None:
    """Asks the question of each image, three at a time."""
    chain: Runnable[tuple[str, Path], str] = RunnableLambda(load) | PROMPT | ChatPhi4() | StrOutputParser()
    answers = chain.batch([(question, file) for file in files], {"max_concurrency": 3})
    for file, answer in zip(files, answers, strict=True):
        print(f"{file.name}: {answer}")


if __name__ == "__main__":
    main(
        "".join(sys.argv[1:2]) or "What is its main colour?",
        [*map(Path, sys.argv[2:])] or sorted(CORPUS.glob("*.png")),
    )
