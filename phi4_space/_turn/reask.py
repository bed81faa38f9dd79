"""What an answer is held to: a call that must come, JSON that must fit. Knows events, not how they come.

A model whose answer falls short is told so, once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from phi4_space._errors import Phi4Error, ResponseFormatNotMet, ToolChoiceNotMet
from phi4_space._limits import Limits
from phi4_space._prompt.compose import PromptStyle
from phi4_space._prompt.json_answer import JsonReader, correct_json
from phi4_space._prompt.tools import argument_error, correct_call
from phi4_space._turn.request import Request, Said, to_question
from phi4_space._turn.run import Exchange
from phi4_space._turn.state import Question, Standing
from phi4_space._turns import Delta, Event, Reply, Rewritten, Turn

_RETRY_CALL = "Your last answer was no good tool call: {}. Answer again, with the call corrected."


@dataclass(frozen=True, slots=True)
class Shortfall:
    """How an answer fell short.

    Attributes:
        corrective: What to answer to the model.
        failure: What to raise when it happens again; None where the answer is to be taken as it is then.
    """

    corrective: str
    failure: Phi4Error | None


class Hearing:
    """Hears one answer out, lets through what may be shown before it is judged, and judges it.

    Args:
        request: What was asked for.
        limits: What JSON in the answer may hold.
    """

    def __init__(self, request: Request, limits: Limits = Limits()) -> None:
        self._request = request
        self._limits = limits
        self._held: list[Event] = []
        self._reader = self._new_reader()
        self.shown = ""

    def hear(self, event: Event) -> list[Event]:
        """Takes the next event, and gives what may be shown of it now."""
        match event:
            case Reply():
                self.reply = event
                return []
            case Delta() | Rewritten() if self._request.must_call:
                self._held.append(event)  # an answer in prose is no answer then
                return []
            case Delta(text):
                return self._show(text if self._reader is None else self._reader.feed(text))
            case Rewritten(text):
                self._reader = self._new_reader()
                return self._replace(text if self._reader is None else self._reader.feed(text))
            case _:
                return [event]

    def shortfall(self) -> Shortfall | None:
        """How the whole answer falls short; None where it does not."""
        reply, request = self.reply, self._request
        if request.must_call:
            return self._misfit_call() if request.is_met_by(reply) else self._without_call()
        if reply.broken_calls and not reply.tool_calls and not reply.text.strip():
            # Nothing was shown yet, and the answer is worth nothing.
            return Shortfall(_RETRY_CALL.format(reply.broken_calls[0].reason), None)
        if request.response_format is None or self._reader is None or reply.tool_calls:
            return None
        complaint = request.response_format.validation_error(self._reader.text, self._limits)
        return None if complaint is None else self._misfit(complaint)

    def close(self) -> list[Event]:
        """What is still to be shown of an answer that is taken; the `Reply` last."""
        if self._reader is None:
            return [*self._held, self.reply]
        if self.reply.tool_calls:
            return [*self._replace(self.reply.text), self.reply]  # words beside a call are not to be JSON
        return [replace(self.reply, text=self._reader.text)]

    def _new_reader(self) -> JsonReader | None:
        wanted = self._request.response_format
        return JsonReader(wanted) if wanted is not None and not self._request.must_call else None

    def _show(self, text: str) -> list[Event]:
        self.shown += text
        return [Delta(text)] if text else []

    def _replace(self, text: str) -> list[Event]:
        if text.startswith(self.shown):
            return self._show(text[len(self.shown) :])
        self.shown = text
        return [Rewritten(text)]

    def _without_call(self) -> Shortfall:
        choice = self._request.tool_choice
        error = ToolChoiceNotMet(f"The model called no tool where {choice!r} was to be met")
        return Shortfall(correct_call(choice), self._located(error))

    def _misfit_call(self) -> Shortfall | None:
        """How the arguments of a call that had to come do not fit.

        Where any call will do, one that still does not fit is for the caller: an agent tells its model.
        """
        complaint = argument_error(self.reply.tool_calls, self._request.tools)
        if complaint is None:
            return None
        error = None if self._request.tool_choice == "required" else ToolChoiceNotMet(complaint)
        return Shortfall(_RETRY_CALL.format(complaint), error and self._located(error))

    def _misfit(self, complaint: str) -> Shortfall:
        error = ResponseFormatNotMet(f"The model's answer does not fit: {complaint}")
        return Shortfall(correct_json(complaint), self._located(error))

    def _located(self, error: Phi4Error) -> Phi4Error:
        error.partial_text = self.reply.text
        error.locate(step="get", space=self.reply.space)
        return error


async def ask(
    exchange: Callable[[Question, Standing], Exchange],
    known: Sequence[Said],
    request: Request,
    standing: Standing,
    *,
    news: Sequence[Said],
    style: PromptStyle,
    limits: Limits,
) -> AsyncGenerator[Event, None]:
    """Takes the turn; where the answer falls short, asks once more, and then gives up.

    Raises:
        ToolChoiceNotMet: The model answered twice without the call that it was told to make.
        ResponseFormatNotMet: The model answered twice with what does not fit.
    """
    first: Hearing | None = None
    while True:
        hearing = Hearing(request, limits)
        question = to_question(known, news, request, style=style)
        async with aclosing(exchange(question, standing).run()) as events:
            async for event in events:
                for told in hearing.hear(event):
                    yield told
        shortfall = hearing.shortfall()
        if shortfall is None or first is not None:
            break
        first = hearing
        if first.shown:
            yield Rewritten("")
        known = (*known, *news, Said(first.reply.turn))
        news = (Said(Turn(role="user", text=shortfall.corrective)),)
    if shortfall is not None and shortfall.failure is not None:
        standing.leave()  # its session heard a question that was never answered
        raise shortfall.failure
    for told in hearing.close():
        yield told
