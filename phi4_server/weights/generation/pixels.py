"""Images as tensors. Needs torch, and no torchvision, with which transformers' own class does this."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import interpolate, pad

from phi4_server.weights.generation.images import Layout, lay_out, useful_patches
from phi4_server.weights.generation.loaded import ImageForm

_WHITE = 255.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """Images as the model takes them.

    Attributes:
        values: Of each image the whole of it and its crops: (images, 1 + crops, 3, crop, crop).
        sizes: Height and width of all crops of each image together, in pixels: (images, 2).
        mask: 1 for patches that show something: (images, 1 + crops, patches, patches).
    """

    values: Any
    sizes: Any
    mask: Any


def to_pixels(pngs: Iterable[bytes], form: ImageForm, dtype: Any) -> Pixels | None:
    """Images, those with fewer crops filled up with empty ones; None where there are none.

    Raises:
        ValueError: The aspect ratio of one is too extreme.
    """
    values, sizes, masks = [], [], []
    for png in pngs:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
        layout = lay_out(pixels.shape[2], pixels.shape[1], form)
        values.append(_crops(pixels, layout, form).to(dtype))
        sizes.append([layout.rows * form.crop, layout.columns * form.crop])
        masks.append(_mask(layout, form))
    if not values:
        return None
    most = max(len(each) for each in values)
    return Pixels(
        values=torch.stack([_filled(each, most, 0.0) for each in values]),
        sizes=torch.tensor(sizes),
        mask=torch.stack([_filled(each, most, 1.0) for each in masks]),
    )


def _crops(pixels: Any, layout: Layout, form: ImageForm) -> Any:
    size = layout.height, layout.width
    scaled = interpolate(pixels[None].float(), size, mode="bilinear", antialias=True, align_corners=False)
    scaled = scaled.round().clamp(0, _WHITE)
    right, below = form.crop * layout.columns - layout.width, form.crop * layout.rows - layout.height
    page = pad(scaled, [0, right, 0, below], value=_WHITE)
    page = (page * form.scale - _by_channel(form.mean)) / _by_channel(form.std)
    whole = interpolate(page, (form.crop, form.crop), mode="bicubic", antialias=False, align_corners=False)
    parts = page.reshape(3, layout.rows, form.crop, layout.columns, form.crop).permute(1, 3, 0, 2, 4)
    return torch.cat([whole, parts.reshape(-1, 3, form.crop, form.crop)])


def _mask(layout: Layout, form: ImageForm) -> Any:
    side = form.crop // form.patch
    across, down = useful_patches(layout, form)
    page = torch.zeros(side * layout.rows, side * layout.columns)
    page[:down, :across] = 1
    parts = page.reshape(layout.rows, side, layout.columns, side).transpose(1, 2).reshape(-1, side, side)
    return torch.cat([torch.ones(1, side, side), parts])


def _by_channel(values: Sequence[float]) -> Any:
    return torch.tensor(values)[:, None, None]


def _filled(each: Any, length: int, value: float) -> Any:
    missing = length - len(each)
    return torch.cat([each, each.new_full((missing, *each.shape[1:]), value)]) if missing else each
