"""Folders that look like a checkpoint of Phi-4-multimodal, with few tensors, all of zeros; needs no torch."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

MODULES = ["model.layers.0.self_attn.qkv_proj", "model.layers.0.mlp.down_proj"]
SHAPES = {f"{name}.weight": (8, 4) for name in MODULES} | {"model.norm.weight": (4,)}
CONFIG = {
    "model_type": "phi4_multimodal",
    "dtype": "bfloat16",
    "hidden_size": 4,
    "intermediate_size": 8,
    "max_position_embeddings": 131072,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
}


def write_tensors(file: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Writes a safetensors file with tensors of zeros."""
    head: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + 2 * prod(shape)
        head[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(head).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + bytes(end))


def lora(name: str = "{}.lora_{}.weight", modules: list[str] = MODULES) -> dict[str, tuple[int, ...]]:
    """The shapes of an adapter's tensors, named as told."""
    shapes = {"A": (2, 4), "B": (8, 2)}
    return {name.format(module, part): shape for module in modules for part, shape in shapes.items()}


def write(folder: Path) -> Path:
    """Writes a whole checkpoint in the native format, and returns the folder."""
    folder.mkdir(parents=True)
    write_json(folder / "config.json", CONFIG)
    write_json(folder / "tokenizer.json", {})
    write_tensors(folder / "model.safetensors", SHAPES)
    for name in ("vision", "speech"):
        place = folder / f"{name}-lora"
        place.mkdir()
        plan = {"r": 2, "lora_alpha": 4, "target_modules": r"model.layers.\d+.(self_attn|mlp).\w+"}
        write_json(place / "adapter_config.json", plan)
        write_tensors(place / "adapter_model.safetensors", lora())
    return folder


def write_json(file: Path, value: Any) -> None:
    """Writes a JSON file."""
    file.write_text(json.dumps(value), encoding="utf-8")


def change_json(file: Path, **changes: Any) -> None:
    """Sets keys of a JSON object in a file; None takes them out."""
    value = {**json.loads(file.read_text(encoding="utf-8")), **changes}
    write_json(file, {key: entry for key, entry in value.items() if entry is not None})
