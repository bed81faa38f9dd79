"""What is seen of a checkpoint before anything is loaded."""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Callable
from pathlib import Path

import checkpoints
import pytest
from checkpoints import change_json, write_tensors

from phi4_server.model import ModelFailed
from phi4_server.weights.load import checkpoint

VISION = "vision-lora/adapter_model.safetensors"


def test_a_whole_checkpoint(tmp_path: Path) -> None:
    """All tensors are there, and their sizes add up."""
    found = checkpoint.of_folder(checkpoints.write(tmp_path / "phi"))

    assert set(found.tensors) == set(checkpoints.SHAPES)
    assert found.size == 2 * (8 * 4 + 8 * 4 + 4) + 2 * 2 * 2 * (2 * 4 + 8 * 2)
    assert found.adapters["vision"].targets == tuple(checkpoints.MODULES)
    assert (found.adapters["speech"].rank, found.adapters["speech"].alpha) == (2, 4)


def test_tensors_in_several_files(tmp_path: Path) -> None:
    """The index says which files there are; adapters' tensors among the model's, as on main, are left."""
    folder = checkpoints.write(tmp_path / "phi")
    (folder / "model.safetensors").unlink()
    first, *others = checkpoints.SHAPES.items()
    write_tensors(folder / "model-00001-of-00002.safetensors", dict([first]))
    write_tensors(
        folder / "model-00002-of-00002.safetensors",
        dict(others) | checkpoints.lora("{}.lora_{}.vision.weight"),
    )
    files = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    checkpoints.write_json(folder / checkpoint.INDEX, {"weight_map": {"a": files[1], "b": files[0]}})

    found = checkpoint.of_folder(folder)

    assert found.files == tuple(files)
    assert set(found.tensors) == set(checkpoints.SHAPES)


def _cut(name: str) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes()[:-1])

    return cut


def _remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _write(name: str, text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_text(text)

    return write


def _change(name: str, **changes: object) -> Callable[[Path], None]:
    return lambda folder: change_json(folder / name, **changes)


def _adapter(*names: str) -> Callable[[Path], None]:
    return lambda folder: write_tensors(folder / VISION, dict.fromkeys(names, (2, 4)))


def _type_tensors(folder: Path, dtype: str, **changes: object) -> None:
    """Says another type of all tensors."""
    file = folder / "model.safetensors"
    data = file.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    head = json.loads(data[8 : 8 + length])
    for name in head.keys() - {"__metadata__"}:
        head[name] |= {"dtype": dtype, **changes}
    text = json.dumps(head).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])


@pytest.mark.parametrize("files", [None, [], {"a": None}])
def test_an_index_without_files(files: object) -> None:
    """It is named."""
    with pytest.raises(ModelFailed, match=r"index\.json is broken: its weight_map"):
        checkpoint.weight_files({"weight_map": files}, [])


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_remove("config.json"), "is not a whole checkpoint of Phi-4-multimodal: it has no config.json"),
        (_remove("model.safetensors"), "it has no model.safetensors"),
        (_remove(VISION), f"it has no {VISION}"),
        (_remove("tokenizer.json"), "it has no tokenizer.json"),
        (_cut("config.json"), "config.json is broken"),
        (_write("config.json", "[]"), "holds no JSON object"),
        (_change("config.json", model_type="llama"), "a model of the type 'llama'.*--upstream URL"),
        (_change("config.json", model_type=None), "a model of the type None"),
        (_cut("model.safetensors"), "model.safetensors is cut off: .* bytes are there"),
        (_cut(VISION), "adapter_model.safetensors is cut off"),
        (_write("speech-lora/adapter_config.json", "{}"), "adapter_config.json is broken: .*target_modules"),
        (_change("vision-lora/adapter_config.json", target_modules=["none"]), "has what is not adapted"),
        (
            _adapter(*list(checkpoints.lora())[:-1]),
            "the vision adapter lacks base_model.model.model.layers.0.mlp.down_proj.lora_B.weight",
        ),
        (
            _change("config.json", num_hidden_layers=0),
            "config.json: num_hidden_layers must be a whole number",
        ),
        (_change("config.json", hidden_size="4"), "config.json: hidden_size must be .*, not '4'"),
        (_change("config.json", dtype=["bfloat16"]), "config.json: dtype must be a string, not"),
        (_change("config.json", max_position_embeddings=1), "config.json: max_position_embeddings must be"),
        (
            _change("config.json", quantization_config={"a": 1}),
            "config.json: quantization_config must be left",
        ),
        (_change("vision-lora/adapter_config.json", r=0), "vision-lora/adapter_config.json: r must be"),
        (_change("vision-lora/adapter_config.json", r=3), "r is 3, and the shape of .* \\(2, 4\\)"),
        (_change("vision-lora/adapter_config.json", lora_alpha=math.nan), "lora_alpha must be .*, not nan"),
        (_change("vision-lora/adapter_config.json", use_rslora=True), "use_rslora must be left out"),
        (_change("vision-lora/adapter_config.json", target_modules="(("), "adapter_config.json is broken"),
        (_change("vision-lora/adapter_config.json", target_modules="((a*)*)*!"), "may take for ever"),
        (_write("vision-lora/adapter_model.safetensors", ""), "is cut off"),
        (lambda folder: os.mkfifo(folder / "generation_config.json"), "neither a file nor a folder"),
        (lambda folder: _type_tensors(folder, "I32"), "is of the type I32; only numbers that are not"),
        (lambda folder: _type_tensors(folder, "BF16", shape=["a"]), "is no safetensors file"),
        (_adapter(*checkpoints.lora(), "other.weight"), "has what is not adapted: other.weight"),
    ],
)
def test_what_is_wrong_with_a_checkpoint(spoil: Callable[[Path], None], problem: str, tmp_path: Path) -> None:
    """Each thing that may be missing, broken, cut off or another model's is named."""
    folder = checkpoints.write(tmp_path / "phi")
    spoil(folder)

    with pytest.raises(ModelFailed, match=problem):
        checkpoint.of_folder(folder)


def test_an_adapter_that_adapts_nothing(tmp_path: Path) -> None:
    """It would answer about images as if it saw none."""
    folder = checkpoints.write(tmp_path / "phi")
    change_json(folder / "vision-lora/adapter_config.json", target_modules=[])
    write_tensors(folder / VISION, {})

    with pytest.raises(ModelFailed, match="the vision adapter adapts nothing"):
        checkpoint.of_folder(folder)


def test_a_file_that_the_index_names(tmp_path: Path) -> None:
    """A shard that was not copied is missed."""
    folder = checkpoints.write(tmp_path / "phi")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    weights = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    checkpoints.write_json(folder / checkpoint.INDEX, {"weight_map": weights})

    with pytest.raises(ModelFailed, match=r"has no model-00002-of-00002\.safetensors"):
        checkpoint.of_folder(folder)


def test_no_folder(tmp_path: Path) -> None:
    """It is said whether there is nothing, or a file."""
    (tmp_path / "file").touch()

    with pytest.raises(ModelFailed, match="there is no such folder"):
        checkpoint.of_folder(tmp_path / "none")
    with pytest.raises(ModelFailed, match="that is no folder"):
        checkpoint.of_folder(tmp_path / "file")


def test_a_long_list_of_what_is_missing() -> None:
    """It does not fill the terminal."""
    assert checkpoint.listed([*"hgfedcba"]) == "a, b, c, d, e and 3 more"
