"""What core builds on an LLM beside plain retrieval: each gets the answers that it reads, and reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import PropertyGraphIndex, SummaryIndex, VectorStoreIndex
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.evaluation import (
    CorrectnessEvaluator,
    FaithfulnessEvaluator,
    GuidelineEvaluator,
    RelevancyEvaluator,
)
from llama_index.core.extractors import DocumentContextExtractor
from llama_index.core.indices.property_graph import SchemaLLMPathExtractor, SimpleLLMPathExtractor
from llama_index.core.indices.query.query_transform import HyDEQueryTransform
from llama_index.core.memory import ChatMemoryBuffer, FactExtractionMemoryBlock
from llama_index.core.postprocessor import LLMRerank, StructuredLLMRerank
from llama_index.core.query_engine import RouterQueryEngine, SubQuestionQueryEngine
from llama_index.core.question_gen import LLMQuestionGenerator
from llama_index.core.response_synthesizers import Refine
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.core.schema import (
    Document,
    ImageNode,
    NodeRelationship,
    NodeWithScore,
    QueryBundle,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.selectors import LLMSingleSelector
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.tools import QueryEngineTool
from llama_index.core.workflow import StartEvent, StopEvent, Workflow, step
from media import square
from phi4s import calling, phi4, prompts, saying, uploaded
from pydantic import BaseModel

from llama_index_phi4 import Phi4

BERTHS, ALMA = "Berths cost 14 crowns.", "The Alma was launched in 1998."
EMBEDDING = MockEmbedding(4)


@pytest.fixture(autouse=True)
def _loop_of_the_thread() -> Iterator[None]:
    """A loop for core's `asyncio_run`, which makes one where there is none, and never closes it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.close()
    asyncio.set_event_loop(None)


class Cost(BaseModel):
    """A cost."""

    crowns: int


def index() -> VectorStoreIndex:
    return VectorStoreIndex([TextNode(text=BERTHS), TextNode(text=ALMA)], embed_model=EMBEDDING)


def engines(llm: Phi4) -> list[QueryEngineTool]:
    """Two engines to choose from."""
    engine = index().as_query_engine(llm=llm, similarity_top_k=1)
    named = {"harbour": "Tells what berths cost.", "ferry": "Tells of the Alma."}
    return [
        QueryEngineTool.from_defaults(engine, name=name, description=told) for name, told in named.items()
    ]


def sub_questions(llm: Phi4) -> object:
    questions = LLMQuestionGenerator.from_defaults(llm=llm)
    engine = SubQuestionQueryEngine.from_defaults(
        engines(llm), llm=llm, question_gen=questions, use_async=False, verbose=False
    )
    return str(engine.query("What does a berth cost, and how old is the Alma?"))


def routed(llm: Phi4, **told: Any) -> object:
    engine = RouterQueryEngine.from_defaults(engines(llm), llm=llm, **told)
    return str(engine.query("What does a berth cost?"))


def fused(llm: Phi4) -> object:
    retriever = QueryFusionRetriever([index().as_retriever()], llm=llm, num_queries=3, use_async=False)
    return {found.text for found in retriever.retrieve("What does a berth cost?")} == {BERTHS, ALMA}


def reranked(reranker: LLMRerank | StructuredLLMRerank) -> object:
    found = [NodeWithScore(node=TextNode(text=text)) for text in (BERTHS, ALMA)]
    return [node.text for node in reranker.postprocess_nodes(found, QueryBundle("How old is the Alma?"))]


def graph(llm: Phi4, extractor: Any) -> object:
    made = PropertyGraphIndex(
        [TextNode(text=ALMA)], llm=llm, kg_extractors=[extractor], embed_model=EMBEDDING
    )
    relations = [relation for _, relation, _ in made.property_graph_store.get_triplets(["Alma"])]
    return [(one.source_id, one.label, one.target_id) for one in relations]


def situated(llm: Phi4) -> object:
    """A chunk's context in its document: core sends another provider's headers along."""
    documents = SimpleDocumentStore()
    documents.add_documents([Document(text=f"{BERTHS} {ALMA}", id_="all")])
    chunk = TextNode(text=ALMA, relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id="all")})
    extractor = DocumentContextExtractor(docstore=documents, llm=llm, show_progress=False)
    with pytest.warns(UserWarning, match="max_tokens is ignored"):
        return asyncio.run(extractor.aextract([chunk]))


def memory(llm: Phi4) -> ChatMemoryBuffer:
    """What was said so far; core's usual memory leaves a database's connection open."""
    return ChatMemoryBuffer.from_defaults(llm=llm)


def remembered(llm: Phi4) -> object:
    block = FactExtractionMemoryBlock(llm=llm)
    asyncio.run(block.aput([ChatMessage("My name is Ada.")]))
    return block.facts


class Asked(StartEvent):
    """Begins a workflow, with who is asked."""

    llm: Any


class Counting(Workflow):
    """A workflow of one step that needs an object."""

    @step
    async def count(self, asked: Asked) -> StopEvent:
        return StopEvent(result=(await asked.llm.achat([ChatMessage("What does a berth cost?")])).raw)


async def worked(llm: Phi4) -> object:
    return await Counting().run(start_event=Asked(llm=llm.as_structured_llm(Cost)))


def costed(llm: Phi4) -> object:
    response: Any = index().as_query_engine(llm=llm, output_cls=Cost).query("What does a berth cost?")
    return response.response


def refined(llm: Phi4, **told: Any) -> object:
    answer: Any = Refine(llm=llm, structured_answer_filtering=True, **told).get_response("?", [ALMA, BERTHS])
    return answer if isinstance(answer, str) else "".join(answer)


QUESTIONS = """Here they are:
```json
{"items": [
    {"sub_question": "What does a berth cost?", "tool_name": "harbour"},
    {"sub_question": "How old is the Alma?", "tool_name": "ferry"}
]}
```"""
TRIPLETS = """{"triplets": [{
    "subject": {"type": "PRODUCT", "name": "Alma"},
    "relation": {"type": "HAS"},
    "object": {"type": "TIME", "name": "1998"}
}]}"""
FILTERED = [
    calling(("StructuredRefineResponse", {"answer": "No idea.", "query_satisfied": False})),
    calling(("StructuredRefineResponse", {"answer": "14 crowns.", "query_satisfied": True})),
]
ONE = calling(("SingleSelection", {"index": 1, "reason": "It is about berths."}))
BOTH = calling(("MultiSelection", {"selections": [{"index": 1, "reason": "a"}, {"index": 2, "reason": "b"}]}))
USES: dict[str, tuple[Callable[[Phi4], object], list[str], object]] = {
    "sub-questions": (
        sub_questions,
        [QUESTIONS, "14", "1998", "14 crowns, and of 1998."],
        "14 crowns, and of 1998.",
    ),
    "router": (routed, [ONE, "14 crowns."], "14 crowns."),
    "router of several": (lambda llm: routed(llm, select_multi=True), [BOTH, "14", "1998", "Both."], "Both."),
    "router by words": (
        lambda llm: routed(llm, selector=LLMSingleSelector.from_defaults(llm=llm)),
        ['```json\n[{"choice": 1, "reason": "berths"}]\n```', "14 crowns."],
        "14 crowns.",
    ),
    "fusion": (fused, ["Berths, how much?\nPrice of berths?"], True),
    "rerank": (
        lambda llm: reranked(LLMRerank(llm=llm, top_n=1)),
        ["Doc: 2, Relevance: 9\nDoc: 1, Relevance: 3"],
        [ALMA],
    ),
    "structured rerank": (
        lambda llm: reranked(StructuredLLMRerank(llm=llm, top_n=1)),
        ['{"documents": [{"document_number": 2, "relevance": 9}]}'],
        [ALMA],
    ),
    "HyDE": (
        lambda llm: HyDEQueryTransform(llm=llm).run("What does a berth cost?").custom_embedding_strs,
        ["A berth costs 14 crowns."],
        ["A berth costs 14 crowns.", "What does a berth cost?"],
    ),
    "faithfulness": (
        lambda llm: FaithfulnessEvaluator(llm=llm).evaluate(response="14", contexts=[BERTHS]).passing,
        ["YES"],
        True,
    ),
    "relevancy": (
        lambda llm: RelevancyEvaluator(llm=llm).evaluate("Cost?", "14", contexts=[BERTHS]).passing,
        ["YES"],
        True,
    ),
    "correctness": (
        lambda llm: CorrectnessEvaluator(llm=llm).evaluate("Cost?", "14", reference="14").score,
        ["4.5\nIt is right."],
        4.5,
    ),
    "guideline": (
        lambda llm: GuidelineEvaluator(llm=llm).evaluate("Cost?", "14", contexts=[BERTHS]).feedback,
        ['{"passing": true, "feedback": "Short."}'],
        "Short.",
    ),
    "graph": (
        lambda llm: graph(llm, SimpleLLMPathExtractor(llm=llm)),
        ["(Alma, launched in, 1998)"],
        [("Alma", "Launched in", "1998")],
    ),
    "graph by schema": (
        lambda llm: graph(llm, SchemaLLMPathExtractor(llm=llm, strict=False)),
        [TRIPLETS],
        [("Alma", "HAS", "1998")],
    ),
    "context of a chunk": (situated, ["On a ferry."], [{"context": "On a ferry."}]),
    "facts of a memory": (remembered, ["<facts><fact>Ada</fact></facts>"], ["Ada"]),
    "a plain chat": (
        lambda llm: str(SimpleChatEngine.from_defaults(llm=llm, memory=memory(llm)).chat("1 + 2?")),
        ["3"],
        "3",
    ),
    "an object from an engine": (costed, ['It is {"crowns": 14}.'], Cost(crowns=14)),
    "an object in a workflow": (lambda llm: asyncio.run(worked(llm)), ['{"crowns": 14}'], Cost(crowns=14)),
    "filtered answers": (refined, FILTERED, "14 crowns."),
    "filtered answers, streamed": (lambda llm: refined(llm, streaming=True), FILTERED, "14 crowns."),
}


@pytest.mark.parametrize("name", USES)
def test_core_reads_what_the_model_says(name: str) -> None:
    """With answers as a model gives them: no more is asked than there are answers, and all of them count."""
    use, answers, expected = USES[name]
    space = saying(*answers)

    assert use(phi4(space)) == expected
    assert len(prompts(space)) == len(answers)


@pytest.mark.parametrize(("window", "expected"), [(131072, [2]), (3900, [1, 1])])
def test_pictures_are_packed_by_the_context_window(window: int, expected: list[int], tmp_path: Path) -> None:
    """Core counts 2125 tokens for each: the usual window takes two in one question."""
    nodes = []
    for name, picture in (("red", square(255, 0, 0)), ("blue", square(0, 0, 255))):
        path = tmp_path / f"{name}.png"
        path.write_bytes(picture)
        nodes.append(ImageNode(image_path=str(path), metadata={"name": name}))
    space = saying("Red and blue.")
    llm = phi4(space, context_window=window)

    SummaryIndex(nodes).as_query_engine(llm=llm, multimodal=True).query("Which colours?")

    assert uploaded(space) == expected
