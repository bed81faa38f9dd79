"""LangChain's examples run as programs of their own, anywhere, and print what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from servers import ROOT, Servers

pytestmark = pytest.mark.loopback
EXAMPLES = ROOT / "examples" / "langchain"
PICTURES = [*(ROOT / "examples" / "llama_index" / "corpus").glob("*.png")]
TRIED = {"agent", "chat", "image_qa", "mcp_agent", "rag", "structured"}
Run = Callable[..., list[str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, servers: Servers) -> Run:
    """Runs an example in an empty folder, warnings being errors, on a Space of our own; gives its lines."""
    monkeypatch.setenv("PHI4_SPACE", servers.url("answering"))

    def run(name: str, *arguments: str) -> list[str]:
        command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
        done = subprocess.run(  # noqa: S603 - our own program
            command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout.splitlines()

    return run


def test_each_example_is_tried() -> None:
    """No example stands here that no test runs."""
    assert {path.stem for path in EXAMPLES.iterdir() if path.suffix} == TRIED


def test_chat_asks_streams_and_shows(run: Run) -> None:
    """An answer, a chain's answer, and what is seen and heard."""
    first, closing, seen, _, heard, took = run("chat.py")

    assert first.startswith("I am the offline model")
    assert closing == "On Fridays the library closes at six."
    assert re.match(r"lighthouse\.png: .*\(120 x 160\).*white.*red", seen)
    assert re.match(r"foghorn\.wav: .*1\.50 seconds.*-14\.7 dBFS", heard)
    assert re.fullmatch(r"\(\d+\.\d s\)", took)


def test_an_agent_takes_two_steps(run: Run) -> None:
    """Each of the three ways gives the second tool what the first one found."""
    _, asked, *steps = run("agent.py")

    calls = [
        "calls get_temperature({'city': 'Lima'})",
        "get_temperature gives 19.0",
        "calls to_fahrenheit({'celsius': 19.0})",
        "to_fahrenheit gives 66.2",
    ]
    assert asked == "human: What is the temperature in Lima, and what is it in Fahrenheit?"
    answer = steps[4].removeprefix("ai: ")
    assert "66.2" in answer
    assert steps == [*calls, f"ai: {answer}", "--- ainvoke", f"ai: {answer}", "--- astream", *calls, answer]


def test_an_agent_has_tools_of_an_mcp_server(run: Run) -> None:
    """The second tool is called with what the first one found, in a server of its own."""
    pytest.importorskip("langchain_mcp_adapters")

    _, *steps, answer = run("mcp_agent.py")

    assert steps == [
        "calls get_temperature({'city': 'Lima'})",
        "get_temperature gives 19.0",
        "calls to_fahrenheit({'celsius': 19.0})",
        "to_fahrenheit gives 66.2",
    ]
    assert "66.2" in answer


def test_rag_answers_from_the_docs(run: Run) -> None:
    """Each answer stands in the documents, in a section that is named."""
    lines = run("rag.py")

    told = [" ".join(lines[place : place + 3]) for place in range(0, len(lines), 3)]
    assert re.match(r"> When is a turn retried\? A turn is retried, .*client\.md: Retries", told[0])
    assert re.match(r"> Does the offline model have weights\? .*without weights.*command\.md", told[1])
    assert re.match(r"> Which environment variable names the Space\? .*`PHI4_SPACE`", told[2])
    assert len(told) == 3


def test_a_chain_answers_on_pictures(run: Run) -> None:
    """The question is asked of each picture, and each answer is from its own pixels."""
    answers = dict(line.split(": ", 1) for line in run("image_qa.py"))

    assert answers.keys() == {path.name for path in PICTURES}
    seen = {"lighthouse.png": "red", "flag.png": "yellow", "sunset.png": "purple", "night.png": "black"}
    assert {name: colour for name, colour in seen.items() if colour not in answers[name]} == {}


def test_structured_prints_objects(run: Run) -> None:
    """The object, a dict of it, and by a call."""
    whole, found, called = run("structured.py", "Please send 3 lamps to Grace Hopper on 2026-12-24.")

    assert re.fullmatch(r"Order\(customer='Grace Hopper', .*quantity=3, day=.*\(2026, 12, 24\)\)", whole)
    assert "'day': '2026-12-24'" in found
    assert called == "Order True None"
