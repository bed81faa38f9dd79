"""Texts made to keep the offline model busy: the time that each takes grows as its length does.

Growth is what counts, by CPU time of the thread and with room to spare: ten times the text may take forty
times as long, where a quadratic pattern takes a hundred times, and a cubic one a thousand.
"""

from __future__ import annotations

import ast
import importlib
import os
import pkgutil
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from media import square
from texts import FORMS, PLACES, repeated

from phi4_server import offline, running_space
from phi4_server.model import Message
from phi4_server.offline.answer import reply
from phi4_space import SpaceClient, SpaceError

FROM_THE_START = {"prompt._RESULT", "search._CODE"}
"""Patterns that are tried at the start of a text only, or on the whole of it."""


def seconds(work: Callable[[], object]) -> float:
    """The CPU time that some work takes."""
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


def grows_by_length(work: Callable[[int], object], length: int, *, floor: float) -> bool:
    """Whether a length takes at most forty times as long as a tenth of it; less than a floor counts as that.

    A machine that does much else may slow one measurement down, but not three of the same.
    """
    for _ in range(3):
        whole = seconds(lambda: work(length))
        if whole <= 40 * floor or whole <= 40 * seconds(lambda: work(length // 10)):
            return True
    return False


def held(value: object) -> Iterator[re.Pattern[str]]:
    """The patterns in a value."""
    match value:
        case re.Pattern():
            yield from [value] if isinstance(value.pattern, str) else []
        case dict():
            yield from held((*value.keys(), *value.values()))
        case tuple() | list():
            for item in value:
                yield from held(item)


def patterns() -> dict[re.Pattern[str], str]:
    """Every pattern that a room of the model holds, with the first name that it has."""
    named = [
        (pattern, f"{room.name}.{name}")
        for room in pkgutil.iter_modules(offline.__path__)
        for name, value in vars(importlib.import_module(f"phi4_server.offline.{room.name}")).items()
        for pattern in held(value)
    ]
    return dict(reversed(named))


PATTERNS = [
    pytest.param(name, pattern, id=f"{name}-{place}")
    for place, (pattern, name) in enumerate(patterns().items())
]


@pytest.mark.parametrize(("name", "pattern"), PATTERNS)
def test_no_pattern_takes_more_than_its_text(name: str, pattern: re.Pattern[str]) -> None:
    """Wherever it is tried in a text of any form, what a pattern takes grows by the text's length."""

    def trying(form: str) -> Callable[[int], object]:
        def tried(length: int) -> object:
            text = repeated(form, length) + "\x00?"
            return pattern.match(text) if name in FROM_THE_START else pattern.sub("", text)

        return tried

    assert [form for form in FORMS if not grows_by_length(trying(form), 8000, floor=0.002)] == []


def test_no_pattern_is_hidden() -> None:
    """Patterns are made where the test above sees them."""
    calls = [
        (path.stem, node.func.attr, isinstance(statement, ast.FunctionDef | ast.ClassDef))
        for path in Path(offline.__file__).parent.glob("*.py")
        for statement in ast.parse(path.read_text("utf-8")).body
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
    ]

    assert {room for room, name, _ in calls if name not in {"compile", "escape"}} <= {"files"}
    assert {room for room, name, inside in calls if name == "compile" and inside} == set()


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture, as a client uploads it."""
    path = tmp_path_factory.mktemp("files") / "red.png"
    path.write_bytes(square(220, 30, 30))
    return path


def replying(place: str, form: str, picture: Path) -> Callable[[int], object]:
    """What replies to a form said at a place, up to a length."""

    def replied(length: int) -> str:
        text = PLACES[place](repeated(form, length))
        try:
            return reply([Message(role="user", text=text, files=(picture,) if place == "picture" else ())])
        except ValueError as refusal:
            return str(refusal)

    return replied


@pytest.mark.parametrize("place", PLACES)
def test_an_answer_takes_no_more_than_its_text(place: str, picture: Path) -> None:
    """At any place, what an answer takes grows by the text's length, up to 10,000 characters of any form."""
    slow = [form for form in FORMS if not grows_by_length(replying(place, form, picture), 10_000, floor=0.01)]

    assert slow == []


@pytest.mark.parametrize("place", PLACES)
def test_a_long_text_takes_no_more_than_its_length(place: str, picture: Path) -> None:
    """So it does up to 100,000 characters; each form takes its turn at one of the places."""
    forms = FORMS[[*PLACES].index(place) :: len(PLACES)]
    slow = [
        form for form in forms if not grows_by_length(replying(place, form, picture), 100_000, floor=0.05)
    ]

    assert slow == []


# --- the server meanwhile --------------------------------------------------------------------------------

BUSY = """
import sys, time
from phi4_server.__main__ import main

class Busy:
    name = nature = "A model that is busy for some seconds where it is asked to be."

    def stream(self, chat):
        until = time.monotonic() + (10 if chat[-1].text == "slow" else 0)
        while time.monotonic() < until:
            pass
        yield "done"

sys.exit(main(models={"busy": Busy}))
"""


def reply_to(url: str, text: str) -> str:
    """A Space's answer on a session of its own."""
    with SpaceClient(url) as space:
        try:
            return space.reply(text).text
        except SpaceError:
            return "refused"


@pytest.mark.loopback
def test_others_are_served_meanwhile() -> None:
    """While a model is busy with three turns, somebody else is answered."""
    with running_space([sys.executable, "-c", BUSY]) as url, ThreadPoolExecutor(3) as pool:
        slow = [pool.submit(reply_to, url, "slow") for _ in range(3)]

        assert reply_to(url, "quick") == "done"
        assert not all(turn.done() for turn in slow)
        assert {turn.result(100) for turn in slow} == {"done"}


@pytest.mark.loopback
def test_it_stops_at_once_all_the_same() -> None:
    """SIGTERM ends the server with 0 while such turns are under way."""
    command = [sys.executable, "-c", BUSY, "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:  # noqa: S603
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        with httpx.Client(base_url=f"{url}/gradio_api", trust_env=False, timeout=60) as http:
            for session in "abcd":
                begin(http, "slow", session)
            with http.stream("GET", "/queue/data?session_hash=a") as stream:
                assert any("process_starts" in line for line in stream.iter_lines())
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 0


def begin(http: httpx.Client, text: str, session: str) -> None:
    """Asks something on a session, and waits for no answer."""
    message = {"text": text, "files": []}
    turn: dict[str, Any] = {"data": ([], message, None), "session_hash": session}
    history = http.post("/run/process_message", json=turn).json()["data"][0]
    job = {"data": [history, None], "fn_index": 11, "session_hash": session}
    http.post("/queue/join", json=job).raise_for_status()


def answers(http: httpx.Client) -> bool:
    """Whether the server says anything within some seconds."""
    try:
        return bool(http.get("/config", timeout=3).text)
    except httpx.TimeoutException:
        return False


HOLDING = """
import re, sys
from phi4_server.__main__ import main

class Holding:
    name = nature = "A model that keeps Python's lock for good."

    def stream(self, chat):
        yield str(re.match("(a+)+b", "a" * 99))

sys.exit(main(models={"holding": Holding}))
"""


@pytest.mark.loopback
def test_even_a_model_that_holds_the_lock_is_stopped() -> None:
    """No signal reaches a model of one's own that never lets go of Python's lock; who runs it ends it."""
    with running_space([sys.executable, "-c", HOLDING]) as url:
        port = int(url.rpartition(":")[2])
        with httpx.Client(base_url=f"{url}/gradio_api", trust_env=False, timeout=60) as http:
            begin(http, "hold", "a")
            while answers(http):
                time.sleep(0.1)

    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
