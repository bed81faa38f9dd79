"""The Hub's library, as a process has it that imports nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import checkpoints
import model_hub
import pytest
from model_hub import serving
from servers import ROOT

ASK = """
from phi4_server.model import ModelFailed
from phi4_server.weights.load import download, hub, plan
from phi4_server.weights.load.settings import WeightsSettings
{}
"""
TRY = """
try:
    plan.make(WeightsSettings(model="owner/name"))
except ModelFailed as failure:
    print(failure)
"""


def ask(program: str, cache: Path, **environment: str) -> str:
    """What a process of its own prints, which knows no Hub."""
    ended = subprocess.run(  # noqa: S603  a program of ours
        [sys.executable, "-c", ASK.format(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "HF_HOME": str(cache),
            "HF_ENDPOINT": "http://127.0.0.1:9",
            **environment,
        },
    )
    assert "Traceback" not in ended.stderr
    return ended.stdout.strip()


@pytest.mark.parametrize(
    ("call", "outcome"),
    [
        ("hub.library().constants.ENDPOINT", "http://127.0.0.1:9"),
        ("hub.library().errors.HTTPError.__name__", "HTTPError"),
        ("hub.cached('owner/name', None)", "None"),
        ("hub.find('owner/name', 'config.json', 'main')", "None"),
        ("download.check_disk({'config.json': 1})", "None"),
    ],
)
def test_nothing_else_was_imported(call: str, outcome: str, tmp_path: Path) -> None:
    """Each of its modules that is used is imported by who uses it: the package alone imports none."""
    assert ask(f"print({call})", tmp_path) == outcome


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set, and"),
        ({}, "http://127.0.0.1:9 cannot be reached: "),
    ],
)
def test_a_name_that_may_be_a_folder(environment: dict[str, str], why: str, tmp_path: Path) -> None:
    """Where the Hub cannot be asked, it is said that no folder has that name either."""
    said = ask(TRY, tmp_path, **environment)

    assert said.startswith(why)
    assert said.endswith(
        "and the cache has no copy of owner/name; if a folder is meant, there is none at ./owner/name"
    )


@pytest.mark.loopback
def test_the_command_asks_the_hub(tmp_path: Path) -> None:
    """The real command, in a process of its own, finds a model there, whatever else it is short of then."""
    folder = checkpoints.write(tmp_path / "phi")
    (folder / "tokenizer.json").unlink()
    with serving("owner/name", folder) as hub:
        ended = subprocess.run(
            [sys.executable, "-m", "phi4_server", "--model", "owner/name", "--port", "0"],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HOME": str(tmp_path), "HF_ENDPOINT": hub.url},
        )

    lacking = "owner/name on the Hub is not a whole checkpoint of Phi-4-multimodal: it has no tokenizer.json"
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "Starting owner/name",
        f"phi4_server: not started; {lacking}",
    ]


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"HF_TOKEN": "hf_s\u00e9cret"}, "HF_TOKEN or `hf auth login`, holds characters that no token has"),
        ({"HF_TOKEN": "hf_sec\x07ret"}, "HF_TOKEN or `hf auth login`, holds characters that no token has"),
        ({"HF_ENDPOINT": "http://ada:secret@127.0.0.1:9"}, "http://127.0.0.1:9 cannot be reached"),
        ({"HF_HUB_DOWNLOAD_TIMEOUT": "soon"}, "HF_HUB_DOWNLOAD_TIMEOUT in the environment is not what"),
        ({"HF_HOME": __file__}, "HF_HOME names the folder that it is in: "),
    ],
)
def test_an_environment_that_is_wrong(environment: dict[str, str], complaint: str, tmp_path: Path) -> None:
    """The variable is named, and no secret is repeated."""
    said = ask(TRY, tmp_path, **environment)

    assert complaint in said
    assert "sec" not in said


@pytest.mark.loopback
@pytest.mark.parametrize(
    "change",
    [
        {"sha": None},
        {"sha": "../../.."},
        {"siblings": [{"rfilename": "config.json", "size": "abc"}]},
        {"siblings": [{"rfilename": "config.json", "size": -1}]},
        {"siblings": 3},
        {"siblings": [{}]},
    ],
)
def test_an_answer_that_is_none_of_the_hub(
    change: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused in a sentence, whatever is wrong with it."""
    with serving("owner/name", checkpoints.write(tmp_path / "phi")) as hub:
        usual = model_hub._Handler._info
        monkeypatch.setattr(model_hub._Handler, "_info", lambda self: {**usual(self), **change})
        said = ask(TRY, tmp_path, HF_ENDPOINT=hub.url)

    assert said.startswith(f"{hub.url} answers something else than the Hub does: ")
