"""Thoughts and files of an answer: what becomes of them on the way to the reply."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from scripted import ESTIMATION, STARTS, URL, ScriptedSpace, events, failed
from thinking import answer, snapshot, thinking_space, thinks

import phi4_space as p4
from phi4_space import Delta, ReplyFile, Rewritten, Thought
from phi4_space._turn.thoughts import Thoughts

CALL = '<|tool_call|>[{"name": "look", "arguments": {}}]<|/tool_call|>'
LOOK = p4.ToolSpec("look")
CHART = ("/srv/chart.png", "chart.png", "image/png")

pytestmark = pytest.mark.usefixtures("no_waiting")


def client(space: ScriptedSpace, **options: Any) -> p4.SpaceClient:
    return p4.SpaceClient(URL, environment=p4.Environment(transport=space), **options)


def ask(space: ScriptedSpace, question: str = "Why?", **options: Any) -> list[Any]:
    """What happened, without the steps of the queue."""
    happened = list(client(space).stream(question, **options))
    return [event for event in happened if not isinstance(event, p4.Queued | p4.Started)]


@pytest.mark.parametrize(
    ("states", "new"),
    [
        ([["a"], ["ab"], ["ab"]], [Thought("a"), Thought("b")]),
        ([["a"], ["a", "b"]], [Thought("a"), Thought("b", number=1)]),
        ([["a", "b"], ["a", "bc"]], [Thought("a"), Thought("b", number=1), Thought("c", number=1)]),
        ([["wait"], ["well"]], [Thought("wait"), Thought("well", rewritten=True)]),
        ([["a\n- b"], ["a\n  - b\nc"]], [Thought("a\n- b"), Thought("\nc")]),
        ([["a", "b"], ["a"]], [Thought("a"), Thought("b", number=1), Thought("", number=1, rewritten=True)]),
        ([["a"], []], [Thought("a"), Thought("", rewritten=True)]),
        ([["a"], [], ["b"]], [Thought("a"), Thought("", rewritten=True), Thought("b")]),
        ([[""]], [Thought("")]),
        ([[], []], []),
    ],
)
def test_what_is_new_of_a_thought(states: list[list[str]], new: list[Thought]) -> None:
    """It grows, is replaced, or is withdrawn; who follows the events has what the last state has."""
    thoughts = Thoughts()

    happened = [
        event
        for state in states
        for event in thoughts.read([Thought(text, number=place) for place, text in enumerate(state)])
    ]

    assert happened == new
    assert [one.text for one in thoughts.whole] == states[-1]


def test_a_title_that_changes_is_new() -> None:
    """It comes with the text that is new, or with none."""
    thoughts = Thoughts()
    states = [Thought("a", "Thinking"), Thought("a", "Thought"), Thought("ab", "Thought for 2 s")]

    happened = [event for state in states for event in thoughts.read([state])]

    assert happened == [Thought("a", "Thinking"), Thought("", "Thought"), Thought("b", "Thought for 2 s")]


def test_a_thought_is_an_event_and_never_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is streamed before the text, beside it and after it; the reply has it all in fields of its own."""
    space = thinking_space(
        monkeypatch,
        thinks(
            answer("", ["Let me", "Thinking"]),
            answer("", ["Let me see.", "Thinking"]),
            answer("It is", ["Let me see.", "Thinking"]),
            answer("It is so.", ["Let me see.", "Thinking"], ["42", "Used a tool"]),
        ),
    )

    happened = ask(space)

    assert happened[:-1] == [
        Thought("Let me", "Thinking"),
        Thought(" see.", "Thinking"),
        Delta("It is"),
        Thought("42", "Used a tool", 1),
        Delta(" so."),
    ]
    reply = happened[-1]
    assert reply.text == "It is so."
    assert reply.thoughts == (Thought("Let me see.", "Thinking"), Thought("42", "Used a tool", 1))
    assert reply.turn == p4.Turn(role="assistant", text="It is so.")
    assert reply.timing.first_text is not None


def test_a_conversation_remembers_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thoughts are neither in its turns, nor saved, nor sent with the next question."""
    space = thinking_space(
        monkeypatch, thinks(answer("Blue.", "It is the sky.")), thinks(answer("Yes.", "It is."))
    )
    chat = client(space).conversation()

    chat.reply("What colour?")
    chat.reply("Sure?")

    assert [turn.text for turn in chat.turns] == ["What colour?", "Blue.", "Sure?", "Yes."]
    assert "It is" not in chat.to_json()
    assert "the sky" not in str(space.bodies("join")[1])


def test_nothing_is_looked_for_in_thoughts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop string and a call in a thought are a thought; in the text they are what they are."""
    space = thinking_space(monkeypatch, thinks(answer("", f"END {CALL}"), answer("Well. END", f"END {CALL}")))

    happened = ask(space, tools=[LOOK], stop=["END"])

    reply = happened[-1]
    assert (reply.text, reply.stopped_by, reply.tool_calls) == ("Well. ", "END", ())
    assert reply.thoughts == (Thought(f"END {CALL}"),)


def test_an_answer_that_is_stopped_keeps_its_thoughts_and_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the job is left at a stop string, the reply has what there was by then."""
    job = events(ESTIMATION, STARTS, snapshot(answer("a END", "hm", files=[CHART])), None)

    reply = ask(thinking_space(monkeypatch, job), stop=["END"])[-1]

    assert (reply.text, reply.thoughts, reply.files) == ("a ", (Thought("hm"),), (ReplyFile(*CHART),))


def test_json_in_thoughts_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON is read from the text alone; the thoughts of an answer that is rejected give way to the next's."""
    space = thinking_space(
        monkeypatch, thinks(answer("No.", '{"a": 1}', "more")), thinks(answer('{"a": 2}', "Better."))
    )

    happened = ask(space, response_format=p4.ResponseFormat())

    assert happened[:-1] == [
        Thought('{"a": 1}'),
        Thought("more", number=1),
        Thought("", number=1, rewritten=True),
        Thought("Better.", rewritten=True),
        Delta('{"a": 2}'),
    ]
    assert (happened[-1].text, happened[-1].thoughts) == ('{"a": 2}', (Thought("Better."),))


def test_a_call_that_must_come_is_thought_of_in_the_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prose is held back then, thoughts are not."""
    space = thinking_space(monkeypatch, thinks(answer("Prose.", "hm")), thinks(answer(CALL, "hm, look")))

    happened = ask(space, tools=[LOOK], tool_choice="required")

    assert happened[:-1] == [Thought("hm"), Thought(", look")]
    assert [call.name for call in happened[-1].tool_calls] == ["look"]


def test_a_turn_that_showed_thoughts_alone_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thoughts are no text: what the next attempt thinks takes the place of what the first one did."""
    broken = events(ESTIMATION, STARTS, snapshot(answer("", "Let me see")), httpx.ReadError("gone"))
    space = thinking_space(monkeypatch, broken, thinks(answer("Yes.", "Let us look.")))

    happened = ask(space)

    first, notice, *others, reply = happened
    assert first == Thought("Let me see")
    assert (type(notice), notice.title) == (p4.Notice, "Retry")
    assert others == [Thought("Let us look.", rewritten=True), Delta("Yes.")]
    assert (reply.thoughts, reply.sent.attempts) == ((Thought("Let us look."),), 2)


def test_a_turn_that_showed_text_after_thoughts_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text was seen."""
    broken = events(ESTIMATION, STARTS, snapshot(answer("It", "hm")), httpx.ReadError("gone"))

    with pytest.raises(p4.StreamLost) as caught:
        ask(thinking_space(monkeypatch, broken, thinks(answer("Yes."))))

    assert caught.value.partial_text == "It"


@pytest.mark.parametrize(
    "output",
    [
        answer("x" * 60, "x" * 41),
        answer("", "x" * 101),
        answer("", *["x" * 50] * 3),
        answer("", ["", "x" * 101]),
    ],
)
def test_thoughts_count_as_part_of_the_answer(
    monkeypatch: pytest.MonkeyPatch, output: dict[str, Any]
) -> None:
    """`Limits.answer` bounds text, thoughts and their titles together."""
    space = thinking_space(monkeypatch, thinks(output))

    with pytest.raises(p4.LimitExceeded, match="more than 100 characters") as caught:
        client(space, limits=p4.Limits(answer=100)).reply("Why?")

    assert caught.value.which == "answer"


def test_files_are_in_the_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are named, and read from the Space when they are wanted."""
    space = thinking_space(monkeypatch, thinks(answer("Look:"), answer("Look:", files=[CHART])))
    space.script["chart.png"] = [httpx.Response(200, content=b"PNG")]

    with client(space) as space_client:
        reply = space_client.reply("Draw it.")
        (file,) = reply.files

        assert file == ReplyFile("/srv/chart.png", "chart.png", "image/png")
        assert space_client.read_file(file) == b"PNG"


@pytest.mark.parametrize("text", ["", None])
def test_files_alone_are_an_answer(monkeypatch: pytest.MonkeyPatch, text: str | None) -> None:
    """The text is empty then; the turn is one, and goes into the history."""
    space = thinking_space(monkeypatch, thinks(answer(text, files=[CHART])))
    chat = client(space).conversation()

    reply = chat.reply("Draw it.")

    assert (reply.text, [file.name for file in reply.files]) == ("", ["chart.png"])
    assert len(chat.turns) == 2


@pytest.mark.parametrize("thoughts", [[], ["hm"]])
def test_no_words_and_no_files_are_no_answer(monkeypatch: pytest.MonkeyPatch, thoughts: list[str]) -> None:
    """Thoughts alone are none either."""
    space = thinking_space(monkeypatch, thinks(answer(None, *thoughts)))

    with pytest.raises(p4.UnexpectedAnswer, match="without an answer"):
        ask(space)


def test_thoughts_of_a_turn_that_fails_were_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error after thoughts is that error; they are not its text."""
    job = events(ESTIMATION, STARTS, snapshot(answer("", "hm")), failed("no GPU for you"))

    with pytest.raises(p4.SpaceError, match="no GPU") as caught:
        ask(thinking_space(monkeypatch, job))

    assert caught.value.partial_text == ""


def test_asynchronous_callers_get_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thoughts come through `astream` and `areply`."""
    space = thinking_space(monkeypatch, *(thinks(answer("Yes.", "hm")) for _ in range(2)))

    async def both() -> tuple[list[p4.Event], p4.Reply]:
        async with client(space) as space_client:
            return [event async for event in space_client.astream("?")], await space_client.areply("?")

    happened, reply = asyncio.run(both())
    assert Thought("hm") in happened
    assert reply.thoughts == (Thought("hm"),)


WHOLE = '{\n  "city": "Oslo",\n    "parts": []\n}'


def test_json_streams_through_changes_of_indentation(monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON that Gradio tidies as it grows is streamed once, checked, and in the reply as it was last."""
    states = ['Here:\n{\n"city":', 'Here:\n{\n"city": "Oslo",\n"parts": [', f"Here:\n{WHOLE}\nBye"]
    space = thinking_space(monkeypatch, thinks(*map(answer, states)))

    *deltas, reply = ask(space, response_format=p4.ResponseFormat())

    assert all(isinstance(event, Delta) for event in deltas)
    assert "".join(event.text for event in deltas) == '{\n"city": "Oslo",\n"parts": []\n}'
    assert reply.text == WHOLE


def test_words_beside_a_call_stream_through_changes_of_indentation(monkeypatch: pytest.MonkeyPatch) -> None:
    """With JSON wanted and a call made, JSON that was shown stays where the words begin with it."""
    states = ['{\n"a": 1\n}', f'{{\n  "a": 1\n}}\nand\n{CALL}']
    space = thinking_space(monkeypatch, thinks(*map(answer, states)))

    *deltas, reply = ask(space, tools=[LOOK], response_format=p4.ResponseFormat())

    assert not any(isinstance(event, Rewritten) for event in deltas)
    assert "".join(event.text for event in deltas) == '{\n"a": 1\n}\nand\n'
    assert reply.text == '{\n  "a": 1\n}\nand\n'
