"""Chat Spaces of other people's kinds, asked as our own is: on cassettes of three Gradios, and live.

The Spaces are the plain apps of tests/spaces/; the marker `app` names one. A test's name is its cassette's.
"""

from __future__ import annotations

import json
import warnings
from contextlib import aclosing
from typing import Any

import pytest
from media import square, tone
from servers import ROOT
from stage import Stage

import phi4_space as p4

pytestmark = pytest.mark.anyio

TURN = ["join", "data"]
FILED = ["join", "data", "join", "data"]  # what files the question is queued as well
RED, BLUE = p4.Media(square(220, 30, 30), "red.png"), p4.Media(square(30, 60, 220), "blue.png")
HUM = p4.Media(tone(440), "hum.wav")
GREEN = (ROOT / "tests/spaces/green.png").read_bytes()
JSON = '{\n  "age": 36,\n  "home": {\n    "city": "London"\n  }\n}'
STEPS = (
    "1. Open the box:\n    - with care\n    - from above\n2. Then run\n\n```python\nif True:\n    go()\n```"
)
WEATHER = p4.ToolSpec(
    "get_weather",
    "Tells the weather in a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
PERSON = p4.ResponseFormat(
    {"type": "object", "properties": {"age": {"type": "integer"}, "home": {"type": "object"}}}
)


async def ask(place: p4.SpaceClient | p4.Conversation, *said: Any, **options: Any) -> list[p4.Event]:
    """All events of a turn."""
    async with aclosing(place.astream(*said, **options)) as stream:
        return [event async for event in stream]


def reply(events: list[p4.Event]) -> p4.Reply:
    assert isinstance(events[-1], p4.Reply)
    return events[-1]


def deltas(events: list[p4.Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, p4.Delta)]


# --- gr.ChatInterface -------------------------------------------------------------------------------------


@pytest.mark.app("words")
async def test_words(plain: Stage) -> None:
    """A turn is two requests after /config, and its deltas are the answer."""
    async with plain.client() as space:
        events = await ask(space, "What is the capital of France?")

    assert plain.steps == ["config", *TURN]
    assert reply(events).text == "Turn 1: you said 'What is the capital of France?'"
    assert "".join(deltas(events)) == reply(events).text
    (joined,) = plain.sent("join")
    assert joined["data"] == ["What is the capital of France?", None]


@pytest.mark.app("words")
async def test_words_with_indentation(plain: Stage) -> None:
    """A list in a list and code arrive as they are, each piece once."""
    async with plain.client() as space:
        events = await ask(space, "steps")

    assert reply(events).text == STEPS
    assert not any(isinstance(event, p4.Rewritten) for event in events)


@pytest.mark.app("words")
async def test_words_of_a_conversation(plain: Stage) -> None:
    """The Space remembers; saved, a conversation goes on in its session with another client."""
    async with plain.client() as space:
        chat = space.conversation()
        await chat.areply("one")
        second = await chat.areply("two")
    async with plain.client() as space:
        third = await p4.Conversation.from_json(chat.to_json(), space=space).areply("three")

    assert [second.text, third.text] == ["Turn 2: you said 'two'", "Turn 3: you said 'three'"]
    assert {call["session_hash"] for call in plain.sent("join")} == {"session-1"}


@pytest.mark.app("words")
async def test_words_said_elsewhere(plain: Stage) -> None:
    """What was said before, and what a system prompt says, is told in the question where there is no slot."""
    turns = [
        p4.Turn(role="user", text="My name is Ada."),
        p4.Turn(role="assistant", text="Noted."),
        p4.Turn(role="user", text="What is my name?"),
    ]
    async with plain.client() as space:
        answer = await space.areply(turns, system="Be kind.")

    (joined,) = plain.sent("join")
    assert joined["data"] == [answer.sent.prompt, None]
    assert answer.sent.prompt == (
        "System: Be kind.\nUser: My name is Ada.\nAssistant: Noted.\nUser: What is my name?\nAssistant:"
    )


@pytest.mark.app("assistant")
async def test_files(plain: Stage) -> None:
    """Images and audio reach the Space in their order, and the next turn goes on."""
    async with plain.client() as space:
        chat = space.conversation()
        first = await chat.areply("Look.", media=[RED, HUM])
        second = await chat.areply("And now?", media=[BLUE])

    assert first.text.startswith("Turn 1: you said 'Look.' with red.png and hum.wav (")
    assert second.text.startswith("Turn 2: you said 'And now?' with blue.png (")
    assert plain.steps == ["config", "upload", *TURN, "upload", *TURN]


@pytest.mark.app("assistant")
async def test_settings(plain: Stage) -> None:
    """Options and the system prompt go into the inputs of their labels, on every turn, and nothing warns."""
    options: dict[str, Any] = {"temperature": 0.2, "max_tokens": 64, "top_p": 0.5, "repetition_penalty": 1.0}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        async with plain.client(strict=True, top_k=5) as space:
            chat = space.conversation(system="Be kind.")
            first = await chat.areply("Hi.", **options)
            second = await chat.areply("Hi.")

    assert first.text == (
        "Turn 1: you said 'Hi.' (system=Be kind., max=64, temperature=0.2, top_p=0.5, top_k=5, penalty=1.0)"
    )
    assert second.text == (
        "Turn 2: you said 'Hi.' (system=Be kind., max=1024, temperature=0.6, top_p=0.9, top_k=5, penalty=1.2)"
    )


@pytest.mark.app("assistant")
async def test_settings_out_of_bounds(plain: Stage) -> None:
    """What the slider does not take is refused before anything is sent, with its bounds."""
    async with plain.client() as space:
        with pytest.raises(p4.InvalidOption, match=r"max_tokens.*1.*2048"):
            await space.areply("Hi.", max_tokens=5000)

    assert plain.steps == ["config"]


@pytest.mark.app("assistant")
async def test_settings_that_are_not_there(plain: Stage) -> None:
    """An option that the Space has no input for is warned of, with those that it has."""
    takes = "system, temperature, max_tokens, top_p, top_k, repetition_penalty"
    async with plain.client() as space:
        with pytest.warns(p4.OptionIgnored, match=f"seed.*this Space takes {takes}"):
            await space.areply("Hi.", seed=7)


@pytest.mark.app("assistant")
async def test_settings_of_the_status(plain: Stage) -> None:
    """The status tells what kind of Space it is, and what it takes."""
    async with plain.client() as space:
        status = await space.astatus()

    assert status.ready
    assert status.takes is not None
    assert (status.takes.contract, status.takes.kinds) == ("gr.ChatInterface", ("image", "audio"))
    assert status.takes.names == (
        *("system", "temperature", "max_tokens", "top_p", "top_k"),
        *("repetition_penalty",),
    )


@pytest.mark.app("dino")
async def test_prefix_and_extra_inputs(plain: Stage) -> None:
    """What a Space wants before each prompt, and inputs of its own, can be set; its status text goes by."""
    options: dict[str, Any] = {"prompt_prefix": "@phi4 ", "extra_inputs": {"Answer style": "poetic"}}
    async with plain.client(**options) as space:
        events = await ask(space, "Hi.", max_tokens=64)

    assert reply(events).text == "Turn 1: you said 'Hi.' (max=64, style=poetic)"
    assert any(isinstance(event, p4.Rewritten) for event in events)


@pytest.mark.app("dino")
async def test_extra_inputs_that_are_not_there(plain: Stage) -> None:
    """A label that the page does not have is an error that names those that it has."""
    async with plain.client(extra_inputs={"Style": "poetic"}) as space:
        with pytest.raises(p4.InvalidOption, match="'Max New Tokens', 'Answer style'"):
            await space.areply("Hi.")

    assert plain.steps == ["config"]


@pytest.mark.app("thinker")
async def test_thoughts(plain: Stage) -> None:
    """A thought comes in pieces before the answer, and is no part of it."""
    async with plain.client() as space:
        events = await ask(space, "Hi.")

    thought = "First I read it. Then I answer."
    pieces = [event for event in events if isinstance(event, p4.Thought)]
    assert ("".join(piece.text for piece in pieces), {piece.title for piece in pieces}) == (
        thought,
        {"Thinking"},
    )
    assert len(pieces) > 1
    assert reply(events).text == "".join(deltas(events)) == "Turn 1: you said 'Hi.'"
    assert reply(events).thoughts == (p4.Thought(thought, "Thinking"),)


@pytest.mark.app("pondering")
async def test_thoughts_that_gradio_holds_back(plain: Stage) -> None:
    """What was sent of a thought only at the end is in the reply, and in the events once."""
    async with plain.client() as space:
        events = await ask(space, "Hi.")

    pieces = [event.text for event in events if isinstance(event, p4.Thought)]
    assert "".join(pieces) == reply(events).thoughts[0].text == "First I read it. Then I answer."
    assert reply(events).text == "Turn 1: you said 'Hi.'"


@pytest.mark.app("messages")
async def test_messages(plain: Stage) -> None:
    """An answer in two messages is both, in order."""
    async with plain.client() as space:
        answer = await space.areply("Hi.")

    assert answer.text == "One moment.\n\nTurn 1: you said 'Hi.'"


@pytest.mark.app("gallery")
async def test_file_of_an_answer(plain: Stage) -> None:
    """A file that an answer names is in the reply."""
    async with plain.client() as space:
        answer = await space.areply("messages")

    assert answer.text == "A green square."
    assert [file.name for file in answer.files] == ["green.png"]


@pytest.mark.app("tabs")
async def test_tabs(plain: Stage) -> None:
    """Two chats are an error that names both; each can be picked."""
    async with plain.client() as space:
        with pytest.raises(p4.ContractNotMet, match="endpoint=") as caught:
            await space.areply("Hi.")
    first, second = caught.value.found
    async with plain.client(endpoint=second) as space:
        answer = await space.areply("Hi.")

    assert first in str(caught.value)
    assert second in str(caught.value)
    assert answer.text == "Translation: Turn 1: you said 'Hi.'"


@pytest.mark.app("picture")
async def test_picture(plain: Stage) -> None:
    """A box for one image refuses a second, and a sound, before anything is uploaded."""
    async with plain.client() as space:
        with pytest.raises(p4.TooManyFiles):
            await space.areply("Look.", media=[RED, BLUE])
        with pytest.raises(p4.UnsupportedContent, match=r"hum\.wav.*image"):
            await space.areply("Listen.", media=[HUM])
        answer = await space.areply("Look.", media=[RED])

    assert answer.text == "Turn 1: you said 'Look.' with red.png"
    assert plain.steps == ["config", "upload", *TURN]


@pytest.mark.app("failing")
async def test_failing(plain: Stage) -> None:
    """The author's words are an error, with what came before it."""
    async with plain.client() as space:
        with pytest.raises(p4.SpaceError, match="There is no GPU for you") as caught:
            await space.areply("late")

    assert (caught.value.title, caught.value.partial_text) == ("Out of GPUs", "So far so good")


@pytest.mark.app("words")
async def test_words_that_call_tools(plain: Stage) -> None:
    """Tools are asked for in Phi-4's words, and results go back, over any chat."""
    async with plain.client() as space:
        chat = space.conversation()
        asked = await chat.areply("How is the weather in Paris?", tools=[WEATHER])
        (call,) = asked.tool_calls
        result = p4.Turn(role="tool", text="It rains.", tool_call_id=call.id, name=call.name)
        answered = await chat.areply(result)

    assert (call.name, call.arguments, asked.text) == ("get_weather", {"city": "Paris"}, "")
    assert "It rains." in answered.text


@pytest.mark.app("words")
async def test_words_in_json(plain: Stage) -> None:
    """A form of the answer is asked for in words, and met."""
    async with plain.client() as space:
        answer = await space.areply("Ada is 36 years old.", response_format=PERSON)

    assert json.loads(answer.text) == {"age": 36, "home": {"city": "London"}}


# --- two steps, by whatever names -------------------------------------------------------------------------


@pytest.mark.app("demo")
async def test_demo(plain: Stage) -> None:
    """Gradio's own demo, whose first step is queued, takes files and goes on."""
    async with plain.client() as space:
        chat = space.conversation()
        first = await chat.areply("Look.", media=[RED, HUM])
        second = await chat.areply("And now?", media=[BLUE])

    assert first.text == "Turn 1: you said 'Look.' with red.png and hum.wav"
    assert second.text == "Turn 2: you said 'And now?' with blue.png"
    assert plain.steps == ["config", "upload", *FILED, "upload", *FILED]


@pytest.mark.app("demo")
async def test_demo_saved(plain: Stage) -> None:
    """A conversation that was saved goes on."""
    async with plain.client() as space:
        chat = space.conversation()
        await chat.areply("one")
    async with plain.client() as space:
        answer = await p4.Conversation.from_json(chat.to_json(), space=space).areply("two")

    assert answer.text == "Turn 2: you said 'two'"


@pytest.mark.app("demo")
async def test_demo_with_indentation(plain: Stage) -> None:
    """What Gradio's Chatbot moves to and fro is streamed once, and the reply has the last of it."""
    async with plain.client() as space:
        events = await ask(space, "steps")

    assert reply(events).text == STEPS
    assert not any(isinstance(event, p4.Rewritten) for event in events)
    assert "".join("".join(deltas(events)).split()) == "".join(STEPS.split())


@pytest.mark.app("demo")
async def test_demo_in_json(plain: Stage) -> None:
    """Structured output that the Chatbot moves to and fro is met."""
    async with plain.client() as space:
        events = await ask(space, "Ada is 36 years old.", response_format=PERSON)

    assert json.loads(reply(events).text) == {"age": 36, "home": {"city": "London"}}
    assert not any(isinstance(event, p4.Rewritten) for event in events)


@pytest.mark.app("demo")
async def test_demo_that_calls_tools(plain: Stage) -> None:
    """Tools are called over two steps as well."""
    async with plain.client() as space:
        answer = await space.areply("How is the weather in Paris?", tools=[WEATHER])

    assert [(call.name, call.arguments) for call in answer.tool_calls] == [("get_weather", {"city": "Paris"})]


@pytest.mark.app("generator")
async def test_generator(plain: Stage) -> None:
    """A first step that yields is heard to its end."""
    async with plain.client() as space:
        answer = await space.areply("Look.", media=[RED])

    assert answer.text == "Turn 1: you said 'Look.' with red.png"


@pytest.mark.app("settings")
async def test_settings_of_two_steps(plain: Stage) -> None:
    """What the answer's function takes beside the chat is mapped by its label."""
    async with plain.client(strict=True) as space:
        answer = await space.areply("Hi.", system="Be kind.", temperature=0.2, max_tokens=64)

    assert answer.text == "Turn 1: you said 'Hi.' (system=Be kind., temperature=0.2, max=64)"


@pytest.mark.app("user_and_bot")
async def test_user_and_bot(plain: Stage) -> None:
    """A plain Textbox takes words, and files are refused before anything is sent."""
    async with plain.client() as space:
        with pytest.raises(p4.UnsupportedContent, match="text alone"):
            await space.areply("Look.", media=[RED])
        answer = await space.areply("Hi.")

    assert answer.text == "Turn 1: you said 'Hi.'"
    assert plain.steps == ["config", "predict", *TURN]


@pytest.mark.app("several")
async def test_several(plain: Stage) -> None:
    """All that the assistant wrote since the question is the answer, without its thoughts."""
    async with plain.client() as space:
        events = await ask(space, "Hi.")

    assert reply(events).text == "Turn 1: you said 'Hi.'\n\nAnything else?"
    assert reply(events).thoughts == (p4.Thought("It is a question.", "Thinking"),)
    assert "".join(deltas(events)) == reply(events).text


@pytest.mark.app("illustrator")
async def test_illustrator(plain: Stage) -> None:
    """A file at the answer's end does not hide its words, and a file alone is an answer."""
    async with plain.client() as space:
        both = await space.areply("a picture")
        alone = await space.areply("only a picture")

    assert (both.text, alone.text) == ("A green square.", "")
    assert [file.name for file in (*both.files, *alone.files)] == ["green.png", "green.png"]


@pytest.mark.app("pictures")
async def test_pictures(plain: Stage) -> None:
    """A box for one image refuses a second, and a sound, before anything is uploaded."""
    async with plain.client() as space:
        with pytest.raises(p4.TooManyFiles):
            await space.areply("Look.", media=[RED, BLUE])
        with pytest.raises(p4.UnsupportedContent, match=r"hum\.wav.*image"):
            await space.areply("Listen.", media=[HUM])
        answer = await space.areply("Look.", media=[RED])

    assert answer.text == "Turn 1: you said 'Look.' with red.png"


@pytest.mark.app("two_chatbots")
async def test_two_chatbots(plain: Stage) -> None:
    """Which of two Chatbots has the answer cannot be told, and both are named."""
    async with plain.client() as space:
        with pytest.raises(p4.ContractNotMet, match="'A' and 'B'"):
            await space.areply("Hi.")

    assert plain.steps == ["config"]
