"""A server outlives every file that is sent to it, and no worker of its outlives the server."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import bombs
import pytest
from media import square
from servers import Servers

from phi4_space import Phi4Error, SpaceClient


@pytest.mark.loopback
def test_a_server_answers_after_each_hostile_file(servers: Servers, gradio_python: str) -> None:
    """The sender is told which file it is and why; the next question is answered."""
    hostile = [
        (bombs.wav(channels=9), "it has 9 channels"),
        (bombs.flac(rate=655_350, frames=400), "655350 Hz"),
        (bombs.png(width=8000, height=8000), "too many"),
        (bombs.overlapping_tiff(60_000), "too much memory"),
    ]
    with SpaceClient(servers.url("answering", gradio_python), max_retries=0) as space:
        for data, reason in hostile:
            with pytest.raises(Phi4Error, match=rf"cannot be decoded: .*{reason}"):
                space.reply("What is this?", media=[data])
        for data in (bombs.wav(channels=8), bombs.flac(rate=44_100, channels=8)):
            assert space.reply("How many channels has it?", media=[data]).text == "It has 8 channels."
        assert "red" in space.reply("What colour is it?", media=[square(200, 0, 0)]).text


@pytest.fixture
def server() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server in a process of its own, and its URL."""
    command = [sys.executable, "-m", "phi4_server", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own program
        assert process.stdout
        yield process, process.stdout.readline().split()[-1]
        process.kill()


def children(parent: int) -> list[int]:
    """The processes that a process has started and that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, owner = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z" and int(owner) == parent:
            found.append(int(path.parent.name))
    return found


@pytest.mark.loopback
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes where Linux lists them")
@pytest.mark.parametrize("word", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_the_server(
    server: tuple[subprocess.Popen[str], str], word: signal.Signals
) -> None:
    """Told to stop or killed, the server leaves no process behind."""
    process, url = server
    with SpaceClient(url) as space:
        space.reply("What colour is it?", media=[square(200, 0, 0)])
    workers = children(process.pid)
    assert workers

    process.send_signal(word)
    process.wait()

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and any(Path(f"/proc/{worker}").exists() for worker in workers):
        time.sleep(0.02)
    assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]
