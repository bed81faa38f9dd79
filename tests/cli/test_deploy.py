"""`phi4 deploy`, against a Hub on loopback whose Spaces answer from one on this machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hub import FakeHub, HubSpace, refusal, running_hub
from servers import Servers
from typer.testing import CliRunner, Result

from phi4_server.deploy.wait import Pace
from phi4_space._cli import watch
from phi4_space._cli.app import app

pytestmark = pytest.mark.loopback
NAME = "ada/phi4"
WEIGHTS = "microsoft/Phi-4-multimodal-instruct"
Deploy = Callable[..., Result]


@pytest.fixture
def hub(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A Hub, and a token for it; its Spaces answer from the offline model."""
    monkeypatch.setattr(watch, "PACE", Pace(every=0.01))
    with running_hub() as running:
        running.host = servers.url("answering")
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_TOKEN", "hf_secret")
        yield running


@pytest.fixture
def deploy() -> Deploy:
    """Runs the command in this process; `yes=False` is without anybody to ask."""

    def run(*arguments: str, name: str = NAME, yes: bool = True, stdin: str = "") -> Result:
        agreed = ["--yes"] if yes else []
        return CliRunner().invoke(app, ["deploy", name, *agreed, *arguments], input=stdin, prog_name="phi4")

    return run


def test_it_ends_with_the_line_for_a_program(hub: FakeHub, deploy: Deploy) -> None:
    """Plan, cost, wait, an answer by our own client, and how to use it; all in plain lines here."""
    result = deploy()
    out = result.stdout

    assert result.exit_code == 0, result.output
    assert out.index("Create the public Space ada/phi4 on cpu-basic.") < out.index("What cpu-basic costs:")
    assert f"{hub.url}/spaces/{NAME} answers: " in out
    assert 'ChatPhi4(space="ada/phi4")' in out
    assert re.search(r"BUILDING, after \d+ s", result.stderr)
    assert "build log: Collecting av==18.1.0" in result.stderr
    assert hub.spaces[NAME].files.keys() >= {"app.py", "requirements.txt", "phi4_server/app.py"}


def test_a_second_run_says_that_nothing_changed(hub: FakeHub, deploy: Deploy) -> None:
    """Nothing is asked and nothing is changed; the Space is asked again."""
    deploy()
    hub.requests.clear()
    result = deploy(yes=False)

    assert result.exit_code == 0, result.output
    assert "Nothing has changed" in result.stdout
    assert "answers: " in result.stdout
    assert hub.lines() == []


def test_nothing_is_done_before_somebody_agrees(hub: FakeHub, deploy: Deploy) -> None:
    """Without a terminal, --yes has to; the plan and the cost are printed all the same."""
    result = deploy("--hardware", "l4x1", yes=False)

    assert result.exit_code == 2
    assert "$0.80 an hour" in result.stdout
    assert "Add --yes" in result.stderr
    assert hub.lines() == []


def test_a_private_space_is_asked_with_the_token(hub: FakeHub, deploy: Deploy) -> None:
    """It is created private, and stays so when --private is forgotten."""
    assert deploy("--private").exit_code == 0
    hub.spaces[NAME].files["old.py"] = b"gone"
    result = deploy()

    assert result.exit_code == 0, result.output
    assert "stays private" in result.stdout
    assert "old.py" in result.stdout
    assert "It is private" in result.stdout
    assert hub.spaces[NAME].private
    assert "old.py" not in hub.spaces[NAME].files


def test_a_public_space_is_made_private_first(hub: FakeHub, deploy: Deploy) -> None:
    """It is said before."""
    deploy()
    hub.requests.clear()
    result = deploy("--private")

    assert "it is public now" in result.stdout
    assert hub.lines() == [f"PUT /api/spaces/{NAME}/settings"]
    assert hub.spaces[NAME].private


def test_secrets_come_from_the_environment(
    hub: FakeHub, deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under their own names, and never in what is printed; an engine's key as well."""
    monkeypatch.setenv("ONE", "s3cret-one")
    monkeypatch.setenv("ENGINE_KEY", "s3cret-key")
    result = deploy(
        *("--secret", "ONE", "--upstream", "https://engine.example/v1", "--upstream-model", "phi-4"),
        *("--upstream-key-env", "ENGINE_KEY"),
    )

    assert result.exit_code == 0, result.output
    assert hub.spaces[NAME].secrets == {"ONE": "s3cret-one", "ENGINE_KEY": "s3cret-key"}
    assert "s3cret" not in result.output
    assert b"s3cret" not in b"".join(hub.spaces[NAME].files.values())
    assert b"--upstream-key-env=ENGINE_KEY" in hub.spaces[NAME].files["app.py"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--hardware", "l4x"], r"Did you mean l4x1 \(about \$0\.80 an hour\)"),
        (["--hardware", "cpu-basic", "--model", WEIGHTS], r"take 11\.2 GB"),
        (["--model", "ofline"], "names no model"),
        (["--secret", "NAME=s3cret"], "takes the name of an environment variable"),
        (["--secret", "hf_s3cret"], "--secret takes the name of an environment variable"),
        (
            ["--upstream", "https://e.example", "--upstream-key-env", "sk_s3cret"],
            "--upstream-key-env takes the name of an environment variable",
        ),
        (["--secret", "NOT_THERE"], "NOT_THERE.*is not set"),
        (["--upstream-model", "x"], "need --upstream"),
        (["--upstream", "https://e.example", "--model", "offline"], "two things that answer"),
        (["--upstream", "http://127.0.0.1:8000"], "cannot reach 127.0.0.1"),
        (["--upstream", "http://gpu-box:8000/v1"], "cannot reach gpu-box"),
        (["--upstream", "https://e.example/v1?key=s3cret"], "--upstream-key-env"),
    ],
)
def test_wrong_arguments_are_named(hub: FakeHub, deploy: Deploy, arguments: list[str], words: str) -> None:
    """With 2, before anything is changed, and without a value that may be a secret."""
    result = deploy(*arguments)

    assert result.exit_code == 2
    assert re.search(words, result.stderr, re.DOTALL)
    assert "s3cret" not in result.output
    assert hub.lines() == []


@pytest.mark.parametrize("name", ["phi4", "a/b/c", "ada/", "ada/ä", "https://huggingface.co/spaces/ada/phi4"])
def test_a_bad_name_is_refused_without_asking(hub: FakeHub, deploy: Deploy, name: str) -> None:
    """What a name is made of is said."""
    result = deploy(name=name)

    assert result.exit_code == 2
    assert 'Write "owner/name"' in result.stderr
    assert hub.requests == []


@pytest.mark.parametrize(
    ("pattern", "status", "code", "words"),
    [
        ("whoami", 401, 5, "does not know this token"),
        ("repos/create", 402, 10, "asks for a payment"),
        ("repos/create", 403, 5, "may not do that"),
        ("repos/create", 409, 10, "There is something of that name already"),
        ("whoami", 429, 4, "too many requests"),
        ("commit/main", 500, 4, "The Hub itself fails"),
    ],
)
def test_a_refusal_of_the_hub_has_its_status(  # each is a column of the table
    hub: FakeHub, deploy: Deploy, pattern: str, status: int, code: int, words: str
) -> None:
    """One sentence, what to do, and no traceback."""
    hub.lasting[pattern] = refusal(status, "No")
    result = deploy()

    assert result.exit_code == code
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_a_hub_out_of_reach(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends with 7."""
    with running_hub() as gone:
        url = gone.url
    monkeypatch.setenv("HF_ENDPOINT", url)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")

    result = deploy()

    assert result.exit_code == 7
    assert "cannot be reached" in result.stderr


@pytest.mark.parametrize(
    ("stage", "words"), [("BUILD_ERROR", "No matching distribution"), ("RUNTIME_ERROR", "CUDA out of memory")]
)
def test_a_failing_build_shows_its_logs_end(hub: FakeHub, deploy: Deploy, stage: str, words: str) -> None:
    """Of the build or of the program, whichever failed; with a status of its own."""
    hub.stages = ["BUILDING", stage]
    hub.build_log = [*(f"line {number}" for number in range(100)), "ERROR: No matching distribution"]
    hub.run_log = ["Traceback", "torch.OutOfMemoryError: CUDA out of memory\x1b[31m"]
    result = deploy()

    assert result.exit_code == 9
    assert words in result.stderr
    assert stage in result.stderr
    assert "\x1b" not in result.stderr


def test_a_failed_build_is_built_again(hub: FakeHub, deploy: Deploy) -> None:
    """Run again, it goes on where it was."""
    hub.stages = ["BUILDING", "BUILD_ERROR"]
    deploy()
    hub.stages = ["BUILDING", "RUNNING"]
    hub.requests.clear()
    result = deploy()

    assert result.exit_code == 0, result.output
    assert hub.lines() == [f"POST /api/spaces/{NAME}/restart"]


@pytest.mark.parametrize("files", [{"app.py": b"mine", "model.bin": b"dear"}, {"README.md": b"my own work"}])
def test_a_space_of_other_files_is_left_alone(hub: FakeHub, deploy: Deploy, files: dict[str, bytes]) -> None:
    """Though the token may write to it."""
    hub.spaces[NAME] = HubSpace(files=files)
    result = deploy()

    assert result.exit_code == 2
    assert "would be overwritten" in result.stderr
    assert hub.lines() == []


def test_hardware_that_a_space_has_is_kept(hub: FakeHub, deploy: Deploy) -> None:
    """Whoever does not name it does not lose it, and is told again what it costs."""
    deploy("--hardware", "l4x1")
    hub.spaces[NAME].files["requirements.txt"] = b"old"
    result = deploy()

    assert "$0.80 an hour" in result.stdout
    assert hub.spaces[NAME].requested == "l4x1"


def test_a_dry_run_asks_nothing(hub: FakeHub, deploy: Deploy, tmp_path: Path) -> None:
    """It writes what would be uploaded, says what it would cost, and needs neither token nor secrets."""
    result = deploy("--dry-run", str(tmp_path / "space"), "--model", WEIGHTS, "--secret", "NOT_THERE")

    assert result.exit_code == 0, result.output
    assert "zero_gpu" in (tmp_path / "space" / "app.py").read_text()
    assert "quota of whoever asks" in result.stdout
    assert hub.requests == []


def test_another_model_is_refused(hub: FakeHub, deploy: Deploy) -> None:
    """Before a Space is made for it; Phi-4-multimodal's weights are taken."""
    hub.models = {
        "microsoft/phi-4": {"config": {"model_type": "phi3"}},
        WEIGHTS: {"config": {"model_type": "phi4mm"}},
    }
    refused = deploy("--model", "microsoft/phi-4")

    assert refused.exit_code == 2
    assert "only Phi-4-multimodal runs" in refused.stderr
    assert hub.lines() == []
    assert deploy("--model", WEIGHTS).exit_code == 0


def test_a_dry_run_says_the_plan(deploy: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who could see it, each secret and whether it is set, what is not checked, and what running it takes."""
    monkeypatch.setenv("THERE", "s3cret")
    options = ("--model", "microsoft/phi-4", "--secret", "NOT_THERE", "--secret", "THERE")
    out = " ".join(deploy("--dry-run", str(tmp_path / "a"), *options).stdout.split())

    assert "would create the public Space ada/phi4 on zero-a10g" in out
    assert "secret NOT_THERE, from the environment variable of that name, which is not set here;" in out
    assert "secret THERE, from the environment variable of that name; if you push" in out
    assert "whether microsoft/phi-4 is there, and is Phi-4-multimodal" in out
    assert "needs a GPU (16 GB; 24 for long chats) and downloads 11.2 GB" in out
    assert "NOT_THERE=... python" in out
    assert "s3cret" not in out
    out = deploy("--private", "--dry-run", str(tmp_path / "b")).stdout
    assert "create the private Space" in out
    assert "11.2 GB" not in out


@pytest.mark.parametrize("dry", [True, False])
def test_an_open_engine_is_warned_of(hub: FakeHub, deploy: Deploy, tmp_path: Path, *, dry: bool) -> None:
    """Plain http and no key, in the plan and in a dry run."""
    options = ("--upstream", "http://engine.example/v1", "--upstream-model", "phi-4")
    out = " ".join(deploy(*options, *(("--dry-run", str(tmp_path / "x")) if dry else ())).stdout.split())

    assert "over plain http, where others on the way can read them" in out
    assert "engine.example is asked without a key" in out
    assert dry == (not hub.lines())


@pytest.mark.parametrize("option", ["--secret", "--upstream-key-env"])
@pytest.mark.parametrize("value", ["sk_live_s3cret", "sk-s3cret", "AKIAS3CRETS3CRET", "SECRETSECRETS3CRET"])
def test_a_value_gets_into_no_folder(deploy: Deploy, tmp_path: Path, option: str, value: str) -> None:
    """A dry run reads no secret, but what looks like a value is no name there, either."""
    engine = ("--upstream", "https://engine.example/v1")
    result = deploy("--dry-run", str(tmp_path / "x"), *engine, option, value)

    assert result.exit_code == 2
    assert value not in result.output
    assert not (tmp_path / "x").exists()


def test_offline_mode_is_said(hub: FakeHub) -> None:
    """HF_HUB_OFFLINE is named; the library reads it as it is imported."""
    command = [sys.executable, "-m", "phi4_space", "deploy", NAME, "--yes"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(  # noqa: S603 - our own
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 7, done.stderr
    assert "HF_HUB_OFFLINE is set" in done.stderr
    assert hub.requests == []


@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
def test_ctrl_c_in_the_wait_says_what_goes_on(hub: FakeHub) -> None:
    """The Hub goes on building, and where to see it is said."""
    hub.stages = ["BUILDING"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # as in tests/cli/test_terminal.py
    command = [sys.executable, "-m", "phi4_space", "deploy", NAME, "--yes"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(  # noqa: S603 - our own
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 30
        while not any("runtime" in request.line for request in hub.requests):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    signal.signal(signal.SIGINT, before)

    assert process.returncode == 130
    assert "The Hub goes on building" in err
    assert f"{hub.url}/spaces/{NAME}" in err
