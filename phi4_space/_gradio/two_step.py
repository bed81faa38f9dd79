"""The contract of microsoft/phi-4-multimodal: a turn is filed, then answered. Knows its two functions.

`process_message(history, message, state)` files the user's turn, `bot_response(history, state)` answers it.
They are found by name; what else a Space's function takes is filled with the component's own default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from phi4_space._address import PUBLIC_SPACE
from phi4_space._errors import ContractNotMet, UnexpectedAnswer
from phi4_space._gradio.config import Config, Endpoint
from phi4_space._gradio.contract import Call, Reading, Submission, Takes
from phi4_space._net.error_mapping import label

SUBMIT = "process_message"
ANSWER = "bot_response"
_NEEDS = {SUBMIT: ("chatbot", "multimodaltextbox"), ANSWER: ("chatbot",)}
# The public Space's numbers, as public clients have them fixed; used for it alone, and only when its
# endpoints carry no names.
_PUBLIC_NUMBERS = {SUBMIT: 10, ANSWER: 11}
_MOST_NAMES = 20  # of a Space's endpoints, in an error


@dataclass(frozen=True, slots=True)
class TwoStep:
    """A Space with `process_message` and `bot_response`.

    Its history is the chat as the Space returned it last, and its pending turn the chat with the turn in it.
    Both go back verbatim: Gradio 5 wants each `content` as a string, 6 as blocks, and each refuses the
    other's.

    Attributes:
        submit: The endpoint that files the user's turn.
        answer: The endpoint that answers it.
    """

    submit: Endpoint
    answer: Endpoint

    @property
    def takes(self) -> Takes:
        """One file where the page's box takes one, and no sampling options."""
        boxes = [slot for slot in self.submit.inputs if slot.kind == "multimodaltextbox"]
        return Takes(max_files=1 if any(box.file_count == "single" for box in boxes) else None)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """See `Contract.endpoints`."""
        return (self.submit.name, self.answer.name)

    @property
    def fn_index(self) -> int:
        """See `Contract.fn_index`."""
        return self.answer.fn_index

    def first(self, submission: Submission) -> Call:
        """Files the turn in the session's State."""
        values = {
            "chatbot": _to_chat(submission.history),
            "multimodaltextbox": {"text": submission.text, "files": list(submission.files)},
        }
        return self._call(self.submit, values)

    def pending(self, submission: Submission, outputs: Sequence[Any] | None) -> list[Any]:
        """The chat with the turn in it, as `process_message` returned it."""
        del submission  # it stands in the outputs
        return _chat_in(self.submit, outputs or ())

    def ask(self, pending: list[Any], options: Mapping[str, object]) -> Call:
        """Has the turn answered."""
        del options  # it takes none
        return self._call(self.answer, {"chatbot": pending})

    def read(self, outputs: Sequence[Any]) -> Reading:
        """The answer is the chat's last entry; the chat goes back with the next turn."""
        chat = _chat_in(self.answer, outputs)
        return Reading(answer_text(chat), chat)

    def _call(self, endpoint: Endpoint, values: Mapping[str, Any]) -> Call:
        # The server keeps the State itself and ignores what a client sends in its place.
        data = [
            None if slot.kind == "state" else values.get(slot.kind, slot.default) for slot in endpoint.inputs
        ]
        return Call(endpoint.fn_index, data, self.submit.trigger_id)


def find_two_step(config: Config, *, space: str) -> TwoStep:
    """Finds the two functions in a Space's /config.

    Args:
        config: What the Space says of itself.
        space: "owner/name" or URL of the Space.

    Raises:
        ContractNotMet: They are not there, or take something else; the error names what is there.
    """
    named = config.named()
    missing = tuple(name for name in (SUBMIT, ANSWER) if name not in named)
    if not missing:
        return _checked(TwoStep(named[SUBMIT], named[ANSWER]))
    numbered = {endpoint.fn_index: endpoint for endpoint in config.endpoints}
    if PUBLIC_SPACE in {space, config.space_id} and numbered.keys() >= set(_PUBLIC_NUMBERS.values()):
        submit, answer = (replace(numbered[number], name=name) for name, number in _PUBLIC_NUMBERS.items())
        return _checked(TwoStep(submit, answer))
    names = sorted(name for name in named if name != "false")[:_MOST_NAMES]
    found = tuple(filter(None, map(label, names)))
    raise ContractNotMet(
        f"The Space has no {' and no '.join(missing)}; it has {', '.join(found) or 'no named endpoints'}",
        missing=missing,
        found=found,
    )


def _checked(contract: TwoStep) -> TwoStep:
    for endpoint in (contract.submit, contract.answer):
        kinds = {slot.kind for slot in endpoint.inputs}
        if lacking := [kind for kind in _NEEDS[endpoint.name] if kind not in kinds]:
            raise ContractNotMet(
                f"{endpoint.name} takes no {' and no '.join(lacking)}", missing=(endpoint.name,)
            )
    return contract


def _to_chat(history: object) -> list[Any]:
    # A saved conversation may hold another contract's.
    return history if isinstance(history, list) else []


def _chat_in(endpoint: Endpoint, outputs: Sequence[Any]) -> list[Any]:
    for slot, value in zip(endpoint.outputs, outputs, strict=False):
        if slot.kind == "chatbot":
            # A handler may return gr.update(...) in place of the value itself.
            chat = value.get("value") if isinstance(value, dict) else value
            if isinstance(chat, list):
                return chat
    raise UnexpectedAnswer(f"{endpoint.name} returned no chat")


def answer_text(chat: Sequence[Any]) -> str | None:
    """The answer in a chat: the text of its last entry, or None while the assistant is silent.

    Args:
        chat: The chat, with `content` as a string (Gradio 5) or a list of blocks (Gradio 6).
    """
    match chat:
        case [*_, {"role": "assistant", "content": content}]:
            return _text(content)
        case _:
            return None


def _text(content: object) -> str:
    match content:
        case str():
            return content
        case {"text": str(text)}:
            return text
        case list():
            return "".join(_text(block) for block in content)
        case _:
            return ""  # a file or component in the answer carries no words
