"""A tiny Phi-4-multimodal with random weights, in both formats that there are; needs torch.

.venv-model/bin/python tests/support/tiny_phi4.py FOLDER [--main]
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

END, OF_TEXT = "<|end|>", "<|endoftext|>"
IMAGE, AUDIO = "<|endoftext10|>", "<|endoftext11|>"
SPECIAL = [OF_TEXT, IMAGE, AUDIO, "<|assistant|>", END, "<|user|>", "<|system|>"]
PLAIN = ["<|tool|>", "<|/tool|>", "<|tool_call|>", "<|/tool_call|>", "<|tool_response|>"]
"""Control tokens that are no special ones, as on the Hub."""
EDGE, POSITIONS = 4096, 131072
RANKS = {"vision": 4, "speech": 8}
_LINES = [
    "What is in this picture? A cat sits on a mat.",
    "The recording says hello, world.",
    '[{"name": "get_weather", "arguments": {"city": "Paris"}}]',
    "You are a helpful assistant. Answer briefly.",
]
_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
_PROJECTIONS = r"(self_attn\.(?:qkv|o)_proj|mlp\.(?:gate_up|down)_proj)"
_LORA = r"model.layers.\d+.((self_attn.(qkv|o)_proj)|(mlp.(gate_up|down)_proj))"
_LORA_ON_MAIN = {
    "vision": r"layers.*((self_attn\.(qkv_proj|o_proj))|(mlp\.(gate_up|down)_proj))",
    "speech": r"((layers.*self_attn\.(qkv|o)_proj)|(layers.*mlp\.(gate_up|down)_proj))",
}
_TO_MAIN = {
    r"(feed_forward_(?:in|out))\.gate_up_proj": r"\1.net.0.linear",
    r"(feed_forward_(?:in|out))\.down_proj": r"\1.net.2",
    r"(encoders\.\d+\.self_attn)\.([qkv])_proj": r"\1.linear_\2",
    r"(encoders\.\d+\.self_attn)\.o_proj": r"\1.linear_out",
    "img_projection_up": "img_projection.0",
    "img_projection_down": "img_projection.2",
    "global_img_feature_extensor": "glb_GN",
    "sub_img_feature_extensor": "sub_GN",
    "up_proj_for_speech": "audio_projection.speech.0",
    "down_proj_for_speech": "audio_projection.speech.2",
    "up_proj_for_vision_speech": "audio_projection.vision.0",
    "down_proj_for_vision_speech": "audio_projection.vision.2",
    rf"(model\.layers\.\d+\.{_PROJECTIONS})\.weight": r"\1.base_layer.weight",
}


def make(folder: Path) -> Path:
    """Writes the model as the native conversion has it, and returns the folder."""
    import torch  # noqa: PLC0415  not everywhere
    import transformers  # noqa: PLC0415  see above

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer()
    ids = tokenizer.get_vocab()
    torch.manual_seed(0)
    model = transformers.Phi4MultimodalForCausalLM(_config(ids)).eval()
    ends = [ids[OF_TEXT], ids[END]]
    model.generation_config = transformers.GenerationConfig(
        bos_token_id=ends[0], pad_token_id=ends[0], eos_token_id=ends
    )
    model.save_pretrained(folder)
    _save_tokenizer(tokenizer, folder)
    _write(folder / "processor_config.json", _PROCESSOR)
    for name, rank in RANKS.items():
        _save_adapter(folder / f"{name}-lora", name, _adapter(model, rank), prefix="", target=_LORA)
    return folder


def make_main(folder: Path) -> Path:
    """Writes the same model in the format of the Hub's main branch, in two files, and returns the folder."""
    from safetensors.torch import load_file, save_file  # noqa: PLC0415  not everywhere

    make(folder)
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    (folder / "processor_config.json").unlink()
    renamed = {_to_main(name): tensor for name, tensor in tensors.items()}
    for name in RANKS:
        lora = load_file(folder / f"{name}-lora" / "adapter_model.safetensors")
        renamed |= {re.sub(r"(lora_[AB])", rf"\1.{name}", key): tensor for key, tensor in lora.items()}
        prefix = "base_model.model."
        _save_adapter(folder / f"{name}-lora", name, lora, prefix=prefix, target=_LORA_ON_MAIN[name])
    weight_map: dict[str, str] = {}
    for number in (1, 2):
        part = dict(sorted(renamed.items())[number - 1 :: 2])
        file = f"model-{number:05}-of-00002.safetensors"
        save_file(part, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    size = sum(tensor.numel() * tensor.element_size() for tensor in renamed.values())
    _write(
        folder / "model.safetensors.index.json",
        {"metadata": {"total_size": size}, "weight_map": dict(sorted(weight_map.items()))},
    )
    _write(folder / "config.json", config_on_main(json.loads((folder / "config.json").read_text())))
    _write(folder / "preprocessor_config.json", _PREPROCESSOR_ON_MAIN)
    return folder


def config_on_main(native: Mapping[str, Any]) -> dict[str, Any]:
    """The config as it stands on main, which describes remote code: no vision tower, no ids of tokens."""
    audio, rope = native["audio_config"], native["rope_parameters"]
    kept = (
        "attention_dropout embd_pdrop hidden_act hidden_size initializer_range intermediate_size "
        "max_position_embeddings num_attention_heads num_hidden_layers num_key_value_heads bos_token_id "
        "original_max_position_embeddings pad_token_id resid_pdrop rms_norm_eps use_cache vocab_size "
        "tie_word_embeddings"
    )
    return {
        **{name: native[name] for name in kept.split()},
        "_name_or_path": "Phi-4-multimodal-instruct",
        "architectures": ["Phi4MMForCausalLM"],
        "attention_bias": False,
        "audio_processor": {"config": _encoder_on_main(audio), "name": "cascades"},
        "auto_map": {
            "AutoConfig": "configuration_phi4mm.Phi4MMConfig",
            "AutoModelForCausalLM": "modeling_phi4mm.Phi4MMForCausalLM",
            "AutoTokenizer": "Xenova/gpt-4o",
        },
        "embd_layer": {
            "audio_embd_layer": {
                "compression_rate": 8,
                "downsample_rate": 1,
                "embedding_cls": "audio",
                "enable_gradient_checkpointing": True,
                "projection_cls": "mlp",
                "use_conv_downsample": False,
                "use_qformer": False,
            },
            "embedding_cls": "image_audio",
            "image_embd_layer": {
                "crop_size": 448,
                "embedding_cls": "tune_image",
                "enable_gradient_checkpointing": True,
                "hd_transform_order": "sub_glb",
                "image_token_compression_cls": "avg_pool_2d",
                "projection_cls": "mlp",
                "use_hd_transform": True,
                "with_learnable_separator": True,
            },
        },
        "eos_token_id": native["eos_token_id"][0],
        "full_attn_mod": 1,
        "interpolate_factor": 1,
        "lm_head_bias": False,
        "mlp_bias": False,
        "model_type": "phi4mm",
        "partial_rotary_factor": rope["partial_rotary_factor"],
        "rope_scaling": {
            "long_factor": rope["long_factor"],
            "short_factor": [int(factor) for factor in rope["short_factor"]],
            "type": "longrope",
        },
        "rope_theta": rope["rope_theta"],
        "sliding_window": 262144,
        "torch_dtype": "float32",
        "transformers_version": "4.46.1",
        "speech_lora": {"dp": 0.01, "layer": _LORA_ON_MAIN["speech"], "lora_alpha": 16, "r": RANKS["speech"]},
        "vision_lora": {"dp": 0.0, "layer": _LORA_ON_MAIN["vision"], "lora_alpha": 8, "r": RANKS["vision"]},
    }


def _encoder_on_main(audio: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "activation": audio["activation"],
        "activation_checkpointing": {"interval": 1, "module": "transformer", "offload": False},
        "attention_dim": audio["hidden_size"],
        "attention_heads": audio["num_attention_heads"],
        "batch_norm": False,
        "bias_in_glu": True,
        "causal": True,
        "chunk_size": -1,
        "cnn_layer_norm": True,
        "conv_activation": "swish",
        "conv_glu_type": "swish",
        "depthwise_multiplier": 1,
        "depthwise_seperable_out_channel": audio["depthwise_separable_out_channel"],
        "dropout_rate": 0.0,
        "encoder_embedding_config": {"input_size": 80},
        "ext_pw_kernel_size": 1,
        "ext_pw_out_channel": audio["ext_pw_out_channel"],
        "input_layer": "nemo_conv",
        "input_size": 80,
        "kernel_size": 3,
        "left_chunk": 18,
        "linear_units": audio["intermediate_size"],
        "nemo_conv_settings": {"conv_channels": audio["nemo_conv_channels"]},
        "num_blocks": audio["num_blocks"],
        "relative_attention_bias_args": {"t5_bias_max_distance": audio["bias_max_distance"], "type": "t5"},
        "time_reduction": 8,
    }


def _to_main(name: str) -> str:
    for pattern, replacement in _TO_MAIN.items():
        name = re.sub(pattern, replacement, name)
    return name


def _config(ids: Mapping[str, int]) -> Any:
    import transformers  # noqa: PLC0415  not everywhere

    vision = transformers.Phi4MultimodalVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=16,
        image_token_id=ids[IMAGE],
    )
    audio = transformers.Phi4MultimodalAudioConfig(
        hidden_size=32,
        intermediate_size=48,
        num_blocks=2,
        num_attention_heads=4,
        ext_pw_out_channel=32,
        depthwise_separable_out_channel=32,
        nemo_conv_channels=32,
        bias_max_distance=500,
        audio_token_id=ids[AUDIO],
    )
    return transformers.Phi4MultimodalConfig(
        vocab_size=len(ids),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=POSITIONS,
        original_max_position_embeddings=EDGE,
        tie_word_embeddings=True,
        initializer_range=0.3,  # so that greedy answers are no one token again and again
        rope_parameters={
            "rope_type": "longrope",
            "rope_theta": 10000.0,
            "partial_rotary_factor": 0.75,
            "short_factor": [1.0] * 6,
            "long_factor": [2.0] * 6,
            "original_max_position_embeddings": EDGE,
        },
        bos_token_id=ids[OF_TEXT],
        pad_token_id=ids[OF_TEXT],
        eos_token_id=[ids[OF_TEXT], ids[END]],
        vision_config=vision.to_dict(),
        audio_config=audio.to_dict(),
    )


def _adapter(model: Any, rank: int) -> dict[str, Any]:
    """Random tensors of an adapter, as the native conversion names them."""
    import torch  # noqa: PLC0415  not everywhere

    torch.manual_seed(rank)
    tensors = {}
    for name, weight in model.named_parameters():
        if re.fullmatch(rf"model\.layers\.\d+\.{_PROJECTIONS}\.weight", name):
            height, width = weight.shape
            tensors[name.replace("weight", "lora_A.weight")] = torch.randn(rank, width) / width**0.5
            tensors[name.replace("weight", "lora_B.weight")] = torch.randn(height, rank) / rank**0.5
    return tensors


def _save_adapter(folder: Path, name: str, tensors: Mapping[str, Any], *, prefix: str, target: str) -> None:
    from safetensors.torch import save_file  # noqa: PLC0415  not everywhere

    folder.mkdir(exist_ok=True)
    named = {f"{prefix}{key}": tensor for key, tensor in tensors.items()}
    save_file(named, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {
        "base_model_name_or_path": "TBA",
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "lora_alpha": 2 * RANKS[name],
        "lora_dropout": 0.01,
        "peft_type": "LORA",
        "r": RANKS[name],
        "target_modules": target,
        "task_type": "CAUSAL_LM",
    }
    _write(folder / "adapter_config.json", config)


def _tokenizer() -> Any:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: PLC0415

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(_LINES, trainer)
    raw.add_tokens([AddedToken(token, special=False, normalized=False) for token in PLAIN])
    return raw


def _save_tokenizer(tokenizer: Any, folder: Path) -> None:
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "add_prefix_space": False,
        "bos_token": OF_TEXT,
        "chat_template": _TEMPLATE,
        "eos_token": OF_TEXT,
        "model_max_length": POSITIONS,
        "pad_token": OF_TEXT,
        "tokenizer_class": "GPT2TokenizerFast",
        "unk_token": OF_TEXT,
    }
    _write(folder / "tokenizer_config.json", config)


def _write(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


_PROCESSOR = {
    "audio_processor": {
        "audio_compression_rate": 8,
        "audio_downsample_rate": 1,
        "audio_feat_stride": 1,
        "feature_extractor_type": "Phi4MultimodalFeatureExtractor",
        "feature_size": 80,
        "hop_length": 160,
        "n_fft": 512,
        "padding_side": "right",
        "padding_value": 0.0,
        "preemphasis": 0.97,
        "return_attention_mask": True,
        "sampling_rate": 16000,
        "win_length": 400,
    },
    "image_processor": {
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "dynamic_hd": 36,
        "image_mean": [0.5, 0.5, 0.5],
        "image_processor_type": "Phi4MultimodalImageProcessorFast",
        "image_std": [0.5, 0.5, 0.5],
        "patch_size": 14,
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"height": 448, "width": 448},
    },
    "processor_class": "Phi4MultimodalProcessor",
}
_PREPROCESSOR_ON_MAIN = {
    "auto_map": {
        "AutoFeatureExtractor": "processing_phi4mm.Phi4MMAudioFeatureExtractor",
        "AutoImageProcessor": "processing_phi4mm.Phi4MMImageProcessor",
        "AutoProcessor": "processing_phi4mm.Phi4MMProcessor",
    },
    "feature_extractor_type": "Phi4MMAudioFeatureExtractor",
    "image_processor_type": "Phi4MMImageProcessor",
    "processor_class": "Phi4MMProcessor",
    "audio_compression_rate": 8,
    "audio_downsample_rate": 1,
    "audio_feat_stride": 1,
    "dynamic_hd": 36,
}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    (make_main if "--main" in sys.argv else make)(Path(sys.argv[1]))
