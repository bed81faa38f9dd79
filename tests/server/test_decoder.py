"""Files are decoded where a crash, a hang or a bomb costs one answer."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import cast

import bombs
import pytest

from phi4_server.media.decoder import Decoder
from phi4_server.media.limits import MIB, DecodeLimits
from phi4_server.media.scope import CURRENT, CancelScope
from phi4_server.model import Message
from phi4_server.offline import files, model
from phi4_server.offline.measured import Colour, MeasuredAudio, MeasuredImage
from phi4_server.offline.model import OfflineModel

SUPPORT = Path(__file__).parents[1] / "support"
NAMES = (
    *("read", "crash", "leave", "hang", "spin", "swell", "flood", "babble", "nest", "lie", "shout"),
    *("refuse", "fail", "describe_process", "number"),
)
SHORT = DecodeLimits(memory=256 * MIB, wall_s=3.0, reply=MIB)


def scripted(limits: DecodeLimits = SHORT) -> Decoder:
    """A decoder whose functions misbehave as they are told to."""
    return Decoder(*[f"decoders:{name}" for name in NAMES], limits=limits)


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    """One for all tests, as a server has one for all files."""
    found = scripted()
    yield found
    found.close()


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    """A file."""
    path = tmp_path / "cat.png"
    path.write_bytes(b"meow")
    return path


def gone(pid: int) -> bool:
    """Whether a process has ended, or does within a while: a turn's own time would be longer."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.02)
                continue
        return True
    return False


def within(scope: CancelScope, found: Decoder, name: str, path: Path) -> object:
    """Decodes in a scope."""
    context = copy_context()
    context.run(CURRENT.set, scope)
    return context.run(found.decode, f"decoders:{name}", path)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("crash", "its decoder failed"),
        ("leave", "its decoder failed"),
        ("hang", "it took too long"),
        ("swell", "it takes too much memory"),
        ("flood", "its decoder failed"),
        ("babble", "its decoder failed"),
        ("nest", "its decoder failed"),
        ("lie", "its decoder failed"),
        ("refuse", "it is not a cat"),
        ("fail", "its decoder failed with ZeroDivisionError"),
    ],
)
def test_whatever_a_decoder_does_costs_one_answer(
    decoder: Decoder, cat: Path, name: str, reason: str
) -> None:
    """The file is refused by name and with the reason, and the next one is decoded as ever."""
    with pytest.raises(ValueError, match=r"^cat\.png ") as caught:
        within(CancelScope(1000.0), decoder, name, cat)

    assert str(caught.value) == f"cat.png cannot be decoded: {reason}"
    assert decoder.decode("decoders:read", cat) == ({"size": 4}, b"meow")


def test_cpu_time_is_bounded_for_each_file(cat: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The system ends what works for too long, though the clock would let it; the log says so."""
    found = scripted(DecodeLimits(cpu_s=1, wall_s=1000.0))

    with pytest.raises(ValueError, match="too long"):
        within(CancelScope(1000.0), found, "spin", cat)

    assert f"exit status {-signal.SIGXCPU}" in caplog.text


def test_what_a_decoder_prints_is_no_reply(
    decoder: Decoder, cat: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Libraries in C print as they like: it is not taken for a reply, and nobody gets to see it."""
    assert decoder.decode("decoders:shout", cat) == ({"forged": False}, b"")
    assert capfd.readouterr() == ("", "")


def test_a_worker_has_no_secrets_and_no_sockets(monkeypatch: pytest.MonkeyPatch, cat: Path) -> None:
    """It sees no credentials, holds nothing of the server's open, writes no file and dumps no core."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with cat.open("rb"), contextlib.closing(scripted()) as found:
        fields, _ = found.decode("decoders:describe_process", cat)

    assert "secret" not in str(fields)
    assert fields["RLIMIT_CORE"] == fields["RLIMIT_FSIZE"] == 0
    assert fields["RLIMIT_DATA"] == SHORT.memory
    assert not [path for path in fields["open"] if "socket" in path or "cat" in path]


def test_files_are_decoded_at_the_same_time(decoder: Decoder, cat: Path) -> None:
    """Answers do not wait for each other, and a crash under way disturbs none of them."""
    with ThreadPoolExecutor(8) as threads:
        crashes = [threads.submit(decoder.decode, "decoders:crash", cat) for _ in range(2)]
        reads = [threads.submit(decoder.decode, "decoders:read", cat) for _ in range(30)]

    assert {read.result()[1] for read in reads} == {b"meow"}
    assert all(isinstance(crash.exception(), ValueError) for crash in crashes)
    assert len(decoder._idle) <= SHORT.workers


def test_a_file_waits_for_a_worker_no_longer_than_its_turn(cat: Path) -> None:
    """Where all are busy, that is said."""
    found = scripted(DecodeLimits(workers=1, wall_s=100.0))
    slow, quick = CancelScope(), CancelScope(0.5)
    with ThreadPoolExecutor(1) as thread:
        busy = thread.submit(within, slow, found, "hang", cat)
        while not slow._kill:
            time.sleep(0.01)
        with pytest.raises(
            ValueError, match=r"^cat\.png cannot be decoded: too many files are being decoded"
        ):
            within(quick, found, "read", cat)
        slow.cancel()

    assert isinstance(busy.exception(), ValueError)
    assert found.decode("decoders:read", cat)


def test_a_turn_has_so_much_time_for_all_its_files(decoder: Decoder, cat: Path) -> None:
    """Once it is over, no further file is decoded for it; the worker is none the worse."""
    before = decoder.decode("decoders:number", cat)

    with pytest.raises(ValueError, match="too long"):
        within(CancelScope(0.0), decoder, "read", cat)

    assert decoder.decode("decoders:number", cat) == before


def test_a_worker_is_replaced_when_it_is_worn(cat: Path) -> None:
    """After so many files a new one takes over, and one that died meanwhile is not used again."""
    with contextlib.closing(scripted(DecodeLimits(files=2))) as found:
        pids = [found.decode("decoders:number", cat)[0]["pid"] for _ in range(4)]
        assert pids[0] == pids[1] != pids[2] == pids[3]
        assert gone(pids[0])

        last = found.decode("decoders:number", cat)[0]["pid"]
        os.kill(last, signal.SIGKILL)
        while found._idle[-1].alive:  # its threads end after it
            time.sleep(0.02)
        assert found.decode("decoders:number", cat)[0]["pid"] != last


def test_a_decoder_that_cannot_start_is_no_fault_of_the_file(
    cat: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The error is the server's, and its log says what is missing."""
    with pytest.raises(ChildProcessError, match="no decoder could be started"):
        Decoder("no_such_module:read").decode("no_such_module:read", cat)

    assert "no_such_module" in capfd.readouterr().err


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[Decoder]:
    """The model's own decoder hangs on every picture."""
    found = scripted(DecodeLimits(wall_s=100.0))
    monkeypatch.setattr(files, "_decoder", found)
    monkeypatch.setattr(files, "_IMAGE", "decoders:hang")
    monkeypatch.setattr(model, "_YIELD_EVERY_S", 0.05)
    yield found
    found.close()


def test_an_answer_that_takes_long_is_the_same(cat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While files are decoded, empty pieces let whoever left close the answer; they add nothing to it."""
    bombs.tone(cat)
    monkeypatch.setattr(model, "_YIELD_EVERY_S", 0.0)

    pieces = [*OfflineModel().stream([Message(role="user", text="How long is it?", files=(cat,))])]

    assert "" in pieces
    assert "".join(pieces) == "It lasts 1.00 seconds."


def test_a_turn_that_is_left_ends_its_decoding(
    hanging: Decoder, cat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is killed at once, and nothing of the turn goes on."""
    cat.write_bytes(b"\x89PNG\r\n\x1a\n")
    started: list[int] = []
    take = hanging._take

    def watched() -> object:
        worker = take()
        started.append(worker.pid)
        return worker

    monkeypatch.setattr(hanging, "_take", watched)
    asked = Message(role="user", text="What is this?", files=(cat,))
    answer = cast("Generator[str]", OfflineModel().stream([asked]))
    while not started:
        assert next(answer) == ""
    before = threading.active_count()
    answer.close()

    assert gone(started[0])
    deadline = time.monotonic() + 60
    while threading.active_count() >= before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() < before


PROGRAM = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from threading import Timer
from phi4_server.media.decoder import Decoder
from phi4_server.media.limits import DecodeLimits

print("once", flush=True)
decoder = Decoder("decoders:number", "decoders:hang", "decoders:spin", limits=DecodeLimits(cpu_s=1))
print(decoder.decode("decoders:number", Path("x"))[0]["pid"], flush=True)
Timer(0.3, print, ["busy"], {{"flush": True}}).start()
{then}
"""

Program = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """Runs a program that decodes as soon as it is imported, and then does something else."""
    running: list[subprocess.Popen[str]] = []

    def run(then: str) -> subprocess.Popen[str]:
        script = tmp_path / "program.py"
        script.write_text(PROGRAM.format(path=[*sys.path, str(SUPPORT)], then=then))
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, str(script)], stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def worker_of(process: subprocess.Popen[str]) -> int:
    """The number of the worker that a program has started; the program was run but once."""
    assert process.stdout
    assert process.stdout.readline() == "once\n"
    return int(process.stdout.readline())


def test_a_worker_ends_with_its_program(program: Program) -> None:
    """A program needs to close nothing, and no `if __name__ == "__main__"`."""
    process = program("")
    worker = worker_of(process)

    assert process.communicate()[0] == "busy\n"
    assert process.returncode == 0
    assert gone(worker)


@pytest.mark.parametrize(
    "then",
    [
        "sys.stdin.read()",
        'decoder.decode("decoders:hang", Path("x"))',
        'decoder.decode("decoders:spin", Path("x"))',
    ],
)
def test_a_worker_ends_with_a_program_that_is_killed(program: Program, then: str) -> None:
    """Idle, waiting, or busy without a pause: it does not outlive the server, or by its CPU limit at most."""
    process = program(then)
    worker = worker_of(process)
    assert process.stdout
    assert process.stdout.readline() == "busy\n"
    process.kill()
    process.wait()

    assert gone(worker)


PICTURE = MeasuredImage("a.png", "PNG", 2, 2, False, (Colour("red", "#ff0000", 1.0),), 0.3)  # noqa: FBT003
SOUND = MeasuredAudio("a.wav", "WAV", 1.0, 8000, 1, -math.inf)


@pytest.mark.parametrize("measured", [PICTURE, SOUND])
def test_what_is_packed_is_unpacked(measured: MeasuredImage | MeasuredAudio) -> None:
    """An image's and audio's values are the same on the other side."""
    fields, data = measured.packed()

    assert files.unpacked(type(measured), measured.name, json.loads(json.dumps(fields))) == measured
    assert data == b""


@pytest.mark.parametrize(
    ("measured", "change"),
    [
        (PICTURE, {"format": 7}),
        (PICTURE, {"width": "2"}),
        (PICTURE, {"animated": None}),
        (PICTURE, {"colours": "red"}),
        (PICTURE, {"colours": [{"name": "red"}]}),
        (PICTURE, {"brightness": []}),
        (SOUND, {"format": None}),
        (SOUND, {"duration": "1"}),
        (SOUND, {"rate": 1.5}),
        (SOUND, {"channels": []}),
        (SOUND, {"rate": "fast"}),
    ],
)
def test_a_forged_reply_is_refused(
    measured: MeasuredImage | MeasuredAudio, change: dict[str, object]
) -> None:
    """What a decoder replies is checked: one that was taken over can lie, and break nothing."""
    with pytest.raises(ValueError, match="cannot be decoded"):
        files.unpacked(type(measured), "a", {**measured.packed()[0], **change})
