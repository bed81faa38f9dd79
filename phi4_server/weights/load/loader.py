"""Loads weights: what was planned in, `Weights` out. No code from the Hub runs; nothing is left random."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from phi4_server.model import ModelFailed, Progress
from phi4_server.weights.generation import template
from phi4_server.weights.generation.loaded import ImageForm, Weights
from phi4_server.weights.load import (
    bounds,
    checkpoint,
    download,
    long_context,
    machine,
    memory,
    native_config,
    plan,
    quiet,
    tensor_names,
)
from phi4_server.weights.load.bounds import Bounds
from phi4_server.weights.load.checkpoint import ADAPTERS, Checkpoint
from phi4_server.weights.load.machine import Machine
from phi4_server.weights.load.plan import Plan
from phi4_server.weights.load.settings import WeightsSettings

Report = Callable[[Progress], None]

_ENDS = ("<|endoftext|>", "<|end|>")
_IMAGE, _AUDIO = "<|endoftext10|>", "<|endoftext11|>"
_NOT_OURS = ("_attn_implementation", "attn_implementation", "_attn_implementation_internal")
"""What a config may say of the machine that it was written on."""
_KEPT_WHOLE = ["model.embed_tokens_extend", "lm_head"]
"""What is not put into 4 bits: the towers of images and audio, and the tied embeddings."""
_UNKNOWN = "{} cannot be loaded: {}: {}"
_AUDIO_OPTIONS = ("audio_compression_rate", "audio_downsample_rate", "audio_feat_stride")


def load(settings: WeightsSettings, report: Report) -> Weights:
    """Plans and loads.

    Raises:
        ModelFailed: The weights will not answer; the text says why, and what to do.
    """
    return load_planned(plan.make(settings), report)


def load_planned(planned: Plan, report: Report) -> Weights:
    """Fetches what is missing, and loads.

    Args:
        planned: Where the weights are, and where they are to be.
        report: Called again and again with how far it is.

    Raises:
        ModelFailed: The weights will not answer; the text says why, and what to do.
    """
    if planned.listing is not None:
        folder = download.fetch(planned.listing, planned.fetched, report)
        planned = plan.of_fetched(planned, folder)
    found = planned.checkpoint
    if found is None:
        raise ModelFailed(f"{planned.settings.model} was not fetched")
    with _in_plain_words(planned, found):
        return _load(planned, found, report)


def _load(planned: Plan, found: Checkpoint, report: Report) -> Weights:
    settings, where = planned.settings, planned.machine
    text = f"Loading {planned.name} into {_PLACES[where.device]}"
    report(Progress(text, 0))
    tokenizer = _tokenizer(found)
    config = _config(found, tokenizer)
    _compare(config, found)
    ends, images, audio = _ends(tokenizer, config, found), _images(found, config, settings), _audio(found)
    _check_index(found)
    with quiet.loading(report, text):
        model = _base(found, config, where, is_quantized=settings.quantize is not None)
    long_context.mend(model)
    model = _with_adapters(model, found, where)
    _settle(model, where)
    return Weights(
        model=model,
        tokenizer=tokenizer,
        image_token=config.vision_config.image_token_id,
        audio_token=config.audio_config.audio_token_id,
        ends=ends,
        pad=config.pad_token_id,
        images=images,
        audio=audio,
        context=_context(planned, found),
        edge=config.original_max_position_embeddings,
        device=where.device,
        name=planned.name,
    )


_PLACES = {"cpu": "memory", "cuda": "the GPU", "mps": "the GPU"}


def _tokenizer(found: Checkpoint) -> Any:
    from tokenizers import Tokenizer  # noqa: PLC0415  may be missing

    file = found.folder / "tokenizer.json"
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as problem:  # noqa: BLE001  it raises nothing more special
        raise ModelFailed(f"{file} is broken: {problem}") from None
    if missing := [token for token in template.CONTROLS if tokenizer.token_to_id(token) is None]:
        raise ModelFailed(f"{file} is not that of Phi-4-multimodal: it has no token {missing[0]}")
    return tokenizer


def _config(found: Checkpoint, tokenizer: Any) -> Any:
    from huggingface_hub.errors import StrictDataclassError  # noqa: PLC0415  may be missing
    from transformers import Phi4MultimodalConfig  # noqa: PLC0415  takes seconds, and may be missing

    config, file = found.config, found.folder / checkpoint.CONFIG
    try:
        if config["model_type"] == native_config.MAIN:
            image, audio, *ends = (_token(tokenizer, name) for name in (_IMAGE, _AUDIO, *_ENDS))
            shapes = {name: tensor.shape for name, tensor in found.tensors.items()}
            config = native_config.to_native(config, shapes, image=image, audio=audio, ends=ends)
        native = Phi4MultimodalConfig(**{key: config[key] for key in config if key not in _NOT_OURS})
    except (ValueError, TypeError, KeyError, StrictDataclassError) as problem:
        raise ModelFailed(f"{file}: {problem}") from None
    bounds.check(str(file), native.to_dict(), bounds.NATIVE)
    for key, id_ in (
        ("pad_token_id", native.pad_token_id),
        ("vision_config.image_token_id", native.vision_config.image_token_id),
        ("audio_config.audio_token_id", native.audio_config.audio_token_id),
    ):
        if id_ >= native.vocab_size:
            raise ModelFailed(f"{file}: {key} is {id_}, and vocab_size {native.vocab_size}")
    if native.vision_config.crop_size % (2 * native.vision_config.patch_size):
        raise ModelFailed(f"{file}: vision_config.crop_size must be a multiple of two patches")
    return native


def _token(tokenizer: Any, name: str) -> int:
    found = tokenizer.token_to_id(name)
    if found is None:
        raise ValueError(f"the tokenizer has no {name}")
    return int(found)


def _compare(config: Any, found: Checkpoint) -> None:
    """Refuses a checkpoint that lacks a tensor, which would be random otherwise, or has others."""
    import torch  # noqa: PLC0415  takes seconds, and may be missing
    from transformers import Phi4MultimodalForCausalLM  # noqa: PLC0415  see above

    try:
        with torch.device("meta"):
            built = Phi4MultimodalForCausalLM(config)
    except Exception as problem:
        text = f"{type(problem).__name__}: {problem}"
        raise ModelFailed(f"{found.folder / checkpoint.CONFIG} describes no model: {text}") from problem
    wanted = {name: tuple(tensor.shape) for name, tensor in built.state_dict().items()}
    if config.tie_word_embeddings:
        wanted.pop("lm_head.weight", None)
    _refuse(found, "lacks", wanted.keys() - found.tensors.keys())
    _refuse(found, "has what the model has not:", found.tensors.keys() - wanted.keys() - {"lm_head.weight"})
    other = [name for name, shape in wanted.items() if found.tensors[name].shape != shape]
    _refuse(found, "has tensors of another shape than its config:", other)


def _refuse(found: Checkpoint, problem: str, names: Collection[str]) -> None:
    if names:
        raise ModelFailed(f"{found.folder} {problem} {checkpoint.listed(names)}")


def _base(found: Checkpoint, config: Any, where: Machine, *, is_quantized: bool) -> Any:
    import torch  # noqa: PLC0415  takes seconds, and may be missing
    from transformers import BitsAndBytesConfig, Phi4MultimodalForCausalLM  # noqa: PLC0415  see above

    dtype = getattr(torch, where.dtype)
    options: dict[str, Any] = {}
    if not where.is_shared:
        options["device_map"] = {"": where.device}
    if is_quantized:
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_compute_dtype=dtype, llm_int8_skip_modules=_KEPT_WHOLE
        )
    model, info = Phi4MultimodalForCausalLM.from_pretrained(
        found.folder,
        config=config,
        dtype=dtype,
        key_mapping=dict(tensor_names.MAIN_TO_NATIVE),
        output_loading_info=True,
        local_files_only=True,
        **options,
    )
    _refuse(found, "lacks", info["missing_keys"])
    return model


def _with_adapters(model: Any, found: Checkpoint, where: Machine) -> Any:
    import peft  # noqa: PLC0415  takes seconds, and may be missing
    import torch  # noqa: PLC0415  see above
    from safetensors.torch import load_file  # noqa: PLC0415  see above

    dtype, device = getattr(torch, where.dtype), "cpu" if where.is_shared else where.device
    plain = {"low_cpu_mem_usage": True, "autocast_adapter_dtype": False}
    wrapped: Any = None
    for name in ADAPTERS:
        plan_of = found.adapters[name]
        config = peft.LoraConfig(
            r=plan_of.rank,
            lora_alpha=plan_of.alpha,
            target_modules=list(plan_of.targets),
            task_type="CAUSAL_LM",
            inference_mode=True,
        )
        if wrapped is None:
            wrapped = peft.PeftModelForCausalLM(model, config, adapter_name=name, **plain)
        else:
            wrapped.add_adapter(name, config, **plain)
        tensors = {
            tensor_names.to_peft(key): value.to(dtype)
            for key, value in load_file(plan_of.file, device=device).items()
        }
        peft.set_peft_model_state_dict(wrapped, tensors, adapter_name=name, low_cpu_mem_usage=True)
    return wrapped


def _settle(model: Any, where: Machine) -> None:
    """Refuses what is still nowhere, and puts the rest where it is to be."""
    if empty := [name for name, value in model.state_dict().items() if value.is_meta]:
        raise ModelFailed(f"These were not loaded: {checkpoint.listed(empty)}")
    model.eval()
    model.requires_grad_(requires_grad=False)
    if where.is_shared:
        model.to(where.device)


def _context(planned: Plan, found: Checkpoint) -> int:
    """How long a context may be, by what is free now that the weights are in."""
    where, settings = planned.machine, planned.settings
    free = None if where.is_shared else machine.free_memory(where.device)
    needed = plan.need_of(found, where.dtype)
    loaded = memory.Need(weights=0, in_4_bits=0, token=needed.token, most=needed.most)
    return memory.context(
        free,
        loaded,
        wanted=settings.max_context,
        quantize=True,  # to advise it would come too late
        device=where.device,
    )


def _ends(tokenizer: Any, config: Any, whole: Checkpoint) -> tuple[int, ...]:
    generation = _optional(whole, checkpoint.GENERATION)
    bounds.check(str(whole.folder / checkpoint.GENERATION), generation, bounds.GENERATION)
    found = [tokenizer.token_to_id(token) for token in _ENDS]
    for more in (config.eos_token_id, generation.get("eos_token_id")):
        found += more if isinstance(more, list) else [more]
    return tuple(dict.fromkeys(end for end in found if end is not None))


def _check_index(found: Checkpoint) -> None:
    """Refuses an index that transformers does not read."""
    is_read = found.files != (checkpoint.SINGLE,)
    if is_read and not isinstance(_optional(found, checkpoint.INDEX).get("metadata"), dict):
        raise ModelFailed(f'{found.folder / checkpoint.INDEX} lacks "metadata", which transformers reads')


def _images(found: Checkpoint, config: Any, settings: WeightsSettings) -> ImageForm:
    form = _processor(found, "image_processor", bounds.IMAGES)
    usual = ImageForm()
    return ImageForm(
        crop=config.vision_config.crop_size,
        patch=config.vision_config.patch_size,
        most_crops=form.get("dynamic_hd", usual.most_crops),
        mean=tuple(form.get("image_mean", usual.mean)),
        std=tuple(form.get("image_std", usual.std)),
        scale=form.get("rescale_factor", usual.scale),
        most_side=settings.max_image_side,
    )


def _audio(found: Checkpoint) -> Any:
    from transformers import Phi4MultimodalFeatureExtractor  # noqa: PLC0415  takes seconds, and may be missing

    form = _processor(found, "audio_processor", bounds.AUDIO)
    return Phi4MultimodalFeatureExtractor(**{name: form[name] for name in _AUDIO_OPTIONS if name in form})


def _processor(found: Checkpoint, part: str, those: Bounds) -> dict[str, Any]:
    """How images or audio are prepared; older checkpoints have one file for both."""
    older, newer = (_optional(found, name) for name in checkpoint.PROCESSORS)
    of_part = newer.get(part) or {}
    for name, values in zip(checkpoint.PROCESSORS, (older, of_part), strict=True):
        if not isinstance(values, dict):
            raise ModelFailed(f"{found.folder / name}: {part} must be an object")
        bounds.check(str(found.folder / name), values, those)
    return {**older, **of_part}


def _optional(found: Checkpoint, name: str) -> dict[str, Any]:
    return checkpoint.read_json(found.folder, name) if (found.folder / name).is_file() else {}


@contextmanager
def _in_plain_words(planned: Plan, found: Checkpoint) -> Iterator[None]:
    """Says in a sentence what libraries raise where memory ends, or a file is not what it seems."""
    import torch  # noqa: PLC0415  takes seconds, and may be missing
    from safetensors import SafetensorError  # noqa: PLC0415  see above

    try:
        yield
    except ModelFailed:
        raise
    except (torch.OutOfMemoryError, MemoryError):
        raise ModelFailed(_out_of_memory(planned)) from None
    except SafetensorError as problem:
        raise ModelFailed(f"A file in {found.folder} is broken: {problem}") from None
    except RuntimeError as problem:
        if "can't allocate memory" in str(problem) or "out of memory" in str(problem):
            raise ModelFailed(_out_of_memory(planned)) from None
        raise ModelFailed(_UNKNOWN.format(found.folder, "RuntimeError", problem)) from problem
    except Exception as problem:
        raise ModelFailed(_UNKNOWN.format(found.folder, type(problem).__name__, problem)) from problem


def _out_of_memory(planned: Plan) -> str:
    advice = "" if planned.settings.quantize else "; --quantize 4bit needs a little more than half of it"
    return f"There is not enough memory for the weights in {_PLACES[planned.machine.device]}{advice}"
