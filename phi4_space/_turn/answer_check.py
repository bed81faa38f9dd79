"""What an answer must be: the call that was required, valid JSON. Knows events; no Space and no requests.

A model whose answer is rejected is told why, once. What judges calls and JSON takes long to load, and is
loaded where there are some.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from phi4_space._errors import Phi4Error, ResponseFormatNotMet, ToolChoiceNotMet
from phi4_space._limits import Limits
from phi4_space._prompt.tools import correct_call, order
from phi4_space._turn.growth import end_of
from phi4_space._turn.request import Request
from phi4_space._turns import Delta, Event, Reply, Rewritten

if TYPE_CHECKING:
    from phi4_space._prompt.json_answer import JsonReader

_RETRY_CALL = (
    "Your last answer was not a valid tool call: {}. Answer again, with the corrected tool call only."
)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an answer is not taken.

    Attributes:
        feedback: What to answer to the model.
        failure: What to raise when it happens again; None where the answer is to be taken as it is then.
        keeps_text: Whether the text stays, and that of the next answer follows it.
    """

    feedback: str
    failure: Phi4Error | None
    keeps_text: bool = False


class AnswerCheck:
    """Reads one answer, passes on what may be seen before it is judged, and judges it.

    Args:
        request: What was asked for.
        limits: What JSON in the answer may hold.
        before: The check of the answer before, where its text stays.

    Attributes:
        reply: The answer, once it is whole.
    """

    reply: Reply

    def __init__(
        self, request: Request, limits: Limits = Limits(), *, before: AnswerCheck | None = None
    ) -> None:
        self._visible = [] if before is None else [before.visible]  # in pieces: to add to a string copies it
        self._before = before
        self._is_joined = before is None  # to the text before it
        self._request = request
        self._limits = limits
        self._held: list[Event] = []
        self._reader = self._new_reader()

    @property
    def visible(self) -> str:
        """The text that was passed on."""
        self._visible = ["".join(self._visible)]
        return self._visible[0]

    def feed(self, event: Event) -> list[Event]:
        """Takes the next event, and returns what may be seen of it now."""
        match event:
            case Reply():
                self.reply = self._judged_calls(event)
                if self._reader is not None and self._reader.full_text != event.text:
                    self._reader = self._new_reader(event.text)  # indented otherwise than the deltas
                return []
            case Delta() | Rewritten() if self._request.must_call:
                self._held.append(event)  # an answer in prose is no answer then
                return []
            case Delta(text):
                return self._append(self._next(text) if self._reader is None else self._reader.feed(text))
            case Rewritten(text):
                self._reader = self._new_reader(text)
                return self._replace(self._whole(text) if self._reader is None else self._reader.text)
            case _:
                return [event]

    def rejection(self) -> Rejection | None:
        """Why the whole answer is not taken; None where it is."""
        reply, request = self.reply, self._request
        if request.must_call:
            return self._reject_arguments() if request.is_met_by(reply) else self._reject_prose()
        has_words = bool(reply.text.strip())
        if reply.broken_calls and not reply.tool_calls and not (has_words and request.response_format):
            # Without the call the words would pass for an answer. They were passed on, and remain.
            return Rejection(_RETRY_CALL.format(reply.broken_calls[0].reason), None, keeps_text=has_words)
        if request.response_format is None or self._reader is None or reply.tool_calls:
            return None
        complaint = self._reader.settle(self._limits, is_cut=reply.finish_reason == "length")
        return None if complaint is None else self._reject_json(complaint)

    def close(self) -> list[Event]:
        """What is still to be passed on of an answer that is taken; the `Reply` last."""
        if self._reader is None:
            return [*self._held, replace(self.reply, text=self._whole(self.reply.text))]
        if self.reply.tool_calls:
            return [*self._replace(self.reply.text), self.reply]  # words beside a call are not to be JSON
        return [*self._replace(self._reader.text), replace(self.reply, text=self._reader.text)]

    def _new_reader(self, text: str = "") -> JsonReader | None:
        """A reader that has read a text, if the answer is to be JSON."""
        wanted = self._request.response_format
        if wanted is None or self._request.must_call:
            return None
        from phi4_space._prompt.json_answer import JsonReader  # noqa: PLC0415 - see above

        reader = JsonReader(wanted)
        reader.feed(text)
        return reader

    def _judged_calls(self, reply: Reply) -> Reply:
        if not reply.tool_calls:
            return reply
        from phi4_space._prompt.call_wrapper import unwrap_calls  # noqa: PLC0415 - see above

        calls, broken = unwrap_calls(reply.tool_calls, self._request.tools, self._limits)
        reason = reply.finish_reason
        if broken and not calls and reason == "tool_calls":
            reason = "stop"
        return replace(
            reply, tool_calls=calls, broken_calls=(*reply.broken_calls, *broken), finish_reason=reason
        )

    def _next(self, text: str) -> str:
        """A piece of text as it follows what was passed on."""
        if self._is_joined or not text:
            return text
        self._is_joined = True
        return _gap(self.visible, text) + text

    def _whole(self, text: str) -> str:
        """The whole text, with the one before."""
        if self._before is None:
            return text
        self._is_joined = bool(text)
        before = self._before.reply.text
        return before + _gap(before, text) + text

    def _append(self, text: str) -> list[Event]:
        if not text:
            return []
        self._visible.append(text)
        return [Delta(text)]

    def _replace(self, text: str) -> list[Event]:
        if (end := end_of(self.visible, text)) is not None:
            return self._append(text[end:])
        self._visible = [text]
        return [Rewritten(text)]

    def _reject_prose(self) -> Rejection:
        choice = self._request.tool_choice
        if not self.reply.broken_calls:
            error = ToolChoiceNotMet(f"The model called no tool where {choice!r} was to be met")
            return Rejection(correct_call(choice), self._located(error))
        why = self.reply.broken_calls[0].reason
        error = ToolChoiceNotMet(f"The model made no valid call where {choice!r} was to be met: {why}")
        return Rejection(f"{_RETRY_CALL.format(why)} {order(choice)}", self._located(error))

    def _reject_arguments(self) -> Rejection | None:
        """Why the arguments of a call that had to come do not fit.

        Where any call will do, one that still does not fit is for the caller: an agent tells its model.
        """
        from phi4_space._prompt.call_check import argument_error  # noqa: PLC0415 - see above

        complaint = argument_error(self.reply.tool_calls, self._request.tools)
        if complaint is None:
            return None
        error = None if self._request.tool_choice == "required" else ToolChoiceNotMet(complaint)
        return Rejection(_RETRY_CALL.format(complaint), error and self._located(error))

    def _reject_json(self, complaint: str) -> Rejection:
        if self.reply.finish_reason == "length":
            complaint = f"it was cut off, as it may have no more tokens; {complaint}"
        from phi4_space._prompt.json_answer import correct_json  # noqa: PLC0415 - see above

        error = ResponseFormatNotMet(f"The answer is not valid: {complaint}")
        return Rejection(correct_json(complaint), self._located(error))

    def _located(self, error: Phi4Error) -> Phi4Error:
        error.partial_text = self.reply.text
        error.locate(step="get", space=self.reply.space)
        return error


def _gap(before: str, text: str) -> str:
    """What parts two texts of one answer."""
    is_parted = not before or not text or before[-1].isspace() or text[0].isspace()
    return "" if is_parted else "\n\n"
