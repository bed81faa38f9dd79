"""What the doctor makes of a Space's status."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phi4_space import Quota, SpaceClient, Status
from phi4_space._cli.doctor import Check, check_environment, check_name, check_status

UP = Status(
    space="https://own-er.hf.space",
    stage="RUNNING",
    ready=True,
    gradio_version="6.31.0",
    endpoints=("process_message", "bot_response"),
    queue_size=0,
)
ASLEEP = Status(
    space="https://own-er.hf.space", stage="SLEEPING", ready=False, problem="It is asleep", advice="Wait."
)
FOREIGN = replace(
    ASLEEP, stage="RUNNING", endpoints=("chat",), missing=("bot_response",), problem="No bot_response"
)


def verdicts(status: Status) -> dict[str, str]:
    return {check.name: check.verdict for check in check_status(status)}


def found(status: Status, name: str) -> Check:
    return next(check for check in check_status(status) if check.name == name)


def test_all_well() -> None:
    """A Space that is up has a line for its stage, Gradio, contract, files and queue, all ok."""
    assert verdicts(UP) == dict.fromkeys(("stage", "gradio", "contract", "files", "queue"), "ok")
    assert verdicts(replace(UP, hardware="zero-a10g"))["hardware"] == "ok"


def test_a_quota_that_cannot_be_read() -> None:
    """It is worth knowing why, and keeps nobody from sending a turn."""
    assert found(replace(UP, quota_problem="The token may not"), "quota") == Check(
        "quota", "note", "The token may not"
    )


def test_one_that_is_down() -> None:
    """Of a Space that does not answer, its stage is the problem, and what it cannot tell is left out."""
    assert list(check_status(ASLEEP)) == [Check("stage", "problem", "SLEEPING: It is asleep", "Wait.")]


def test_one_without_the_contract() -> None:
    """Of a Space that answers and is no Phi-4 Space, the contract is the problem, not the stage."""
    assert verdicts(FOREIGN) == {"stage": "ok", "contract": "problem"}
    assert found(FOREIGN, "contract").found == "No bot_response"


@pytest.mark.parametrize(
    ("status", "name", "expected"),
    [
        (replace(UP, max_file_size=None), "files", "of any size"),
        (replace(UP, max_file_size=20 * 2**20), "files", "up to 20 MiB each"),
        (replace(UP, queue_size=3), "queue", "3 waiting or running"),
        (replace(UP, queue_size=0), "queue", "empty"),
        (replace(UP, gradio_version=None), "gradio", "unknown"),
        (replace(UP, loading="Loading the weights"), "model", "Loading the weights"),
    ],
)
def test_findings(status: Status, name: str, expected: str) -> None:
    """What a Space tells of itself stands in its line."""
    assert found(status, name).found == expected


@pytest.mark.parametrize(
    ("left", "hardware", "verdict"),
    [
        (120.0, "zero-a10g", "ok"),
        (0.0, "zero-a10g", "problem"),
        (0.0, "cpu-basic", "note"),
        (0.0, None, "note"),
    ],
)
def test_quota(left: float, hardware: str | None, verdict: str) -> None:
    """A quota used up keeps a turn from a Space on ZeroGPU, and from no other."""
    status = replace(UP, hardware=hardware, quota=Quota(total=300.0, left=left, resets_at="18:00"))
    check = found(status, "quota")
    assert check.verdict == verdict
    assert check.found == f"{left:g} of 300 GPU seconds left, reset at 18:00"


def test_tokens_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether there is a token is told, never what it is."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    checks = {check.name: check for check in check_environment()}
    assert checks["token"].verdict == "ok"
    assert "hf_secret" not in str(checks)
    monkeypatch.setenv("HF_TOKEN", " ")
    assert {check.name: check.verdict for check in check_environment()}["token"] == "note"


def test_who_named_the_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor tells whether an option, the environment or nobody named the Space."""
    line = "own/er ({}), https://own-er.hf.space".format
    assert check_name(SpaceClient("own/er"), named=True).found == line("--space")
    assert check_name(SpaceClient("own/er"), named=False).found == line("default")
    monkeypatch.setenv("PHI4_SPACE", "own/er")
    assert check_name(SpaceClient(), named=False).found == line("PHI4_SPACE")
    assert check_name(SpaceClient("http://127.0.0.1:1"), named=True).found == "http://127.0.0.1:1 (--space)"
