"""Images as tensors: what transformers' own processor makes of them, which needs torchvision."""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny_answers
from PIL import Image

from phi4_server.weights.generation.images import count_tokens, lay_out
from phi4_server.weights.generation.loaded import ImageForm
from phi4_server.weights.generation.pixels import to_pixels

FORM = ImageForm(most_crops=6)
SIZES = [(64, 64), (300, 500), (500, 300), (900, 17), (13, 12), (447, 449), (1500, 1400), (3000, 300)]


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Upstream's own code, with two functions of torchvision played by torch."""
    import torch  # noqa: PLC0415  not everywhere
    from torch.nn import functional  # noqa: PLC0415  see above

    def resize(image: Any, size: Any) -> Any:
        scaled = functional.interpolate(image[None].float(), size, mode="bilinear", antialias=True)[0]
        return scaled.round().clamp(0, 255).to(torch.uint8)

    def pad(image: Any, sides: Any, fill: Any) -> Any:
        return functional.pad(image, [0, sides[2], 0, sides[3]], value=fill[0])

    played: dict[str, Any] = {}
    for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.v2"):
        played[name] = ModuleType(name)
    played["torchvision.transforms.v2"].functional = SimpleNamespace(resize=resize, pad=pad)
    for name, module in played.items():
        monkeypatch.setitem(sys.modules, name, module)
    name = "transformers.models.phi4_multimodal.image_processing_phi4_multimodal"
    kind = importlib.import_module(name).Phi4MultimodalImageProcessor
    self = SimpleNamespace()
    for method in (
        "find_closest_aspect_ratio",
        "dynamic_preprocess",
        "pad_to_max_num_crops",
        "pad_mask_to_max_num_crops",
    ):
        setattr(self, method, getattr(kind, method).__get__(self))
    self.rescale_and_normalize = lambda image, _r, factor, _n, mean, std: (image * factor - mean) / std
    self.resize = lambda image, size, **_: functional.interpolate(
        image[None], (size.height, size.width), mode="bicubic"
    )[0]
    yield lambda images: kind._preprocess(
        self,
        images,
        do_resize=True,
        size=SimpleNamespace(height=448, width=448),
        resample=None,
        do_rescale=True,
        rescale_factor=1 / 255,
        do_normalize=True,
        image_mean=0.5,
        image_std=0.5,
        patch_size=14,
        dynamic_hd=6,
        return_tensors=None,
    )
    sys.modules.pop(name, None)


def test_the_same_as_upstream(upstream: Any) -> None:
    """Tokens, masks, sizes and pixels, for images of several sizes at once."""
    import torch  # noqa: PLC0415  not everywhere

    pngs = [tiny_answers.png(*size).data for size in SIZES]
    decoded = [np.array(Image.open(io.BytesIO(png))) for png in pngs]

    theirs = upstream([torch.from_numpy(image).permute(2, 0, 1) for image in decoded])
    ours = to_pixels(pngs, FORM, torch.float32)

    assert ours is not None
    assert [count_tokens(lay_out(*size, FORM), FORM) for size in SIZES] == theirs["num_img_tokens"]
    assert torch.equal(ours.mask, theirs["image_attention_mask"])
    assert torch.equal(ours.sizes, theirs["image_sizes"])
    assert torch.allclose(ours.values, theirs["image_pixel_values"], atol=1e-5)


def test_pixels_have_the_models_type() -> None:
    """So that no more memory is held than is needed."""
    import torch  # noqa: PLC0415  not everywhere

    pixels = to_pixels([tiny_answers.png().data], FORM, torch.bfloat16)

    assert pixels is not None
    assert pixels.values.dtype == torch.bfloat16
