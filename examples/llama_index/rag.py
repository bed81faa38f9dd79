"""Questions on documents: LlamaIndex finds the paragraphs, the Space answers from them.

    python rag.py
    python rag.py "How large may a file be?"

The documents are this project's own, in docs/. With `--embeddings minilm`, a real model finds what the words
mean; see embeddings.py. The Space is the one that PHI4_SPACE names, else the public one.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from embeddings import MiniLM, WordsAndColours
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.base.response.schema import StreamingResponse
from llama_index.core.node_parser import MarkdownNodeParser
from llama_index.core.schema import MetadataMode

from llama_index_phi4 import Phi4

DOCS = Path(__file__).parents[2] / "docs"
QUESTIONS = (
    "When is a turn retried?",
    "Does the offline model have weights?",
    "Which environment variable names the Space?",
    "Who wrote Hamlet?",  # which no document says
)


def build(embeddings: str) -> VectorStoreIndex:
    """The index of the documents, a section each."""
    files = sorted(DOCS.glob("*.md"))
    documents = [Document(text=file.read_text(), metadata={"name": file.name}) for file in files]
    sections = MarkdownNodeParser().get_nodes_from_documents(documents)
    texts = [section.get_content(MetadataMode.EMBED) for section in sections]
    model = MiniLM() if embeddings == "minilm" else WordsAndColours.of(texts)
    return VectorStoreIndex(sections, embed_model=model)


def main(questions: Sequence[str], *, embeddings: str) -> None:
    """Answers questions on the documents as the answers arrive, and names the sections they are from."""
    engine = build(embeddings).as_query_engine(llm=Phi4(), similarity_top_k=3, streaming=True)
    for question in questions:
        print(f"> {question}")
        response = engine.query(question)
        if isinstance(response, StreamingResponse):
            response.print_response_stream()
        sections = [f"{found.metadata['name']}: {title_of(found.text)}" for found in response.source_nodes]
        print(f"\n[{'; '.join(sections)}]")


def title_of(section: str) -> str:
    """Its heading."""
    return section.partition("\n")[0].strip("# ")


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("questions", nargs="*", default=QUESTIONS)
    options.add_argument("--embeddings", choices=["words", "minilm"], default="words")
    asked = options.parse_args()
    main(asked.questions, embeddings=asked.embeddings)
