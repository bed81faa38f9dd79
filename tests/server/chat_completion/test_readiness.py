"""A model that gets ready while the Space runs already: who asks waits, and sees how far it is."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from servers import ROOT

import phi4_space as p4
from phi4_server import ModelFailed
from phi4_server.app import build
from phi4_server.chat_completion.readiness import Readiness
from phi4_server.chat_completion.responder import Responder
from phi4_server.model import ChatRequest, End, Message, Progress, progress_of

LOADING = str(ROOT / "tests" / "spaces" / "loading.py")
HI = ChatRequest(messages=(Message(role="user", text="hi"),))


class Late:
    """A model that is ready after some looks."""

    name = "Late"
    nature = "It is late."
    options = frozenset[str]()

    def __init__(self, *looks: Progress | ModelFailed | None) -> None:
        """Says these, one a look, and then that it is ready."""
        self._looks = [*looks]

    def progress(self) -> Progress | None:
        look = self._looks.pop(0) if self._looks else None
        if isinstance(look, ModelFailed):
            raise look
        return look

    def complete(self, _request: ChatRequest) -> Any:
        yield "ready"


def test_a_model_without_progress_is_ready() -> None:
    """The method is optional: the models that there are need not change."""
    assert progress_of(object()) is None


def test_who_asks_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress comes before the answer, the same not twice, and empty pieces in which leaving is noticed."""
    monkeypatch.setattr("phi4_server.chat_completion.responder._LOOK_EVERY_S", 0.0)
    monkeypatch.setattr("phi4_server.chat_completion.responder._REPORT_EVERY_S", 0.0)
    half, most = Progress("Downloading", 0.5), Progress("Loading", 0.9)

    pieces = [*Responder(Late(half, half, most), most=100).answer(HI)]

    assert pieces == [half, "", most, "ready", End()]


def test_progress_is_reported_seldom() -> None:
    """A client takes a thousand reports in a turn, and a download may last for long."""
    pieces = Responder(Late(*(Progress("Downloading", part / 4) for part in range(4))), most=100).answer(HI)

    assert [isinstance(piece, Progress) for piece, _ in zip(pieces, range(3), strict=False)] == [
        True,
        False,
        False,
    ]


def test_a_model_that_will_never_be_ready_is_an_error() -> None:
    """Whoever waits for it learns why."""
    with pytest.raises(ModelFailed, match="no disk space"):
        [*Responder(Late(Progress("Downloading"), ModelFailed("no disk space")), most=100).answer(HI)]


@pytest.mark.anyio
async def test_its_status_stands_in_the_config() -> None:
    """It is there only as long as the model is not ready; other paths change nothing."""
    model = Late(Progress("Downloading", 0.25), ModelFailed("no disk space"))
    page = build(model)
    seen = []

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        values = [part["props"].get("value") for part in page.config["components"]]
        seen.append(next(value for value in values if isinstance(value, dict) and "options" in value))

    readiness = Readiness(app, page=page, model=model)
    for path in ("/", "/config", "/config/", "/config"):
        await readiness({"type": "http", "path": path}, None, None)
    await readiness({"type": "lifespan"}, None, None)

    assert [takes.get("status") for takes in seen] == [
        None,
        {"text": "Downloading", "fraction": 0.25},
        {"text": "no disk space", "fraction": None},
        None,
        None,
    ]


@pytest.mark.loopback
@pytest.mark.parametrize("endpoint", ["chat_completion", "process_message"])
def test_a_client_sees_it(endpoint: str, gradio_python: str, tmp_path: Path) -> None:
    """The status tells what is loading, a turn yields progress and then the answer, over both contracts."""
    weights = tmp_path / "weights"
    command = [gradio_python, LOADING, str(weights), "--port", "0", "--with-parent"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(  # noqa: S603  a program of this folder
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        says = httpx.get(f"{url}/config", trust_env=False).text
        with p4.SpaceClient(url, endpoint=endpoint) as space:
            loading = space.status().loading
            events = []
            for event in space.stream("hi"):
                events.append(event)
                if isinstance(event, p4.Progress):
                    weights.touch()
            status = space.status()
        ready = process.stdout.readline()
        process.stdin.close()

    assert '"status":{"text":"Loading the weights"' in says
    reported = [event for event in events if isinstance(event, p4.Progress)]
    assert reported
    assert {event.description for event in reported} == {"Loading the weights"}
    assert {event.fraction for event in reported} == {0.5}
    assert isinstance(events[-1], p4.Reply)
    assert events[-1].text == "ready"
    assert loading == ("Loading the weights" if endpoint == "chat_completion" else None)  # the other is mute
    assert status.loading is None
    assert ready == f"Loading is ready at {url}\n"
