"""The config of main, translated."""

from __future__ import annotations

from typing import Any

import pytest
import tiny_phi4

from phi4_server.weights.load import native_config

TOWER = "model.embed_tokens_extend.image_embed.img_processor"
SHAPES = {
    f"{TOWER}.embeddings.patch_embedding.weight": (1152, 3, 14, 14),
    f"{TOWER}.embeddings.position_embedding.weight": (1024, 1152),
    **{f"{TOWER}.encoder.layers.{layer}.mlp.fc1.weight": (4304, 1152) for layer in range(27)},
}
AUDIO = {
    "activation": "swish",
    "hidden_size": 1024,
    "num_attention_heads": 16,
    "intermediate_size": 1536,
    "depthwise_separable_out_channel": 1024,
    "ext_pw_out_channel": 1024,
    "nemo_conv_channels": 1024,
    "num_blocks": 24,
    "bias_max_distance": 500,
}
NATIVE: dict[str, Any] = {
    "attention_dropout": 0.0,
    "embd_pdrop": 0.0,
    "hidden_act": "silu",
    "hidden_size": 3072,
    "initializer_range": 0.02,
    "intermediate_size": 8192,
    "max_position_embeddings": 131072,
    "num_attention_heads": 24,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "original_max_position_embeddings": 4096,
    "bos_token_id": 199999,
    "eos_token_id": [199999, 200020],
    "pad_token_id": 199999,
    "resid_pdrop": 0.0,
    "rms_norm_eps": 1e-05,
    "use_cache": True,
    "vocab_size": 200064,
    "tie_word_embeddings": True,
    "rope_parameters": {
        "rope_theta": 10000.0,
        "partial_rotary_factor": 0.75,
        "short_factor": [1.0] * 48,
        "long_factor": [1.5] * 48,
    },
    "audio_config": AUDIO,
}


def translated() -> dict[str, Any]:
    """What main's config comes to."""
    return native_config.to_native(
        tiny_phi4.config_on_main(NATIVE), SHAPES, image=200010, audio=200011, ends=(199999, 200020)
    )


def test_the_decoder() -> None:
    """Its sizes stay, and what is remote code's own goes."""
    config = translated()

    for name in ("hidden_size", "num_attention_heads", "num_key_value_heads", "vocab_size", "pad_token_id"):
        assert config[name] == NATIVE[name]
    assert config["model_type"] == "phi4_multimodal"
    assert not {"auto_map", "embd_layer", "audio_processor", "speech_lora", "lm_head_bias"} & config.keys()
    assert config["eos_token_id"] == [199999, 200020]  # main names one of them


def test_positions() -> None:
    """The factors of long contexts stand where transformers 5 looks for them."""
    assert translated()["rope_parameters"] == {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "partial_rotary_factor": 0.75,
        "short_factor": [1.0] * 48,
        "long_factor": [1.5] * 48,
        "original_max_position_embeddings": 4096,
    }


def test_the_vision_tower() -> None:
    """It is as its tensors are: the config says nothing about it but the size of a crop."""
    assert translated()["vision_config"] == {
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 27,
        "num_channels": 3,
        "patch_size": 14,
        "image_size": 448,
        "crop_size": 448,
        "image_token_id": 200010,
    }


def test_the_audio_encoder() -> None:
    """Its keys are renamed, a misspelled one among them."""
    assert translated()["audio_config"] == {
        **AUDIO,
        "audio_token_id": 200011,
        "chunk_size": -1,
        "left_chunk": 18,
        "dropout_rate": 0.0,
        "depthwise_multiplier": 1,
        "kernel_size": 3,
        "conv_activation": "swish",
        "conv_glu_type": "swish",
        "input_size": 80,
        "time_reduction": 8,
        "downsample_rate": 1,
    }


@pytest.mark.parametrize("part", ["rope_scaling", "audio_processor", "embd_layer"])
def test_a_config_without_a_part(part: str) -> None:
    """It is another model's, whatever it calls itself."""
    config = tiny_phi4.config_on_main(NATIVE)
    del config[part]

    with pytest.raises(ValueError, match=f"not that of Phi-4-multimodal: '{part}'"):
        native_config.to_native(config, SHAPES, image=1, audio=2, ends=())
