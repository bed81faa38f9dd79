"""A conversation as JSON, and back. Knows the shape on disk; no Space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from phi4_space._asking import Said
from phi4_space._errors import InvalidConversation, InvalidInput
from phi4_space._failures import plain
from phi4_space._media import to_file
from phi4_space._question import Standing
from phi4_space._turns import File, Media, Role, ToolCall, Turn


class _SavedFile(BaseModel):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    name: str
    mime_type: str
    data: bytes


class _SavedCall(BaseModel):
    id: str
    name: str
    arguments: dict[str, Any]


class _SavedTurn(BaseModel):
    role: Role
    text: str = ""
    files: list[_SavedFile] = []
    places: list[int] = []
    tool_calls: list[_SavedCall] = []
    tool_call_id: str | None = None
    name: str | None = None


class _Saved(BaseModel):
    format: Literal["phi4-space conversation 1"] = "phi4-space conversation 1"
    space: str
    session_hash: str = ""
    app_id: int | str = ""
    history: list[Any] = []
    turns: list[_SavedTurn] = []


@dataclass(frozen=True, slots=True)
class SavedConversation:
    """What a conversation's JSON holds.

    Attributes:
        space: The Space's name or URL.
        standing: Where it stood there.
        said: What was said, files included.
    """

    space: str
    standing: Standing
    said: tuple[Said, ...]


def to_json(space: str, standing: Standing, said: Sequence[Said]) -> str:
    """Writes a conversation down, files included; no token, no cookie."""
    return _Saved(
        space=space,
        session_hash=standing.session_hash,
        app_id=standing.app_id,
        history=standing.history,
        turns=[_to_saved(one) for one in said],
    ).model_dump_json()


def from_json(text: str | bytes) -> SavedConversation:
    """Reads a conversation.

    Raises:
        InvalidConversation: The text is not what `to_json` wrote.
    """
    try:
        saved = _Saved.model_validate_json(text)
    except ValidationError as exc:
        raise InvalidConversation(f"This is no saved conversation: {plain(str(exc))}") from exc
    standing = Standing(session_hash=saved.session_hash, app_id=saved.app_id, history=saved.history)
    return SavedConversation(saved.space, standing, tuple(_to_said(turn) for turn in saved.turns))


def _to_saved(said: Said) -> _SavedTurn:
    turn = said.turn
    return _SavedTurn(
        role=turn.role,
        text=turn.text,
        files=[_SavedFile(name=file.name, mime_type=file.mime_type, data=file.data) for file in said.files],
        places=[*turn.places],
        tool_calls=[
            _SavedCall(id=call.id, name=call.name, arguments=dict(call.arguments)) for call in turn.tool_calls
        ],
        tool_call_id=turn.tool_call_id,
        name=turn.name,
    )


def _to_said(saved: _SavedTurn) -> Said:
    files = tuple(_to_file(file) for file in saved.files)
    turn = Turn(
        role=saved.role,
        text=saved.text,
        media=tuple(Media(file.data, file.name) for file in files),
        places=tuple(saved.places),
        tool_calls=tuple(ToolCall(call.id, call.name, call.arguments) for call in saved.tool_calls),
        tool_call_id=saved.tool_call_id,
        name=saved.name,
    )
    return Said(turn, files)


def _to_file(saved: _SavedFile) -> File:
    """The file, recognised anew: its bytes tell its type, whatever the text says of it."""
    try:
        return to_file(saved.data, saved.name)
    except InvalidInput as exc:
        raise InvalidConversation(f"A file of the saved conversation cannot be sent: {exc.what}") from exc
