"""A checkpoint of Phi-4-multimodal: which files it needs, and whether all are there and whole; no torch."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phi4_server.model import ModelFailed
from phi4_server.weights.load import bounds, native_config, tensor_file, tensor_names
from phi4_server.weights.load.tensor_file import Tensor

ADAPTERS = ("vision", "speech")
CONFIG, INDEX, SINGLE = "config.json", "model.safetensors.index.json", "model.safetensors"
_ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
NEEDED = (CONFIG, "tokenizer.json", *(f"{name}-lora/{file}" for name in ADAPTERS for file in _ADAPTER_FILES))
"""What every checkpoint has, beside the files with the model's own tensors."""
GENERATION = "generation_config.json"
PROCESSORS = ("preprocessor_config.json", "processor_config.json")
WELCOME = (GENERATION, *PROCESSORS)
"""What is read where it is there."""
_SHOWN = 5
_FLOATS = ("F64", "F32", "F16", "BF16")
_ONLY_FLOATS = "only numbers that are not quantized are loaded, which --quantize 4bit makes smaller"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One of the two adapters.

    Attributes:
        file: Its tensors.
        rank: Of its matrices.
        alpha: What they are scaled with, times the rank.
        targets: The names of the modules that it adapts.
    """

    file: Path
    rank: int
    alpha: float
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checkpoint in a folder, checked.

    Attributes:
        folder: Where it is.
        config: Its config.json, as it is.
        tensors: The model's own tensors, by what the classes in transformers call them.
        files: The files that hold them.
        adapters: Its adapters, by name.
        adapter_tensors: Their tensors, by adapter and by PEFT's names.
    """

    folder: Path
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor] = field(repr=False)
    files: tuple[str, ...]
    adapters: Mapping[str, Adapter]
    adapter_tensors: Mapping[str, Mapping[str, Tensor]] = field(repr=False)

    @property
    def size(self) -> int:
        """The bytes of all tensors, as they are in the files."""
        groups = (self.tensors, *self.adapter_tensors.values())
        return sum(tensor.size for group in groups for tensor in group.values())


def of_folder(folder: Path) -> Checkpoint:
    """The checkpoint in a folder.

    Raises:
        ModelFailed: It is not whole, or not of Phi-4-multimodal; the text says what is wrong.
    """
    if not folder.is_dir():
        raise ModelFailed(
            f"{folder}: {'that is no folder' if folder.exists() else 'there is no such folder'}"
        )
    paths = [*folder.rglob("*")]
    if special := [str(path) for path in paths if path.exists() and not (path.is_file() or path.is_dir())]:
        raise ModelFailed(f"{special[0]} is neither a file nor a folder")
    present = {path.relative_to(folder).as_posix() for path in paths if path.is_file()}
    where = f"{folder} is not a whole checkpoint of Phi-4-multimodal:"
    if CONFIG not in present:
        raise ModelFailed(f"{where} it has no {CONFIG}")
    config = read_json(folder, CONFIG)
    check_type(config, str(folder))
    index = read_json(folder, INDEX) if INDEX in present else None
    files = weight_files(index, present)
    lacking(where, [*NEEDED, *files], present)
    own = _own_tensors(folder, files)
    adapters = {name: _adapter(folder, name, own) for name in ADAPTERS}
    return Checkpoint(
        folder=folder,
        config=config,
        tensors=own,
        files=files,
        adapters=adapters,
        adapter_tensors={name: _adapter_tensors(folder, name, part) for name, part in adapters.items()},
    )


def weight_files(index: Mapping[str, Any] | None, present: Collection[str]) -> tuple[str, ...]:
    """The names of the files with the model's own tensors: those of the index, or the only one there is.

    Args:
        index: The index, where the tensors stand in several files.
        present: The names of all files.

    Raises:
        ModelFailed: The index is broken.
    """
    if index is None or SINGLE in present:
        return (SINGLE,)
    files = index.get("weight_map", {})
    if not isinstance(files, dict) or not all(isinstance(file, str) for file in files.values()):
        raise ModelFailed(f"{INDEX} is broken: its weight_map does not name a file for each tensor")
    return tuple(sorted({*files.values()})) or (SINGLE,)


def lacking(where: str, needed: Collection[str], present: Collection[str]) -> None:
    """Refuses a checkpoint that has not all that is needed.

    Raises:
        ModelFailed: Names what is missing.
    """
    if missing := [name for name in needed if name not in present]:
        raise ModelFailed(f"{where} it has no {listed(missing)}")


def check_type(config: Mapping[str, Any], where: str) -> None:
    """Refuses what is another model, or says of itself what cannot be.

    Raises:
        ModelFailed: Says what it is, or which value is out of its bounds.
    """
    kind = config.get("model_type")
    if kind not in (native_config.MAIN, native_config.NATIVE):
        raise ModelFailed(
            f"{where} is a model of the type {kind!r}; only Phi-4-multimodal can be run here. "
            "Any other model answers behind its own engine: --upstream URL"
        )
    bounds.check(f"{where}: {CONFIG}", config, bounds.CONFIG)


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """A JSON object in a folder.

    Raises:
        ModelFailed: It is broken.
    """
    try:
        value = json.loads((folder / name).read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as problem:
        raise ModelFailed(f"{folder / name} is broken: {problem}") from None
    if not isinstance(value, dict):
        raise ModelFailed(f"{folder / name} is broken: it holds no JSON object")
    return value


def listed(names: Collection[str]) -> str:
    """Names in a sentence, the first few of them."""
    found = sorted(names)
    rest = len(found) - _SHOWN
    return ", ".join(found[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _own_tensors(folder: Path, files: Collection[str]) -> dict[str, Tensor]:
    own = {}
    for file in files:
        for name, tensor in _read_tensors(folder / file).items():
            if tensor.dtype not in _FLOATS:
                raise ModelFailed(f"{folder / file}: {name} is of the type {tensor.dtype}; {_ONLY_FLOATS}")
            if not tensor_names.is_adapter(name):
                own[tensor_names.to_native(name)] = tensor
    return own


def _adapter(folder: Path, name: str, own: Collection[str]) -> Adapter:
    place = folder / f"{name}-lora"
    plan = read_json(place, _ADAPTER_FILES[0])
    bounds.check(str(place / _ADAPTER_FILES[0]), plan, bounds.ADAPTER)
    try:
        targets = tensor_names.targets(plan["target_modules"], (key.removesuffix(".weight") for key in own))
        return Adapter(
            file=place / _ADAPTER_FILES[1],
            rank=int(plan["r"]),
            alpha=float(plan["lora_alpha"]),
            targets=tuple(targets),
        )
    except (KeyError, TypeError, ValueError, re.error) as problem:
        raise ModelFailed(f"{place / _ADAPTER_FILES[0]} is broken: {problem!r}") from None


def _adapter_tensors(folder: Path, name: str, adapter: Adapter) -> dict[str, Tensor]:
    found = {tensor_names.to_peft(key): tensor for key, tensor in _read_tensors(adapter.file).items()}
    wanted = tensor_names.of_adapter(adapter.targets)
    if missing := wanted - found.keys():
        raise ModelFailed(f"{folder}: the {name} adapter lacks {listed(missing)}")
    if unknown := found.keys() - wanted:
        raise ModelFailed(f"{folder}: the {name} adapter has what is not adapted: {listed(unknown)}")
    if not wanted:
        raise ModelFailed(f"{folder}: the {name} adapter adapts nothing")
    if other := [key for key in found if _rank(key, found[key].shape) != adapter.rank]:
        problem = f"r is {adapter.rank}, and the shape of {other[0]} {found[other[0]].shape}"
        raise ModelFailed(f"{folder / f'{name}-lora' / _ADAPTER_FILES[0]}: {problem}")
    return found


def _rank(key: str, shape: Sequence[int]) -> int | None:
    """The rank of an adapter, as one of its tensors has it."""
    if len(shape) != 2:  # noqa: PLR2004  of a matrix
        return None
    return shape[0] if ".lora_A." in key else shape[1]


def _read_tensors(file: Path) -> dict[str, Tensor]:
    try:
        return tensor_file.read(file)
    except ValueError as problem:
        raise ModelFailed(f"{file} {problem}") from None
    except OSError as problem:
        raise ModelFailed(f"{file} cannot be read: {problem.strerror}") from None
