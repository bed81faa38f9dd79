"""What the doctor makes of a Space's status."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from phi4_space import Bounds, InvalidInput, Quota, SpaceClient, Status, Takes
from phi4_space._cli.arguments import to_extra_inputs
from phi4_space._cli.doctor import Check, Findings, check_environment, check_name, check_status

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


@pytest.mark.parametrize(
    ("takes", "line"),
    [
        (None, "chat"),
        (
            Takes(contract="two steps"),
            "chat (two steps): images and audio; any number of files; takes no options",
        ),
        (
            Takes(
                contract="gr.ChatInterface",
                max_files=1,
                file_types=("image",),
                system=True,
                options={"max_tokens": Bounds(whole=True)},
            ),
            "chat (gr.ChatInterface): images; one file; takes system, max_tokens",
        ),
        (
            Takes(contract="gr.ChatInterface", max_files=0),
            "chat (gr.ChatInterface): text alone; takes no options",
        ),
        (
            Takes(contract="two steps", max_files=0, extra_inputs=("Web search", "Model")),
            "chat (two steps): text alone; takes no options; extra inputs 'Web search', 'Model'",
        ),
        (
            Takes(contract="two steps", max_files=0, extra_inputs=tuple("abcdefghijkl")),
            f"chat (two steps): text alone; takes no options; extra inputs {str([*'abcdefghij'])[1:-1]}, ...",
        ),
        (
            Takes(contract="whole chats", max_files=8, file_types=(".WAV", "video"), roles=True),
            "chat (whole chats): audio; up to 8 files; takes system",
        ),
    ],
)
def test_the_contract_and_what_it_takes_are_one_line(takes: Takes | None, line: str) -> None:
    """Its functions, its kind, and what a turn may hold."""
    assert found(replace(UP, endpoints=("", "chat"), takes=takes), "contract").found == line


def test_bounds_without_an_end_are_null() -> None:
    """JSON has no number for them."""
    takes = Takes(options={"temperature": Bounds()})
    text = json.dumps(Findings((), replace(UP, takes=takes)).to_json(), allow_nan=False)

    bounds = json.loads(text)["status"]["takes"]["options"]["temperature"]
    assert bounds == {"whole": False, "low": 0, "high": None, "exclusive_low": False}


@pytest.mark.parametrize(
    ("argument", "value"),
    [("Web search=false", False), ("Top=3", 3), ("Style=a=b", "a=b"), ("Style=", ""), ('Style="5"', "5")],
)
def test_values_of_inputs_are_json_or_text(argument: str, value: object) -> None:
    """Behind the first equals sign."""
    assert to_extra_inputs([argument]) == {argument.partition("=")[0]: value}


def test_an_input_without_a_value_is_refused() -> None:
    """With what to write."""
    with pytest.raises(InvalidInput, match="LABEL=VALUE"):
        to_extra_inputs(["Web search"])


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
