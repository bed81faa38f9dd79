"""What a call may say besides its messages, as the client's options. Knows keyword arguments; no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast

from langchain_phi4._refusals import shown
from langchain_phi4._structured import to_response_format
from langchain_phi4._tools import to_choice, to_specs
from phi4_space import MODEL, MODEL_ALIASES, SAMPLING_OPTIONS, InvalidOption, Options

_OURS = ("model", "tools", "tool_choice", "parallel_tool_calls", "response_format")
# What agents and langchain-core pass along: streaming is the door's business, traces are core's; a tool's
# arguments are told in full either way; and usage comes where a Space counts it.
_OTHERS = ("stream", "stream_usage", "strict", "ls_structured_output_format", "structured_output_format")


def to_options(
    given: Mapping[str, Any], *, stop: Sequence[str] | None, sampling: Mapping[str, object]
) -> Options:
    """The client's options for a call.

    Args:
        given: The call's keyword arguments, those that were bound to the model among them.
        stop: Where the answer is to end, if anywhere.
        sampling: The model's own sampling parameters; those of the call go before them.

    Raises:
        InvalidOption: An argument makes no sense, or is not known.
    """
    refuse_unknown(given, [*_OURS, *SAMPLING_OPTIONS, *_OTHERS], what="A call of ChatPhi4")
    _check_model(given.get("model"))
    options = Options()
    specs = to_specs(given.get("tools") or ())
    choice = to_choice(given.get("tool_choice"), specs)
    if specs:
        options["tools"], options["tool_choice"] = specs, choice
    if response_format := to_response_format(given.get("response_format")):
        options["response_format"] = response_format
    if stop:
        options["stop"] = stop
    asked = {**sampling, **{name: given[name] for name in SAMPLING_OPTIONS if name in given}}
    named = {SAMPLING_OPTIONS[name]: value for name, value in asked.items() if value is not None}
    return cast("Options", {**options, **named})


def refuse_unknown(given: Iterable[str], known: Collection[str], *, what: str) -> None:
    """Refuses arguments that nobody reads: one may be another model's name for who is to read the text.

    Args:
        given: The arguments' names.
        known: The names that are read.
        what: Who was given them.

    Raises:
        InvalidOption: There is one; the advice tells what it is called here, or the nearest that exists.
    """
    for name in given:
        if name not in known:
            raise InvalidOption.unknown(name, known, what=what)


def _check_model(name: object) -> None:
    if name is not None and name not in (MODEL, *MODEL_ALIASES):
        raise InvalidOption(
            f"There is no model {shown(name)} here",
            advice=f"Use one of: {', '.join([MODEL, *MODEL_ALIASES])}.",
        )
