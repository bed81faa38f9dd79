"""The machine that the weights are to be in: which device, which type of numbers, how much memory is free."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phi4_server.model import ModelFailed
from phi4_server.weights.load import quiet
from phi4_server.weights.load.settings import WeightsSettings

INSTALL = "pip install 'phi4-space[model]'"
INSTALL_4BIT = "pip install 'phi4-space[model-4bit]'"
WIDTHS = {"bfloat16": 2, "float16": 2, "float32": 4}
"""Bytes of a number."""
_NEEDED = ("torch", "transformers", "peft", "accelerate")
_CGROUP = Path("/sys/fs/cgroup")
_WITHOUT = "--device cuda: {}; --device cpu works without, and is slow"
_BUILT_WITHOUT = (
    "this torch, {}, was built without CUDA; "
    "https://pytorch.org/get-started names the command that installs one with it"
)
_NO_MPS = "--device mps: this is no Mac with a GPU that torch can use"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where the weights are to be, and as what.

    Attributes:
        device: As torch calls it.
        dtype: The same, for the type of their numbers.
        free: Bytes of memory that are free there; None where that cannot be known.
        is_shared: Whether the GPU is ZeroGPU's, which is there while an answer is made, and not before.
    """

    device: str
    dtype: str
    free: int | None
    is_shared: bool = False


def find(settings: WeightsSettings, stored: str) -> Machine:
    """The machine as it is.

    Args:
        settings: What is asked for.
        stored: The type of the numbers in the checkpoint.

    Raises:
        ModelFailed: It is not there, or what is needed to use it is not installed.
    """
    _check_at_once(settings)
    torch = _torch()
    device = _device(settings.device, torch)
    if settings.quantize is not None and device == "mps":
        raise ModelFailed("--quantize 4bit works on CUDA and on the processor, and not on mps")
    is_shared = device == "cuda" and bool(os.environ.get("SPACES_ZERO_GPU"))
    return Machine(
        device=device,
        dtype=_dtype(settings.dtype, stored, device, torch),
        free=None if is_shared else free_memory(device),
        is_shared=is_shared,
    )


def free_memory(device: str) -> int:
    """Bytes that are free on a device, those included that torch holds for the next tensor."""
    if device == "cuda":
        torch = _torch()
        free, _ = torch.cuda.mem_get_info()
        return int(free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated())
    import psutil  # noqa: PLC0415  comes with the extra

    left, available = _left_in_container(_CGROUP), int(psutil.virtual_memory().available)
    return available if left is None else min(available, left)


def used_memory(device: str) -> int:
    """Bytes that this process has used at its peak, on a GPU or of the machine's own."""
    if device == "cuda":
        return int(_torch().cuda.max_memory_reserved())
    import psutil  # noqa: PLC0415  comes with the extra

    return int(psutil.Process().memory_info().rss)


def _check_at_once(settings: WeightsSettings) -> None:
    """Refuses what can be refused before torch is imported, which takes long.

    Raises:
        ModelFailed: Something is not installed, or torch has been built for other devices.
    """
    quiet.hush()
    for name in _NEEDED:
        if not _is_installed(name):
            raise ModelFailed(f"{name} is not installed; it comes with: {INSTALL}")
    if settings.quantize is not None and not _is_installed("bitsandbytes"):
        raise ModelFailed(f"--quantize 4bit needs bitsandbytes: {INSTALL_4BIT}")
    if settings.device == "cuda" and (version := _version("torch")).endswith("+cpu"):
        raise ModelFailed(_WITHOUT.format(_BUILT_WITHOUT.format(version)))
    if settings.device == "mps" and sys.platform != "darwin":
        raise ModelFailed(_NO_MPS)


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # what find_spec raises of a module that was taken out, or has no spec
        return sys.modules.get(name) is not None


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:  # somebody's own build
        return ""


def _torch() -> Any:
    """The torch that is installed.

    Raises:
        ModelFailed: It is not, or what is needed beside it.
    """
    quiet.hush()
    try:
        torch, *_ = [importlib.import_module(name) for name in _NEEDED]
    except ModuleNotFoundError as missing:
        name = (missing.name or "").partition(".")[0]
        raise ModelFailed(f"{name} is not installed; it comes with: {INSTALL}") from None
    return torch


def _device(asked: str, torch: Any) -> str:
    has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if asked == "auto":
        return "cuda" if has_cuda else "mps" if has_mps else "cpu"
    if asked == "cuda" and not has_cuda:
        raise ModelFailed(_WITHOUT.format(_without_cuda(torch)))
    if asked == "mps" and not has_mps:
        raise ModelFailed(_NO_MPS)
    return asked


def _without_cuda(torch: Any) -> str:
    if torch.version.cuda is None:
        return _BUILT_WITHOUT.format(torch.__version__)
    return "torch finds no GPU with CUDA; nvidia-smi says whether the driver does"


def _dtype(asked: str, stored: str, device: str, torch: Any) -> str:
    """The type of numbers: the checkpoint's own, except that older GPUs have no bfloat16."""
    if asked != "auto":
        return asked
    wanted = stored if stored in WIDTHS else "bfloat16"
    if (
        wanted == "bfloat16"
        and device == "cuda"
        and not torch.cuda.is_bf16_supported(including_emulation=False)
    ):
        return "float16"
    return wanted


def _left_in_container(cgroup: Path) -> int | None:
    """What a container may still take; None where that is all that the machine has."""
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
        lines = (cgroup / "memory.stat").read_text().splitlines()
    except (OSError, ValueError):  # none, or "max"
        return None
    cached: Mapping[str, str] = dict(line.split(maxsplit=1) for line in lines)
    return limit - used + int(cached.get("inactive_file", 0))
