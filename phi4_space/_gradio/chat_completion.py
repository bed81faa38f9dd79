"""The contract of a Space of one's own: `chat_completion` takes whole chats. Knows its one function.

`chat_completion(request, files)` is queued and remembers nothing. The request is JSON shaped like OpenAI's;
what comes back is text that grows, and a summary at its end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phi4_space._errors import ContractNotMet, UnexpectedAnswer
from phi4_space._gradio.additional_inputs import refuse_extra
from phi4_space._gradio.config import Config, Endpoint
from phi4_space._gradio.contract import Call, Reading, Submission, Wanted
from phi4_space._net.error_mapping import label
from phi4_space._sampling import BOUNDS
from phi4_space._status import Takes
from phi4_space._turns import Usage

NAME = "chat_completion"
_INPUTS, _OUTPUTS = ("json", "file"), ("textbox", "json")
_MOST_TOKENS = 2**53
_FINISH_REASONS = frozenset({"stop", "length", "content_filter", "tool_calls"})


@dataclass(frozen=True, slots=True)
class ChatCompletion:
    """A Space with `chat_completion`.

    Attributes:
        endpoint: The function.
    """

    endpoint: Endpoint

    @property
    def takes(self) -> Takes:
        """What the request's component says in /config, or else all options and any number of files."""
        says = self.endpoint.inputs[0].default
        says = says if isinstance(says, dict) else {}
        names, files = says.get("options"), says.get("files")
        names = names if isinstance(names, list) else [*BOUNDS]
        return Takes(
            contract="whole chats",
            max_files=files if isinstance(files, int) and files >= 0 else None,
            options={name: bounds for name, bounds in BOUNDS.items() if name in names},
            roles=True,
            loading=_loading(says.get("status")),
        )

    @property
    def endpoints(self) -> tuple[str, ...]:
        """See `Contract.endpoints`."""
        return (self.endpoint.name,)

    @property
    def fn_index(self) -> int:
        """See `Contract.fn_index`."""
        return self.endpoint.fn_index

    def with_extra(self, values: Mapping[str, object]) -> ChatCompletion:
        """It has no additional inputs."""
        refuse_extra(values)
        return self

    def first(self, submission: Submission) -> None:
        """There is no such step."""

    def pending(self, submission: Submission, outputs: Sequence[Any] | None) -> Submission:
        """The turn as it is."""
        del outputs  # there are none
        return submission

    def ask(self, pending: Submission, options: Mapping[str, object]) -> Call:
        """Has the chat answered; a prompt alone is sent as it is."""
        body = {"prompt": pending.text} if pending.body is None else pending.body
        files = [*pending.files] or None
        return Call(self.endpoint.fn_index, [{**body, **options}, files], self.endpoint.trigger_id)

    def read(self, outputs: Sequence[Any]) -> Reading:
        """The text as it stands, and the summary once it is there."""
        match outputs:
            case [str(text), dict(summary)]:
                return Reading(
                    text,
                    usage=_usage(summary.get("usage")),
                    finish_reason=_word(summary.get("finish_reason"), _FINISH_REASONS),
                    stopped_by=_text(summary.get("stopped_by")),
                    model=label(_text(summary.get("model"))),
                )
            case [str(text), None]:
                return Reading(text, end=(0,))
            case [None, None]:
                return Reading(None)
            case _:
                raise UnexpectedAnswer(f"{NAME} did not return a text and a summary")


def find_chat_completion(config: Config, wanted: Wanted) -> list[ChatCompletion]:
    """Finds the function in a Space's /config, if it is there.

    Args:
        config: What the Space says of itself.
        wanted: What the client asks for.

    Raises:
        ContractNotMet: It takes something else.
    """
    endpoint = config.named().get(NAME)
    if endpoint is None:
        return []
    kinds = [tuple(slot.kind for slot in slots) for slots in (endpoint.inputs, endpoint.outputs)]
    if kinds != [_INPUTS, _OUTPUTS]:
        raise ContractNotMet(f"{NAME} of {wanted.space} takes or returns something else", missing=(NAME,))
    return [ChatCompletion(endpoint)]


def _loading(status: object) -> str | None:
    match status:
        case {"text": str(text)}:
            return label(text) or None
        case _:
            return None


def _usage(value: object) -> Usage | None:
    match value:
        case {"prompt_tokens": int(asked), "completion_tokens": int(answered)} if all(
            not isinstance(tokens, bool) and 0 <= tokens <= _MOST_TOKENS for tokens in (asked, answered)
        ):
            return Usage(asked, answered)
        case _:
            return None


def _word(value: object, known: frozenset[str]) -> str | None:
    return value if isinstance(value, str) and value in known else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
