"""`--check`: loads weights, compares and tries them, and says how fast they are and what they take."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from typing import Any

from phi4_server.model import ModelFailed, Progress
from phi4_server.weights.generation.loaded import Weights
from phi4_server.weights.load import loader, long_context, machine, plan
from phi4_server.weights.load.checkpoint import ADAPTERS, GENERATION, PROCESSORS, WELCOME
from phi4_server.weights.load.memory import in_gb
from phi4_server.weights.load.plan import Plan
from phi4_server.weights.load.settings import WeightsSettings, to_options

_COMMANDS = {"phi4_server": "python -m phi4_server"}
"""How programs are started whose names are no commands."""
_TOKENS = 10
_QUESTION = "<|user|>Name a colour.<|end|><|assistant|>"
_ROWS = {"words": "__base__", "the vision adapter": "vision", "the speech adapter": "speech"}


def run(
    settings: WeightsSettings,
    report: Callable[[Progress], None],
    write: Callable[[str], None],
    *,
    program: str,
) -> int:
    """Checks weights, line by line.

    Args:
        settings: Which weights, and how they are held.
        report: Called with how far loading is.
        write: Called with each line of what was found.
        program: The command that serves them.

    Returns:
        The exit status: 0, or 1 where they will not answer; the last line has the verdict.
    """
    try:
        _check(settings, report, write)
    except ModelFailed as failure:
        write(f"FAILED: {failure}")
        return 1
    write(
        "OK: these weights load and answer. Real ones have written words above; random ones write anything."
    )
    write(f"What serves them: {_COMMANDS.get(program, program)} {shlex.join(to_options(settings))}")
    return 0


def _check(
    settings: WeightsSettings, report: Callable[[Progress], None], write: Callable[[str], None]
) -> None:
    began = time.perf_counter()
    planned = plan.make(settings)
    where = planned.machine
    write(f"{planned.name}: on {where.device}, in {settings.quantize or where.dtype}")
    weights = loader.load_planned(planned, report)
    write(f"loaded in {time.perf_counter() - began:.1f} s; every tensor has its name and its shape:")
    for line in _counts(weights.model):
        write(f"  {line}")
    mended = "mended" if long_context.is_mended(weights.model) else "right in this transformers"
    write(f"contexts beyond {weights.edge:,} tokens: {mended}; {weights.context:,} tokens at most")
    for line in _defaults(planned):
        write(line)
    for what, adapter in _ROWS.items():
        write(_tried(weights, what, adapter))
    write(f"memory: {in_gb(machine.used_memory(weights.device))}")


def _defaults(planned: Plan) -> list[str]:
    """What is taken for granted, since files that would say it are not there."""
    if planned.listing is not None:
        present = planned.listing.sizes.keys() & set(WELCOME)
    else:
        folder = planned.checkpoint and planned.checkpoint.folder
        present = {name for name in WELCOME if folder and (folder / name).is_file()}
    lines = []
    if not present & set(PROCESSORS):
        lines.append(
            f"no {' and no '.join(PROCESSORS)}: images and audio are prepared as Phi-4's own files say"
        )
    if GENERATION not in present:
        lines.append(f"no {GENERATION}: answers end as Phi-4's own file says")
    return lines


def _sample(text: str) -> str:
    """A text in one line, without characters that a terminal would obey."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return f'"{" ".join(plain.split())}"'


def _counts(model: Any) -> list[str]:
    """How many tensors and numbers there are, of the model and of each adapter."""
    groups = {"model": (0, 0), "vision adapter": (0, 0), "speech adapter": (0, 0)}
    for name, tensor in model.named_parameters():
        part = next((f"{adapter} adapter" for adapter in ADAPTERS if f".{adapter}.weight" in name), "model")
        count, numbers = groups[part]
        groups[part] = count + 1, numbers + tensor.numel()
    return [f"{part}: {count} tensors, {numbers:,} numbers" for part, (count, numbers) in groups.items()]


def _tried(weights: Weights, what: str, adapter: str) -> str:
    """Ten tokens, and how long they took.

    Raises:
        ModelFailed: They are no tokens of an answer.
    """
    import torch  # noqa: PLC0415  takes seconds, and may be missing

    ids = weights.tokenizer.encode(_QUESTION, add_special_tokens=False).ids
    inputs = torch.tensor([ids], device=weights.device)
    began = time.perf_counter()
    with torch.inference_mode():
        outcome = weights.model.generate(
            input_ids=inputs,
            attention_mask=torch.ones_like(inputs),
            adapter_names=[adapter],
            do_sample=False,
            min_new_tokens=_TOKENS,
            max_new_tokens=_TOKENS,
            pad_token_id=weights.pad,
            return_dict_in_generate=True,
            output_logits=True,
        )
        if not all(bool(step.isfinite().all()) for step in outcome.logits):
            raise ModelFailed(
                f"With {what}, the model computes what is no number; --dtype float32, or another checkpoint"
            )
        new = outcome.sequences[0, len(ids) :].tolist()
    seconds = time.perf_counter() - began
    text = weights.tokenizer.decode(new, skip_special_tokens=True)
    return f"{what}: {len(new)} tokens in {seconds:.2f} s, {len(new) / seconds:.1f} a second: {_sample(text)}"
