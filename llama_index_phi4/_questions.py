"""What callers and core hand to an endpoint -> a message and options for the client. Knows no Space.

Nothing is dropped silently: a name that nobody reads is refused, and the error tells the nearest that exists.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from llama_index_phi4._formats import to_format
from llama_index_phi4._local_files import NO_FILES, LocalFiles
from llama_index_phi4._sources import images_to_media
from llama_index_phi4._tools import to_choice, to_specs
from phi4_space import SAMPLING_OPTIONS, InvalidOption, Message, Options, Turn

_SHARED = frozenset({"response_format", "stop"}) | SAMPLING_OPTIONS.keys()
_CHAT = frozenset({"tools", "tool_choice", "tool_required", "allow_parallel_tool_calls"}) | _SHARED
_COMPLETION = frozenset({"image_documents", "images"}) | _SHARED
# What core's DocumentContextExtractor sends to whatever LLM it has: a hint to another provider's cache.
_OF_NO_USE = {"extra_headers": frozenset({"anthropic-beta"})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What one call asks.

    Attributes:
        message: The client's message.
        options: The client's options.
        parallel: Whether an answer may make several calls; otherwise the first alone counts.
    """

    message: Message
    options: Options
    parallel: bool = True


def to_chat(turns: Sequence[Turn], told: Mapping[str, Any]) -> Question:
    """A chat's question.

    Args:
        turns: What was said.
        told: The call's keyword arguments; None is as good as left out.

    Raises:
        InvalidOption: One is not known, or makes no sense.
    """
    told = _known(told, _CHAT, what="A chat")
    options = _shared(told)
    specs = to_specs(told.get("tools", ()))
    choice = to_choice(told.get("tool_choice"), specs, required=told.get("tool_required", False))
    if specs:
        options["tools"], options["tool_choice"] = specs, choice
    return Question(
        message=turns, options=options, parallel=bool(told.get("allow_parallel_tool_calls", True))
    )


def to_completion(
    prompt: str, told: Mapping[str, Any], *, formatted: bool, files: LocalFiles = NO_FILES
) -> Question:
    """A completion's question: one turn of the user.

    Args:
        prompt: The words.
        told: The call's keyword arguments; None is as good as left out.
        formatted: Whether the prompt is sent as it is, control tokens included.
        files: Which local files may be read.

    Raises:
        InvalidInput: An argument is not known or makes no sense, or an image cannot be read.
    """
    if not isinstance(prompt, str):
        raise InvalidOption(
            f"The prompt is of type {type(prompt).__name__}, not a string",
            advice="For messages, there is chat.",
        )
    told = _known(told, _COMPLETION, what="A completion")
    options = _shared(told)
    if images := [*_listed(told, "image_documents"), *_listed(told, "images")]:
        options["media"] = images_to_media(images, files=files)
    if formatted:
        options["prompt"] = prompt
    return Question(message="" if formatted else prompt, options=options)


def _listed(told: Mapping[str, Any], name: str) -> Iterable[object]:
    images = told.get(name, ())
    if isinstance(images, str | bytes) or not isinstance(images, Iterable):
        raise InvalidOption(f"{name} is a list, not {type(images).__name__}", advice=f"Write {name}=[...].")
    return images


def check(told: Mapping[str, Any]) -> None:
    """Checks what is to go with every call.

    Raises:
        InvalidOption: No call takes one of the names.
    """
    _known(told, _SHARED, what="additional_kwargs")


def refuse_unknown(given: Collection[str], known: Collection[str], *, what: str) -> None:
    """Refuses arguments that nobody reads.

    Raises:
        InvalidOption: There is one; the advice names the nearest that exists.
    """
    for name in given:
        if name not in known:
            raise InvalidOption.unknown(name, known, what=what)


def _known(told: Mapping[str, Any], known: Collection[str], *, what: str) -> dict[str, Any]:
    told = {name: value for name, value in told.items() if value is not None and not _is_a_hint(name, value)}
    refuse_unknown(told, known, what=what)
    return told


def _is_a_hint(name: str, value: object) -> bool:
    return name in _OF_NO_USE and isinstance(value, Mapping) and set(value) <= _OF_NO_USE[name]


def _shared(told: Mapping[str, Any]) -> Options:
    named = {SAMPLING_OPTIONS[name]: value for name, value in told.items() if name in SAMPLING_OPTIONS}
    options = cast("Options", named)
    if stop := told.get("stop"):
        options["stop"] = [stop] if isinstance(stop, str) else stop
    if (form := to_format(told.get("response_format"))) is not None:
        options["response_format"] = form
    return options
