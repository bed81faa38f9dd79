"""The real model's shape, on torch's device without memory: what can be known of it without its weights."""

from __future__ import annotations

import pytest
import tiny_phi4
import torch
import transformers

from phi4_server.weights.load import memory, native_config, tensor_names

REAL = {"image": 200010, "audio": 200011, "ends": (199999, 200020)}


@pytest.fixture(scope="module")
def shapes() -> dict[str, tuple[int, ...]]:
    """Every tensor of the real model, with its shape, from the config of main as it is translated here."""
    factors = {"short_factor": [1.0] * 48, "long_factor": [1.5] * 48}
    rope = {"rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.75, **factors}
    audio = transformers.Phi4MultimodalAudioConfig(bias_max_distance=500)
    plain = transformers.Phi4MultimodalConfig(
        num_attention_heads=24,
        tie_word_embeddings=True,
        rope_parameters={**rope, "original_max_position_embeddings": 4096},
        audio_config=audio.to_dict(),
    )
    tower = "model.embed_tokens_extend.image_embed.img_processor"
    known: dict[str, tuple[int, ...]] = {
        f"{tower}.embeddings.patch_embedding.weight": (1152, 3, 14, 14),
        f"{tower}.embeddings.position_embedding.weight": (1024, 1152),
        **{f"{tower}.encoder.layers.{layer}.mlp.fc1.weight": (4304, 1152) for layer in range(27)},
    }
    main = tiny_phi4.config_on_main(plain.to_dict())
    config = transformers.Phi4MultimodalConfig(**native_config.to_native(main, known, **REAL))  # type: ignore[arg-type]
    with torch.device("meta"):
        state = transformers.Phi4MultimodalForCausalLM(config).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items() if name != "lm_head.weight"}


def numbers(shapes: dict[str, tuple[int, ...]]) -> int:
    """How many numbers they hold."""
    return sum(torch.Size(shape).numel() for shape in shapes.values())


def test_as_many_numbers_as_the_real_one(shapes: dict[str, tuple[int, ...]]) -> None:
    """4.74 billion, and 0.37 and 0.46 in its adapters: the 5.6 that its card names."""
    targets = tensor_names.targets(
        r"((layers.*self_attn\.(qkv|o)_proj)|(layers.*mlp\.(gate_up|down)_proj))",
        [name.removesuffix(".weight") for name in shapes],
    )
    adapter = sum(sum(shapes[f"{name}.weight"]) for name in targets)

    assert numbers(shapes) / 1e9 == pytest.approx(4.744, abs=0.001)
    assert len(targets) == 32 * 4
    assert [round(adapter * rank / 1e9, 3) for rank in (256, 320)] == [0.369, 0.461]


def test_as_much_memory_as_was_computed(shapes: dict[str, tuple[int, ...]]) -> None:
    """What is kept in 4 bits is the decoder's four projections and nothing else."""
    decoder = {
        name: shape for name, shape in shapes.items() if name.startswith("model.layers.") and len(shape) > 1
    }
    config = {
        "hidden_size": 3072,
        "intermediate_size": 8192,
        "max_position_embeddings": 131072,
        "num_attention_heads": 24,
        "num_hidden_layers": 32,
        "num_key_value_heads": 8,
    }
    need = memory.need(config, stored=2 * numbers(shapes), stored_width=2, width=2)

    assert need.weights - need.in_4_bits == pytest.approx(numbers(decoder) * (2 - 9 / 16), abs=2)


def test_main_has_another_name_for_each(shapes: dict[str, tuple[int, ...]]) -> None:
    """There and back, every name of the real model is what it was."""
    for name in shapes:
        assert tensor_names.to_native(tiny_phi4._to_main(name)) == name
