"""A chat in the words that models read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from phi4_server.chat_completion.body import to_body
from phi4_server.chat_completion.instructions import to_messages

CAT = Path("cat.png")
PHOTO = {"id": "1", "type": "function", "function": {"name": "take_photo", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ([{"type": "image", "file": 0}], ("take_photo -> ", CAT)),
        ([{"type": "text", "text": " "}, {"type": "image", "file": 0}], ("take_photo -> ", CAT)),
        ([{"type": "image", "file": 0}, {"type": "text", "text": "Here."}], ("take_photo -> ", CAT, "Here.")),
        ([], ("take_photo -> (no output)",)),
    ],
)
def test_a_result_stands_behind_its_tools_name(content: list[Any], parts: tuple[Any, ...]) -> None:
    """Files as well as text, and only where there is neither it says so."""
    body = to_body(
        {
            "messages": [
                {"role": "assistant", "tool_calls": [PHOTO]},
                {"role": "tool", "content": content, "tool_call_id": "1"},
            ]
        }
    )

    *_, result = to_messages(body, [CAT])

    assert result.parts == parts
