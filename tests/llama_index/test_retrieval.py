"""Retrieval with Phi4 on a Space of our own: the right picture, sound or text is found, and answered from."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llama_index.core import Settings, VectorStoreIndex
from llama_index.core.chat_engine.types import ChatMode
from llama_index.core.indices.multi_modal import MultiModalVectorStoreIndex
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.query_engine import CitationQueryEngine, RetrieverQueryEngine
from llama_index.core.response_synthesizers import ResponseMode
from llama_index.core.schema import ImageNode, MetadataMode, TextNode
from phi4s import phi4
from PIL import Image
from scripted import ScriptedSpace
from servers import ROOT
from stage import Stage

from llama_index_phi4 import Phi4, PromptRefused
from phi4_space import Phi4Error, TooManyFiles

pytestmark = pytest.mark.anyio
EXAMPLES = ROOT / "examples" / "llama_index"
CORPUS = EXAMPLES / "corpus"

RED = "How wide is the picture with something red in it?"
WIDE = "It is 120 pixels wide and 160 pixels high (120 x 160)."
FERRY = "What colour is the ferry?"
BLUE = "Its main colours are white (67%, #f7f7f7) and blue (33%, #1e4bc8)."
FOGHORN = "How long is the recording of the foghorn?"
LASTS = "It lasts 1.50 seconds."
BERTH = "What does a berth cost?"
COSTS = "Berths cost 14 crowns a night."


@pytest.fixture(autouse=True)
def _loop_of_the_thread() -> Iterator[None]:
    """A loop for core's `asyncio_run`, which makes one where there is none, and never closes it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture(scope="module")
def example() -> Iterator[Any]:
    """examples/llama_index/multimodal_retrieval.py, with its corpus and embeddings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLES))
        yield importlib.import_module("multimodal_retrieval")


@pytest.fixture(scope="module")
def index(example: Any) -> VectorStoreIndex:
    """All of the corpus in one space of words and colours."""
    built = example.by_words_and_colours()
    assert isinstance(built, VectorStoreIndex)
    return built


@pytest.fixture(scope="module")
def texts(example: Any) -> VectorStoreIndex:
    """The texts of the corpus, each cut into its paragraphs."""
    paragraphs = [
        TextNode(id_=f"{file.name} {place}", text=paragraph)
        for file in sorted(CORPUS.glob("*.txt"))
        for place, paragraph in enumerate(file.read_text().split("\n\n")[1:])
    ]
    return VectorStoreIndex(
        paragraphs, embed_model=example.WordsAndColours.of([node.text for node in paragraphs])
    )


@pytest.fixture(scope="module")
def pictures(example: Any) -> MultiModalVectorStoreIndex:
    """The pictures by their pixels alone, and the texts."""
    nodes = [node for node in example.nodes() if isinstance(node, ImageNode | TextNode)]
    model = example.WordsAndColours.of([node.get_content(MetadataMode.EMBED) for node in nodes])
    return MultiModalVectorStoreIndex(nodes, embed_model=model, image_embed_model=model)


@pytest.fixture
def llm(own_space: Stage) -> Iterator[Phi4]:
    """Phi4 on our own Space, recorded or live."""
    with own_space.client() as client:
        yield Phi4(client=client, local_files=CORPUS)


@pytest.fixture
def memory(llm: Phi4) -> ChatMemoryBuffer:
    """What was said so far; core's usual memory leaves a database's connection open."""
    return ChatMemoryBuffer.from_defaults(llm=llm)


def names(found: Sequence[Any]) -> list[str]:
    """What was found, the best first."""
    return [node.metadata["name"] for node in found]


# --- the embedding and its corpus


def test_the_corpus_is_what_its_script_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pixels and samples again, and nothing beside them but words."""
    monkeypatch.syspath_prepend(str(CORPUS))
    importlib.import_module("make").main(tmp_path)

    made = sorted(path.name for path in tmp_path.iterdir())
    kept = sorted(path.name for path in CORPUS.iterdir() if path.suffix in {".png", ".wav"})
    assert made == kept
    for name in made:
        ours, theirs = tmp_path / name, CORPUS / name
        if name.endswith(".png"):
            assert np.array_equal(np.asarray(Image.open(ours)), np.asarray(Image.open(theirs)))
        else:
            assert ours.read_bytes() == theirs.read_bytes()
    assert sum(path.stat().st_size for path in CORPUS.iterdir() if path.is_file()) < 300_000


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("something red", "lighthouse.png"),
        ("the green one", "buoy.png"),
        ("blue things", "ferry.png"),
        ("a yellow cloth", "flag.png"),
        ("at night, all dark", "night.png"),
        ("orange", "sunset.png"),
        ("violet sky", "sunset.png"),
    ],
)
def test_words_find_the_picture_by_its_pixels(
    pictures: MultiModalVectorStoreIndex, said: str, name: str
) -> None:
    """A colour's name finds the picture that has most of it: no caption is read."""
    found = pictures.as_retriever(image_similarity_top_k=6).text_to_image_retrieve(said)

    assert names(found)[0] == name
    assert found[0].score is not None
    assert found[1].score is not None
    assert found[0].score > found[1].score


def test_a_picture_finds_those_of_its_colours(pictures: MultiModalVectorStoreIndex, tmp_path: Path) -> None:
    """A picture may be what is asked with."""
    Image.new("RGB", (30, 30), "#1f5a30").save(tmp_path / "green.png")

    found = pictures.as_retriever().image_to_image_retrieve(str(tmp_path / "green.png"))

    assert names(found)[0] == "buoy.png"


def test_what_says_nothing_is_equally_near_to_all(example: Any) -> None:
    """An unknown word is no error, and finds nothing before anything else."""
    model = example.WordsAndColours.of(["red boats"])

    assert set(model.get_query_embedding("xyzzy")) == {1.0}
    assert model.get_text_embedding("boat, red boat!") == pytest.approx(
        model.get_text_embedding("Boats: RED boats")
    )


# --- pictures, sounds and texts in one index


@pytest.mark.parametrize(
    ("question", "name", "answer"),
    [
        (RED, "lighthouse.png", WIDE),
        (FERRY, "ferry.png", BLUE),
        (FOGHORN, "foghorn.wav", LASTS),
        (BERTH, "harbour.txt", COSTS),
    ],
    ids=["by pixels", "by caption", "sound", "text"],
)
def test_what_fits_is_found_and_answers(
    index: VectorStoreIndex, llm: Phi4, question: str, name: str, answer: str
) -> None:
    """It ranks first, and the Space answers from its pixels, samples or words."""
    engine = index.as_query_engine(llm=llm, multimodal=True, similarity_top_k=1)

    response = engine.query(question)

    assert names(response.source_nodes) == [name]
    assert str(response).endswith(answer)


async def test_it_is_found_asynchronously(index: VectorStoreIndex, llm: Phi4) -> None:
    """The same by `aquery`."""
    response = await index.as_query_engine(llm=llm, multimodal=True, similarity_top_k=1).aquery(FERRY)

    assert names(response.source_nodes) == ["ferry.png"]
    assert str(response) == BLUE


def test_the_answer_is_streamed(index: VectorStoreIndex, llm: Phi4) -> None:
    """What was found is known first; the answer comes in pieces."""
    response: Any = index.as_query_engine(llm=llm, multimodal=True, similarity_top_k=1, streaming=True).query(
        FERRY
    )

    assert names(response.source_nodes) == ["ferry.png"]
    pieces = list(response.response_gen)
    assert "".join(pieces) == BLUE
    assert len(pieces) > 1


async def test_the_answer_is_streamed_asynchronously(index: VectorStoreIndex, llm: Phi4) -> None:
    """The same, in a coroutine."""
    response: Any = await index.as_query_engine(
        llm=llm, multimodal=True, similarity_top_k=1, streaming=True
    ).aquery(FERRY)

    assert names(response.source_nodes) == ["ferry.png"]
    pieces = [piece async for piece in response.async_response_gen()]
    assert "".join(pieces) == BLUE
    assert len(pieces) > 1


@pytest.mark.parametrize(
    "mode",
    [
        ResponseMode.COMPACT,
        ResponseMode.REFINE,
        ResponseMode.TREE_SUMMARIZE,
        ResponseMode.SIMPLE_SUMMARIZE,
        ResponseMode.ACCUMULATE,
        ResponseMode.COMPACT_ACCUMULATE,
    ],
)
def test_pictures_answer_in_every_mode_that_looks_at_them(
    index: VectorStoreIndex, llm: Phi4, mode: ResponseMode
) -> None:
    """However core puts its prompts together, the picture reaches the Space."""
    engine = index.as_query_engine(llm=llm, multimodal=True, similarity_top_k=1, response_mode=mode)

    assert BLUE in str(engine.query(FERRY))


def test_a_retriever_of_ones_own_may_find(pictures: MultiModalVectorStoreIndex, llm: Phi4) -> None:
    """`RetrieverQueryEngine` shows the Space what core's multimodal retriever finds: a text and a picture."""
    retriever = pictures.as_retriever(similarity_top_k=1, image_similarity_top_k=1)
    engine = RetrieverQueryEngine.from_args(retriever, llm=llm, multimodal=True)

    response = engine.query(RED)

    assert names(response.source_nodes)[-1] == "lighthouse.png"
    assert WIDE in str(response)


def test_several_pictures_are_told_apart(pictures: MultiModalVectorStoreIndex, llm: Phi4) -> None:
    """Two are shown in the order in which they were found."""
    retriever = pictures.as_retriever(similarity_top_k=1, image_similarity_top_k=2)
    engine = RetrieverQueryEngine.from_args(retriever, llm=llm, multimodal=True)

    response = engine.query("How wide are the pictures with something blue or yellow?")

    assert [name for name in names(response.source_nodes) if name.endswith(".png")] == [
        "flag.png",
        "ferry.png",
    ]
    assert "Picture 1: " in str(response)
    assert "128 x 96" in str(response).partition("Picture 2: ")[0]
    assert "200 x 100" in str(response).partition("Picture 2: ")[2]


def test_citations_name_the_source(texts: VectorStoreIndex, llm: Phi4) -> None:
    """`CitationQueryEngine` numbers the sources, and the answer names one."""
    engine = CitationQueryEngine.from_args(texts, llm=llm, similarity_top_k=2)

    response = engine.query(BERTH)

    assert str(response) == f"{COSTS} [1]"
    assert "14 crowns" in response.source_nodes[0].get_content()


def test_citations_work_on_pictures(index: VectorStoreIndex, llm: Phi4) -> None:
    """`CitationQueryEngine` shows the picture that was found."""
    engine = CitationQueryEngine.from_args(index, llm=llm, similarity_top_k=1, multimodal=True)

    assert BLUE in str(engine.query(FERRY))


# --- the multimodal index's own engines


@pytest.mark.filterwarnings("ignore:Call to deprecated class SimpleMultiModalQueryEngine:DeprecationWarning")
class TestDeprecatedEngine:
    """`MultiModalVectorStoreIndex.as_query_engine`, which core deprecated in 0.14.23 and still makes."""

    def test_it_answers_from_the_picture(self, pictures: MultiModalVectorStoreIndex, llm: Phi4) -> None:
        """Plainly."""
        response = pictures.as_query_engine(llm=llm, similarity_top_k=1, image_similarity_top_k=1).query(RED)

        assert WIDE in str(response)

    async def test_it_answers_asynchronously(self, pictures: MultiModalVectorStoreIndex, llm: Phi4) -> None:
        """In a coroutine."""
        engine = pictures.as_query_engine(llm=llm, similarity_top_k=1, image_similarity_top_k=1)

        assert WIDE in str(await engine.aquery(RED))


ENGINES = [ChatMode.CONTEXT, ChatMode.CONDENSE_PLUS_CONTEXT]


@pytest.mark.parametrize("mode", ENGINES)
def test_chat_engines_show_pictures(
    pictures: MultiModalVectorStoreIndex, llm: Phi4, memory: ChatMemoryBuffer, mode: ChatMode
) -> None:
    """A chat answers from the picture, and its second question finds another."""
    chat = pictures.as_chat_engine(
        chat_mode=mode, llm=llm, memory=memory, similarity_top_k=1, image_similarity_top_k=1
    )

    first = chat.chat(RED)
    second = chat.chat("How wide is the picture with something green in it?")

    assert WIDE in str(first)
    assert "(96 x 96)" in str(second)


@pytest.mark.parametrize("mode", ENGINES)
async def test_chat_engines_stream_pictures(
    pictures: MultiModalVectorStoreIndex, llm: Phi4, memory: ChatMemoryBuffer, mode: ChatMode
) -> None:
    """The same as a stream, in a coroutine."""
    chat = pictures.as_chat_engine(
        chat_mode=mode, llm=llm, memory=memory, similarity_top_k=1, image_similarity_top_k=1
    )

    response = await chat.astream_chat(RED)

    pieces = [piece async for piece in response.async_response_gen()]
    assert WIDE in "".join(pieces)
    assert len(pieces) > 1


# --- text


@pytest.mark.parametrize(
    ("mode", "answer"),
    [
        (ResponseMode.COMPACT, COSTS),
        (ResponseMode.REFINE, COSTS),
        (ResponseMode.TREE_SUMMARIZE, COSTS),
        (ResponseMode.SIMPLE_SUMMARIZE, COSTS),
        (ResponseMode.ACCUMULATE, f"Response 1: {COSTS}"),
        (ResponseMode.COMPACT_ACCUMULATE, COSTS),
        (ResponseMode.GENERATION, "no knowledge of the world"),
        (ResponseMode.CONTEXT_ONLY, "14 crowns"),
    ],
)
def test_text_answers_in_every_mode(
    texts: VectorStoreIndex, llm: Phi4, mode: ResponseMode, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of core's prompts for texts is understood; generation has no context, context_only no answer."""
    monkeypatch.setattr(Settings, "_llm", llm)  # context_only takes no other
    response = texts.as_query_engine(llm=llm, similarity_top_k=2, response_mode=mode).query(BERTH)

    assert answer in str(response)


def test_no_text_finds_only(texts: VectorStoreIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mode no_text asks nothing."""
    space = ScriptedSpace({})
    monkeypatch.setattr(Settings, "_llm", phi4(space))  # no_text takes no other

    response = texts.as_query_engine(response_mode=ResponseMode.NO_TEXT).query(BERTH)

    assert "14 crowns" in response.source_nodes[0].get_content()
    assert space.steps() == []


def test_what_the_texts_do_not_say_is_not_made_up(texts: VectorStoreIndex, llm: Phi4) -> None:
    """The Space says that it does not know."""
    assert str(texts.as_query_engine(llm=llm).query("Who wrote Hamlet?")).startswith("I don't know")


@pytest.mark.parametrize(
    "mode", [ChatMode.CONTEXT, ChatMode.CONDENSE_PLUS_CONTEXT, ChatMode.CONDENSE_QUESTION, ChatMode.BEST]
)
def test_chat_engines_go_on(
    texts: VectorStoreIndex, llm: Phi4, memory: ChatMemoryBuffer, mode: ChatMode
) -> None:
    """A second question may lean on the first: "she" is the Alma."""
    chat = texts.as_chat_engine(chat_mode=mode, llm=llm, memory=memory, similarity_top_k=2)

    first = chat.chat("When was the Alma launched?")
    second = chat.chat("How many passengers does she carry?")

    assert "1998" in str(first)
    assert "120 passengers" in str(second)


async def test_chat_engines_answer_all_four_ways(
    texts: VectorStoreIndex, llm: Phi4, memory: ChatMemoryBuffer
) -> None:
    """Whole and streamed, each plainly and in a coroutine."""
    chat = texts.as_chat_engine(chat_mode=ChatMode.CONTEXT, llm=llm, memory=memory, similarity_top_k=1)

    whole = [str(chat.chat(BERTH)), str(await chat.achat(BERTH))]
    streamed = ["".join(chat.stream_chat(BERTH).response_gen)]
    streaming = await chat.astream_chat(BERTH)
    streamed += ["".join([piece async for piece in streaming.async_response_gen()])]

    assert whole + streamed == [COSTS] * 4


# --- limits


@pytest.mark.parametrize("mode", [ResponseMode.COMPACT, ResponseMode.TREE_SUMMARIZE])
@pytest.mark.parametrize("streaming", [False, True])
async def test_more_pictures_than_the_space_takes_are_refused(
    index: VectorStoreIndex, mode: ResponseMode, *, streaming: bool
) -> None:
    """The error names the limit, in a query, too; nothing was sent."""
    space = ScriptedSpace({})
    llm = phi4(space, client={"max_files": 2})
    engine = index.as_query_engine(
        llm=llm, multimodal=True, similarity_top_k=99, response_mode=mode, streaming=streaming
    )
    question = "What colours have the flag, the ferry and the buoy?"

    with pytest.raises(Phi4Error, match="8 files, but at most 2") as refused:
        str(engine.query(question))
    with pytest.raises(Phi4Error, match="8 files, but at most 2"):
        await _said(await engine.aquery(question))

    told = refused.value.__cause__ if isinstance(refused.value, PromptRefused) else refused.value
    assert isinstance(told, TooManyFiles)
    assert told.limit == 2
    assert space.steps() == []


async def _said(response: Any) -> str:
    pieces = getattr(response, "async_response_gen", None)
    return "".join([piece async for piece in pieces()]) if pieces else str(response)
