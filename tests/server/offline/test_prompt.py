"""The prompt as the offline model reads it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_server.model import Message
from phi4_server.offline.prompt import Conversation, Turn, read
from phi4_server.offline.tools import Call, offered, written
from phi4_space import ToolSpec
from phi4_space import Turn as Sent
from phi4_space._prompt.compose import compose
from phi4_space._turns import PromptStyle, ToolCall

TOOLS = [{"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}]
LIST = f"<|tool|>{json.dumps(TOOLS)}<|/tool|>"
CALLED = written([Call("f", {"x": "é"})])


def conversation(*texts: str) -> Conversation:
    """The conversation of a chat in which only the user spoke."""
    return read([Message(role="user", text=text) for text in texts])


@given(st.text().filter(lambda text: "<|" not in text))
def test_one_plain_turn_stays_as_it_is(text: str) -> None:
    """What a person types is one turn, whatever it looks like inside."""
    talk = conversation("x" + text)

    assert talk.turns == (Turn(role="user", text=("x" + text).strip()),)


@pytest.mark.parametrize(
    "prompt",
    [
        f"System: Be kind.\n{LIST}\nUser: one\ntwo: three\nAssistant: {CALLED}\nTool: f -> 3\nAssistant:",
        (
            f"<|system|>Be kind.{LIST}<|end|><|user|>one\ntwo: three<|end|><|assistant|>{CALLED}<|end|>"
            "<|tool|>f -> 3<|end|><|assistant|>"
        ),
    ],
    ids=["transcript", "template"],
)
def test_both_styles_tell_the_same(prompt: str) -> None:
    """System, tools, turns of several lines, calls and results are read from either style."""
    talk = conversation(prompt)

    assert talk.turns == (
        Turn(role="system", text="Be kind."),
        Turn(role="user", text="one\ntwo: three"),
        Turn(role="assistant", calls=(Call("f", {"x": "é"}),)),
        Turn(role="tool", text="3"),
    )
    assert talk.tools == tuple(offered(json.dumps(TOOLS)))
    assert talk.asked == "one\ntwo: three"
    assert [turn.role for turn in talk.since] == ["assistant", "tool"]


@pytest.mark.parametrize("style", ["transcript", "template"])
def test_the_clients_own_prompts_are_understood(style: PromptStyle) -> None:
    """What the client of this project writes is read as it was meant, in both styles."""
    calls = (ToolCall("1", "f", {"x": 1}), ToolCall("2", "f", {"x": 2}))
    said = [
        Sent(role="system", text="Be kind."),
        Sent(role="user", text="Do both.\nAssistant: no"),
        Sent(role="assistant", tool_calls=calls),
        Sent(role="tool", text="second", tool_call_id="2"),
        Sent(role="tool", text="", tool_call_id="1"),
    ]

    talk = conversation(compose(said, tools=[ToolSpec("f", "d")], tool_choice="required", style=style))

    assert [turn.role for turn in talk.turns] == ["system", "user", "assistant", "tool", "tool"]
    assert "You must call at least one tool." in talk.system
    assert talk.asked.startswith("Do both.")
    assert talk.turns[2].calls == (Call("f", {"x": 1}), Call("f", {"x": 2}))
    assert [(turn.answers, turn.text) for turn in talk.since[1:]] == [(2, "second"), (1, "")]
    assert [tool.name for tool in talk.tools] == ["f"]


def test_a_session_is_one_conversation() -> None:
    """Earlier prompts and answers of a session come before the last prompt; tools stay until others come."""
    talk = read(
        [
            Message(role="user", text=f"System: Be kind.\n{LIST}\nUser: hello\nAssistant:"),
            Message(role="assistant", text=CALLED),
            Message(role="user", text="Tool: f -> 3\nAssistant:"),
            Message(role="assistant", text="three"),
            Message(role="user", text="thanks"),
        ]
    )

    assert [turn.role for turn in talk.turns] == ["system", "user", "assistant", "tool", "assistant", "user"]
    assert talk.asked == "thanks"
    assert talk.tools == ()


@pytest.mark.parametrize(
    ("prompt", "marks"),
    [
        (
            "User: [image 1] what?\nAssistant: a cat\nUser: [audio 1] [image 2] and these?\nAssistant:",
            [("audio", 1), ("image", 2)],
        ),
        ("<|user|><|image_1|>what?<|end|><|assistant|>", [("image", 1)]),
        ("User: [file 3] what?\nAssistant:", [("file", 3)]),
        ("User: one [image 1] two [image 2] which?\nAssistant:", [("image", 1), ("image", 2)]),
        ("User: [image 1] what?\nAssistant: a cat\nUser: sure?\nAssistant:", []),
        ("User: hello\nAssistant:", None),
    ],
)
def test_marks_tell_whose_files_they_are(prompt: str, marks: list[tuple[str, int]] | None) -> None:
    """A turn's marks say which files it came with; a person's brackets are only text."""
    found = conversation(prompt).marks

    assert found == (None if marks is None else tuple(marks))
    assert "[image" not in conversation(prompt).asked or "manual" in prompt


@pytest.mark.parametrize(
    ("prompt", "asked"),
    [
        ("User: one [image 1] two\n[audio 1] which?\nAssistant:", "one two\n which?"),
        ("<|user|>one<|image_1|>two<|end|><|assistant|>", "one two"),
        ("User: [image 1]\nAssistant:", ""),
        ("System: hi\nAssistant:", ""),
    ],
)
def test_words_stand_around_marks(prompt: str, asked: str) -> None:
    """What the user said around the files stays without the marks."""
    assert conversation(prompt).asked == asked


@pytest.mark.parametrize(
    "prompt",
    [
        "User: a",
        "User: a\nAssistant: b",
        "Assistant:",
        "hello\nAssistant:",
        "<|user|",
        "System:\nAssistant:",
        "",
    ],
)
def test_broken_prompts_are_read_as_far_as_they_go(prompt: str) -> None:
    """No text is an error."""
    assert isinstance(conversation(prompt).asked, str)


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        ('[{"name": "a"}, {"type": "function", "function": {"name": "b"}}, {"no": "name"}, 3]', ["a", "b"]),
        ('{"name": "a"}', ["a"]),
        ("[" * 5000, []),
        ("no json", []),
    ],
)
def test_tools_are_taken_from_any_list_of_them(listed: str, names: list[str]) -> None:
    """Flat and nested tools are known; what is no tool is left out."""
    assert [tool.name for tool in offered(listed)] == names
