from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from blockbuster import blockbuster_ctx
from llama_index.core import Document, SummaryIndex
from llama_index.core.base.llms.types import ChatMessage, DocumentBlock, ImageBlock
from llama_index.core.extractors import KeywordExtractor, TitleExtractor
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.schema import TextNode
from media import square
from phi4s import phi4, uploaded
from scripted import ESTIMATION, STARTS, ScriptedSpace, events, failed, generating
from servers import ROOT, Servers

from llama_index_phi4 import Phi4
from phi4_space import BlockingCallRefused, Phi4Error, SpaceError, StreamLost

HI = [ChatMessage(role="user", content="hi")]
NODES = [TextNode(text="Boats lie in the harbour of Lima."), TextNode(text="Berths cost 14 crowns a night.")]


@pytest.fixture
def llm(servers: Servers, caplog: pytest.LogCaptureFixture) -> Iterator[Phi4]:
    """An LLM on a Space that really runs; whatever its loops leave behind fails the test."""
    llm = Phi4(space=servers.url("answering"), max_retries=0)
    yield llm
    llm.close()
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


async def streamed(llm: Phi4) -> str:
    return "".join([response.delta or "" async for response in await llm.astream_chat(HI)])


# --- many loops ---------------------------------------------------------------------------------------


@pytest.mark.loopback
def test_several_runs_of_asyncio(llm: Phi4) -> None:
    """Each `asyncio.run` has a loop of its own; one LLM serves them all, and synchronous callers too."""
    said = set()
    for _ in range(3):
        said.add(str(asyncio.run(llm.acomplete("hi"))))
        said.add(asyncio.run(streamed(llm)))
        said.add(str(llm.complete("hi")))

    assert len(said) == 1


@pytest.mark.loopback
def test_synchronous_calls_inside_a_running_loop(llm: Phi4) -> None:
    """As in notebooks: all four synchronous endpoints, and the asynchronous ones beside them."""

    async def cell() -> list[str]:
        return [
            str(llm.complete("hi")),
            str(llm.chat(HI).message.content),
            "".join(response.delta or "" for response in llm.stream_chat(HI)),
            "".join(response.delta or "" for response in llm.stream_complete("hi")),
            str(await llm.acomplete("hi")),
            await streamed(llm),
        ]

    assert len({*asyncio.run(cell()), *asyncio.run(cell())}) == 1


@pytest.mark.loopback
def test_eight_threads(llm: Phi4) -> None:
    """Half of them synchronous, half with loops of their own."""
    ways: list[Callable[[], str]] = [
        lambda: str(llm.complete("hi")),
        lambda: asyncio.run(streamed(llm)),
    ]

    with ThreadPoolExecutor(8) as threads:
        said = {future.result() for future in [threads.submit(ways[number % 2]) for number in range(8)]}

    assert len(said) == 1


@pytest.mark.loopback
def test_two_extractors_in_one_pipeline(llm: Phi4) -> None:
    """Core gives each its own loop, in a thread where one runs already; and again on the next run."""
    extractors: list[Any] = [
        KeywordExtractor(llm=llm, keywords=2, show_progress=False),
        TitleExtractor(llm=llm, show_progress=False),
    ]

    def extracted() -> set[str]:
        pipeline = IngestionPipeline(transformations=extractors, disable_cache=True)
        nodes = pipeline.run(nodes=[TextNode(text=node.text) for node in NODES])
        return {name for node in nodes for name in node.metadata}

    async def inside() -> set[str]:
        return extracted()

    names = {"excerpt_keywords", "document_title"}
    assert extracted() == asyncio.run(inside()) == extracted() == names


FORKS = """
import asyncio, os, sys
from llama_index_phi4 import Phi4

llm = Phi4(space=sys.argv[1], max_retries=0)
before = str(llm.complete("hi")), str(asyncio.run(llm.acomplete("hi")))
child = os.fork()
said = str(llm.complete("hi")), str(asyncio.run(llm.acomplete("hi")))
if not child:
    print(said == before, flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(said == before)
"""

NESTED = """
import asyncio, sys
import nest_asyncio
from llama_index.core import Document, SummaryIndex
from llama_index_phi4 import Phi4

nest_asyncio.apply()
llm = Phi4(space=sys.argv[1], max_retries=0)

async def streamed():
    return "".join([response.delta async for response in await llm.astream_complete("hi")])

async def cell():
    inner = asyncio.get_running_loop().run_until_complete(llm.acomplete("hi"))
    engine = SummaryIndex.from_documents([Document(text="Boats lie in Lima.")]).as_query_engine(
        llm=llm, response_mode="tree_summarize", use_async=True
    )
    print(bool(str(engine.query("Where do boats lie?"))))
    return str(inner) == str(llm.complete("hi")) == await streamed()

for _ in range(2):
    print(asyncio.run(cell()))
"""


@pytest.mark.loopback
@pytest.mark.timeout(300)  # it imports all of core, which takes a while on a busy machine
@pytest.mark.parametrize(("script", "told"), [(FORKS, 2), (NESTED, 4)], ids=["fork", "nest_asyncio"])
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_programs_of_their_own(script: str, told: int, servers: Servers, tmp_path: Path) -> None:
    """Parent and child after a fork, and a user's `nest_asyncio`, with ResourceWarnings as errors."""
    program = tmp_path / "program.py"
    program.write_text(script)

    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-W", "error::ResourceWarning", str(program), servers.url("answering")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert (done.stdout.split(), done.stderr) == (["True"] * told, "")


def test_asynchronous_calls_never_block_the_loop(tmp_path: Path) -> None:
    """Pictures and documents are read in threads."""
    (tmp_path / "red.png").write_bytes(square(255, 0, 0))
    (tmp_path / "notes.md").write_text("# Notes")
    picture = ImageBlock(path=tmp_path / "red.png")
    question = [
        ChatMessage(role="user", blocks=[picture, DocumentBlock(path=tmp_path / "notes.md")]),
        *HI,
    ]
    space = ScriptedSpace()
    llm = phi4(space, local_files=tmp_path)

    async def ask() -> None:
        with blockbuster_ctx():
            await llm.achat(question)
            async for _ in await llm.astream_chat(question):
                pass
            await llm.acomplete("hi", images=[picture])

    asyncio.run(ask())
    assert uploaded(space) == [1, 1, 1]


def test_a_synchronous_call_from_the_background_thread_is_refused() -> None:
    """It would wait for itself for ever; the error says what to use instead."""
    space = ScriptedSpace()
    llm = phi4(space)

    async def answer(_: object) -> Any:
        llm.complete("in the midst of it")

    space.script["join"] = [answer]

    with pytest.raises(BlockingCallRefused, match="asynchronous"):
        llm.complete("hi")


# --- errors -------------------------------------------------------------------------------------------


def failing() -> Phi4:
    answers = [events(ESTIMATION, failed("The GPU is on holiday")) for _ in range(4)]
    return phi4(ScriptedSpace({"data": answers}), client={"max_retries": 0})


def engine(llm: Phi4, **told: Any) -> Any:
    return SummaryIndex.from_documents([Document(text="Boats lie in Lima.")]).as_query_engine(llm=llm, **told)


WAYS: dict[str, Callable[[Phi4], object]] = {
    "query": lambda llm: engine(llm).query("Where?"),
    "streamed query": lambda llm: "".join(engine(llm, streaming=True).query("Where?").response_gen),
    "aquery": lambda llm: asyncio.run(engine(llm).aquery("Where?")),
    "tree_summarize": lambda llm: engine(llm, response_mode="tree_summarize", use_async=True).query("Where?"),
    "extractor": lambda llm: KeywordExtractor(llm=llm, show_progress=False).extract(NODES),
    "pipeline": lambda llm: IngestionPipeline(
        transformations=[KeywordExtractor(llm=llm, show_progress=False)]
    ).run(nodes=NODES),
}


@pytest.mark.parametrize("way", WAYS)
def test_errors_reach_who_asked(way: str) -> None:
    """By class and text: core turns each RuntimeError into advice about nested loops, and ours is none."""
    with pytest.raises(SpaceError, match="The GPU is on holiday") as caught:
        WAYS[way](failing())

    assert not isinstance(caught.value, RuntimeError)
    assert isinstance(caught.value, Phi4Error)


@pytest.mark.parametrize("tail", [[httpx.ReadError("gone")], []], ids=["dropped", "ended"])
def test_a_stream_that_breaks_off_keeps_what_had_come(tail: list[Any]) -> None:
    """No answer is cut short silently."""
    space = ScriptedSpace({"data": [events(ESTIMATION, STARTS, generating("Hel"), *tail)]})
    stream = phi4(space).stream_chat(HI)

    assert next(stream).delta == "Hel"
    with pytest.raises(StreamLost) as caught:
        next(stream)

    assert caught.value.partial_text == "Hel"
