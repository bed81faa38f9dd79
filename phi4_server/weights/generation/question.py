"""What the model is asked, as plain values: a prompt's ids, its files, and how to answer. Needs no torch.

Its values can be pickled, so that another process may answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

from phi4_server.media.formats import MediaKind
from phi4_server.media.normal_form import NormalFile
from phi4_server.model import ChatRequest
from phi4_server.weights.generation import audio, images
from phi4_server.weights.generation.audio import AudioForm
from phi4_server.weights.generation.loaded import ImageForm
from phi4_server.weights.generation.sampling import Sampling, to_sampling
from phi4_server.weights.generation.template import Control, Segment, to_segments
from phi4_server.weights.generation.vocabulary import Vocabulary

_MOST_BY_DEFAULT = 4096
_MOST_NAMED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """A file of a prompt.

    Attributes:
        name: Its name, for errors.
        kind: What it is.
        data: The file in normal form: a PNG or a WAV.
        tokens: How many tokens it is.
    """

    name: str
    kind: MediaKind
    data: bytes
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What the model reads.

    Attributes:
        ids: All tokens; those that stand for files are there as often as a file has tokens.
        images: PNGs, in the order of their tokens.
        audio: WAVs, in the order of theirs.
    """

    ids: tuple[int, ...]
    images: tuple[Media, ...] = ()
    audio: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A prompt, and how it is to be answered.

    Attributes:
        prompt: What the model reads.
        most: How many tokens the answer may have.
        sampling: How they are chosen.
        stop: The strings before which it ends.
    """

    prompt: Prompt
    most: int
    sampling: Sampling = field(default_factory=Sampling)
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What of a model decides how it is asked.

    Attributes:
        vocabulary: Its tokens.
        image_token: The id that stands for a token of an image.
        audio_token: The same, for audio.
        images: The form in which it takes images.
        audio: The form in which it takes audio.
        context: How many tokens a prompt and its answer may have together.
    """

    vocabulary: Vocabulary
    image_token: int
    audio_token: int
    images: ImageForm
    audio: AudioForm
    context: int


def to_question(request: ChatRequest, files: Mapping[Path, NormalFile], form: Form) -> Question:
    """What the model is asked.

    Args:
        request: The chat.
        files: Its files, in normal form.
        form: How the model is asked.

    Raises:
        ValueError: An option is out of its bounds, a file cannot be taken, or all of it is too long; the text
            says why, with the numbers.
    """
    sampling = to_sampling(request.options)
    prompt = to_prompt(to_segments(request.messages), files, form)
    rest = form.context - len(prompt.ids)
    if rest < 1:
        raise ValueError(_too_long(prompt, form.context))
    most = int(request.options.get("max_tokens", _MOST_BY_DEFAULT))
    return Question(prompt=prompt, most=min(most, rest), sampling=sampling, stop=request.stop)


def to_prompt(segments: Iterable[Segment], files: Mapping[Path, NormalFile], form: Form) -> Prompt:
    """The prompt that the segments of a chat make; of more words than the model takes, not all are read.

    Raises:
        ValueError: A file cannot be taken; the text names it.
    """
    ids: list[int] = []
    words = 0
    media: list[Media] = []
    known: dict[Path, Media] = {}
    for segment in segments:
        match segment:
            case Control(text):
                ids += form.vocabulary.control(text)
            case str(text):
                found = form.vocabulary.words(text, most=form.context) if words <= form.context else []
                words += len(found)
                ids += found
            case Path() as path:
                if path not in known:
                    known[path] = to_media(path.name, files[path], form)
                file = known[path]
                media.append(file)
                ids += [_token(file, form)] * file.tokens
            case other:
                assert_never(other)
    return Prompt(
        ids=tuple(ids),
        images=tuple(file for file in media if file.kind == "image"),
        audio=tuple(file for file in media if file.kind == "audio"),
    )


def to_media(name: str, file: NormalFile, form: Form) -> Media:
    """A file, with the tokens that it is.

    Raises:
        ValueError: It cannot be taken; the text names it.
    """
    try:
        match file.kind:
            case "image":
                layout = images.lay_out(*images.size_of(file.data), form.images)
                tokens = images.count_tokens(layout, form.images)
            case "audio":
                tokens = audio.count_tokens(len(audio.to_samples(file.data)), form.audio)
            case other:
                assert_never(other)
    except ValueError as wrong:
        raise ValueError(f"{name} cannot be taken: {wrong}.") from None
    return Media(name=name, kind=file.kind, data=file.data, tokens=tokens)


def _token(media: Media, form: Form) -> int:
    return form.image_token if media.kind == "image" else form.audio_token


def _too_long(prompt: Prompt, context: int) -> str:
    files = (*prompt.images, *prompt.audio)
    words = len(prompt.ids) - sum(file.tokens for file in files)
    costs = Counter[str]()
    for file in files:
        costs[file.name] += file.tokens
    listed = [f"{name} {tokens:,}" for name, tokens in costs.most_common(_MOST_NAMED)]
    if len(costs) > _MOST_NAMED:
        others = sum(tokens for _, tokens in costs.most_common()[_MOST_NAMED:])
        listed.append(f"{len(costs) - _MOST_NAMED} other files {others:,}")
    more = "at least " if words > context else ""
    listed.append(f"the text {more}{words:,}")
    return (
        f"This chat has {more}{len(prompt.ids):,} tokens, and the model takes {context:,} together with its"
        f" answer: {', '.join(listed)}. {' '.join(_advice(prompt))}"
    )


def _advice(prompt: Prompt) -> Sequence[str]:
    advice = ["Send less text, or start a new chat."]
    if prompt.images:
        advice.append("Images cost less where they are smaller: the server's --max-image-side sees to that.")
    if prompt.audio:
        advice.append("Audio costs 12.5 tokens a second: send a shorter part.")
    return advice
