"""One client against a Space: more than it takes, more than it keeps, and more than its share."""

from __future__ import annotations

import os
import re
import shlex
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import pytest
from servers import ROOT
from visitors import API, Visitor, outcome

from phi4_server import running_space
from phi4_space import FileTooLarge, PromptTooLong, QueueFull, RateLimited
from phi4_space._net.error_mapping import from_handler, from_response

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs several addresses of one machine")

KB = 1024
OPTIONS = shlex.split(
    "--at-once 1 --max-queue 6 --max-file-size 100kb --max-files 2 --max-text 1000 --max-turns 6 "
    "--max-sessions 10 --max-disk 1mb --max-connections 60"
)
FORGETFUL = ["--max-idle", "3"]
FLOODER, POLITE = "127.0.0.2", "127.0.0.3"


@dataclass
class Spaces:
    """A small Space of each Gradio, with a folder of its own for all that it writes."""

    _stack: ExitStack = field(default_factory=ExitStack)
    _running: dict[tuple[str, ...], tuple[str, Path]] = field(default_factory=dict)

    def run(self, python: str, options: Sequence[str] = OPTIONS) -> tuple[str, Path]:
        """Its URL and folder."""
        if (python, *options) not in self._running:
            folder = self._stack.enter_context(tempfile.TemporaryDirectory())
            with patch.dict(os.environ, PYTHONPATH=str(ROOT), TMPDIR=folder):
                command = [python, str(ROOT / "tests/spaces/faulty.py"), *options]
                url = self._stack.enter_context(running_space(command))
            self._running[python, *options] = url, Path(folder)
        return self._running[python, *options]

    def close(self) -> None:
        """Stops them."""
        self._stack.close()


@pytest.fixture(scope="module")
def spaces() -> Iterator[Spaces]:
    running = Spaces()
    yield running
    running.close()


@pytest.fixture
def arrive(spaces: Spaces, gradio_python: str) -> Iterator[Callable[[str], Visitor]]:
    """Comes to the small Space from an address."""
    with ExitStack() as stack:
        yield lambda address: Visitor(spaces.run(gradio_python)[0], stack, address)


@pytest.fixture
def arrive_first(spaces: Spaces, gradio_python: str) -> Iterator[Callable[[str], Visitor]]:
    """Comes to a Space on which no earlier test has left sessions, which would give way in mid-turn."""
    with ExitStack() as stack:
        yield lambda address: Visitor(
            spaces.run(gradio_python, [*OPTIONS, "--show-error"])[0], stack, address
        )


@pytest.fixture
def folder(spaces: Spaces, gradio_python: str) -> Path:
    """Where that Space writes."""
    return spaces.run(gradio_python)[1]


Arrive = Callable[[str], Visitor]


def await_true(holds: Callable[[], bool]) -> None:
    """Looks again and again."""
    deadline = time.monotonic() + 40
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


# More than it takes


def test_text(arrive: Arrive) -> None:
    """A message too long is told so, is not filed, and the session goes on."""
    visitor = arrive(POLITE)
    assert visitor.ask("x" * 1001) == (
        "A message may have 1,000 characters, and this one has 1,001. Send less text."
    )
    assert visitor.ask("hi") == "hi (files: 0, entries: 1)"


def test_answer(arrive: Arrive) -> None:
    """A model that does not end is stopped."""
    assert arrive(POLITE).ask("LONG 100000") == "The answer was stopped: it may have 1,000 characters."


def test_files_in_a_message(arrive: Arrive) -> None:
    """More files than a message may have are refused where they are sent, and where they were sent before."""
    visitor = arrive(POLITE)
    refused = visitor.upload(b"1", b"2", b"3")
    assert (refused.status_code, refused.text) == (400, "Too many files. Maximum number of files is 2.")
    paths = [str(visitor.keep(content)) for content in (b"1", b"2", b"3")]
    assert visitor.ask("look", paths) == "A message may have 2 files, and this one has 3. Send fewer."
    assert visitor.ask("look", paths[:2]) == "look (files: 2, entries: 1)"


def test_size_of_a_file(arrive: Arrive) -> None:
    """A file too large is refused in words that our client understands."""
    refused = arrive(POLITE).upload(b"x" * (100 * KB + 1))
    failure = from_response(refused.status_code, refused.content, refused.headers, sent="files")
    assert isinstance(failure, FileTooLarge)
    assert failure.limit == 100 * KB


@pytest.mark.parametrize(
    ("text", "files", "bound"),
    [("a", 0, "6 questions"), ("x" * 900, 0, "2,500 characters"), ("a", 2, "10 files")],
)
def test_chat_that_grows(text: str, files: int, bound: str, arrive: Arrive) -> None:
    """A chat is full at some point, says so, and a new session begins anew."""
    visitor = arrive(POLITE)
    paths = [str(visitor.keep(b"%d" % number)) for number in range(files)]
    responses = [visitor.file(text, paths) for _ in range(7)]
    statuses = [response.status_code for response in responses]
    assert statuses == sorted(statuses)
    assert responses[-1].json()["error"] == f"This chat is full: a chat may hold {bound}. Start a new one."
    assert visitor.again().file(text, paths).status_code == 200


@pytest.mark.parametrize("path", ["run/predict", "queue/join", "call/bot_response", "cancel"])
@pytest.mark.parametrize("announced", [True, False])
def test_body(path: str, arrive: Arrive, *, announced: bool) -> None:
    """A body too large is refused wherever it is sent, its length told or not, and nothing else happens."""
    body = b" " * 2_000_000
    content = body if announced else (body[start : start + 100_000] for start in range(0, len(body), 100_000))
    refused = arrive(FLOODER).http.post(f"{API}/{path}", content=content)
    assert refused.status_code == 413
    assert re.fullmatch(r"Request body exceeded maximum allowed size of \d+ bytes\.", refused.text)
    assert isinstance(from_response(413, refused.content, refused.headers, sent="text"), PromptTooLong)


@pytest.mark.parametrize(
    ("parts", "statuses"),
    [
        ([("x", (None, b"y" * 20_000))], {413}),
        ([(f"x{number}", (None, b"y")) for number in range(5)], {400}),
        ([("files", ("a.png", b"y", "image/" + "x" * 20_000))], {400, 413}),
        ([("files", ("a" * 20_000, b"y"))], {400, 413}),
        ([("other", ("a.png", b"y" * 1000))], {200}),
    ],
)
def test_odd_upload(
    parts: list[tuple[str, tuple[str | None, bytes]]], statuses: set[int], arrive: Arrive
) -> None:
    """Fields, headers and names in an upload are bounded as well, and never an error of the Space's.

    Too long a header is refused by Gradio 6 itself, and by the parser of forms below Gradio 5.
    """
    assert arrive(FLOODER).http.post(f"{API}/upload", files=parts).status_code in statuses


@pytest.mark.parametrize(
    "body", ["[" * 100_000, '{"data":[' + "9" * 20_000 + "]}", '{"data":[NaN,1e999]}', "\x00"]
)
def test_broken_body(body: str, arrive: Arrive) -> None:
    """A body that cannot be read is the client's error, or the function's."""
    headers = {"content-type": "application/json"}
    refused = arrive(FLOODER).http.post(f"{API}/queue/join", content=body.encode(), headers=headers)
    assert 400 <= refused.status_code < 500


def test_answers_without_the_queue(arrive: Arrive) -> None:
    """No answer is given outside the queue."""
    visitor = arrive(FLOODER)
    visitor.file("hi")
    assert visitor.http.post(f"{API}/run/bot_response", json=visitor.job()).status_code == 404
    assert visitor.http.post(f"{API}/run/predict", json=visitor.job()).status_code == 404


# More than it keeps


def test_sessions_are_let_go(arrive: Arrive) -> None:
    """A client's old sessions make room for its new ones, and nothing of them stays."""
    flooder = arrive(FLOODER)
    first = flooder.again()
    first.ask("a")
    for _ in range(15):
        assert flooder.again().ask("b") == "b (files: 0, entries: 1)"
    assert first.ask("a") == "a (files: 0, entries: 1)"  # it has forgotten
    for kind in ("state_holder.SessionState", "queueing.Event"):
        question = f"OBJECTS gradio.{kind}"
        await_true(lambda question=question: int(flooder.again().ask(question)) <= 12)  # type: ignore[misc]


def test_sessions_of_others_stay(arrive: Arrive) -> None:
    """A flood of sessions costs its own client its sessions, nobody else."""
    polite, flooder = arrive(POLITE), arrive(FLOODER)
    polite.ask("a")
    for _ in range(15):
        flooder.again().file("b").raise_for_status()
    assert polite.ask("c") == "c (files: 0, entries: 3)"


def test_completions_cost_nobody_a_chat(arrive: Arrive) -> None:
    """The sessions of chat completions, which hold nothing, make room before a chat does."""
    flooder = arrive(FLOODER)
    chat = flooder.again()
    chat.ask("a")
    for _ in range(15):
        assert flooder.again().complete({"prompt": "b"})["success"]
    assert chat.ask("c") == "c (files: 0, entries: 3)"


def test_names_of_sessions(arrive: Arrive) -> None:
    """A session's name, which is the client's own, may not be long."""
    visitor = arrive(FLOODER)
    visitor.session = "s" * 257
    assert visitor.file("a").status_code == 400
    assert visitor.join().status_code == 400


def test_idle_sessions_and_their_files_are_let_go(spaces: Spaces, gradio_python: str) -> None:
    """After its time a session is forgotten, and its files and those that were never sent are deleted."""
    with ExitStack() as stack:
        visitor = Visitor(spaces.run(gradio_python, FORGETFUL)[0], stack, POLITE)
        leave_and_return(visitor)


def leave_and_return(visitor: Visitor) -> None:
    """Has a chat with a file, waits until the file is gone, and asks again."""
    sent, unsent = visitor.keep(b"sent"), visitor.keep(b"unsent")
    assert visitor.ask("a", [str(sent)]) == "a (files: 1, entries: 1)"
    await_true(lambda: not (sent.exists() or unsent.exists()))
    assert not sent.parent.exists()
    assert visitor.ask("b") == "b (files: 0, entries: 1)"


def test_disk(arrive: Arrive, folder: Path) -> None:
    """Uploads take no more than their room: the oldest of whoever has most go, not those of others."""
    polite, flooder = arrive(POLITE), arrive(FLOODER)
    kept = polite.keep(b"mine")
    for number in range(20):
        flooder.keep(b"%08d" % number * 12_000)
    assert kept.exists()
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 700 * KB


def test_chat_whose_file_had_to_go(arrive: Arrive) -> None:
    """Who held most is told what became of his file."""
    flooder = arrive(FLOODER)
    path = flooder.keep(b"first" * 1000)
    assert flooder.ask("look", [str(path)]) == "look (files: 1, entries: 1)"
    for number in range(8):
        flooder.again().keep(b"%08d" % number * 12_000)
    assert not path.exists()
    assert "is gone" in flooder.ask("and?")


@pytest.mark.parametrize("field", ["files", "other"])
def test_uploads_that_break_off(field: str, arrive: Arrive, folder: Path) -> None:
    """What came of an upload that broke off is deleted at once."""
    part = (
        f'--b\r\nContent-Disposition: form-data; name="{field}"; filename="broken.png"\r\n\r\n' + "x" * 50_000
    ).encode()
    head = (
        f"POST {API}/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        "Content-Length: 90000\r\n\r\n"
    ).encode()
    before = {path for path in folder.rglob("*") if path.is_file()}
    for _ in range(5):
        with arrive(FLOODER).connect() as connection:
            connection.sendall(head + part)
            time.sleep(0.05)
    await_true(lambda: {path for path in folder.rglob("*") if path.is_file()} <= before)


def test_answers_that_nobody_reads(arrive: Arrive) -> None:
    """A session that never reads keeps its last answers only."""
    visitor = arrive(FLOODER)
    for _ in range(12):
        visitor.join().raise_for_status()  # there is no question, and it is told so
        await_true(lambda: visitor.http.get(f"{API}/queue/status").json()["queue_size"] == 0)
        time.sleep(0.1)
    completed = [event for event in visitor.events() if event["msg"] == "process_completed"]
    assert 1 <= len(completed) <= 10


# More than its share


def test_turns_of_one_session(arrive: Arrive) -> None:
    """A session has few turns waiting; the next is refused in words that our client understands."""
    visitor = arrive(FLOODER)
    visitor.file("a")
    with visitor.again().busy():
        *_, refused = (visitor.join() for _ in range(5))
    assert refused.json()["detail"] == "3 turns of this session are waiting. Let them be answered first."
    assert isinstance(from_response(refused.status_code, refused.content, refused.headers), RateLimited)
    assert list(visitor.events())[-1]["msg"] == "close_stream"
    assert visitor.ask("b").startswith("b")


def test_turns_of_one_client(arrive_first: Arrive) -> None:
    """A queue that one client has filled has room for another, whose turn is next but one at most."""
    flooder, polite = arrive_first(FLOODER), arrive_first(POLITE)
    flood = [flooder.again() for _ in range(6)]
    with flooder.busy():
        for one in flood:
            one.wait("hi").raise_for_status()
        refused = flooder.again().wait("late")
        assert isinstance(from_response(refused.status_code, refused.content, refused.headers), QueueFull)
        polite.wait("hi").raise_for_status()

    events = list(polite.events())
    ranks = [event["rank"] for event in events if event["msg"] == "estimation"]
    assert ranks[-1] <= 1
    assert ranks == [*ranks[:1], *sorted(ranks[1:], reverse=True)]
    assert outcome(events[-2]) == "hi (files: 0, entries: 1)"

    ends = [next(event for event in one.events() if event["msg"] == "process_completed") for one in flood]
    assert [end["success"] for end in ends] == [True] * 5 + [False]
    failure = from_handler(ends[-1]["output"]["error"], ends[-1]["output"]["title"])
    assert isinstance(failure, QueueFull)


def test_sessions_of_one_client_take_turns(arrive: Arrive) -> None:
    """A second session of a client is not behind all that its first one waits for."""
    first, second = arrive(FLOODER), arrive(FLOODER)
    first.file("hi")
    with first.again().busy():
        for _ in range(3):
            first.join().raise_for_status()
        second.wait("hi").raise_for_status()
    ranks = [event["rank"] for event in second.events() if event["msg"] == "estimation"]
    assert min(ranks[:2]) <= 1


def test_connections(arrive: Arrive) -> None:
    """Who opens more connections than there may be loses the newest; another client gets in, and stays."""
    flooder, polite = arrive(FLOODER), arrive(POLITE)
    polite.http.get("/config").raise_for_status()
    with ExitStack() as stack:
        flood = [stack.enter_context(flooder.connect()) for _ in range(90)]
        polite.http.get("/config").raise_for_status()
        polite.again().http.get("/config").raise_for_status()
        assert polite.ask("hi") == "hi (files: 0, entries: 1)"
        for connection in flood:
            connection.settimeout(0.05)
        assert sum(map(is_open, flood)) <= 60


def is_open(connection: socket.socket) -> bool:
    """Whether a connection that said nothing still waits for us to speak."""
    try:
        return connection.recv(1) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False


def test_streams(arrive: Arrive) -> None:
    """Streams that are left open, and uploads that do not go on, keep nobody out."""
    flooder, polite = arrive(FLOODER), arrive(POLITE)
    end = "HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    requests = [
        f"GET {API}/heartbeat/{{}} {end}\r\n",
        f"GET {API}/queue/data?session_hash={{}} {end}\r\n",
        f"POST {API}/run/predict {end}Content-Length: 90000\r\n\r\n",
        f"POST {API}/upload {end}Content-Length: 90000\r\n\r\n--b",
    ]
    with ExitStack() as stack:
        for number in range(80):
            connection = stack.enter_context(flooder.connect())
            try:
                connection.sendall(requests[number % 4].format(number).encode())
            except ConnectionError:
                continue
        assert polite.ask("hi", [str(polite.keep(b"hi"))]) == "hi (files: 1, entries: 1)"
