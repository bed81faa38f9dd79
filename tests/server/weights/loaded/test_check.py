"""`--check`: what it finds out, and how it ends."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from phi4_server.__main__ import main
from phi4_server.weights.load.checkpoint import GENERATION, PROCESSORS, WELCOME


@pytest.mark.parametrize("format_of", ["native", "main"])
def test_whole_weights(
    format_of: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """It counts their tensors, has each adapter and none answer, and says how fast and how large that is."""
    folder = request.getfixturevalue(f"{format_of}_folder")

    assert main(["--model", str(folder), "--device", "cpu", "--check"]) == 0

    first, *lines = capsys.readouterr().out.splitlines()
    assert first == f"{folder.name}: on cpu, in float32"
    assert lines[0].startswith("loaded in ")
    assert lines[1:4] == [
        *("  model: 161 tensors, 248,096 numbers", "  vision adapter: 16 tensors, 6,656 numbers"),
        "  speech adapter: 16 tensors, 13,312 numbers",
    ]
    assert lines[4] == "contexts beyond 4,096 tokens: mended; 131,072 tokens at most"
    for line, what in zip(lines[5:8], ("words", "the vision adapter", "the speech adapter"), strict=True):
        assert line.startswith(f"{what}: 10 tokens in ")
        assert " a second: " in line
    assert lines[8].startswith("memory: ")
    assert lines[9].startswith("OK: these weights load and answer. ")
    assert lines[10:] == [f"What serves them: python -m phi4_server --model {folder} --device cpu"]
    assert all(line.isprintable() for line in lines)


def test_files_that_are_not_there(
    native_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what is taken for granted in their place."""
    folder = Path(shutil.copytree(native_folder, tmp_path / "bare"))
    for name in WELCOME:
        (folder / name).unlink(missing_ok=True)

    assert main(["--model", str(folder), "--device", "cpu", "--check"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("no ")] == [
        f"no {PROCESSORS[0]} and no {PROCESSORS[1]}: images and audio are prepared as Phi-4's own files say",
        f"no {GENERATION}: answers end as Phi-4's own file says",
    ]


def test_weights_that_are_no_numbers(
    native_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A checkpoint with every name right may be broken all the same; that is seen when it answers."""
    folder = Path(shutil.copytree(native_folder, tmp_path / "broken"))
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"] *= torch.nan
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    assert main(["--model", str(folder), "--device", "cpu", "--check"]) == 1
    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .startswith("FAILED: With words, the model computes what is no")
    )
