"""What this Space expects and how to read what it returns. Knows Gradio's /config; no sockets, no queue.

The contract is that of microsoft/phi-4-multimodal: `process_message(history, message, state)` files the
user's turn, `bot_response(history, state)` answers it. Endpoints are found by name; what else a Space's
handler takes is filled with the component's own default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, FailFast, ValidationError

from phi4_space._address import PUBLIC_SPACE
from phi4_space._errors import ContractNotMet, UnexpectedAnswer
from phi4_space._net.error_mapping import label, strip_markup
from phi4_space._net.origin import is_prefix

SUBMIT = "process_message"
ANSWER = "bot_response"
_NEEDS = {SUBMIT: ("chatbot", "multimodaltextbox"), ANSWER: ("chatbot",)}
# The public Space's numbers, as public clients have them fixed; used for it alone, and only when its
# endpoints carry no names.
_PUBLIC_NUMBERS = {SUBMIT: 10, ANSWER: 11}


_MOST_NAMES = 20  # of a Space's endpoints, in an error


class _Part(BaseModel):
    # Errors hold none of what was sent, which may be of any length.
    model_config = ConfigDict(hide_input_in_errors=True)


class _Component(_Part):
    id: int
    type: str
    props: dict[str, Any] = {}


class _Dependency(_Part):
    id: int
    api_name: str | bool | None = None
    backend_fn: bool = True
    targets: list[Any] = []
    inputs: Annotated[list[int], FailFast()] = []
    outputs: Annotated[list[int], FailFast()] = []


class _Config(_Part):
    version: str
    app_id: int | str
    api_prefix: str = ""
    max_file_size: int | None = None
    space_id: str | None = None
    dependencies: Annotated[list[_Dependency], FailFast()]
    components: Annotated[list[_Component], FailFast()] = []


@dataclass(frozen=True, slots=True)
class Slot:
    """One input or output of an endpoint.

    Attributes:
        kind: Its component's type, such as "chatbot".
        default: Its component's own value.
    """

    kind: str
    default: Any = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A handler of the Space.

    Attributes:
        name: The contract's name for it.
        fn_index: Its number, which may change with each start of the Space.
        inputs: What it takes, in order.
        outputs: What it returns, in order.
    """

    name: str
    fn_index: int
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What one start of one Space expects.

    Attributes:
        gradio_version: The Space's Gradio.
        app_id: Made anew at each start of the Space; a 64-bit integer, to be compared exactly.
        api_prefix: What stands before all paths but `/config`: "", or plain segments, each behind a slash.
        max_file_size: Bytes that a file may have, None for no limit.
        max_files: How many files the page's box takes, None for no limit. Only the page holds to it.
        space_id: "owner/name", if the Space runs on the Hub.
        submit: The endpoint that files the user's turn.
        answer: The endpoint that answers it.
        trigger_id: The page's component whose event starts the turn, if it is told.
    """

    gradio_version: str
    app_id: int | str
    api_prefix: str
    max_file_size: int | None
    max_files: int | None
    space_id: str | None
    submit: Endpoint
    answer: Endpoint
    trigger_id: int | None

    def submit_data(self, history: Sequence[Any], text: str, files: Sequence[Mapping[str, Any]]) -> list[Any]:
        """What `process_message` is called with."""
        message = {"text": text, "files": list(files)}
        return _fill(self.submit, {"chatbot": list(history), "multimodaltextbox": message})

    def answer_data(self, history: Sequence[Any]) -> list[Any]:
        """What `bot_response` is called with.

        Args:
            history: What `process_message` returned, unchanged: Gradio 5 wants each `content` as a string,
                6 as blocks, and each refuses the other's.
        """
        return _fill(self.answer, {"chatbot": list(history)})

    def submitted_history(self, data: Sequence[Any]) -> list[Any]:
        """The chat that `process_message` returned."""
        return _history(self.submit, data)

    def answered_history(self, data: Sequence[Any]) -> list[Any]:
        """The chat that `bot_response` returned."""
        return _history(self.answer, data)


def to_contract(config: object, *, space: str) -> Contract:
    """Finds the contract in a Space's `/config`.

    Args:
        config: Its JSON.
        space: "owner/name" or URL of the Space.

    Raises:
        UnexpectedAnswer: It is not a Gradio app's.
        ContractNotMet: The endpoints are not there, or take something else; the error names what is there.
    """
    try:
        told = _Config.model_validate(config)
    except ValidationError as exc:
        raise UnexpectedAnswer(f"This is no Gradio Space's /config: {strip_markup(str(exc))}") from exc
    slots = {part.id: Slot(part.type, part.props.get("value")) for part in told.components}
    found = _dependencies(told, space)
    return Contract(
        gradio_version=label(told.version) or "",
        app_id=told.app_id,
        api_prefix=_prefix(told.api_prefix),
        max_file_size=told.max_file_size,
        max_files=_max_files(found[SUBMIT], told.components),
        space_id=told.space_id,
        submit=_endpoint(SUBMIT, found[SUBMIT], slots),
        answer=_endpoint(ANSWER, found[ANSWER], slots),
        trigger_id=_trigger(found[SUBMIT]),
    )


def _prefix(told: str) -> str:
    """The prefix of all paths, which is a path and leads nowhere else."""
    prefix = told.removesuffix("/")
    if not is_prefix(prefix):
        raise UnexpectedAnswer(
            f"The api_prefix in the Space's /config is not a plain path: {strip_markup(repr(told))}"
        )
    return prefix


def _dependencies(told: _Config, space: str) -> dict[str, _Dependency]:
    named = {
        part.api_name: part
        for part in told.dependencies
        if part.backend_fn and isinstance(part.api_name, str)
    }
    missing = tuple(name for name in (SUBMIT, ANSWER) if name not in named)
    if not missing:
        return {name: named[name] for name in (SUBMIT, ANSWER)}
    numbered = {part.id: part for part in told.dependencies}
    if PUBLIC_SPACE in {space, told.space_id} and numbered.keys() >= set(_PUBLIC_NUMBERS.values()):
        return {name: numbered[number] for name, number in _PUBLIC_NUMBERS.items()}
    names = sorted(name for name in named if name != "false")[:_MOST_NAMES]
    found = tuple(shown for name in names if (shown := label(name)))
    raise ContractNotMet(
        f"The Space has no {' and no '.join(missing)}; it has {', '.join(found) or 'no named endpoints'}",
        missing=missing,
        found=found,
    )


def _endpoint(name: str, dependency: _Dependency, slots: Mapping[int, Slot]) -> Endpoint:
    inputs = tuple(slots.get(number, Slot("unknown")) for number in dependency.inputs)
    lacking = [kind for kind in _NEEDS[name] if kind not in {slot.kind for slot in inputs}]
    if lacking:
        raise ContractNotMet(f"{name} takes no {' and no '.join(lacking)}", missing=(name,))
    outputs = tuple(slots.get(number, Slot("unknown")) for number in dependency.outputs)
    return Endpoint(name, dependency.id, inputs, outputs)


def _trigger(dependency: _Dependency) -> int | None:
    match dependency.targets:
        case [[int(number), *_], *_]:
            return number
        case _:
            return None


def _max_files(dependency: _Dependency, components: Sequence[_Component]) -> int | None:
    boxes = [part for part in components if part.id in dependency.inputs and part.type == "multimodaltextbox"]
    return 1 if any(box.props.get("file_count") == "single" for box in boxes) else None


def _fill(endpoint: Endpoint, values: Mapping[str, Any]) -> list[Any]:
    # The server keeps the State itself and ignores what a client sends in its place.
    return [None if slot.kind == "state" else values.get(slot.kind, slot.default) for slot in endpoint.inputs]


def _history(endpoint: Endpoint, data: Sequence[Any]) -> list[Any]:
    for slot, value in zip(endpoint.outputs, data, strict=False):
        if slot.kind == "chatbot":
            # A handler may return gr.update(...) in place of the value itself.
            history = value.get("value") if isinstance(value, dict) else value
            if isinstance(history, list):
                return history
    raise UnexpectedAnswer(f"{endpoint.name} returned no chat")


def answer_text(history: Sequence[Any]) -> str | None:
    """The answer in a chat: the text of its last entry, or None while the assistant has said nothing.

    Args:
        history: The chat, with `content` as a string (Gradio 5) or a list of blocks (Gradio 6).
    """
    match history:
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
