"""Names of tensors: how the checkpoint on the Hub's main branch calls them, and how the classes here do."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

MAIN_TO_NATIVE: Mapping[str, str] = {
    r"feed_forward_(in|out)\.net\.0\.linear\.": r"feed_forward_\1.gate_up_proj.",
    r"feed_forward_(in|out)\.net\.2\.": r"feed_forward_\1.down_proj.",
    r"self_attn\.linear_([qkv])\.": r"self_attn.\1_proj.",
    r"self_attn\.linear_out\.": "self_attn.o_proj.",
    r"image_embed\.img_projection\.0\.": "image_embed.img_projection_up.",
    r"image_embed\.img_projection\.2\.": "image_embed.img_projection_down.",
    r"image_embed\.glb_GN$": "image_embed.global_img_feature_extensor",
    r"image_embed\.sub_GN$": "image_embed.sub_img_feature_extensor",
    r"audio_embed\.audio_projection\.speech\.0\.": "audio_embed.up_proj_for_speech.",
    r"audio_embed\.audio_projection\.speech\.2\.": "audio_embed.down_proj_for_speech.",
    r"audio_embed\.audio_projection\.vision\.0\.": "audio_embed.up_proj_for_vision_speech.",
    r"audio_embed\.audio_projection\.vision\.2\.": "audio_embed.down_proj_for_vision_speech.",
    r"\.base_layer\.": ".",
}
"""Patterns of names on main, and what the classes here call the same. transformers takes it as it is."""

_ADAPTER = re.compile(r"(?:.*\.)?(layers\.\d+\.\w+\.\w+)\.(lora_[AB])(?:\.\w+)?\.weight")
_STEPS = re.compile(r"[*+?{]")
_MOST_STEPS, _MOST_CHOICES, _LONGEST = 4, 8, 500
_LORA = re.compile(r"\.lora_[AB]\.")


def is_adapter(name: str) -> bool:
    """Whether a tensor is an adapter's; main has them among the model's own as well."""
    return _LORA.search(name) is not None


def to_native(name: str) -> str:
    """What the classes here call a tensor of the model on main."""
    for pattern, replacement in MAIN_TO_NATIVE.items():
        name = re.sub(pattern, replacement, name)
    return name


def to_peft(name: str) -> str:
    """What PEFT calls a tensor of an adapter.

    Adapter files differ in what stands before the layers: nothing, "model.", or PEFT's prefix. PEFT passes
    over what it does not know by name, and the adapter would do nothing.
    """
    found = _ADAPTER.fullmatch(name)
    return name if found is None else f"base_model.model.model.{found[1]}.{found[2]}.weight"


def of_adapter(modules: Iterable[str]) -> set[str]:
    """What PEFT calls the tensors of an adapter of these modules."""
    return {f"base_model.model.{module}.lora_{part}.weight" for module in modules for part in "AB"}


def targets(wanted: str | Collection[str], modules: Iterable[str]) -> list[str]:
    """The modules of the decoder that an adapter adapts.

    Args:
        wanted: The adapter's `target_modules`: a pattern for whole names, which may begin at the decoder, or
            the last parts of names.
        modules: The names of all modules of the model.

    Raises:
        TypeError: It is neither.
        ValueError: The pattern may take for ever, which is more than the names of modules need.
        re.error: It is no pattern.
    """
    inner = {name: name.removeprefix("model.") for name in modules if name.startswith("model.layers.")}
    if isinstance(wanted, str):
        if not _is_quick(wanted):
            raise ValueError("target_modules is a pattern that may take for ever; name the modules in a list")
        found = [n for n, short in inner.items() if re.fullmatch(wanted, n) or re.fullmatch(wanted, short)]
    else:
        found = [n for n in inner if any(n == last or n.endswith(f".{last}") for last in wanted)]
    return found


def _is_quick(pattern: str) -> bool:
    """Whether a pattern has so few ways to match a name that all of them can be tried."""
    return (
        len(pattern) <= _LONGEST
        and re.search(r"\)[*+?{]", pattern) is None
        and len(_STEPS.findall(pattern)) <= _MOST_STEPS
        and pattern.count("|") <= _MOST_CHOICES
    )
