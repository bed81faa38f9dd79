"""Questions about images and audio: LlamaIndex finds the right one, the Space looks at it and answers.

    python multimodal_retrieval.py
    python multimodal_retrieval.py "What colour is the ferry?" "How long is the recording of the foghorn?"

The index holds the images, audio and texts of corpus/. An image is found by its pixels ("something red")
and by its caption. With `--embeddings minilm`, a real model for texts finds all by what the words mean; see
embeddings.py. The Space is the one that PHI4_SPACE names, else the public one.
"""

import argparse
import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from embeddings import MiniLM, WordsAndColours
from llama_index.core import VectorStoreIndex
from llama_index.core.base.response.schema import RESPONSE_TYPE, StreamingResponse
from llama_index.core.schema import BaseNode, ImageNode, MediaResource, MetadataMode, Node, TextNode

from llama_index_phi4 import Phi4

CORPUS = Path(__file__).parent / "corpus"
QUESTIONS = (
    "How wide is the picture with something red in it?",
    "What colour is the ferry?",
    "How long is the recording of the foghorn?",
    "What does a berth cost?",
)


def nodes() -> Iterator[BaseNode]:
    """What the index holds: images and audio with their captions, and texts."""
    for name, caption in json.loads((CORPUS / "captions.json").read_text()).items():
        file = CORPUS / name
        if file.suffix == ".png":
            yield ImageNode(id_=name, image_path=str(file), metadata={"name": name, "caption": caption})
        else:
            yield Node(  # without a text, LlamaIndex leaves it out
                id_=name,
                text_resource=MediaResource(text=caption),
                audio_resource=MediaResource(path=file),
                extra_info={"name": name},
            )
    for file in sorted(CORPUS.glob("*.txt")):
        yield TextNode(id_=file.name, text=file.read_text(), metadata={"name": file.name})


def by_words_and_colours() -> VectorStoreIndex:
    """The index, images found by their colours and all by their words."""
    held = [*nodes()]
    model = WordsAndColours.of([node.get_content(MetadataMode.EMBED) for node in held])
    for node in held:
        if isinstance(node, ImageNode) and node.image_path:
            node.embedding = model.of_captioned(node.image_path, node.metadata["caption"])
    return VectorStoreIndex(held, embed_model=model)


def by_meaning() -> VectorStoreIndex:
    """The index, all found by what their captions and texts mean."""
    return VectorStoreIndex([*nodes()], embed_model=MiniLM())


def show(question: str, response: RESPONSE_TYPE) -> None:
    """What was found, and what the Space says to it."""
    for found in response.source_nodes:
        print(f"> {question}\n[{found.metadata['name']}, {found.score:.2f}] ", end="")
    if isinstance(response, StreamingResponse):
        response.print_response_stream()  # as it arrives
        print()
    else:
        print(response)


async def ask_all(index: VectorStoreIndex, llm: Phi4, questions: Sequence[str]) -> None:
    """All questions at once."""
    engine = index.as_query_engine(llm=llm, multimodal=True, similarity_top_k=1)
    responses = await asyncio.gather(*map(engine.aquery, questions))
    for question, response in zip(questions, responses, strict=True):
        show(question, response)


def main(questions: Sequence[str], *, how: str, embeddings: str) -> None:
    """Asks about the corpus."""
    index = by_meaning() if embeddings == "minilm" else by_words_and_colours()
    llm = Phi4()
    if how == "async":
        asyncio.run(ask_all(index, llm, questions))
        return
    engine = index.as_query_engine(
        llm=llm,
        multimodal=True,  # else LlamaIndex leaves the images and audio out
        similarity_top_k=1,
        streaming=how == "streamed",
    )
    for question in questions:
        show(question, engine.query(question))


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("questions", nargs="*", default=QUESTIONS)
    options.add_argument("--how", choices=["streamed", "sync", "async"], default="streamed")
    options.add_argument("--embeddings", choices=["words", "minilm"], default="words")
    asked = options.parse_args()
    main(asked.questions, how=asked.how, embeddings=asked.embeddings)
