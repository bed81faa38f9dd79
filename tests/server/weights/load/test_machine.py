"""The machine, as far as it can be looked at without torch."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from pathlib import Path

import checkpoints
import pytest

from phi4_server.model import ModelFailed
from phi4_server.weights.load import hub, machine, plan
from phi4_server.weights.load.settings import WeightsSettings


@pytest.mark.parametrize("missing", ["torch", "transformers", "peft", "accelerate"])
def test_what_is_not_installed(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, with the command that installs it."""
    for name in ("torch", "transformers", "peft", "accelerate"):
        monkeypatch.setitem(sys.modules, name, None if name == missing else sys)

    with pytest.raises(
        ModelFailed, match=rf"^{missing} is not installed; .* pip install 'phi4-space\[model\]'$"
    ):
        machine.find(WeightsSettings(model="./phi"), "bfloat16")


def test_the_hub_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same is said of what asks the Hub."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    with pytest.raises(ModelFailed, match=r"^huggingface_hub is not installed; .*phi4-space\[model\]"):
        hub.look_up("owner/name", None)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        (WeightsSettings(model="m", device="cuda"), "this torch, 2.13.0+cpu, was built without CUDA"),
        (WeightsSettings(model="m", quantize="4bit"), "--quantize 4bit needs bitsandbytes"),
        (WeightsSettings(model="m", device="mps"), "--device mps: this is no Mac"),
    ],
)
def test_what_is_refused_at_once(
    settings: WeightsSettings, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is known without torch, whose import takes seconds."""
    for name in ("torch", "transformers", "peft", "accelerate"):
        monkeypatch.setitem(sys.modules, name, sys)
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "2.13.0+cpu")
    monkeypatch.setattr(machine, "_torch", lambda: pytest.fail("torch was imported"))
    monkeypatch.setattr(sys, "platform", "linux")

    with pytest.raises(ModelFailed, match=re.escape(complaint)):
        machine.find(settings, "bfloat16")


def test_a_context_that_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoint's own config says how long one may be."""
    folder = checkpoints.write(tmp_path / "phi")
    monkeypatch.setattr(machine, "find", lambda *_: pytest.fail("the machine was looked at"))

    with pytest.raises(ModelFailed, match="--max-context 500,000: the model takes 131,072 tokens at most"):
        plan.make(WeightsSettings(model=str(folder), max_context=500_000))


def test_a_container_with_a_limit(tmp_path: Path) -> None:
    """What it may still take counts, and files that it keeps in memory can go."""
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 500\ninactive_file 150\n")

    assert machine._left_in_container(tmp_path) == 450


def test_a_container_without_one(tmp_path: Path) -> None:
    """It may take all that the machine has."""
    assert machine._left_in_container(tmp_path) is None
    for name in ("memory.max", "memory.current", "memory.stat"):
        (tmp_path / name).write_text("max\n")
    assert machine._left_in_container(tmp_path) is None
