"""Loads weights: folder in, `Weights` out. Nothing is fetched here, and no code from the Hub is run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from phi4_server.model import ModelFailed, Progress
from phi4_server.weights import long_context, native_config, tensor_names
from phi4_server.weights.loaded import ImageForm, Weights
from phi4_server.weights.settings import WeightsSettings

ADAPTERS = ("vision", "speech")
_ENDS = ("<|endoftext|>", "<|end|>")
_SHOWN = 5
_IMAGE, _AUDIO = "<|endoftext10|>", "<|endoftext11|>"


def load(settings: WeightsSettings, report: Callable[[Progress], None]) -> Weights:
    """Loads the model from its folder.

    Raises:
        ModelFailed: It cannot be loaded; the text says why, and what to do.
    """
    import torch  # noqa: PLC0415  takes seconds, and may be missing
    from tokenizers import Tokenizer  # noqa: PLC0415  see above

    folder = Path(settings.model)
    report(Progress("Loading"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    config = _config(folder, tokenizer)
    dtype = torch.float32 if settings.dtype == "auto" else getattr(torch, settings.dtype)
    model = _base(folder, config, dtype)
    long_context.mend(model)
    model = _with_adapters(model, folder).eval()
    return Weights(
        model=model,
        tokenizer=tokenizer,
        image_token=config.vision_config.image_token_id,
        audio_token=config.audio_config.audio_token_id,
        ends=_ends(tokenizer, config, _read(folder / "generation_config.json", default={})),
        pad=config.pad_token_id,
        images=_images(folder, config, settings.max_image_side),
        audio=_audio(folder),
        context=settings.max_context or config.max_position_embeddings,
        edge=config.original_max_position_embeddings,
        device="cpu",
        name=folder.resolve().name,
    )


def _config(folder: Path, tokenizer: Any) -> Any:
    from transformers import Phi4MultimodalConfig  # noqa: PLC0415  takes seconds, and may be missing

    config = _read(folder / "config.json")
    if config["model_type"] == native_config.MAIN:
        image, audio = tokenizer.token_to_id(_IMAGE), tokenizer.token_to_id(_AUDIO)
        config = native_config.to_native(config, _shapes(folder), image=image, audio=audio)
    return Phi4MultimodalConfig(**config)


def _shapes(folder: Path) -> dict[str, list[int]]:
    from safetensors import safe_open  # noqa: PLC0415  may be missing

    shapes = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118  it is no dict
                shapes[tensor_names.to_native(name)] = tensors.get_slice(name).get_shape()
    return shapes


def _base(folder: Path, config: Any, dtype: Any) -> Any:
    from transformers import Phi4MultimodalForCausalLM  # noqa: PLC0415  takes seconds, and may be missing

    model, info = Phi4MultimodalForCausalLM.from_pretrained(
        folder,
        config=config,
        dtype=dtype,
        key_mapping=dict(tensor_names.MAIN_TO_NATIVE),
        output_loading_info=True,
    )
    unknown = [name for name in info["unexpected_keys"] if not tensor_names.is_adapter(name)]
    _refuse(info["missing_keys"], "lacks")
    _refuse(unknown, "has what this model has not:")
    return model


def _with_adapters(model: Any, folder: Path) -> Any:
    import peft  # noqa: PLC0415  takes seconds, and may be missing
    from safetensors.torch import load_file  # noqa: PLC0415  see above

    modules = [name for name, _ in model.named_modules()]
    wrapped = None
    for name in ADAPTERS:
        place = folder / f"{name}-lora"
        plan = _read(place / "adapter_config.json")
        targets = tensor_names.targets(plan["target_modules"], modules)
        config = peft.LoraConfig(
            r=plan["r"],
            lora_alpha=plan["lora_alpha"],
            target_modules=targets,
            task_type="CAUSAL_LM",
            inference_mode=True,
        )
        tensors = {
            tensor_names.to_peft(key): value.to(model.dtype)
            for key, value in load_file(place / "adapter_model.safetensors").items()
        }
        wanted = {f"base_model.model.{target}.lora_{part}.weight" for target in targets for part in "AB"}
        _refuse(wanted - tensors.keys(), f"lacks, of its {name} adapter,")
        _refuse(tensors.keys() - wanted, f"has, in its {name} adapter, what does not fit:")
        if wrapped is None:
            wrapped = peft.PeftModelForCausalLM(
                model, config, adapter_name=name, low_cpu_mem_usage=True, autocast_adapter_dtype=False
            )
        else:
            wrapped.add_adapter(name, config, low_cpu_mem_usage=True, autocast_adapter_dtype=False)
        peft.set_peft_model_state_dict(wrapped, tensors, adapter_name=name, low_cpu_mem_usage=True)
    return wrapped


def _refuse(names: Iterable[str], problem: str) -> None:
    if found := sorted(names):
        rest = len(found) - _SHOWN
        shown = ", ".join(found[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
        raise ModelFailed(f"The checkpoint {problem} {shown}")


def _ends(tokenizer: Any, config: Any, generation: Mapping[str, Any]) -> tuple[int, ...]:
    found = [tokenizer.token_to_id(token) for token in _ENDS]
    for more in (config.eos_token_id, generation.get("eos_token_id")):
        found += more if isinstance(more, list) else [more]
    return tuple(dict.fromkeys(end for end in found if end is not None))


def _images(folder: Path, config: Any, most_side: int | None) -> ImageForm:
    plan = _read(folder / "preprocessor_config.json", default={})
    plan |= _read(folder / "processor_config.json", default={}).get("image_processor", {})
    usual = ImageForm()
    return ImageForm(
        crop=config.vision_config.crop_size,
        patch=config.vision_config.patch_size,
        most_crops=plan.get("dynamic_hd", usual.most_crops),
        mean=tuple(plan.get("image_mean", usual.mean)),
        std=tuple(plan.get("image_std", usual.std)),
        scale=plan.get("rescale_factor", usual.scale),
        most_side=most_side,
    )


def _audio(folder: Path) -> Any:
    from transformers import Phi4MultimodalFeatureExtractor  # noqa: PLC0415  takes seconds, and may be missing

    plan = _read(folder / "preprocessor_config.json", default={})
    plan |= _read(folder / "processor_config.json", default={}).get("audio_processor", {})
    names = ("audio_compression_rate", "audio_downsample_rate", "audio_feat_stride")
    return Phi4MultimodalFeatureExtractor(**{name: plan[name] for name in names if name in plan})


def _read(file: Path, default: Any = None) -> Any:
    if default is not None and not file.exists():
        return default
    return json.loads(file.read_text(encoding="utf-8"))
