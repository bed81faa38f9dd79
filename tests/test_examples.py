"""The examples run as programs of their own, anywhere, and print what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import media
import pytest
from servers import ROOT, Servers

from phi4_space import SpaceClient, Status

pytestmark = pytest.mark.loopback
EXAMPLES = ROOT / "examples"
TRIED = {
    "any_space",
    "ask",
    "chat_space",
    "conversation",
    "media_kinds",
    "notebook",
    "progress",
    "tools",
    "tour",
    "web",
}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, servers: Servers) -> Run:
    """Runs an example in an empty folder, warnings being errors, on a Space of our own."""
    monkeypatch.setenv("PHI4_SPACE", servers.url("answering"))
    (tmp_path / "cat.png").write_bytes(media.square(220, 40, 40))

    def run(
        name: str, *arguments: str, status: int = 0, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", str(EXAMPLES / name), *arguments]
        done = subprocess.run(  # noqa: S603 - our own program
            command, cwd=tmp_path, capture_output=True, text=True, timeout=timeout, check=False
        )
        assert (done.returncode, bool(done.stderr)) == (status, bool(status)), done.stderr
        return done

    return run


def test_each_example_is_tried() -> None:
    """No example stands here that no test runs."""
    assert {path.stem for path in EXAMPLES.iterdir() if path.suffix} == TRIED


def test_ask_prints_the_answer_and_the_time(run: Run) -> None:
    """Words alone, and words about a picture."""
    told = run("ask.py", "The library closes at six. When does the library close?").stdout
    seen = run("ask.py", "What colour is it?", "cat.png").stdout

    assert re.fullmatch(r"The library closes at six\.\n\(\d+\.\d s\)\n", told)
    assert "red" in seen


def test_ask_says_what_is_wrong(run: Run) -> None:
    """A file that is not there ends it with 1 and one line on stderr."""
    assert run("ask.py", "What is it?", "dog.png", status=1).stderr.startswith("'dog.png' cannot be read")


def test_any_space_asks_all_kinds(run: Run, servers: Servers, tmp_path: Path) -> None:
    """Our own, a gr.ChatInterface and two steps answer the same program, each with what it takes."""
    own, chat, steps = (servers.url(kind) for kind in ("answering", "assistant", "illustrator"))

    told = run("any_space.py", "Who are you?", own, chat, steps).stdout.splitlines()

    assert told[0].startswith(f"{own}: whole chats; takes image, audio, system, temperature, ")
    assert f"{chat}: gr.ChatInterface; takes image, audio, system, temperature, max_tokens, " in told[2]
    assert "(system=Answer in one sentence., max=200, temperature=0.2, " in told[3]
    assert told[4:] == [f"{steps}: two steps; takes image, audio", "A green square.", "It sent green.png"]
    assert (tmp_path / "green.png").read_bytes() == (ROOT / "tests/spaces/green.png").read_bytes()


def test_any_space_tells_how_it_is_called(run: Run) -> None:
    """Without a Space to ask it shows its usage."""
    assert "python any_space.py" in run("any_space.py", status=2).stderr


def test_progress_tells_what_happens(run: Run, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue, the work, how far it is, what was sent and when."""
    monkeypatch.setenv("PHI4_SPACE", servers.url("faulty"))

    lines = run("progress.py", "PROGRESS").stdout.splitlines()

    chat = '{"messages": [{"role": "user", "content": "PROGRESS"}]}'
    assert lines[:2] == ["In the queue: 0 in front, 1 in all", "At work"]
    assert "Looking: 1 of 3 steps" in lines
    assert lines[-3:-1] == ["Looked.", f"Sent {chat!r} and 0 files"]
    assert re.search(r"queued=\d.*started=\d.*first_text=\d.*done=\d", lines[-1])


def test_media_come_in_every_kind(run: Run) -> None:
    """Whatever way they are handed over, the Space sees a picture, hears a tone."""
    told = dict(line.split(": ", 1) for line in run("media_kinds.py").stdout.splitlines())

    assert len(told) == 9
    assert all("64 x 48" in told[kind] for kind in told.keys() - {"numpy samples"})
    assert all("It lasts " in told[kind] for kind in ("numpy samples", "several"))
    assert told["a name of its own"].startswith("holiday.png: ")


def test_a_conversation_goes_on_in_another_process(run: Run) -> None:
    """The second process knows what the first was told."""
    run("conversation.py", "chat.json", "My name is Ada.")
    told = run("conversation.py", "chat.json", "What is my name?").stdout

    assert told.startswith("2 turns so far\n")
    assert "Ada" in told.splitlines()[-1]


def test_tools_are_called_and_their_results_told(run: Run) -> None:
    """The model asks for the call, the example makes it, the model tells what came of it."""
    call, *answer = run("tools.py", "What is the weather in Lima?").stdout.splitlines()

    assert call == "calling get_weather({'city': 'Lima'})"
    assert "14 degrees" in " ".join(answer)


@pytest.mark.timeout(240)
def test_the_tour_shows_both_frameworks(run: Run) -> None:
    """A chain, an agent, retrieval, and a picture that is found and looked at, on a Space of its own."""
    told = run("tour.py", timeout=200).stdout

    assert "calls to_fahrenheit" in told
    assert "max_retries" in told
    assert re.search(r"\[lighthouse\.png, .*120 pixels wide", told)
    assert told.endswith("the Space is stopped.\n")


def test_plain_calls_work_in_a_running_loop(run: Run) -> None:
    """All cells run, plain and awaited."""
    told = run("notebook.py").stdout.splitlines()

    assert [line.partition(":")[0] for line in told] == ["reply", "stream", "areply", "gather"]


@dataclass
class Server:
    """An example that serves, in a process of its own.

    Attributes:
        process: The process, to be stopped.
        log: What it prints.
    """

    process: subprocess.Popen[bytes]
    log: Path

    def url(self, ready: str) -> str:
        """Where it serves, once it says so."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            if found := re.search(rf"{ready} +(http://\S+)", self.log.read_text()):
                return found[1]
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())


@contextmanager
def serving(name: str, *arguments: str, folder: Path, **environment: str) -> Iterator[Server]:
    """An example that serves, for as long as a `with` block."""
    command = [sys.executable, "-u", str(EXAMPLES / name), *arguments]
    log = folder / "log"
    with (
        log.open("wb") as out,
        subprocess.Popen(  # noqa: S603 - our own program
            command, cwd=folder, stdout=out, stderr=out, env={**os.environ, **environment}
        ) as process,
    ):
        try:
            yield Server(process, log)
        finally:
            process.terminate()


def test_the_web_application_hands_on_the_answer_as_it_arrives(
    tmp_path: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first words come long before the last; a failure is told; who leaves takes the job back."""
    monkeypatch.setenv("PHI4_SPACE", servers.url("faulty"))
    with serving("web.py", "0", folder=tmp_path) as server:
        url = server.url("running on")
        with httpx.stream("GET", url, params={"q": "SLOW 1"}, timeout=30) as answer:
            times = [time.monotonic() for _ in answer.iter_text()]
        told = httpx.get(url, params={"q": "QUOTA"}, timeout=30).text
        with httpx.stream("GET", url, params={"q": "SLOW 60"}, timeout=30) as answer:
            next(answer.iter_text())
        with SpaceClient() as space:
            _await(space.status, lambda status: status.queue_size == 0)

    assert times[-1] - times[0] > 0.5
    assert told.startswith("[QuotaExceeded: You have exceeded your GPU quota")


def _await(look: Callable[[], Status], found: Callable[[Status], bool]) -> None:
    deadline = time.monotonic() + 10
    while not found(status := look()):
        assert time.monotonic() < deadline, status
        time.sleep(0.1)


def test_the_chat_space_takes_what_its_page_says(tmp_path: Path) -> None:
    """A program's options go into the inputs of the page, and a conversation goes on."""
    port = str(20_000 + (os.getpid() + 7_919) % 20_000)
    environment = {"GRADIO_SERVER_PORT": port, "GRADIO_ANALYTICS_ENABLED": "False"}
    with (
        serving("chat_space.py", folder=tmp_path, **environment) as server,
        SpaceClient(server.url("on local URL:"), strict=True) as space,
    ):
        chat = space.conversation(system="Be brief.")
        chat.reply("Look.", media=[media.square(220, 40, 40)])
        last = chat.reply("And now?", max_tokens=64, temperature=0)
        takes = space.status().takes

    assert last.text == "turn 2, 0 files, 'Be brief.', 64, 0"
    assert takes is not None
    assert takes.names == ("system", "temperature", "max_tokens")
