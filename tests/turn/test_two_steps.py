"""A turn that a Space of two steps refuses: nothing of it is kept, and the conversation goes on."""

from __future__ import annotations

import httpx
import pytest
from scripted import URL, ScriptedSpace, chat, events, whole

import phi4_space as p4


def test_a_refused_question_is_no_turn() -> None:
    """A page may refuse it in a notice and return the chat as it was, whose last answer is not this one's."""
    answers = [events(*whole(text)) for text in ("one", "two")]
    server = ScriptedSpace({"data": answers})
    talk = p4.SpaceClient(URL, environment=p4.Environment(transport=server)).conversation()
    talk.reply("hi")
    server.script["predict"] = [httpx.Response(200, json={"data": [chat("one"), None, None]})]

    with pytest.raises(p4.UnexpectedAnswer, match="process_message filed no question in the chat"):
        talk.reply("forbidden")

    assert [turn.text for turn in talk.turns] == ["hi", "one"]
    assert server.steps().count("join") == 1
    assert talk.reply("allowed").text == "two"
