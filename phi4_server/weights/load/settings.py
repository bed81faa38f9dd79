"""Which weights answer, and how they are held: settings, and the options that hold them. Opens nothing."""

from __future__ import annotations

import argparse
import difflib
import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Device = Literal["auto", "cuda", "cpu", "mps"]
DType = Literal["auto", "bfloat16", "float16", "float32"]

_LEAST_CONTEXT = 256
_LEAST_SIDE = 64
LONGEST_SIDE = 1792
"""Of an image, in pixels, unless the settings say otherwise: four crops beside each other."""
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_ONLY_WITH = {
    "device": "auto",
    "dtype": "auto",
    "quantize": None,
    "max_image_side": None,
    "max_context": None,
    "revision": None,
    "check": False,
}
"""Options that make sense with weights alone, and what they are where they were not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsSettings:
    """Which weights, and how they are held.

    Attributes:
        model: A folder, or a name on the Hub.
        device: Where they are to be; "auto" is a GPU if there is one.
        dtype: The type of their numbers; "auto" is the checkpoint's own, wherever the device has it.
        quantize: "4bit" keeps the decoder in 4 bits a number, which takes a little more than half the memory.
        max_image_side: Images are made smaller first, until none of their sides is longer, in pixels; None
            means `LONGEST_SIDE`.
        max_context: How many tokens a prompt and its answer may have together; None means as many as the
            memory is enough for.
        revision: A branch, tag or commit on the Hub.
    """

    model: str
    device: Device = "auto"
    dtype: DType = "auto"
    quantize: Literal["4bit"] | None = None
    max_image_side: int | None = None
    max_context: int | None = None
    revision: str | None = None

    @property
    def folder(self) -> Path | None:
        """The folder, if it is one and no name on the Hub."""
        if not self.model or "://" in self.model:
            return None
        path = Path(self.model).expanduser()
        return path if path.exists() or _is_path(self.model) else None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds what goes with `--model OWNER/NAME` and `--model FOLDER`."""
    group = parser.add_argument_group(
        "Phi-4's own weights",
        "With --model microsoft/Phi-4-multimodal-instruct, or a folder; pip install 'phi4-space[model]'.",
    )
    offer = group.add_argument
    offer(
        "--device",
        choices=["auto", "cuda", "cpu", "mps"],
        default="auto",
        help="where the weights are to be (default: a GPU if there is one)",
    )
    offer(
        "--dtype",
        choices=["auto", "bfloat16", "float16", "float32"],
        default="auto",
        help="the type of their numbers (default: as they are stored)",
    )
    offer("--quantize", choices=["4bit"], help="needs a little more than half the memory, and bitsandbytes")
    offer(
        "--max-image-side",
        type=_at_least(_LEAST_SIDE),
        metavar="PIXELS",
        help="make larger images smaller first; full HD takes 2,613 tokens as it is, and 3,918 with 1920 "
        f"(default: {LONGEST_SIDE})",
    )
    offer(
        "--max-context",
        type=_at_least(_LEAST_CONTEXT),
        metavar="TOKENS",
        help="tokens of a prompt and its answer together (default: what the memory is enough for)",
    )
    offer("--revision", metavar="NAME", help="a branch, tag or commit on the Hub (default: main)")
    offer(
        "--check", action="store_true", help="load the weights, compare and try them, and end; serve nothing"
    )


def to_settings(options: argparse.Namespace, names: Collection[str]) -> WeightsSettings | None:
    """The weights that were asked for, if any.

    Args:
        options: What was given.
        names: What else `--model` may be.

    Raises:
        argparse.ArgumentTypeError: The options do not go together, or the model is none.
    """
    if options.model is None or options.model in names:
        if given := [name for name, unset in _ONLY_WITH.items() if getattr(options, name) != unset]:
            raise argparse.ArgumentTypeError(
                f"--{given[0].replace('_', '-')} needs --model with Phi-4's weights: OWNER/NAME, or a folder"
            )
        return None
    settings = WeightsSettings(
        model=options.model,
        device=options.device,
        dtype=options.dtype,
        quantize=options.quantize,
        max_image_side=options.max_image_side,
        max_context=options.max_context,
        revision=options.revision,
    )
    if settings.folder is None and _HUB_NAME.fullmatch(settings.model) is None:
        raise argparse.ArgumentTypeError(f"argument --model: {_unknown(settings.model, names)}")
    if settings.folder is not None and not settings.folder.is_dir():
        what = "that is no folder" if settings.folder.exists() else "there is no such folder"
        raise argparse.ArgumentTypeError(f"argument --model: {settings.folder}: {what}")
    if settings.folder is not None and settings.revision is not None:
        raise argparse.ArgumentTypeError(
            f"--revision is of a model on the Hub, and {settings.model} a folder"
        )
    return settings


def to_options(settings: WeightsSettings) -> list[str]:
    """The options that come to these settings."""
    found = ["--model", settings.model]
    for name, unset in _ONLY_WITH.items():
        value = getattr(settings, name, unset)
        if value != unset:
            found += [f"--{name.replace('_', '-')}", str(value)]
    return found


def _unknown(model: str, names: Collection[str]) -> str:
    _, _, path = model.partition("://")
    on_the_hub = "/".join(path.split("/")[1:3])
    close = [on_the_hub] if on_the_hub else difflib.get_close_matches(model.lower(), names, n=1)
    hint = f"did you mean {close[0]}? It" if close else "it"
    return (
        f"there is no model {model!r}; {hint} takes {', '.join(names)}, a folder such as ./phi-4, "
        "or a name on the Hub such as microsoft/Phi-4-multimodal-instruct"
    )


def _is_path(text: str) -> bool:
    """Whether a text is a path and no name on the Hub, whatever is on the disk."""
    separators = {"/", os.sep}
    is_rooted = text.startswith((".", "~", *separators)) or Path(text).is_absolute()
    return is_rooted or text.endswith((*separators,)) or sum(map(text.count, separators)) > 1


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text.replace(",", "").replace("_", ""))
        if value < least:
            raise argparse.ArgumentTypeError(f"must be at least {least}")
        return value

    return number
