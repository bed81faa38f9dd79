"""The contract of two steps: a turn is filed in a chat, then answered there. Knows how the two are found.

microsoft/phi-4-multimodal calls them `process_message` and `bot_response`, and by these names they are found
first; others have them under any name: a function that takes a question and a Chatbot and returns the
Chatbot, and one behind it that takes the Chatbot and returns it. What else they take has the component's own
default, unless its label says that it is an option.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from phi4_space._address import PUBLIC_SPACE
from phi4_space._errors import ContractNotMet, UnexpectedAnswer
from phi4_space._gradio.additional_inputs import AdditionalInputs, to_additional_inputs
from phi4_space._gradio.box import MULTIMODAL, TEXT, Box
from phi4_space._gradio.chain import Chains, to_chains
from phi4_space._gradio.config import Config, Endpoint, Slot
from phi4_space._gradio.contract import Call, Reading, Submission, Wanted
from phi4_space._gradio.messages import Content, answer_in_chat, count_questions
from phi4_space._net.error_mapping import label
from phi4_space._status import Takes

SUBMIT = "process_message"
ANSWER = "bot_response"
_CHAT = "chatbot"
_MOST_LABELS = 4  # of components, in an error
_MOST_STEPS = 8  # in an error
_NUMBERED = re.compile(r"_\d+")
"""What Gradio puts behind a name that another function has."""
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
        """The chat with the turn in it, as the first step returned it.

        A Space that refuses a question may return the chat as it was; its last answer would be read again.
        """
        (_, chat), history = self._chat_at(self.submit, outputs or ()), _to_chat(submission.history)
        count = count_questions(chat)
        is_same = count <= count_questions(history) and _words(chat) == _words(history)
        if not count or is_same:
            raise UnexpectedAnswer(
                f"{_named(self.submit)} filed no question in the chat",
                advice="The Space may refuse such questions, and say so on its page alone.",
            )
        return chat

    def ask(self, pending: list[Any], options: Mapping[str, object]) -> Call:
        """Has the turn answered."""
        return self._call(self.answer, {self.chat.number: pending}, options)

    def read(self, outputs: Sequence[Any]) -> Reading:
        """The answer is what stands behind the last question; the chat goes back with the next turn."""
        place, chat = self._chat_at(self.answer, outputs)
        if chat and not count_questions(chat):
            # Which of its entries are new, nothing says.
            raise UnexpectedAnswer(f"{_named(self.answer)} returned a chat without the question")
        content = answer_in_chat(chat)
        return Reading(
            content.text,
            chat,
            thoughts=content.thoughts,
            files=content.files,
            is_whole=content.is_whole,
            end=None if content.end is None else (*place, *content.end),
        )

    def _call(
        self, endpoint: Endpoint, own: Mapping[int | None, object], options: Mapping[str, object]
    ) -> Call:
        data = self.inputs.fill(endpoint.inputs, own, options)
        return Call(endpoint.fn_index, data, self.submit.trigger_id, must_join=endpoint.must_join)

    def _chat_at(self, endpoint: Endpoint, outputs: Sequence[Any]) -> tuple[tuple[str | int, ...], list[Any]]:
        """The chat among a function's outputs, and where it stands there."""
        for number, (slot, value) in enumerate(zip(endpoint.outputs, outputs, strict=False)):
            if slot.number == self.chat.number:
                match value:
                    case list():
                        return (number,), value
                    case {"value": list(chat)}:  # what gr.update(...) makes, in place of the value itself
                        return (number, "value"), chat
        raise UnexpectedAnswer(f"{_named(endpoint)} returned no chat")


def find_named_steps(config: Config, wanted: Wanted) -> list[TwoStep]:
    """Finds `process_message` and `bot_response` in a Space's /config, if both are there.

    Args:
        config: What the Space says of itself.
        wanted: What the client asks for.

    Raises:
        ContractNotMet: They take or return something else, or are not all that answers.
    """
    named, chains = config.named(), to_chains(config.endpoints)
    if SUBMIT in named and ANSWER in named:
        return [_to_named_steps(named[SUBMIT], named[ANSWER], chains)]
    numbered = {endpoint.fn_index: endpoint for endpoint in config.endpoints}
    if PUBLIC_SPACE in {wanted.space, config.space_id} and numbered.keys() >= set(_PUBLIC_NUMBERS.values()):
        submit, answer = (replace(numbered[number], name=name) for name, number in _PUBLIC_NUMBERS.items())
        return [_to_named_steps(submit, answer, chains)]
    return []


def find_two_step(config: Config, wanted: Wanted) -> list[TwoStep]:
    """Finds two functions of that shape in a Space's /config, whatever their names.

    A button and a box that start the same two make one of them, unless the second is asked for by name. The
    same are functions of one name, but for the number that Gradio puts behind it, with the same inputs.

    Args:
        config: What the Space says of itself.
        wanted: What the client asks for.

    Raises:
        ContractNotMet: There are two that share several Chatbots, that have no box that is certainly the
            question's, or that are not all that answers.
    """
    found: dict[object, TwoStep] = {}
    chains = to_chains(config.endpoints)
    for submit, answer in _pairs(config, chains):
        # Of several chats on a page, one may be asked that fits.
        is_other = wanted.endpoint not in {None, submit.name, answer.name}
        if not wanted.may_use(submit, answer) or (is_other and _misfit(submit, answer, chains)):
            continue
        steps = _to_two_step(submit, answer, chains)
        is_named = wanted.endpoint in {name for name in steps.endpoints if name}
        taken = tuple(slot.number for slot in answer.inputs)
        key = (steps.box.number, steps.chat.number, _NUMBERED.sub("", answer.name), taken)
        if key not in found or is_named:
            found[key] = steps
    return [*found.values()]


def answers_alone(endpoint: Endpoint) -> bool:
    """Whether a function takes a question and a Chatbot, and writes there: it may be all that answers."""
    return bool(_chat_boxes(endpoint) and _written(endpoint))


def answers_from_state(endpoint: Endpoint) -> bool:
    """Whether a function behind another writes a Chatbot, and reads what was asked in a State alone."""
    kinds = {slot.kind for slot in endpoint.inputs}
    return endpoint.after is not None and bool(_written(endpoint)) and "state" in kinds and _CHAT not in kinds


def _pairs(config: Config, chains: Chains) -> list[tuple[Endpoint, Endpoint]]:
    """Each function that answers, with the nearest before it that files a question; nearest pairs first.

    One for each function that files, and chat: a page may have any number of functions behind it.
    """
    boxes = {number: boxes for number, one in chains.numbered.items() if (boxes := _chat_boxes(one))}
    written = {number: _written(chains.numbered[number]) for number in boxes}
    pairs: dict[object, tuple[int, Endpoint, Endpoint]] = {}
    for answer in config.endpoints:
        taken = {slot.number for slot in answer.inputs}
        kept = taken & {slot.number for slot in answer.outputs}
        for distance, submit in enumerate(chains.before(answer)):
            chats = kept & written.get(submit.fn_index, {}).keys()
            if chats and not taken.issuperset(boxes[submit.fn_index]):
                key = (submit.fn_index, frozenset(chats))
                if key not in pairs or pairs[key][0] > distance:
                    pairs[key] = distance, submit, answer
                break
    return [(submit, answer) for _, submit, answer in sorted(pairs.values(), key=lambda pair: pair[0])]


def _chat_boxes(submit: Endpoint) -> list[int | None]:
    """Where the question may be written, of a function that takes the chat as well."""
    takes_chat = any(slot.kind == _CHAT for slot in submit.inputs)
    return [slot.number for slot in _boxes(submit)] if takes_chat else []


def _written(submit: Endpoint) -> dict[int | None, Slot]:
    """The Chatbots in which a function writes, by their numbers."""
    return {slot.number: slot for slot in submit.outputs if slot.kind == _CHAT}


def _boxes(submit: Endpoint) -> list[Slot]:
    """Where the question may be written: in a box that takes files as well, or else in one for text."""
    multimodal = [slot for slot in submit.inputs if slot.kind == MULTIMODAL]
    texts = [slot for slot in submit.inputs if slot.kind == TEXT and not slot.is_secret]
    options = {slot.number for slot in to_additional_inputs(texts).options.values()} - {submit.trigger_id}
    boxes = multimodal or [slot for slot in texts if slot.number not in options]
    return [*{slot.number: slot for slot in boxes}.values()]


def _boxes_for(submit: Endpoint, answer: Endpoint) -> list[Slot]:
    """The same, but the one alone that starts it all or is emptied by it, if there is one."""
    taken, emptied = ({slot.number for slot in slots} for slots in (answer.inputs, submit.outputs))
    boxes = [slot for slot in _boxes(submit) if slot.number not in taken]
    started = {submit.trigger_id}
    for marks in (started & emptied, started | emptied):
        if len(marked := [slot for slot in boxes if slot.number in marks]) == 1:
            return marked
    return boxes


def _shared(submit: Endpoint, answer: Endpoint) -> list[Slot]:
    """The Chatbots in which both write."""
    kept = {slot.number for slot in answer.inputs} & {slot.number for slot in answer.outputs}
    return [slot for number, slot in _written(submit).items() if number in kept]


def _to_named_steps(submit: Endpoint, answer: Endpoint, chains: Chains) -> TwoStep:
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
    return _to_two_step(submit, answer, chains)


def _to_two_step(submit: Endpoint, answer: Endpoint, chains: Chains) -> TwoStep:
    if (misfit := _misfit(submit, answer, chains)) is not None:
        raise misfit
    (chat,), (box,) = _shared(submit, answer), _boxes_for(submit, answer)
    inputs = [
        slot for slot in (*submit.inputs, *answer.inputs) if slot.number not in {chat.number, box.number}
    ]
    return TwoStep(submit, answer, Box(box), chat, to_additional_inputs(inputs))


def _misfit(submit: Endpoint, answer: Endpoint, chains: Chains) -> ContractNotMet | None:
    """Why the two do not answer a question, if they do not."""
    chats, boxes = _shared(submit, answer), _boxes_for(submit, answer)
    names = tuple(filter(None, (label(endpoint.name) for endpoint in (submit, answer))))
    what = None
    if not chats:
        what = f"{' and '.join(names)} do not write in the same Chatbot"
    elif len(chats) > 1:
        what = (
            f"{' and '.join(names)} share {len(chats)} Chatbots, {_labels(chats)}, and in which the answer is"
        )
        what += " cannot be told"
    elif len(boxes) != 1:
        what = f"{_named(submit)} takes {len(boxes)} boxes, {_labels(boxes)}, and in which the question goes"
        what += " cannot be told"
    elif others := chains.with_part_in(submit, answer, boxes[0]):
        return _too_many_steps([submit, answer, *others], missing=names)
    return None if what is None else ContractNotMet(what, missing=names)


def _too_many_steps(steps: Sequence[Endpoint], *, missing: tuple[str, ...]) -> ContractNotMet:
    """The error for a page whose answer is the work of more functions than two."""
    names = [_named(one) for one in sorted(steps, key=lambda one: one.fn_index)]
    more = ["..."] if len(names) > _MOST_STEPS else []
    return ContractNotMet(
        f"The Space answers in {len(names)} steps, {', '.join([*names[:_MOST_STEPS], *more])};"
        " this client runs two",
        advice="Ask its author for a gr.ChatInterface, or for one function that does what follows the first.",
        missing=missing,
    )


def _labels(slots: Sequence[Slot]) -> str:
    return " and ".join(repr(slot.label or f"{slot.kind} {slot.number}") for slot in slots[:_MOST_LABELS])


def _named(endpoint: Endpoint) -> str:
    return label(endpoint.name) or "a function without a name"


def _words(chat: Sequence[object]) -> Content:
    """What stands behind the last question, but for files, which move."""
    return replace(answer_in_chat(chat), files=())


def _to_chat(history: object) -> list[Any]:
    # A saved conversation may hold another contract's.
    return history if isinstance(history, list) else []
