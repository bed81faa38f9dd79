"""One call: an endpoint's arguments as a message and options for the client. Knows no Space.

Nothing is dropped silently: a name that nobody reads is refused, and the error has the nearest that exists.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llama_index_phi4._media import NO_FILES, LocalFiles, images_to_media
from llama_index_phi4._structured import to_format
from llama_index_phi4._tools import to_choice, to_specs
from phi4_space import InvalidOption, Message, Options, Turn
from phi4_space.interop import (
    SAMPLING_OPTIONS,
    check_options,
    own_names,
    refuse_unknown,
    sampling_options,
    to_stop,
)

_SHARED = frozenset({"response_format", "stop", *SAMPLING_OPTIONS.values()})
_CHAT = frozenset({"tools", "tool_choice", "tool_required", "allow_parallel_tool_calls"}) | _SHARED
IMAGES = frozenset({"image_documents", "images"})
_COMPLETION = IMAGES | _SHARED
# What core's DocumentContextExtractor sends to whatever LLM it has: a hint to another provider's cache.
_HINTS = {"extra_headers": frozenset({"anthropic-beta"})}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call, ready to be sent.

    Attributes:
        message: The client's message.
        options: The client's options.
        parallel: Whether an answer may make several calls; otherwise the first alone counts.
    """

    message: Message
    options: Options
    parallel: bool = True


def to_chat(turns: Sequence[Turn], kwargs: Mapping[str, Any]) -> Call:
    """The call of a chat.

    Args:
        turns: The messages.
        kwargs: The call's keyword arguments; None counts as left out.

    Raises:
        InvalidOption: One is not known, or makes no sense.
    """
    kwargs = _known(kwargs, _CHAT, what="A chat")
    options = _shared(kwargs)
    specs = to_specs(kwargs.get("tools", ()))
    choice = to_choice(kwargs.get("tool_choice"), specs, required=kwargs.get("tool_required", False))
    if specs:
        options["tools"], options["tool_choice"] = specs, choice
    return Call(message=turns, options=options, parallel=bool(kwargs.get("allow_parallel_tool_calls", True)))


def to_completion(
    prompt: str, kwargs: Mapping[str, Any], *, formatted: bool, files: LocalFiles = NO_FILES
) -> Call:
    """The call of a completion: one turn of the user.

    Args:
        prompt: The text.
        kwargs: The call's keyword arguments; None counts as left out.
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
    kwargs = _known(kwargs, _COMPLETION, what="A completion")
    options = _shared(kwargs)
    if images := [*_listed(kwargs, "image_documents"), *_listed(kwargs, "images")]:
        options["media"] = images_to_media(images, files=files)
    if formatted:
        options["prompt"] = prompt
    return Call(message="" if formatted else prompt, options=options)


def _listed(kwargs: Mapping[str, Any], name: str) -> Iterable[object]:
    images = kwargs.get(name, ())
    if isinstance(images, str | bytes) or not isinstance(images, Iterable):
        raise InvalidOption(f"{name} is a list, not {type(images).__name__}", advice=f"Write {name}=[...].")
    return images


def check_defaults(kwargs: Mapping[str, Any]) -> None:
    """Checks the arguments that go with every call.

    Raises:
        InvalidOption: No call takes one of the names, or a value makes no sense.
    """
    _shared(_known(kwargs, _SHARED, what="additional_kwargs"))
    check_options(kwargs)


def _known(kwargs: Mapping[str, Any], known: Collection[str], *, what: str) -> dict[str, Any]:
    kwargs = {
        name: value for name, value in kwargs.items() if value is not None and not _is_a_hint(name, value)
    }
    kwargs = own_names(kwargs, known)
    refuse_unknown(kwargs, known, what=what)
    return kwargs


def _is_a_hint(name: str, value: object) -> bool:
    return name in _HINTS and isinstance(value, Mapping) and set(value) <= _HINTS[name]


def _shared(kwargs: Mapping[str, Any]) -> Options:
    options = sampling_options(kwargs)
    if (stop := to_stop(kwargs.get("stop"))) is not None:
        options["stop"] = stop
    if (response_format := to_format(kwargs.get("response_format"))) is not None:
        options["response_format"] = response_format
    return options
