"""Questions on documents: a retriever finds the sections, the Space answers from them.

    python rag.py
    python rag.py "Where does a token go?"

The documents are this project's own, in docs/. The Space is the one that PHI4_SPACE names, else the public
one. It needs `pip install numpy`.
"""

import math
import re
import sys
import zlib
from collections import Counter
from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableLambda, RunnableParallel, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_phi4 import ChatPhi4

DOCS = Path(__file__).parents[2] / "docs"
QUESTIONS = (
    "When is a turn retried?",
    "Does the offline model have weights?",
    "Which environment variable names the Space?",
)
PROMPT = ChatPromptTemplate(
    [("system", "Answer from the context alone.\n\nContext:\n{context}"), ("user", "{question}")]
)
DIMENSIONS = 2048


class RareWords(Embeddings):
    """A text as its words, the rarer the heavier: no model, no network, the same on every machine.

    Args:
        weights: What each word weighs.
    """

    def __init__(self, weights: dict[str, float]) -> None:
        """Keeps the weights."""
        self._weights = weights

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """Weighs words by how few of these texts have them."""
        texts_with = Counter(word for text in texts for word in {*words(text)})
        return cls({word: math.log(1 + len(texts) / count) for word, count in texts_with.items()})

    def embed_query(self, text: str) -> list[float]:
        """A vector of length 1."""
        vector = [0.0] * DIMENSIONS
        for word, count in Counter(words(text)).items():
            place = zlib.crc32(word.encode()) % DIMENSIONS
            vector[place] += (1 + math.log(count)) * self._weights.get(word, 0)
        length = math.hypot(*vector) or 1.0
        return [value / length for value in vector]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each."""
        return [self.embed_query(text) for text in texts]


def words(text: str) -> list[str]:
    """The words of a text, without their endings."""
    return [re.sub(r"(?<=\w{3})(?:e?s|ed|ing)$", "", word) for word in re.findall(r"\w+", text.lower())]


def sections() -> list[Document]:
    """The documents, a section each."""
    return [
        Document(section, metadata={"name": f"{file.name}: {section.partition(chr(10))[0].strip('# ')}"})
        for file in sorted(DOCS.glob("*.md"))
        for section in re.split(r"\n(?=##+ )", file.read_text())
    ]


def build() -> Runnable[str, dict[str, Any]]:
    """A chain from a question to its answer and the sections that it is from."""
    documents = sections()
    embedding = RareWords.of([document.page_content for document in documents])
    retriever = InMemoryVectorStore.from_documents(documents, embedding).as_retriever(search_kwargs={"k": 3})
    context = RunnablePassthrough.assign(context=itemgetter("found") | RunnableLambda(joined))
    answer = context | PROMPT | ChatPhi4() | StrOutputParser()
    return RunnableParallel(question=RunnablePassthrough(), found=retriever).assign(answer=answer)


def joined(documents: Sequence[Document]) -> str:
    """The documents as one text."""
    return "\n\n".join(document.page_content for document in documents)


def main(questions: Sequence[str]) -> None:
    """Answers questions on the documents as the answers arrive, and names the sections they are from."""
    chain = build()
    for question in questions:
        print(f"> {question}")
        names: list[str] = []
        for part in chain.stream(question):
            print(part.get("answer", ""), end="", flush=True)
            names += [document.metadata["name"] for document in part.get("found", [])]
        print(f"\n[{'; '.join(names)}]")


if __name__ == "__main__":
    main(sys.argv[1:] or QUESTIONS)
