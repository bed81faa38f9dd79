"""A conversation as JSON: what comes back is what was saved."""

from __future__ import annotations

import json
from typing import Any

import pytest
from media import square

from phi4_space import InvalidConversation
from phi4_space._turn.request import LoadedTurn
from phi4_space._turn.saved import from_json, to_json
from phi4_space._turn.state import SessionState
from phi4_space._turns import File, Media, ToolCall, Turn

SPACE = "ada/phi-4"
PNG = square(220, 40, 40)
CAT = Media(PNG, "cat.png")
STATE = SessionState(
    session_hash="abc", app_id=12345678901234567890, endpoints=("ask", "answer"), history=[["hi", None]]
)


@pytest.mark.parametrize(
    "loaded",
    [
        LoadedTurn(Turn(role="system", text="Be kind.")),
        LoadedTurn(Turn.of("user", "A ", CAT, " cat"), (File("cat.png", "image/png", PNG),)),
        LoadedTurn(Turn(role="assistant", text="é", tool_calls=(ToolCall("1", "f", {"a": [1, None]}),))),
        LoadedTurn(Turn(role="tool", text="sunny", tool_call_id="1", name="f")),
    ],
    ids=lambda loaded: loaded.turn.role,
)
def test_what_comes_back_is_what_was_saved(loaded: LoadedTurn) -> None:
    """The turn with all that it has, its files, the Space, and where the chat stood there."""
    saved = from_json(to_json(SPACE, STATE, [loaded, loaded]))

    assert saved.space == SPACE
    assert saved.state == STATE
    assert saved.turns == (loaded, loaded)


def test_a_conversation_without_a_session_comes_back_without_one() -> None:
    """The next turn says everything again."""
    state = from_json(to_json(SPACE, SessionState(), [])).state

    assert (state.session_hash, state.is_known) == ("", False)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"format": "phi4-space conversation 2"}, "format"),
        ({"space": None}, "space"),
        ({"turns": [{"role": "nobody"}]}, "role"),
        ({"turns": [{"role": "user", "files": [{"name": "a", "mime_type": "b", "data": "?"}]}]}, "data"),
        ({"turns": [{"role": "user", "files": [{"name": "a", "mime_type": "b", "data": ""}]}]}, "empty"),
        ({"history": 5}, "history"),
    ],
)
def test_what_nobody_saved_is_refused(changes: dict[str, Any], reason: str) -> None:
    """The error names the field that is wrong."""
    text = json.dumps({**json.loads(to_json(SPACE, STATE, [])), **changes})

    with pytest.raises(InvalidConversation, match=f"(?s){reason}"):
        from_json(text)
