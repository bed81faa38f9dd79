"""The config of the Hub's main branch, written for remote code, as the classes in transformers take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MAIN, NATIVE = "phi4mm", "phi4_multimodal"
"""The two formats' `model_type`."""

_KEPT = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "resid_pdrop",
    "embd_pdrop",
    "attention_dropout",
    "hidden_act",
    "max_position_embeddings",
    "initializer_range",
    "original_max_position_embeddings",
    "rms_norm_eps",
    "use_cache",
    "tie_word_embeddings",
    "bos_token_id",
    "pad_token_id",
    "sliding_window",
)
_AUDIO_RENAMED = {
    "attention_dim": "hidden_size",
    "attention_heads": "num_attention_heads",
    "linear_units": "intermediate_size",
    "depthwise_seperable_out_channel": "depthwise_separable_out_channel",  # sic
}
_AUDIO_KEPT = (
    "activation",
    "chunk_size",
    "left_chunk",
    "dropout_rate",
    "ext_pw_out_channel",
    "depthwise_multiplier",
    "kernel_size",
    "conv_activation",
    "conv_glu_type",
    "input_size",
    "num_blocks",
    "time_reduction",
)
_TOWER = "model.embed_tokens_extend.image_embed.img_processor."


def to_native(
    config: Mapping[str, Any],
    shapes: Mapping[str, Sequence[int]],
    *,
    image: int,
    audio: int,
    ends: Sequence[int],
) -> dict[str, Any]:
    """The config as `Phi4MultimodalConfig` takes it.

    Args:
        config: The config.json of main.
        shapes: The shape of each tensor, by its native name; the config leaves the vision tower out.
        image: The id of the token that stands for an image.
        audio: The same, for audio.
        ends: The ids that end an answer; main's config names one of two.

    Raises:
        ValueError: It lacks what the model cannot do without.
    """
    try:
        return {
            **{key: config[key] for key in _KEPT if key in config},
            "model_type": NATIVE,
            "eos_token_id": list(ends),
            "rope_parameters": _rope(config),
            "vision_config": {**_vision(config, shapes), "image_token_id": image},
            "audio_config": {**_audio(config), "audio_token_id": audio},
        }
    except (KeyError, IndexError, TypeError, AttributeError) as missing:
        raise ValueError(
            f"config.json is not that of Phi-4-multimodal: {missing} is not where it was"
        ) from None


def _rope(config: Mapping[str, Any]) -> dict[str, Any]:
    scaling = config["rope_scaling"]
    return {
        "rope_type": "longrope",
        "rope_theta": config.get("rope_theta", 10000.0),
        "partial_rotary_factor": config.get("partial_rotary_factor", 1.0),
        "short_factor": [float(factor) for factor in scaling["short_factor"]],
        "long_factor": [float(factor) for factor in scaling["long_factor"]],
        "original_max_position_embeddings": config["original_max_position_embeddings"],
    }


def _audio(config: Mapping[str, Any]) -> dict[str, Any]:
    encoder = config["audio_processor"]["config"]
    return {
        **{key: encoder[key] for key in _AUDIO_KEPT if key in encoder},
        **{new: encoder[old] for old, new in _AUDIO_RENAMED.items()},
        "nemo_conv_channels": encoder["nemo_conv_settings"]["conv_channels"],
        "bias_max_distance": encoder["relative_attention_bias_args"]["t5_bias_max_distance"],
        "downsample_rate": config["embd_layer"]["audio_embd_layer"]["downsample_rate"],
    }


def _vision(config: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """The vision tower, as its tensors are; only how many heads it has, 16, cannot be seen from them."""
    width, channels, patch, _ = shapes[f"{_TOWER}embeddings.patch_embedding.weight"]
    positions, _ = shapes[f"{_TOWER}embeddings.position_embedding.weight"]
    inner, _ = shapes[f"{_TOWER}encoder.layers.0.mlp.fc1.weight"]
    layers = {name.split(".")[6] for name in shapes if name.startswith(f"{_TOWER}encoder.layers.")}
    return {
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": len(layers),
        "num_channels": channels,
        "patch_size": patch,
        "image_size": round(positions**0.5) * patch,
        "crop_size": config["embd_layer"]["image_embd_layer"]["crop_size"],
    }
