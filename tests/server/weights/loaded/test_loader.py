"""Loading a model from its folder: in both formats, whole, and by no code but that of transformers."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_phi4
import torch
from checkpoints import change_json
from safetensors.torch import load_file, save_file

from phi4_server.model import ModelFailed, Progress
from phi4_server.weights.generation.loaded import ImageForm, Weights
from phi4_server.weights.load import loader, machine, plan
from phi4_server.weights.load.machine import Machine
from phi4_server.weights.load.memory import GB
from phi4_server.weights.load.settings import WeightsSettings

ROWS = ("__base__", "vision", "speech")


def load(folder: Path, **options: Any) -> Weights:
    """The model, loaded on the processor."""
    return loader.load(WeightsSettings(model=str(folder), device="cpu", **options), lambda _: None)


@pytest.fixture(scope="module")
def native(native_folder: Path) -> Weights:
    """The tiny model, from the native format; not to be changed."""
    return load(native_folder)


@pytest.fixture(scope="module")
def main(main_folder: Path) -> Weights:
    """The same, from main's."""
    return load(main_folder)


@pytest.fixture
def folder(main_folder: Path, tmp_path: Path) -> Path:
    """A copy in main's format, to be spoiled."""
    return Path(shutil.copytree(main_folder, tmp_path / "main"))


def answer(weights: Weights, adapter: str) -> list[int]:
    """Eight tokens, the most likely ones."""
    ids = torch.tensor([[5, 200, 210, 4, 3]])
    new = {"do_sample": False, "min_new_tokens": 8, "max_new_tokens": 8, "pad_token_id": weights.pad}
    options = {"attention_mask": torch.ones_like(ids), "adapter_names": [adapter], **new}
    found: list[int] = weights.model.generate(input_ids=ids, **options)[0, 5:].tolist()
    return found


def test_both_formats_hold_the_same(native: Weights, main: Weights) -> None:
    """Every tensor of the model and of both adapters is the same, whichever format it came in."""
    one, other = native.model.state_dict(), main.model.state_dict()

    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []
    assert not any(tensor.is_meta for tensor in one.values())


def test_both_formats_answer_the_same(native: Weights, main: Weights) -> None:
    """With each adapter and with none; and each of the three answers in its own way."""
    answers = [answer(native, row) for row in ROWS]

    assert answers == [answer(main, row) for row in ROWS]
    assert len({tuple(row) for row in answers}) == 3


def test_every_tensor_is_that_of_the_file(native: Weights, native_folder: Path) -> None:
    """None is random, of the model and of the adapters, whose names in the file PEFT would pass over."""
    loaded = native.model.base_model.model.state_dict()
    for name, tensor in load_file(native_folder / "model.safetensors").items():
        parts = (name, name.replace(".weight", ".base_layer.weight"))
        assert any(torch.equal(loaded[part], tensor) for part in parts if part in loaded), name
    for adapter in ("vision", "speech"):
        for name, tensor in load_file(
            native_folder / f"{adapter}-lora" / "adapter_model.safetensors"
        ).items():
            assert torch.equal(loaded[name.replace(".weight", f".{adapter}.weight")], tensor), name


def test_the_config_of_main(native: Weights, main: Weights) -> None:
    """Translated, it is the native one: shapes, positions, towers and ids."""
    keep = {"_name_or_path", "architectures", "sliding_window", "transformers_version", "dtype"}
    one, other = (
        {key: value for key, value in weights.model.config.to_dict().items() if key not in keep}
        for weights in (native, main)
    )

    assert one == other


def test_positions_are_scaled(native: Weights, main: Weights) -> None:
    """Contexts 32 times as long as the edge scale attention as the remote code does."""
    wanted = math.sqrt(1 + math.log(131072 / 4096) / math.log(4096))

    for weights in (native, main):
        rotary = weights.model.base_model.model.model.rotary_emb
        assert rotary.attention_scaling == pytest.approx(wanted)


def test_what_is_needed_to_ask_it(main: Weights, main_folder: Path) -> None:
    """Ids come from the tokenizer, both ends of a text though main's config names one."""
    of = main.tokenizer.token_to_id

    assert main.ends == (of("<|endoftext|>"), of("<|end|>"))
    assert (main.image_token, main.audio_token) == (of("<|endoftext10|>"), of("<|endoftext11|>"))
    assert main.pad == of("<|endoftext|>")
    assert main.images == ImageForm()
    assert (main.context, main.edge) == (131072, 4096)
    assert (main.device, main.name) == ("cpu", main_folder.name)
    assert (main.audio.sampling_rate, main.audio.audio_compression_rate) == (16000, 8)


def test_the_form_of_images(native_folder: Path, tmp_path: Path) -> None:
    """It is read where the checkpoint has it, and the longest side is the user's choice."""
    copy = Path(shutil.copytree(native_folder, tmp_path / "copy"))
    form = {
        "dynamic_hd": 16,
        "image_mean": [0.1, 0.2, 0.3],
        "image_std": [0.4, 0.5, 0.6],
        "rescale_factor": 0.5,
    }
    change_json(copy / "processor_config.json", image_processor=form)

    assert load(copy, max_image_side=1024).images == ImageForm(
        most_crops=16, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6), scale=0.5, most_side=1024
    )


@pytest.mark.parametrize("format_of", ["native", "main"])
def test_4_bits(format_of: str, request: pytest.FixtureRequest) -> None:
    """The decoder is in 4 bits, its towers are not, and both adapters answer."""
    weights = load(request.getfixturevalue(f"{format_of}_folder"), quantize="4bit")
    small = {name for name, value in weights.model.named_parameters() if value.dtype == torch.uint8}

    assert len(small) == 2 * 4
    assert all(".model.layers." in name for name in small)
    assert len({tuple(answer(weights, row)) for row in ROWS}) == 3


def test_another_type_of_numbers(main_folder: Path) -> None:
    """It is that of all tensors, the adapters' too."""
    weights = load(main_folder, dtype="bfloat16")

    assert {value.dtype for value in weights.model.parameters()} == {torch.bfloat16}


def test_no_code_of_the_checkpoint_runs(folder: Path) -> None:
    """Main brings its own, and names it in its config."""
    for name in ("configuration_phi4mm.py", "modeling_phi4mm.py", "processing_phi4mm.py"):
        (folder / name).write_text("raise SystemExit('remote code was run')")

    assert load(folder).pad == 0


def change_tensors(folder: Path, **changes: torch.Tensor | None) -> None:
    """Takes tensors out of whatever file has them, or puts others in."""
    for file in folder.glob("model-*.safetensors"):
        tensors = load_file(file)
        for name, tensor in changes.items():
            if name in tensors or (tensor is not None and "00001" in file.name):
                tensors.pop(name, None)
                tensors |= {} if tensor is None else {name: tensor}
        save_file(tensors, file, metadata={"format": "pt"})


PROJECTION = "model.embed_tokens_extend.image_embed.img_projection.0.weight"
NORM = "model.norm.weight"


def test_a_tensor_that_is_missing(folder: Path) -> None:
    """It would be random, and nothing would tell: it is refused by its name, whichever file lacks it."""
    change_tensors(folder, **{PROJECTION: None, NORM: None})

    with pytest.raises(
        ModelFailed, match=r"main lacks model\..*image_embed\.img_projection_up\.weight, model\.norm\.weight$"
    ):
        load(folder)


def test_a_tensor_that_is_unknown(folder: Path) -> None:
    """It belongs to another model."""
    change_tensors(folder, **{"model.other.weight": torch.zeros(2)})

    with pytest.raises(ModelFailed, match=r"has what the model has not: model\.other\.weight"):
        load(folder)


def test_a_tensor_of_another_shape(folder: Path) -> None:
    """It is refused before gigabytes are read."""
    change_tensors(folder, **{NORM: torch.zeros(63)})

    with pytest.raises(
        ModelFailed, match=r"has tensors of another shape than its config: model\.norm\.weight"
    ):
        load(folder)


def test_an_adapter_that_lacks_a_tensor(folder: Path) -> None:
    """It is refused by its name, as the model's own are."""
    file = folder / "speech-lora" / "adapter_model.safetensors"
    tensors = load_file(file)
    del tensors["base_model.model.model.layers.1.mlp.down_proj.lora_A.weight"]
    save_file(tensors, file)

    with pytest.raises(
        ModelFailed, match=r"the speech adapter lacks .*layers\.1\.mlp\.down_proj\.lora_A\.weight"
    ):
        load(folder)


def test_a_tokenizer_that_is_broken(folder: Path) -> None:
    """It is named."""
    (folder / "tokenizer.json").write_text("{")

    with pytest.raises(ModelFailed, match=r"tokenizer\.json is broken"):
        load(folder)


def test_a_tokenizer_of_another_model(folder: Path) -> None:
    """Without the control tokens no image could be asked about."""
    text = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(text.replace("<|endoftext10|>", "<|other|>"))

    with pytest.raises(ModelFailed, match=r"config\.json: the tokenizer has no <\|endoftext10\|>"):
        load(folder)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"rope_scaling": None}, "is not that of Phi-4-multimodal: 'rope_scaling'"),
        ({"hidden_size": None}, "is not that of Phi-4-multimodal: KeyError"),
        ({"rope_scaling": {"short_factor": [1], "long_factor": [1], "type": "longrope"}}, "short_factor"),
    ],
)
def test_a_config_of_another_model(changes: dict[str, Any], problem: str, folder: Path) -> None:
    """It is refused, whatever it calls itself."""
    change_json(folder / "config.json", **changes)

    with pytest.raises(ModelFailed, match=problem):
        load(folder)


def _without_token(folder: Path) -> None:
    file = folder / "tokenizer.json"
    file.write_text(file.read_text(encoding="utf-8").replace("<|user|>", "<|nobody|>"), encoding="utf-8")


def _json(name: str, *keys: str, **changes: Any) -> Callable[[Path], None]:
    """Changes an object within a JSON file, where null stays null."""

    def change(folder: Path) -> None:
        whole = json.loads((folder / name).read_text())
        value = whole
        for key in keys:
            value = value[key]
        value.update(changes)
        (folder / name).write_text(json.dumps(whole))

    return change


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_json("config.json", pad_token_id=None), "config.json: pad_token_id must be a whole number"),
        (
            _json("config.json", pad_token_id=10**6),
            "config.json: pad_token_id is 1000000, and vocab_size 370",
        ),
        (_json("config.json", rms_norm_eps=math.nan), "config.json: rms_norm_eps must be"),
        (
            _json("config.json", original_max_position_embeddings=0),
            "original_max_position_embeddings must be",
        ),
        (_json("config.json", original_max_position_embeddings=None), "original_max_position_embeddings"),
        (_json("config.json", hidden_act="zzz"), "config.json describes no model: KeyError: 'zzz'"),
        (_json("config.json", "vision_config", crop_size=0), "vision_config.crop_size must be"),
        (_json("config.json", "vision_config", crop_size=449), "crop_size must be a multiple of two patches"),
        (_json("config.json", "vision_config", patch_size=0), "vision_config.patch_size must be"),
        (_json("generation_config.json", eos_token_id="x"), "generation_config.json: eos_token_id must be"),
        (lambda folder: (folder / "generation_config.json").write_text("[]"), "holds no JSON object"),
        (_json("processor_config.json", image_processor=5), "processor_config.json: image_processor must be"),
        (
            _json("processor_config.json", "image_processor", image_mean=[0.5, 0.5]),
            "processor_config.json: image_mean must be a list of 3",
        ),
        (
            _json("processor_config.json", "image_processor", dynamic_hd="36"),
            "dynamic_hd must be .*, not '36'",
        ),
        (
            _json("processor_config.json", "audio_processor", audio_compression_rate=0),
            "compression_rate must",
        ),
        (_without_token, r"tokenizer.json is not that of Phi-4-multimodal: it has no token <\|user\|>"),
    ],
)
def test_a_value_out_of_its_bounds(
    spoil: Callable[[Path], None], problem: str, native_folder: Path, tmp_path: Path
) -> None:
    """It is refused with its file and its key, and not met in an answer."""
    folder = Path(shutil.copytree(native_folder, tmp_path / "native"))
    spoil(folder)

    with pytest.raises(ModelFailed, match=problem):
        load(folder)


def test_how_another_machine_computed_attention(native_folder: Path, tmp_path: Path) -> None:
    """It is nothing that a checkpoint decides."""
    folder = Path(shutil.copytree(native_folder, tmp_path / "native"))
    change_json(folder / "config.json", _attn_implementation="flash_attention_2")

    assert load(folder).edge == tiny_phi4.EDGE


def test_an_index_that_transformers_does_not_read(folder: Path) -> None:
    """It says what is missing."""
    change_json(folder / "model.safetensors.index.json", metadata=None)

    with pytest.raises(ModelFailed, match=r'index\.json lacks "metadata"'):
        load(folder)


def test_whatever_a_library_raises(native_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a sentence with the folder in it."""
    planned = plan.make(WeightsSettings(model=str(native_folder), device="cpu"))
    for error in (KeyError("x"), RuntimeError("y")):
        monkeypatch.setattr(loader, "_base", functools.partial(_raise, error))
        with pytest.raises(ModelFailed, match=f"native cannot be loaded: {type(error).__name__}: "):
            loader.load_planned(planned, lambda _: None)


def test_a_file_that_is_cut_off(folder: Path) -> None:
    """It is seen before torch reads it."""
    file = folder / "model-00002-of-00002.safetensors"
    file.write_bytes(file.read_bytes()[:-10])

    with pytest.raises(
        ModelFailed, match=r"model-00002-of-00002\.safetensors is cut off: .* bytes are there"
    ):
        load(folder)


def test_too_little_memory(native_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for is compared with what is free before anything is loaded."""
    monkeypatch.setattr(machine, "free_memory", lambda _: GB // 4 + 4 * 10**6)

    with pytest.raises(ModelFailed, match=r"a context of 100,000 tokens needs .* What helps: --max-context"):
        load(native_folder, max_context=100_000)
    assert load(native_folder).context < 8000


def test_memory_that_ends_while_it_loads(native_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may take it meanwhile: that is a sentence too."""
    planned = plan.make(WeightsSettings(model=str(native_folder), device="cpu"))
    raise_it = functools.partial(
        _raise, torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB")
    )
    monkeypatch.setattr(loader, "_base", raise_it)

    with pytest.raises(ModelFailed, match="not enough memory for the weights in memory; --quantize 4bit"):
        loader.load_planned(planned, lambda _: None)

    allocator = RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 1")
    monkeypatch.setattr(loader, "_base", functools.partial(_raise, allocator))
    with pytest.raises(ModelFailed, match="not enough memory"):
        loader.load_planned(planned, lambda _: None)


def _raise(error: Exception, *_: Any, **__: Any) -> None:
    raise error


def test_how_far_it_is(native_folder: Path) -> None:
    """Loading is reported from its beginning to its end."""
    reports: list[Progress] = []

    loader.load(WeightsSettings(model=str(native_folder), device="cpu"), reports.append)

    assert {report.text for report in reports} == {f"Loading {native_folder.name} into memory"}
    parts = [report.fraction or 0 for report in reports]
    assert parts == sorted(parts)
    assert (parts[0], parts[-1]) == (0, 1)


def test_nothing_but_our_own_words(main_folder: Path) -> None:
    """No library's warning, bar or report reaches the terminal of whoever loads the weights."""
    program = (
        "import sys; from phi4_server.weights.load import loader;"
        "from phi4_server.weights.load.settings import *;"
        f"w = loader.load(WeightsSettings(model={str(main_folder)!r}, device='cpu'), lambda _: None);"
        "import torch; i = torch.ones((1, 3), dtype=torch.long);"
        "o = {'adapter_names': ['vision'], 'max_new_tokens': 2, 'do_sample': False};"
        "w.model.generate(input_ids=i, attention_mask=i, **o)"
    )
    ended = subprocess.run(  # noqa: S603  a program of ours
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=100
    )

    assert ended.stdout + ended.stderr == ""


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (
            "cuda",
            r"--device cuda: (this torch, .*, was built without CUDA|torch finds no GPU).*; --device cpu",
        ),
        ("mps", "--device mps: this is no Mac"),
    ],
)
def test_a_device_that_is_not_there(asked: Any, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said before anything is loaded, with what works."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(ModelFailed, match=problem):
        machine.find(WeightsSettings(model="./phi", device=asked), "bfloat16")


def test_a_driver_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a torch that has CUDA, the driver is the place to look."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "2.13.0+cu128")

    with pytest.raises(ModelFailed, match="torch finds no GPU with CUDA; nvidia-smi"):
        machine.find(WeightsSettings(model="./phi", device="cuda"), "bfloat16")


@pytest.mark.parametrize(
    ("has_bfloat16", "stored", "dtype"),
    [(True, "bfloat16", "bfloat16"), (False, "bfloat16", "float16"), (False, "float32", "float32")],
)
def test_a_gpu(*, has_bfloat16: bool, stored: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken where there is one; numbers stay as they are stored, unless it is too old for that."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: has_bfloat16)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (12 * GB, 16 * GB))
    settings = WeightsSettings(model="./phi")

    assert machine.find(settings, stored) == Machine(device="cuda", dtype=dtype, free=12 * GB)

    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert machine.find(settings, stored) == Machine(device="cuda", dtype=dtype, free=None, is_shared=True)


def test_4_bits_without_their_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named with the extra that brings it."""
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)

    with pytest.raises(
        ModelFailed, match=r"--quantize 4bit needs bitsandbytes: pip install .*\[model-4bit\]"
    ):
        machine.find(WeightsSettings(model="./phi", device="cpu", quantize="4bit"), "bfloat16")


def test_the_tiny_model_on_main(main_folder: Path) -> None:
    """The stand-in is what main is: its own config, no processor's, the adapters' tensors twice."""
    config = json.loads((main_folder / "config.json").read_text())
    tensors = {name for file in main_folder.glob("*.safetensors") for name in load_file(file)}

    assert config["model_type"] == "phi4mm"
    assert not (main_folder / "processor_config.json").exists()
    assert "model.layers.0.self_attn.qkv_proj.base_layer.weight" in tensors
    assert "model.layers.0.self_attn.qkv_proj.lora_A.vision.weight" in tensors
    assert config["original_max_position_embeddings"] == tiny_phi4.EDGE
