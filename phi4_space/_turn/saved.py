"""A conversation as JSON, and back. Knows the shape on disk; no Space."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, FailFast, Field, ValidationError

from phi4_space._errors import InvalidConversation, InvalidInput, LimitExceeded
from phi4_space._json import mended, parse, write
from phi4_space._limits import Limits
from phi4_space._media.read import to_file
from phi4_space._net.error_mapping import strip_markup
from phi4_space._turn.request import LoadedTurn
from phi4_space._turn.state import SessionState
from phi4_space._turns import File, Media, Role, ToolCall, Turn

_LIMITS = Limits(values=10_000_000)  # a file may hold many turns, and has come into memory already


class _Part(BaseModel):
    # Errors hold none of what is in the file, which may be of any length.
    model_config = ConfigDict(hide_input_in_errors=True)


class _SavedFile(_Part):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    name: str
    mime_type: str
    data: bytes


class _SavedCall(_Part):
    id: str
    name: str
    arguments: dict[str, Any]


class _SavedTurn(_Part):
    role: Role
    text: str = ""
    files: Annotated[list[_SavedFile], FailFast()] = []
    # Conversations that were saved earlier say "places".
    offsets: Annotated[list[int], FailFast()] = Field(
        default=[], validation_alias=AliasChoices("offsets", "places")
    )
    tool_calls: Annotated[list[_SavedCall], FailFast()] = []
    tool_call_id: str | None = None
    name: str | None = None


class _Saved(_Part):
    format: Literal["phi4-space conversation 1"] = "phi4-space conversation 1"
    space: str
    session_hash: str = ""
    app_id: int | str = ""
    endpoints: Annotated[list[str], FailFast()] = []
    history: list[Any] | dict[str, Any] = []
    turns: Annotated[list[_SavedTurn], FailFast()] = []


@dataclass(frozen=True, slots=True)
class SavedConversation:
    """What a conversation's JSON holds.

    Attributes:
        space: The Space's name or URL.
        state: Where it stood there.
        turns: Its turns, files included.
    """

    space: str
    state: SessionState
    turns: tuple[LoadedTurn, ...]


def to_json(space: str, state: SessionState, turns: Sequence[LoadedTurn]) -> str:
    """Writes a conversation down, files included; no token, no cookie.

    Raises:
        InvalidConversation: A turn holds what JSON cannot.
    """
    try:
        return _Saved(
            space=space,
            session_hash=state.session_hash,
            app_id=state.app_id,
            endpoints=[*state.endpoints],
            history=state.history or [],
            turns=[_to_saved(turn) for turn in turns],
        ).model_dump_json()
    except (ValueError, TypeError, AttributeError) as exc:  # each of pydantic's errors is a ValueError
        raise InvalidConversation(
            f"The conversation cannot be written as JSON: {strip_markup(str(exc))}"
        ) from exc


def from_json(text: str | bytes) -> SavedConversation:
    """Reads a conversation.

    Raises:
        InvalidConversation: The text is not what `to_json` wrote.
    """
    try:
        _check(text)
        saved = _Saved.model_validate_json(text)
    except ValidationError as exc:
        raise InvalidConversation(f"This is no saved conversation: {strip_markup(str(exc))}") from exc
    state = SessionState(
        session_hash=saved.session_hash,
        app_id=saved.app_id,
        endpoints=tuple(saved.endpoints),
        history=saved.history,
    )
    return SavedConversation(saved.space, state, tuple(_to_loaded(turn) for turn in saved.turns))


def _check(text: str | bytes) -> None:
    """Makes sure that a text is JSON that everything else can bear; a file may come from anywhere."""
    if not isinstance(text, str | bytes | bytearray):
        raise InvalidConversation(f"A saved conversation is a text, not {type(text).__name__}")
    try:
        parse(text, _LIMITS)
    except ValueError as exc:
        raise InvalidConversation(f"This is no saved conversation: {exc}") from exc
    except LimitExceeded as exc:
        raise InvalidConversation(f"This is no saved conversation: {exc.what}") from exc


def _to_saved(loaded: LoadedTurn) -> _SavedTurn:
    turn = loaded.turn
    return _SavedTurn(
        role=turn.role,
        text=mended(turn.text),
        files=[
            _SavedFile(name=file.name, mime_type=file.mime_type, data=file.read()) for file in loaded.files
        ],
        offsets=[len(mended(turn.text[:offset])) for offset in turn.offsets],
        tool_calls=[
            _SavedCall(
                id=mended(call.id), name=call.name, arguments=json.loads(write(call.arguments, _LIMITS))
            )
            for call in turn.tool_calls
        ],
        tool_call_id=None if turn.tool_call_id is None else mended(turn.tool_call_id),
        name=None if turn.name is None else mended(turn.name),
    )


def _to_loaded(saved: _SavedTurn) -> LoadedTurn:
    files = tuple(_to_file(file) for file in saved.files)
    turn = Turn(
        role=saved.role,
        text=saved.text,
        media=tuple(Media(file.read(), file.name) for file in files),
        offsets=tuple(saved.offsets),
        tool_calls=tuple(ToolCall(call.id, call.name, call.arguments) for call in saved.tool_calls),
        tool_call_id=saved.tool_call_id,
        name=saved.name,
    )
    return LoadedTurn(turn, files)


def _to_file(saved: _SavedFile) -> File:
    """The file, recognised anew: its bytes tell its type, whatever the text says of it."""
    try:
        return to_file(saved.data, saved.name)
    except InvalidInput as exc:
        raise InvalidConversation(f"A file of the saved conversation cannot be sent: {exc.what}") from exc
