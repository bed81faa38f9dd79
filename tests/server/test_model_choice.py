"""Which model the options choose, and how the command ends when weights turn out not to work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import checkpoints
import pytest
from servers import ROOT

from phi4_server.__main__ import main

HUB = "microsoft/Phi-4-multimodal-instruct"

# A model of weights that comes up while it loads, and then turns out not to work.
STAND_IN = """
import sys, threading, time, types
from phi4_server.model import ModelFailed, Progress

class WeightsModel:
    name, nature, options = "Phi-4", "A stand-in.", frozenset()
    def __init__(self, settings, *, at_once, report, on_failure):
        if settings.model.endswith("broken"):
            raise ModelFailed("its folder is broken")
        self.report, self.on_failure, self.seen = report, on_failure, (settings, at_once)
        threading.Thread(target=self.load, daemon=True).start()
    def load(self):
        self.report(Progress(f"Loading for {self.seen[1]}", 0.5))
        time.sleep(float(sys.argv[1]))
        self.on_failure(ModelFailed("there is not enough memory"))
    def complete(self, request):
        yield ""

sys.modules["phi4_server.weights.model"] = module = types.ModuleType("model")
module.WeightsModel = WeightsModel
from phi4_server.__main__ import main
sys.exit(main(sys.argv[2:]))
"""


def run(seconds: str, *options: str) -> subprocess.CompletedProcess[str]:
    """The command with the stand-in, which fails so many seconds after it was made."""
    return subprocess.run(  # noqa: S603  a program of ours
        [sys.executable, "-c", STAND_IN, seconds, *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("seconds", ["0", "15"])
def test_weights_that_fail_while_they_load(seconds: str) -> None:
    """Before the server is up or after, the process ends with 1, and says why after how far it was."""
    ended = run(seconds, "--port=0", "--model", HUB, "--at-once", "3")

    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        *(f"Starting {HUB}", "Loading for 3 (50%)", "phi4_server: stopped; there is not enough memory")
    ]
    assert (" is ready at http://127.0.0.1:" in ended.stdout) is (seconds != "0")


def test_weights_that_do_not_even_start(tmp_path: Path) -> None:
    """What the quick checks find ends the command before it serves."""
    (tmp_path / "broken").mkdir()
    ended = run("0", "--port=0", "--model", str(tmp_path / "broken"))

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.splitlines() == [
        *(f"Starting {tmp_path / 'broken'}", "phi4_server: not started; its folder is broken")
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("check", [[], ["--check"]])
def test_stopped_while_it_starts(number: signal.Signals, check: list[str]) -> None:
    """It says so in one line, and ends; a check that was not finished has not succeeded."""
    with subprocess.Popen(  # noqa: S603  a program of ours
        [sys.executable, "-c", STAND_IN, "60", "--port=0", "--model", HUB, *check],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(number)
        rest = process.stderr.read()

    assert first == f"Starting {HUB}\n"
    reason = "stopped; the check is not finished" if check else "stopped before it was ready"
    assert rest.splitlines()[-1] == f"phi4_server: {reason}"
    assert "Traceback" not in rest
    assert process.returncode == (130 if check else 0)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--model", HUB, "--script", "f.json"], "--model: not allowed with --script"),
        (["--model", HUB, "--upstream", "http://127.0.0.1:1"], "--upstream: not allowed with --model"),
        (["--model", "offlin"], "no model 'offlin'; did you mean offline?"),
        (["--quantize", "4bit"], "--quantize needs --model with Phi-4's weights"),
        (["--script", "none.json"], "argument --script:"),
    ],
)
def test_options_that_do_not_go_together(
    options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command ends with 2, and says which."""
    with pytest.raises(SystemExit) as ended:
        main(options)

    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_check_of_a_broken_folder(tmp_path: Path, capsys: pytest.CaptureFixture[Any]) -> None:
    """It ends with 1, says what is wrong, and serves nothing."""
    folder = checkpoints.write(tmp_path / "phi")
    (folder / "tokenizer.json").unlink()

    assert main(["--model", str(folder), "--check"]) == 1
    assert capsys.readouterr().out == (
        f"FAILED: {folder} is not a whole checkpoint of Phi-4-multimodal: it has no tokenizer.json\n"
    )
