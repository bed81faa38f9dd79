"""The contract of two steps: a turn is filed in a chat, then answered there. Knows how the two are found.

microsoft/phi-4-multimodal calls them `process_message` and `bot_response`, and by these names they are found
first; others have them under any name: a function that takes a question and a Chatbot and returns the
Chatbot, and one behind it that takes the Chatbot and returns it. What else they take has the component's own
default, unless its label says that it is an option.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from phi4_space._address import PUBLIC_SPACE
from phi4_space._errors import ContractNotMet, UnexpectedAnswer
from phi4_space._gradio.additional_inputs import AdditionalInputs, to_additional_inputs
from phi4_space._gradio.box import MULTIMODAL, TEXT, Box
from phi4_space._gradio.config import Config, Endpoint, Slot
from phi4_space._gradio.contract import Call, Reading, Submission, Wanted
from phi4_space._gradio.messages import answer_in_chat
from phi4_space._net.error_mapping import label
from phi4_space._status import Takes

SUBMIT = "process_message"
ANSWER = "bot_response"
_CHAT = "chatbot"
_LONGEST_CHAIN = 5  # functions between a question and its answer
_MOST_CHATS = 4  # in an error
# The public Space's numbers, as public clients have them fixed; used for it alone, and only when its
# endpoints carry no names.
_PUBLIC_NUMBERS = {SUBMIT: 10, ANSWER: 11}


@dataclass(frozen=True, slots=True)
class TwoStep:
    """A Space that answers in two steps.

    Its history is the chat as the Space returned it last, and its pending turn the chat with the turn in it.
    Both go back verbatim: Gradio 5 wants each `content` as a string, 6 as blocks, and each refuses the
    other's.

    Attributes:
        submit: The endpoint that files the user's turn.
        answer: The endpoint that answers it.
        box: Where the question is written.
        chat: The Chatbot's component.
        inputs: What the two take beside the question and the chat.
    """

    submit: Endpoint
    answer: Endpoint
    box: Box
    chat: Slot
    inputs: AdditionalInputs

    @property
    def takes(self) -> Takes:
        """What the box of the page takes, and the options among the additional inputs."""
        return self.box.takes("two steps", self.inputs)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """See `Contract.endpoints`."""
        return (self.submit.name, self.answer.name)

    @property
    def fn_index(self) -> int:
        """See `Contract.fn_index`."""
        return self.answer.fn_index

    def with_extra(self, values: Mapping[str, object]) -> TwoStep:
        """See `Contract.with_extra`."""
        return replace(self, inputs=self.inputs.with_values(values))

    def first(self, submission: Submission) -> Call:
        """Files the turn in the session's State."""
        own = {self.chat.number: _to_chat(submission.history), self.box.number: self.box.value(submission)}
        return self._call(self.submit, own, submission.options)

    def pending(self, submission: Submission, outputs: Sequence[Any] | None) -> list[Any]:
        """The chat with the turn in it, as the first step returned it."""
        del submission  # it stands in the outputs
        return self._chat_in(self.submit, outputs or ())

    def ask(self, pending: list[Any], options: Mapping[str, object]) -> Call:
        """Has the turn answered."""
        return self._call(self.answer, {self.chat.number: pending}, options)

    def read(self, outputs: Sequence[Any]) -> Reading:
        """The answer is what stands behind the last question; the chat goes back with the next turn."""
        chat = self._chat_in(self.answer, outputs)
        content = answer_in_chat(chat)
        return Reading(
            content.text, chat, thoughts=content.thoughts, files=content.files, is_whole=content.is_whole
        )

    def _call(
        self, endpoint: Endpoint, own: Mapping[int | None, object], options: Mapping[str, object]
    ) -> Call:
        data = self.inputs.fill(endpoint.inputs, own, options)
        return Call(endpoint.fn_index, data, self.submit.trigger_id, must_join=endpoint.must_join)

    def _chat_in(self, endpoint: Endpoint, outputs: Sequence[Any]) -> list[Any]:
        for slot, value in zip(endpoint.outputs, outputs, strict=False):
            if slot.number == self.chat.number:
                # A handler may return gr.update(...) in place of the value itself.
                chat = value.get("value") if isinstance(value, dict) else value
                if isinstance(chat, list):
                    return chat
        raise UnexpectedAnswer(f"{endpoint.name or 'A function of the Space'} returned no chat")


def find_named_steps(config: Config, wanted: Wanted) -> list[TwoStep]:
    """Finds `process_message` and `bot_response` in a Space's /config, if both are there.

    Args:
        config: What the Space says of itself.
        wanted: What the client asks for.

    Raises:
        ContractNotMet: They take or return something else.
    """
    named = config.named()
    if SUBMIT in named and ANSWER in named:
        return [_to_named_steps(named[SUBMIT], named[ANSWER])]
    numbered = {endpoint.fn_index: endpoint for endpoint in config.endpoints}
    if PUBLIC_SPACE in {wanted.space, config.space_id} and numbered.keys() >= set(_PUBLIC_NUMBERS.values()):
        submit, answer = (replace(numbered[number], name=name) for name, number in _PUBLIC_NUMBERS.items())
        return [_to_named_steps(submit, answer)]
    return []


def find_two_step(config: Config, wanted: Wanted) -> list[TwoStep]:
    """Finds two functions of that shape in a Space's /config, whatever their names.

    A button and a box that start the same two make one of them, unless the second is asked for by name.

    Args:
        config: What the Space says of itself.
        wanted: What the client asks for.

    Raises:
        ContractNotMet: There are two that share several Chatbots.
    """
    found: dict[object, TwoStep] = {}
    for submit, answer in _pairs(config):
        if not wanted.may_use(submit, answer):
            continue
        steps = _to_two_step(submit, answer)
        is_named = wanted.endpoint in {name for name in steps.endpoints if name}
        key = (steps.box.number, steps.chat.number)
        if key not in found or is_named:
            found[key] = steps
    return [*found.values()]


def _pairs(config: Config) -> list[tuple[Endpoint, Endpoint]]:
    """Each function that answers, with the nearest before it that files a question; nearest pairs first.

    One for each function that files, and chat: a page may have any number of functions behind it.
    """
    numbered = {endpoint.fn_index: endpoint for endpoint in config.endpoints}
    boxes = {number: box for number, one in numbered.items() if (box := _chat_box(one)) is not None}
    written = {number: _written(numbered[number]) for number in boxes}
    pairs: dict[object, tuple[int, Endpoint, Endpoint]] = {}
    for answer in config.endpoints:
        taken = {slot.number for slot in answer.inputs}
        kept = taken & {slot.number for slot in answer.outputs}
        for distance, submit in enumerate(_before(answer, numbered)):
            chats = kept & written.get(submit.fn_index, {}).keys()
            if chats and boxes[submit.fn_index].number not in taken:
                key = (submit.fn_index, frozenset(chats))
                if key not in pairs or pairs[key][0] > distance:
                    pairs[key] = distance, submit, answer
                break
    return [(submit, answer) for _, submit, answer in sorted(pairs.values(), key=lambda pair: pair[0])]


def _before(endpoint: Endpoint, numbered: Mapping[int, Endpoint]) -> Iterator[Endpoint]:
    """The functions behind which one is called, the nearest first."""
    for _ in range(_LONGEST_CHAIN):
        earlier = None if endpoint.after is None else numbered.get(endpoint.after)
        if earlier is None:
            return
        yield (endpoint := earlier)


def _chat_box(submit: Endpoint) -> Slot | None:
    """Where the question is written, of a function that takes the chat as well."""
    return _box(submit) if any(slot.kind == _CHAT for slot in submit.inputs) else None


def _written(submit: Endpoint) -> dict[int | None, Slot]:
    """The Chatbots in which a function writes, by their numbers."""
    return {slot.number: slot for slot in submit.outputs if slot.kind == _CHAT}


def _box(submit: Endpoint) -> Slot | None:
    """Where the question is written: a box that takes files as well, or else the one that starts it all."""
    multimodal = (slot for slot in submit.inputs if slot.kind == MULTIMODAL)
    texts = [slot for slot in submit.inputs if slot.kind == TEXT]
    started = (slot for slot in texts if slot.number == submit.trigger_id)
    options = {slot.number for slot in to_additional_inputs(texts).options.values()}
    others = (slot for slot in texts if slot.number not in options)
    return next(chain(multimodal, started, others), None)


def _shared(submit: Endpoint, answer: Endpoint) -> list[Slot]:
    """The Chatbots in which both write."""
    kept = {slot.number for slot in answer.inputs} & {slot.number for slot in answer.outputs}
    return [slot for number, slot in _written(submit).items() if number in kept]


def _to_named_steps(submit: Endpoint, answer: Endpoint) -> TwoStep:
    wants = [
        (submit, "takes", submit.inputs, (_CHAT, MULTIMODAL)),
        (submit, "returns", submit.outputs, (_CHAT,)),
        (answer, "takes", answer.inputs, (_CHAT,)),
        (answer, "returns", answer.outputs, (_CHAT,)),
    ]
    for endpoint, does, slots, wanted in wants:
        kinds = {slot.kind for slot in slots}
        if lacking := [kind for kind in wanted if kind not in kinds]:
            raise ContractNotMet(
                f"{endpoint.name} {does} no {' and no '.join(lacking)}", missing=(endpoint.name,)
            )
    return _to_two_step(submit, answer)


def _to_two_step(submit: Endpoint, answer: Endpoint) -> TwoStep:
    chats, box = _shared(submit, answer), _box(submit)
    if len(chats) == 1 and box is not None:
        own = {chats[0].number, box.number}
        others = [slot for slot in (*submit.inputs, *answer.inputs) if slot.number not in own]
        return TwoStep(submit, answer, Box(box), chats[0], to_additional_inputs(others))
    names = tuple(filter(None, (label(endpoint.name) for endpoint in (submit, answer))))
    what = "do not write in the same Chatbot"
    if chats:
        labels = " and ".join(repr(chat.label or f"chatbot {chat.number}") for chat in chats[:_MOST_CHATS])
        what = f"share {len(chats)} Chatbots, {labels}, and in which the answer is cannot be told"
    raise ContractNotMet(f"{' and '.join(names)} {what}", missing=names)


def _to_chat(history: object) -> list[Any]:
    # A saved conversation may hold another contract's.
    return history if isinstance(history, list) else []
