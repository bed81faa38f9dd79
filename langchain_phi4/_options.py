"""One call: its keyword arguments as the client's options, and its events. Knows no message."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import Any

from langchain_phi4._callbacks import EventSink
from langchain_phi4._output import ChunkBuilder, ReplyCollector
from langchain_phi4._structured import to_format
from langchain_phi4._tools import to_choice, to_specs
from phi4_space import MODEL, MODEL_ALIASES, Event, InvalidOption, Options, SpaceClient, Turn
from phi4_space.interop import (
    SAMPLING_OPTIONS,
    Caller,
    merge_options,
    on_behalf_of,
    own_names,
    refuse_unknown,
    sampling_options,
    short_repr,
    to_stop,
)

_OURS = ("model", "tools", "tool_choice", "parallel_tool_calls", "response_format")
# What agents and core pass along: the method decides on streaming, and traces are core's; a tool's schema is
# sent in full either way; and usage comes where a Space counts it.
_OTHERS = ("stream", "stream_usage", "strict", "ls_structured_output_format", "structured_output_format")
_KNOWN = (*_OURS, "stop", *dict.fromkeys(SAMPLING_OPTIONS.values()), *_OTHERS)


@dataclass(frozen=True, slots=True)
class Call:
    """One call, ready to be sent.

    Attributes:
        turns: The client's message.
        options: The client's options.
        collector: Collects the answer.
        sink: Where its events go, if anywhere.
        caller: Who called the model, for warnings; None where that has to be found when the call is sent.
    """

    turns: Sequence[Turn]
    options: Options
    collector: ReplyCollector
    sink: EventSink | None
    caller: Caller | None = None

    def chunks(self) -> ChunkBuilder:
        """Builds the chunks of the answer."""
        return ChunkBuilder(self.collector, formatted="response_format" in self.options)

    def ask(self, client: SpaceClient) -> Generator[Event, None, None]:
        """Sends the call, and yields its events after they were collected and passed on."""
        with on_behalf_of(self.caller):
            started = client.stream(self.turns, **self.options)
        with closing(started) as events:
            for event in events:
                self.collector.add(event)
                if self.sink is not None:
                    self.sink.send(event)
                yield event

    async def aask(self, client: SpaceClient) -> AsyncGenerator[Event, None]:
        """`ask` for asynchronous callers."""
        with on_behalf_of(self.caller):
            started = client.astream(self.turns, **self.options)
        async with aclosing(started) as events:
            async for event in events:
                self.collector.add(event)
                if self.sink is not None:
                    await self.sink.asend(event)
                yield event


def to_options(
    kwargs: Mapping[str, Any],
    *,
    stop: str | Sequence[str] | None,
    defaults: Mapping[str, object],
    model: str = MODEL,
) -> Options:
    """The client's options for a call.

    Args:
        kwargs: The call's keyword arguments, those that were bound to the model among them.
        stop: The string or strings before which the answer ends; None is not set.
        defaults: The model's own sampling options and stop strings; those of the call override them.
        model: The model's name, which a call may repeat.

    Raises:
        InvalidOption: An argument makes no sense, or is not known.
    """
    kwargs = own_names(kwargs, _KNOWN, last_counts=True)  # core puts what was bound before what a call has
    kwargs |= own_names({"stop": stop, "stop_sequences": kwargs.get("stop")}, ["stop"])
    refuse_unknown(kwargs, _KNOWN, what="A call of ChatPhi4")
    _check_model(kwargs.get("model"), model)
    merged = merge_options(defaults, kwargs)
    options = sampling_options(merged)
    specs = to_specs(kwargs.get("tools") or ())
    choice = to_choice(kwargs.get("tool_choice"), specs)
    if specs:
        options["tools"], options["tool_choice"] = specs, choice
    if response_format := to_format(kwargs.get("response_format")):
        options["response_format"] = response_format
    if (strings := to_stop(merged.get("stop"))) is not None:
        options["stop"] = strings
    return options


def _check_model(name: object, model: str) -> None:
    names = (model, *(MODEL_ALIASES if model == MODEL else ()))
    if name is not None and name not in names:
        raise InvalidOption(
            f"There is no model {short_repr(name)} here", advice=f"Use one of: {', '.join(names)}."
        )
