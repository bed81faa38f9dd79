"""Rows, as one call of `generate` takes them. Needs torch.

Each row is embedded on its own, so that its images and audio are what they would be alone, whatever stands
beside it: upstream chooses a projector for a whole batch, and audio that was padded sounds otherwise at its
end. What was embedded once is kept for when the row goes on in another batch. Files become tensors no earlier
than that: half a megabyte of PNGs can be half a gigabyte of numbers, which rows that wait would all hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from phi4_server.weights.generation.audio import to_samples
from phi4_server.weights.generation.loaded import Weights
from phi4_server.weights.generation.pixels import to_pixels
from phi4_server.weights.generation.question import Media, Question
from phi4_server.weights.generation.row import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Rows of one length.

    Attributes:
        ids: Their tokens, filled up on the left: (rows, length).
        mask: 1 where they are not filled up.
        embeddings: The same tokens, embedded: (rows, length, width).
    """

    ids: Any
    mask: Any
    embeddings: Any


def to_row(question: Question, weights: Weights) -> Row:
    """The answer to a question, ready to be begun."""
    chance = None
    if question.sampling.is_random:
        chance = torch.Generator(weights.device)
        if question.sampling.seed is None:
            chance.seed()
        else:
            chance.manual_seed(question.sampling.seed)
    return Row(question, chance=chance)


def embed(row: Row, weights: Weights) -> None:
    """Embeds those of a row's tokens that are not embedded yet; none of them once its reader has left."""
    with torch.no_grad():
        if row.embedded is None:
            row.embedded = _prompt(row, weights)
            if row.embedded is None:
                return
        done, answer = row.embedded.shape[0], len(row.question.prompt.ids)
        if new := row.tokens[done - answer :]:
            ids = torch.tensor(new, device=weights.device)
            row.embedded = torch.cat([row.embedded, _decoder(weights).embed_tokens(ids)])


def to_batch(rows: Sequence[Row], weights: Weights) -> Batch:
    """Rows that are embedded, filled up on the left to the longest."""
    longest = max(row.length for row in rows)
    ids = torch.full((len(rows), longest), weights.pad)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    embeddings = rows[0].embedded.new_zeros(len(rows), longest, rows[0].embedded.shape[1])
    for number, row in enumerate(rows):
        ids[number, -row.length :] = torch.tensor([*row.question.prompt.ids, *row.tokens])
        mask[number, -row.length :] = 1
        embeddings[number, -row.length :] = row.embedded
    return Batch(ids=ids.to(weights.device), mask=mask.to(weights.device), embeddings=embeddings)


def _prompt(row: Row, weights: Weights) -> Any:
    """The embeddings of a prompt; None where the reader left while its files were made tensors."""
    decoder, prompt = _decoder(weights), row.question.prompt
    pngs = (image.data for image in prompt.images if not row.has_left)
    pixels = to_pixels(pngs, weights.images, weights.model.dtype) if prompt.images else None
    if row.has_left:
        return None
    ids = torch.tensor([prompt.ids], device=weights.device)
    embedded = decoder.embed_tokens(ids)
    inputs: dict[str, Any] = {}
    if pixels is not None:
        # Sizes and masks are read by the CPU.
        inputs |= {
            "image_pixel_values": pixels.values.to(weights.device),
            "image_sizes": pixels.sizes,
            "image_attention_mask": pixels.mask,
        }
    if prompt.audio:
        features = dict(_features(prompt.audio, weights.audio))
        sizes = features.pop("audio_embed_sizes")
        inputs |= {name: value.to(weights.device) for name, value in features.items()}
        inputs["audio_embed_sizes"] = sizes
    return decoder.embed_tokens_extend(ids, embedded, **inputs)[0] if inputs else embedded[0]


def _features(audio: Sequence[Media], extractor: Any) -> Any:
    samples = [to_samples(each.data) for each in audio]
    return extractor(samples, sampling_rate=extractor.sampling_rate, return_tensors="pt")


def _decoder(weights: Weights) -> Any:
    return weights.model.get_base_model().model
