"""What can be checked before a gigabyte is fetched: where the weights are, and whether they fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phi4_server.model import ModelFailed
from phi4_server.weights.load import checkpoint, download, hub, machine, memory, native_config
from phi4_server.weights.load.checkpoint import Checkpoint
from phi4_server.weights.load.hub import Listing, Unreachable
from phi4_server.weights.load.machine import Machine
from phi4_server.weights.load.memory import Need
from phi4_server.weights.load.settings import WeightsSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Weights that were found, on a machine that they fit in.

    Attributes:
        settings: What was asked for.
        machine: Where they are to be.
        checkpoint: The weights, if all of them are on the disk.
        listing: What there is on the Hub, if something has to be fetched.
        fetched: The files to be fetched, by name, in bytes.
    """

    settings: WeightsSettings
    machine: Machine
    checkpoint: Checkpoint | None = None
    listing: Listing | None = None
    fetched: Mapping[str, int]

    @property
    def name(self) -> str:
        """What the page calls the model."""
        folder = self.settings.folder
        return self.settings.model.rpartition("/")[2] if folder is None else folder.resolve().name


def make(settings: WeightsSettings) -> Plan:
    """Looks where the weights are, and whether there is room for them.

    Raises:
        ModelFailed: They will not answer; the text says why, and what to do.
    """
    folder = settings.folder
    if folder is not None:
        return _of_checkpoint(settings, checkpoint.of_folder(folder))
    try:
        return _of_listing(settings, hub.look_up(settings.model, settings.revision))
    except Unreachable as problem:
        found = hub.cached(settings.model, settings.revision)
        if found is None:
            raise ModelFailed(
                f"{problem}, and the cache has no copy of {settings.model}; {hub.no_folder(settings.model)}"
            ) from None
        try:
            return _of_checkpoint(settings, checkpoint.of_folder(found))
        except ModelFailed as broken:
            raise ModelFailed(f"{problem}, and the copy in the cache cannot be used: {broken}") from None


def of_fetched(plan: Plan, folder: Path) -> Plan:
    """The plan, once all was fetched.

    Raises:
        ModelFailed: What was fetched is not whole, or no longer fits.
    """
    return _of_checkpoint(plan.settings, checkpoint.of_folder(folder))


def need_of(found: Checkpoint, dtype: str) -> Need:
    """What a checkpoint on the disk needs in memory."""
    return _need(found.config, found.size, dtype)


def _of_checkpoint(settings: WeightsSettings, found: Checkpoint) -> Plan:
    _check_context(settings, found.config)
    where = machine.find(settings, _stored(found.config))
    _fit(settings, where, need_of(found, where.dtype))
    return Plan(settings=settings, machine=where, checkpoint=found, fetched={})


def _of_listing(settings: WeightsSettings, listing: Listing) -> Plan:
    checkpoint.lacking(f"{listing.name} on the Hub is no checkpoint:", [checkpoint.CONFIG], listing.sizes)
    config = _fetch_json(listing, checkpoint.CONFIG)
    checkpoint.check_type(config, f"{listing.name} on the Hub")
    has_index = checkpoint.INDEX in listing.sizes
    index = _fetch_json(listing, checkpoint.INDEX) if has_index else None
    files = download.needed(listing, index)
    _check_context(settings, config)
    where = machine.find(settings, _stored(config))
    _fit(settings, where, _need(config, _stored_size(config, files), where.dtype))
    left = download.left(listing, files)
    download.check_disk(left)
    if left:
        return Plan(settings=settings, machine=where, listing=listing, fetched=left)
    folder = hub.cached(listing.name, listing.commit)
    if folder is None:
        raise ModelFailed(f"The cache of the Hub has no {checkpoint.CONFIG} of {listing.name} any more")
    found = checkpoint.of_folder(folder)
    return Plan(settings=settings, machine=where, checkpoint=found, fetched={})


def _fetch_json(listing: Listing, name: str) -> dict[str, Any]:
    file = download.fetch_small(listing, name)
    try:
        value: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise ModelFailed(f"{name} of {listing.name} is broken: {problem}") from None
    return value


def _check_context(settings: WeightsSettings, config: Mapping[str, Any]) -> None:
    """Refuses a context that the model has not, before torch is imported, which takes long."""
    memory.check_wanted(settings.max_context, _need(config, 0, "bfloat16").most)


def _fit(settings: WeightsSettings, where: Machine, needed: Need) -> None:
    memory.context(
        where.free,
        needed,
        wanted=settings.max_context,
        quantize=settings.quantize is not None,
        device=where.device,
    )


def _need(config: Mapping[str, Any], size: int, dtype: str) -> Need:
    try:
        return memory.need(
            config,
            stored=size,
            stored_width=machine.WIDTHS[_stored(config)],
            width=machine.WIDTHS[dtype],
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as missing:
        raise ModelFailed(f"config.json is not that of Phi-4-multimodal: {missing!r}") from None


def _stored(config: Mapping[str, Any]) -> str:
    """The type of the numbers in a checkpoint, whose key newer versions of transformers have renamed."""
    kind = config.get("dtype") or config.get("torch_dtype")
    return kind if kind in machine.WIDTHS else "bfloat16"


def _stored_size(config: Mapping[str, Any], files: Mapping[str, int]) -> int:
    """The bytes of all tensors; main has the adapters' in the model's own files, and once more beside."""
    is_main = config["model_type"] == native_config.MAIN
    return sum(
        size
        for name, size in files.items()
        if name.endswith(".safetensors") and not (is_main and "/" in name)
    )
