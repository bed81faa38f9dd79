"""The command as a process: its signals, its pipes, its terminal, and what it does without its extra."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from hub import running_hub
from servers import Servers

PATIENCE = 20.0
"""Seconds; much less than the sixty for which `SLOW 60` holds the Space's only place."""

Start = Callable[..., "subprocess.Popen[bytes]"]
loopback = pytest.mark.loopback
posix = pytest.mark.skipif(os.name != "posix", reason="signals and terminals are those of POSIX")


@pytest.fixture
def url(servers: Servers) -> str:
    """A Space that fails on demand, and works on one turn at a time."""
    return servers.url("faulty")


@pytest.fixture
def start(url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts the command, away from the repository; whatever it does, it ends with the test."""
    # A shell that runs the tests in the background makes its children deaf to Ctrl-C: be heard again.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, **how: int) -> subprocess.Popen[bytes]:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, "-m", "phi4_space", *arguments]
        environment = {**os.environ, "PHI4_SPACE": url, "TERM": "xterm"}
        started.append(subprocess.Popen(command, cwd=tmp_path, env=environment, **(pipes | how)))  # type: ignore[call-overload]  # noqa: S603 - our own
        return started[-1]

    yield start
    signal.signal(signal.SIGINT, before)
    for process in started:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[bytes], *, within: float = PATIENCE) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=within)
    return process.returncode, out.decode(), err.decode()


@loopback
@posix
@pytest.mark.parametrize(
    ("number", "code", "text"),
    [(signal.SIGINT, 130, "Interrupted.\n"), (signal.SIGTERM, 143, "")],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_an_interrupt_frees_the_space(start: Start, number: int, code: int, text: str) -> None:
    """Ctrl-C ends an answer under way with 130, without a traceback, and takes the job back on the Space."""
    slow = start("ask", "SLOW 60")
    assert slow.stdout
    assert slow.stdout.read(2) == b"0 "
    slow.send_signal(number)
    returned, out, err = ended(slow)
    assert (returned, out[-1]) == (code, "\n")
    assert err.endswith(f"The Space is working\n{text}")
    # The Space works on one turn at a time: this one would wait for the other's sixty seconds.
    assert ended(start("ask", "free?"))[:2] == (0, "free? (files: 0, entries: 1)\n")


@loopback
@posix
def test_an_interrupt_for_programs(start: Start) -> None:
    """With --json, an interrupt is the last line."""
    slow = start("ask", "--json", "SLOW 60")
    assert slow.stdout
    while b"delta" not in slow.stdout.readline():
        pass
    slow.send_signal(signal.SIGINT)
    returned, out, err = ended(slow)
    last = json.loads(out.splitlines()[-1])
    assert (returned, last["event"], last["error"], last["exit_code"], err) == (
        130,
        "error",
        "Interrupted",
        130,
        "",
    )


@loopback
@posix
def test_a_reader_that_leaves(start: Start) -> None:
    """When the reader of the pipe has enough, as `head` does, the job is taken back without a word."""
    slow = start("ask", "SLOW 60")
    assert slow.stdout
    assert slow.stderr
    assert slow.stdout.read(2) == b"0 "
    slow.stdout.close()
    assert slow.wait(PATIENCE) == 1
    assert b"Traceback" not in slow.stderr.read()
    assert ended(start("ask", "free?"))[0] == 0


@loopback
def test_a_pipe_gets_the_answer_as_it_arrives(start: Start) -> None:
    """In a pipe, too, the first words are there before the last."""
    slow = start("ask", "SLOW 2")
    assert slow.stdout
    assert slow.stdout.read(2) == b"0 "
    assert slow.poll() is None
    assert ended(slow)[:2] == (0, f"{' '.join(map(str, range(1, 20)))} \n")


class Terminal:
    """A terminal with one command in it."""

    def __init__(self, start: Start, *arguments: str) -> None:
        """Starts the command in it."""
        self._master, slave = os.openpty()
        self.process = start(*arguments, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        self.screen, self._seen = "", 0

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, text: str) -> str:
        """Reads until the words are there, after those waited for before; returns what stands between."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.screen.find(text, self._seen)) < 0:
            assert time.monotonic() < deadline, f"no {text!r} in {self.screen[self._seen :]!r}"
            self._read(1.0)
        between, self._seen = self.screen[self._seen : found], found + len(text)
        return between

    def end(self) -> int:
        """Reads the rest and returns the exit status."""
        while self._read(PATIENCE):
            pass
        os.close(self._master)
        return self.process.wait(PATIENCE)

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            read = os.read(self._master, 65536)
        except OSError:  # Linux says so when the command has left the terminal
            return False
        self.screen += read.decode()
        return bool(read)


@loopback
@posix
def test_a_terminal_shows_what_happens(start: Start) -> None:
    """At a terminal a line changes until the answer comes; the answer stays, with its timing."""
    terminal = Terminal(start, "ask", "PROGRESS")
    assert terminal.end() == 0
    changing, _, rest = terminal.screen.partition("Looked.")
    assert "Looking: 1 of 3 steps" in changing
    assert changing.endswith("\x1b[2K")  # the line is gone before the answer begins
    assert re.search(r"\r\n.*queued [\d.]+ s · started .* done [\d.]+ s", rest)


@loopback
@posix
def test_an_answer_cannot_command_the_terminal(start: Start) -> None:
    """At a terminal an answer's control characters are left out; in a pipe it is as the Space wrote it."""
    question = "\x1b]0;gotcha\x07 \x1b[31mred"
    terminal = Terminal(start, "ask", question)
    assert terminal.end() == 0
    assert "]0;gotcha [31mred (files" in terminal.screen
    assert ended(start("ask", question))[1].startswith(question)


@loopback
@posix
def test_a_chat_at_a_terminal(start: Start) -> None:
    """Ctrl-C cancels an answer and nothing else; after a failed turn the chat goes on; Ctrl-D ends it."""
    terminal = Terminal(start, "chat")
    assert "/help" in terminal.wait_for("> ")
    terminal.type("SLOW 60\n")
    terminal.wait_for("3 4 5")
    terminal.process.send_signal(signal.SIGINT)
    assert "Cancelled" in terminal.wait_for("> ")
    terminal.type("QUOTA\n")
    assert "GPU quota" in terminal.wait_for("to check the Space.")
    terminal.type("still there?\n")
    terminal.wait_for("still there? (files: 0, entries: 1)")
    terminal.wait_for("> ")
    terminal.type("\x04")
    assert terminal.end() == 0


@loopback
@posix
def test_ctrl_c_at_the_prompt_ends_a_chat(start: Start) -> None:
    """At the prompt Ctrl-C ends the chat with 130."""
    terminal = Terminal(start, "chat")
    terminal.wait_for("> ")
    time.sleep(0.3)  # readline, once it has written its prompt, takes a moment to listen for signals
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert "Traceback" not in terminal.screen


@loopback
@posix
def test_serve(start: Start) -> None:
    """`phi4 serve` runs a Space until SIGTERM, and ends with 0."""
    server = start("serve", "--port", "0")
    assert server.stdout
    assert b" is ready at http://127.0.0.1:" in server.stdout.readline()
    server.terminate()
    assert ended(server)[0] == 0


@loopback
def test_an_embedded_space(start: Start) -> None:
    """--embedded asks a Space of its own, says so on standard error, and leaves none behind."""
    returned, out, err = ended(start("ask", "--embedded", "Who are you?"), within=60.0)
    assert (returned, bool(out.strip())) == (0, True)
    url = re.search(r"from the offline model at (http://127\.0\.0\.1:\d+), not from Phi-4\.\n", err)
    assert url
    assert ended(start("doctor", "--space", url[1]))[0] == 3


@loopback
def test_demo(start: Start) -> None:
    """The demo asks about a text, an image and audio, gets true answers, and ends by itself."""
    returned, out, err = ended(start("demo"), within=60.0)
    assert (returned, "Error" in err) == (0, False)
    steps = out.split("\n\n")
    assert re.match(r"Space  http://127\.0\.0\.1:\d+  on this machine, started in [\d.]+ s$", steps[0])
    assert [step.split("\n")[0] for step in steps[1:-1]] == [
        "Who answers",
        "A text",
        "An image  with hills.png",
        "Audio  with chime.wav",
    ]
    with wave.open(str(files("phi4_server") / "examples" / "chime.wav")) as chime:
        seconds = chime.getnframes() / chime.getframerate()
    for step, truth in zip(steps[1:-1], ("not Phi-4", "ten", "blue", f"{seconds:.2f} s"), strict=True):
        assert truth in step.splitlines()[2]
        assert re.fullmatch(r"queued .* · first text .* · done [\d.]+ s", step.splitlines()[-1])
    assert steps[-1].startswith("Done in ")
    assert "\x1b" not in out


def run(command: list[str], folder: Path, **environment: str) -> tuple[int, str]:
    """Runs a program to its end; returns its exit status and what it wrote to standard error."""
    done = subprocess.run(  # noqa: S603 - our own
        [sys.executable, *command], cwd=folder, env=os.environ | environment, capture_output=True, check=False
    )
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra(missing: str, tmp_path: Path) -> None:
    """Without typer or rich the command says what to install; the client needs neither, nor the server."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys(['gradio', 'phi4_server', {missing!r}])); "
        "import phi4_space; from phi4_space.__main__ import main; sys.exit(main())"
    )
    sentence = f"The command needs {missing}, which is not installed: pip install 'phi4-space[cli]'\n"
    assert run(["-c", code], tmp_path) == (1, sentence)


@loopback
def test_an_embedded_space_without_its_extra(tmp_path: Path) -> None:
    """Where Gradio is not installed, --embedded says what to install."""
    (tmp_path / "gradio.py").write_text("raise ModuleNotFoundError('No module', name='gradio')")
    returned, stderr = run(["-m", "phi4_space", "ask", "--embedded", "Hi"], tmp_path, PYTHONSAFEPATH="")
    assert returned == 1
    assert "pip install 'phi4-space[server]'" in stderr
    assert "Traceback" not in stderr


def test_a_letter_that_the_pipe_cannot_take(tmp_path: Path) -> None:
    """It becomes a question mark, not a traceback."""
    returned, stderr = run(
        ["-m", "phi4_space", "ask", "Hi", "--space", "Я"], tmp_path, PYTHONIOENCODING="ascii"
    )
    assert returned == 2
    assert stderr.startswith("Error: '?' is not the name of a Space")


@posix
@loopback
@pytest.mark.parametrize("agrees", [True, False])
def test_deploy_asks_at_a_terminal(
    start: Start, url: str, monkeypatch: pytest.MonkeyPatch, *, agrees: bool
) -> None:
    """It says what it will do and what that costs, and does nothing before somebody agrees."""
    with running_hub() as hub:
        hub.host = url
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        terminal = Terminal(start, "deploy", "ada/phi4", "--hardware", "zero-a10g")
        terminal.wait_for("Create the public Space ada/phi4 on zero-a10g.")
        terminal.wait_for("no quota is used")
        terminal.wait_for("[y/N]")
        assert hub.lines() == []
        terminal.type("y\n" if agrees else "\n")
        terminal.wait_for('ChatPhi4(space="ada/phi4")' if agrees else "Nothing was done.")
        assert terminal.end() == 0
        assert bool(hub.lines()) == agrees
