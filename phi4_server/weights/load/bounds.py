"""Bounds of what a checkpoint's JSON files say: a value beyond them is named before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phi4_server.model import ModelFailed

_MUCH = 2**24
_LONGEST_VALUE = 40


@dataclass(frozen=True, slots=True)
class Number:
    """A number from `least` to `most`, both included; NaN is none.

    Attributes:
        least: The least that it may be.
        most: The most.
        is_whole: Whether it has no fraction.
        may_lack: Whether it may be null.
        count: How many of them make a list; 0 for a number that is in none.
    """

    least: float = 1
    most: float = _MUCH
    is_whole: bool = True
    may_lack: bool = False
    count: int = 0

    def holds(self, value: object) -> bool:
        """Whether a value is one."""
        if self.count:
            return (
                isinstance(value, list | tuple) and len(value) == self.count and all(map(self._is_one, value))
            )
        return (value is None and self.may_lack) or self._is_one(value)

    def _is_one(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int if self.is_whole else int | float):
            return False
        return self.least <= value <= self.most

    def __str__(self) -> str:
        """What a value must be."""
        kind = "a whole number" if self.is_whole else "a number"
        listed = f"a list of {self.count}, each " if self.count else ""
        return f"{listed}{kind} from {self.least:g} to {self.most:g}"


@dataclass(frozen=True, slots=True)
class Unset:
    """What nobody may set, since it would be passed over."""

    def holds(self, value: object) -> bool:
        """Whether a value says nothing."""
        return not value

    def __str__(self) -> str:
        """What a value must be."""
        return "left out, since it is not supported here"


@dataclass(frozen=True, slots=True)
class Text:
    """A string, or null."""

    def holds(self, value: object) -> bool:
        """Whether a value is one."""
        return value is None or isinstance(value, str)

    def __str__(self) -> str:
        """What a value must be."""
        return "a string"


@dataclass(frozen=True, slots=True)
class Tokens:
    """The id of a token, or a list of such, or null."""

    def holds(self, value: object) -> bool:
        """Whether a value is one."""
        one = Number(0)
        return value is None or all(map(one.holds, value if isinstance(value, list) else [value]))

    def __str__(self) -> str:
        """What a value must be."""
        return "the id of a token, or a list of such"


Bounds = Mapping[str, Number | Unset | Text | Tokens]
"""By key; those of objects within objects are joined by dots. What is not there has the usual value."""

_SHAPE: Bounds = {
    "hidden_size": Number(),
    "intermediate_size": Number(),
    "num_hidden_layers": Number(most=10_000),
    "num_attention_heads": Number(),
}
CONFIG: Bounds = {
    **_SHAPE,
    "num_key_value_heads": Number(may_lack=True),
    "max_position_embeddings": Number(256),
    "dtype": Text(),
    "torch_dtype": Text(),
    "quantization_config": Unset(),
}
"""Of config.json, in either format: what is read before torch is there."""
NATIVE: Bounds = {
    **CONFIG,
    "vocab_size": Number(),
    "original_max_position_embeddings": Number(),
    "rope_parameters.original_max_position_embeddings": Number(),
    "rms_norm_eps": Number(0, 1, is_whole=False),
    "pad_token_id": Number(0),
    **{f"vision_config.{key}": bound for key, bound in _SHAPE.items()},
    "vision_config.crop_size": Number(),
    "vision_config.image_size": Number(),
    "vision_config.patch_size": Number(),
    "vision_config.image_token_id": Number(0),
    "vision_config.layer_norm_eps": Number(0, 1, is_whole=False),
    "audio_config.hidden_size": Number(),
    "audio_config.intermediate_size": Number(),
    "audio_config.num_attention_heads": Number(),
    "audio_config.num_blocks": Number(most=10_000),
    "audio_config.audio_token_id": Number(0),
}
"""Of config.json as the classes here take it."""
GENERATION: Bounds = {"eos_token_id": Tokens()}
IMAGES: Bounds = {
    "dynamic_hd": Number(most=256),  # all shapes of so many crops are listed
    "image_mean": Number(-1000, 1000, is_whole=False, count=3),
    "image_std": Number(1e-6, 1000, is_whole=False, count=3),
    "rescale_factor": Number(1e-6, 1000, is_whole=False),
}
AUDIO: Bounds = {
    "audio_compression_rate": Number(most=1000),
    "audio_downsample_rate": Number(most=1000),
    "audio_feat_stride": Number(most=1000),
}
ADAPTER: Bounds = {
    "r": Number(),
    "lora_alpha": Number(0, is_whole=False),
    "use_rslora": Unset(),
    "use_dora": Unset(),
    "rank_pattern": Unset(),
    "alpha_pattern": Unset(),
    "modules_to_save": Unset(),
    "fan_in_fan_out": Unset(),
}


def check(where: str, values: Mapping[str, Any], bounds: Bounds) -> None:
    """Refuses values that are out of their bounds.

    Args:
        where: The file that they are from.
        values: What it holds.
        bounds: Theirs.

    Raises:
        ModelFailed: Names the file, the key, what it must be, and what it is.
    """
    for key, bound in bounds.items():
        found, value = _value(values, key.split("."))
        if found and not bound.holds(value):
            raise ModelFailed(f"{where}: {key} must be {bound}, not {_shortened(value)}")


def _value(values: Mapping[str, Any], keys: list[str]) -> tuple[bool, Any]:
    """Whether a key is there, and its value."""
    value: Any = values
    for key in keys:
        if not isinstance(value, Mapping) or key not in value:
            return False, None
        value = value[key]
    return True, value


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
