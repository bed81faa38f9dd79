"""Names of tensors, on main and here."""

from __future__ import annotations

import pytest

from phi4_server.weights.load import tensor_names

AUDIO = "model.embed_tokens_extend.audio_embed"
IMAGE = "model.embed_tokens_extend.image_embed"


@pytest.mark.parametrize(
    ("main", "native"),
    [
        (
            f"{AUDIO}.encoder.encoders.3.feed_forward_in.net.0.linear.weight",
            f"{AUDIO}.encoder.encoders.3.feed_forward_in.gate_up_proj.weight",
        ),
        (
            f"{AUDIO}.encoder.encoders.3.feed_forward_out.net.2.bias",
            f"{AUDIO}.encoder.encoders.3.feed_forward_out.down_proj.bias",
        ),
        (
            f"{AUDIO}.encoder.encoders.3.self_attn.linear_q.weight",
            f"{AUDIO}.encoder.encoders.3.self_attn.q_proj.weight",
        ),
        (
            f"{AUDIO}.encoder.encoders.3.self_attn.linear_out.bias",
            f"{AUDIO}.encoder.encoders.3.self_attn.o_proj.bias",
        ),
        (f"{AUDIO}.audio_projection.speech.0.weight", f"{AUDIO}.up_proj_for_speech.weight"),
        (f"{AUDIO}.audio_projection.speech.2.weight", f"{AUDIO}.down_proj_for_speech.weight"),
        (f"{AUDIO}.audio_projection.vision.0.bias", f"{AUDIO}.up_proj_for_vision_speech.bias"),
        (f"{AUDIO}.audio_projection.vision.2.bias", f"{AUDIO}.down_proj_for_vision_speech.bias"),
        (f"{IMAGE}.img_projection.0.weight", f"{IMAGE}.img_projection_up.weight"),
        (f"{IMAGE}.img_projection.2.bias", f"{IMAGE}.img_projection_down.bias"),
        (f"{IMAGE}.glb_GN", f"{IMAGE}.global_img_feature_extensor"),
        (f"{IMAGE}.sub_GN", f"{IMAGE}.sub_img_feature_extensor"),
        ("model.layers.0.mlp.down_proj.base_layer.weight", "model.layers.0.mlp.down_proj.weight"),
        ("model.embed_tokens.weight", "model.embed_tokens.weight"),
    ],
)
def test_the_names_on_main(main: str, native: str) -> None:
    """Each becomes what transformers' classes call the same tensor, and those stay as they are."""
    assert tensor_names.to_native(main) == native
    assert tensor_names.to_native(native) == native


@pytest.mark.parametrize(
    "name",
    [
        "model.layers.7.mlp.down_proj.lora_A.weight",
        "layers.7.mlp.down_proj.lora_A.weight",
        "base_model.model.model.layers.7.mlp.down_proj.lora_A.weight",
        "base_model.model.layers.7.mlp.down_proj.lora_A.weight",
        "base_model.model.model.layers.7.mlp.down_proj.lora_A.vision.weight",
    ],
)
def test_the_names_of_an_adapter(name: str) -> None:
    """Whatever stands before the layers, PEFT's own name comes of it: it would pass over any other."""
    assert tensor_names.to_peft(name) == "base_model.model.model.layers.7.mlp.down_proj.lora_A.weight"
    assert tensor_names.is_adapter(name)


def test_what_no_adapter_has() -> None:
    """Other names stay, so that they are seen to be unknown."""
    assert (
        tensor_names.to_peft("model.layers.0.mlp.down_proj.weight") == "model.layers.0.mlp.down_proj.weight"
    )
    assert not tensor_names.is_adapter("model.layers.0.mlp.down_proj.base_layer.weight")


MODULES = [
    "model.layers.0.self_attn.qkv_proj",
    "model.layers.0.self_attn.o_proj",
    "model.layers.0.mlp.gate_up_proj",
    "model.layers.0.mlp.down_proj",
    f"{AUDIO}.encoder.encoders.0.feed_forward_in.down_proj",
    f"{IMAGE}.img_processor.encoder.layers.0.self_attn.q_proj",
    "model.layers.0.input_layernorm",
]


@pytest.mark.parametrize(
    "wanted",
    [
        r"layers.*((self_attn\.(qkv_proj|o_proj))|(mlp\.(gate_up|down)_proj))",
        r"((layers.*self_attn\.(qkv|o)_proj)|(layers.*mlp\.(gate_up|down)_proj))",
        r"model.layers.\d+.((self_attn.(qkv|o)_proj)|(mlp.(gate_up|down)_proj))",
        ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"],
    ],
)
def test_what_an_adapter_adapts(wanted: str | list[str]) -> None:
    """The decoder's four projections, whether a pattern begins at the model or the layers; no tower's."""
    assert tensor_names.targets(wanted, MODULES) == MODULES[:4]
