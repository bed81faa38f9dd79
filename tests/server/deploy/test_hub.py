"""huggingface_hub against a Hub on loopback: what is asked of it, and what its refusals become."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import count
from typing import Any

import hub as fake
import huggingface_hub
import pytest
from hub import FakeHub, HubSpace, refusal, running_hub

from phi4_server.deploy.errors import to_failure
from phi4_server.deploy.failure import DeployFailed
from phi4_server.deploy.folder import Folder
from phi4_server.deploy.hardware import HARDWARE
from phi4_server.deploy.hub import Hub
from phi4_server.deploy.plan import Plan, to_plan
from phi4_server.deploy.steps import Deployed, carry_out

pytestmark = pytest.mark.loopback
NAME = "ada/phi4"
FOLDER = {
    "README.md": b"---\nsdk: gradio\n---\n",
    "app.py": b"print(1)\n",
    "phi4_server/__init__.py": b"",
    "phi4_server/examples/chime.wav": b"RIFF\0",
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with running_hub() as running:
        yield running


@pytest.fixture
def hub(server: FakeHub) -> Hub:
    return Hub(server.url)


def planned(
    hub: Hub,
    folder: Folder = FOLDER,
    *,
    hardware: str = "cpu-basic",
    private: bool = False,
    secrets: Mapping[str, str] | None = None,
) -> Plan:
    return to_plan(
        NAME,
        folder,
        existing=hub.find(NAME),
        hardware=HARDWARE[hardware],
        wants_private=private,
        secrets=secrets or {},
    )


def carried_out(hub: Hub, plan: Plan) -> str:
    *_, last = carry_out(plan, hub)
    assert isinstance(last, Deployed)
    return last.commit


def test_a_new_space_is_made_whole(server: FakeHub, hub: Hub) -> None:
    """Private, with hardware and secrets, before a file is uploaded; all files in one commit."""
    plan = planned(hub, hardware="zero-a10g", private=True, secrets={"KEY": "s3cret"})
    commit = carried_out(hub, plan)
    space = server.spaces[NAME]

    assert (space.private, space.requested, space.secrets) == (True, "zero-a10g", {"KEY": "s3cret"})
    assert {path: data for path, data in space.files.items() if path != ".gitattributes"} == FOLDER
    assert space.commit == commit
    lines = server.lines()
    assert lines.index("POST /api/repos/create") < lines.index(f"POST /api/spaces/{NAME}/commit/main")
    assert len([line for line in lines if "/commit/" in line]) == 1


def test_a_second_time_nothing_is_done(server: FakeHub, hub: Hub) -> None:
    """The Hub is asked, and nothing is changed."""
    commit = carried_out(hub, planned(hub))
    server.requests.clear()
    plan = planned(hub)

    assert plan.is_empty
    assert carried_out(hub, plan) == commit
    assert server.lines() == []


def test_what_is_no_longer_there_is_deleted(server: FakeHub, hub: Hub) -> None:
    """The Hub's own file stays."""
    carried_out(hub, planned(hub))
    less = {path: data for path, data in FOLDER.items() if path != "app.py"} | {"b.py": b"2"}
    carried_out(hub, planned(hub, less))

    assert server.spaces[NAME].files.keys() == {*less, ".gitattributes"}


def test_an_update_keeps_what_is_private(server: FakeHub, hub: Hub) -> None:
    """No request sets the visibility."""
    carried_out(hub, planned(hub, private=True))
    server.requests.clear()
    carried_out(hub, planned(hub, {**FOLDER, "app.py": b"3"}))

    assert server.spaces[NAME].private
    assert not [line for line in server.lines() if "settings" in line or "create" in line]


def test_a_space_is_hidden_before_anything_is_uploaded(server: FakeHub, hub: Hub) -> None:
    """What is meant to be private is never seen by others."""
    carried_out(hub, planned(hub))
    server.requests.clear()
    plan = planned(hub, {**FOLDER, "app.py": b"4"}, private=True, secrets={"K": "v"}, hardware="l4x1")
    carried_out(hub, plan)

    steps = [line.rpartition("/")[2] for line in server.lines()]
    assert steps[:3] == ["settings", "secrets", "hardware"]
    assert "main" in steps[3:]
    assert server.spaces[NAME].private
    assert server.spaces[NAME].requested == "l4x1"


def test_a_paused_space_is_started(server: FakeHub, hub: Hub) -> None:
    """No upload would."""
    carried_out(hub, planned(hub))
    server.spaces[NAME].stages = ["PAUSED"]
    carried_out(hub, planned(hub))

    assert server.lines()[-1] == f"POST /api/spaces/{NAME}/restart"


def test_how_far_it_is_and_its_log(server: FakeHub, hub: Hub) -> None:
    """Stage, commit, hardware and error; lines as they were printed."""
    carried_out(hub, planned(hub))
    space = server.spaces[NAME]
    space.stages, space.running, space.error = ["BUILD_ERROR"], "abc", "out of disk"
    server.build_log, server.run_log = ["one\n", "two"], ["three"]
    runtime = hub.runtime(NAME)

    assert (runtime.stage, runtime.commit, runtime.error) == ("BUILD_ERROR", "abc", "out of disk")
    assert hub.log(NAME, build=True) == ["one", "two"]
    assert hub.log(NAME, build=False) == ["three"]


def test_a_token_that_may_only_read_is_refused_at_once(server: FakeHub, hub: Hub) -> None:
    """Before anything is planned; what to do is said."""
    server.role = "read"
    with pytest.raises(DeployFailed, match=r"may only read.*write permission") as caught:
        hub.account()
    assert caught.value.reason == "login"


def test_without_a_token_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two ways to have one are said."""
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    with pytest.raises(DeployFailed, match=r"HF_TOKEN.*hf auth login"):
        Hub("http://127.0.0.1:1")


def test_without_the_library_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what it comes with."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DeployFailed, match=r"pip install .*deploy"):
        Hub()


def _deploy(hub: Hub) -> None:
    hub.account()
    carried_out(hub, planned(hub))


CREATE = "POST /api/repos/create"


@pytest.mark.parametrize(
    ("pattern", "reply", "reason", "words"),
    [
        ("whoami", refusal(401, "Invalid credentials"), "login", "does not know this token.*hf auth login"),
        (CREATE, refusal(402, "PRO is needed"), "refused", "asks for a payment.*PRO is needed.*billing"),
        (CREATE, refusal(403, "Not your namespace"), "login", "may not do that.*Not your namespace.*write"),
        (CREATE, refusal(409, "You already created it"), "refused", "already.*another name"),
        (CREATE, refusal(400, "Bad hardware"), "refused", "did not understand.*Bad hardware"),
        (CREATE, refusal(418, "Short and stout"), "refused", "refused it.*418.*Short and stout"),
        (f"GET .*{NAME}", refusal(429, "Slow down", Retry_After="7"), "busy", "too many requests.*Wait"),
        (f"GET .*{NAME}", refusal(500, "Internal"), "busy", "itself fails.*500.*status.huggingface.co"),
        (f"GET .*{NAME}", refusal(503, "Down"), "busy", "itself fails.*503"),
        (
            "commit/main",
            (
                404,
                {"error": "x"},
                {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"},
            ),
            "invalid",
            "no such Space",
        ),
        ("commit/main", refusal(412, "A commit has happened since"), "refused", "412"),
        (
            "validate-yaml",
            (400, {"errors": [{"message": '"sdk_version" must be a string'}], "warnings": []}, {}),
            "refused",
            "does not take the README.*must be a string",
        ),
    ],
)
def test_each_refusal_is_a_sentence(  # each is a column of the table
    server: FakeHub, hub: Hub, pattern: str, reply: fake.Reply, reason: str, words: str
) -> None:
    """What happened, while doing what, in the Hub's words too, and what to do; never the token."""
    server.lasting[pattern] = reply

    with pytest.raises(DeployFailed, match=f"(?s){words}") as caught:
        _deploy(hub)
    assert caught.value.reason == reason
    assert "hf_secret" not in str(caught.value)
    assert caught.value.advice


def test_how_long_to_wait_is_kept(server: FakeHub, hub: Hub) -> None:
    """Where the Hub says it."""
    server.lasting["whoami"] = refusal(429, "Slow down", Retry_After="7")
    with pytest.raises(DeployFailed) as caught:
        hub.account()
    assert (caught.value.status, caught.value.retry_after) == (429, 7.0)


@pytest.mark.parametrize(
    ("pattern", "doing"),
    [
        ("POST .*hardware", lambda hub: hub.request_hardware(NAME, "l4x1")),
        ("POST .*secrets", lambda hub: hub.set_secret(NAME, "K", "s3cret")),
        ("PUT .*settings", lambda hub: hub.hide(NAME)),
        ("POST .*restart", lambda hub: hub.restart(NAME)),
        ("GET .*runtime", lambda hub: hub.runtime(NAME)),
    ],
)
def test_every_step_may_be_refused(
    server: FakeHub, hub: Hub, pattern: str, doing: Callable[[Hub], Any]
) -> None:
    """None lets an error of the library through, or a secret into it."""
    server.spaces[NAME] = HubSpace()
    server.lasting[pattern] = refusal(403, "You need to be PRO")
    with pytest.raises(DeployFailed, match="You need to be PRO") as caught:
        doing(hub)
    assert caught.value.status == 403
    assert "s3cret" not in str(caught.value)


@pytest.mark.usefixtures("server")
def test_a_hub_that_is_out_of_reach() -> None:
    """No connection is said as such, at once."""
    with running_hub() as other:
        url = other.url
    gone = Hub(url)
    with pytest.raises(DeployFailed, match="cannot be reached while looking at the token") as caught:
        gone.account()
    assert caught.value.reason == "unreachable"


def test_a_name_that_the_library_refuses(hub: Hub) -> None:
    """Its own rules are said in ours."""
    with pytest.raises(DeployFailed, match="no name of a Space"):
        hub.find("ada/a--b..c")


MODEL = "microsoft/Phi-4-multimodal-instruct"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (None, "has no model"),
        ({"config": {"model_type": "phi3"}}, "type 'phi3'; only Phi-4-multimodal.*--upstream"),
        ({"config": {"model_type": "phi4mm"}, "private": True}, "private or gated.*--secret HF_TOKEN"),
        ({"config": {"model_type": "phi4mm"}, "gated": "auto"}, "private or gated.*--secret HF_TOKEN"),
    ],
)
def test_a_model_that_cannot_run_there_is_refused(
    server: FakeHub, hub: Hub, model: dict[str, Any] | None, words: str
) -> None:
    """Before a Space is made for it, which would fail after half an hour."""
    server.models = {} if model is None else {MODEL: model}
    with pytest.raises(DeployFailed, match=words) as caught:
        hub.check_model(MODEL, has_token=False)
    assert caught.value.reason == "invalid"


@pytest.mark.parametrize(
    "model", [{"config": {"model_type": "phi4_multimodal"}}, {"config": {"model_type": "phi4mm"}}, {}]
)
def test_a_model_that_may_run_there_passes(server: FakeHub, hub: Hub, model: dict[str, Any]) -> None:
    """As published or as converted, and where the Hub does not say; a private one with a token."""
    server.models = {MODEL: {**model, "private": True}}
    hub.check_model(MODEL, has_token=True)


def test_a_bug_stays_a_bug() -> None:
    """What is none of the Hub's errors is not put into plain words."""
    assert to_failure(RuntimeError("x"), "testing") is None


@pytest.mark.parametrize(
    ("pattern", "body"),
    [
        *(("whoami", body) for body in ([1], "<html>", {"name": "a", "auth": "x"})),
        (f"GET /api/spaces/{NAME}$", [1]),
        (f"GET /api/spaces/{NAME}$", {"id": NAME, "sha": None, "tags": []}),
        ("tree", [{"type": "file", "path": "x", "size": 1}]),
        ("commit/main", {"a": 1}),
    ],
)
def test_an_answer_of_another_shape_is_said(server: FakeHub, hub: Hub, pattern: str, body: Any) -> None:
    """It is no bug of this program, and no traceback."""
    server.spaces[NAME] = HubSpace(files={"phi4_server/__init__.py": b""})
    server.lasting[pattern] = (200, body, {})
    with pytest.raises(DeployFailed, match="something else than expected") as caught:
        _deploy(hub)
    assert caught.value.reason == "refused"


def test_how_far_it_is_may_have_another_shape(server: FakeHub, hub: Hub) -> None:
    """Also while it is waited for."""
    server.spaces[NAME] = HubSpace()
    server.lasting["runtime"] = (200, {"a": 1}, {})
    with pytest.raises(DeployFailed, match="something else than expected"):
        hub.runtime(NAME)


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX: "], ids=["silent", "trickling"])
def test_a_hub_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, start: bytes) -> None:
    """One that says nothing, or a byte now and then, is out of reach after a while."""
    monkeypatch.setattr("phi4_server.deploy.hub._PATIENCE_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener, suppress(OSError):
        threading.Thread(target=_trickle, args=(listener, start), daemon=True).start()
        silent = Hub(f"http://127.0.0.1:{listener.getsockname()[1]}")
        with pytest.raises(DeployFailed, match=r"cannot be reached while looking at the token: no answer in"):
            silent.account()


def _trickle(listener: socket.socket, start: bytes) -> None:
    connection, _ = listener.accept()
    with connection, suppress(OSError):
        connection.sendall(start)
        for _ in range(20):
            time.sleep(0.1)
            connection.sendall(start and b"x")


def test_an_endless_log_is_cut(server: FakeHub, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, and its last lines are kept, none of them long."""
    carried_out(hub, planned(hub))
    endless = (f"{number} {'x' * 5000}\n" for number in count())
    monkeypatch.setattr("phi4_server.deploy.hub._LOG_S", 0.2)
    monkeypatch.setattr(hub._api, "fetch_space_logs", lambda *_, **__: endless)
    lines = hub.log(NAME, build=True)

    assert len(lines) <= 5_000
    assert max(map(len, lines)) <= 1_000
    assert server.spaces


def test_what_the_hub_repeats_is_masked(server: FakeHub) -> None:
    """Secrets, each of their lines, and the token: in errors, in logs and in what is wrong with a Space."""
    hub = Hub(server.url, secrets=["s3cret-value", "first line\nsecond line"])
    carried_out(hub, planned(hub))
    said = "s3cret-value first line hf_secret second line"
    server.build_log, server.spaces[NAME].error = [said], said
    server.lasting["secrets"] = refusal(400, f"bad: {said}")

    with pytest.raises(DeployFailed) as caught:
        hub.set_secret(NAME, "K", "s3cret-value")
    assert "bad: *** *** *** ***" in str(caught.value)
    assert hub.log(NAME, build=True) == ["*** *** *** ***"]
    assert hub.runtime(NAME).error == "*** *** *** ***"


@pytest.mark.parametrize("token", ["hf_s\u00e9cret", "hf_secret\r\nX: y", "hf secret"])
def test_a_token_that_cannot_be_sent_is_not(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    """It is said what is wrong with it, and it is not repeated."""
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: token)
    with pytest.raises(DeployFailed, match="characters that no token has") as caught:
        Hub("http://127.0.0.1:1")
    assert "cret" not in str(caught.value)


@pytest.mark.usefixtures("server")
def test_a_password_of_the_hubs_address_is_not_shown() -> None:
    """HF_ENDPOINT may hold one; host and port are enough."""
    assert Hub("http://user:hunter2@127.0.0.1:1").endpoint == "http://127.0.0.1:1"
