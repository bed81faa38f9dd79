"""A turn with a Space that takes whole chats: what is sent, repeated, summed up and ended."""

from __future__ import annotations

import asyncio
import warnings
from contextlib import aclosing
from typing import Any

import httpx
import pytest
from completions import answered, appended, completion_config, piece
from scripted import ESTIMATION, STARTS, URL, ScriptedSpace, Stream, events, failed

import phi4_space as p4

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
WEATHER = p4.ToolSpec("get_weather", parameters={"type": "object", "required": ["city"]})
CALL = '<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Lima"}}]<|/tool_call|>'
AGE = p4.ResponseFormat({"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]})

pytestmark = pytest.mark.usefixtures("no_waiting")


def space(*answers: Any) -> ScriptedSpace:
    """A Space that gives these answers; a string is one in one piece."""
    jobs = [
        events(ESTIMATION, STARTS, answered(answer)) if isinstance(answer, str) else answer
        for answer in answers
    ]
    return ScriptedSpace({"data": jobs}, config=completion_config())


def client(server: ScriptedSpace, **options: Any) -> p4.SpaceClient:
    return p4.SpaceClient(URL, environment=p4.Environment(transport=server), **options)


def test_a_turn_is_two_requests() -> None:
    """It joins the queue and reads it; the reply has what the Space says of the answer."""
    server = space(events(ESTIMATION, STARTS, piece("Hel"), appended("lo"), answered("Hello")))

    reply = client(server).reply("hi")

    assert server.steps() == ["config", "join", "data"]
    (joined,) = server.bodies("join")
    assert joined["data"] == [{"messages": [{"role": "user", "content": "hi"}]}, None]
    assert (reply.text, reply.finish_reason, reply.model) == ("Hello", "stop", "a model")
    assert reply.usage == p4.Usage(7, 2)


def test_a_space_that_says_nothing_of_its_answer() -> None:
    """Without a summary that makes sense there is no usage and no reason; the model is the client's."""
    server = space(events(ESTIMATION, STARTS, answered("yo", usage=None, finish_reason=7, model=None)))

    reply = client(server).reply("hi")

    assert (reply.usage, reply.finish_reason, reply.model) == (None, None, p4.MODEL)


def test_each_turn_says_everything() -> None:
    """A conversation sends all of it each time, on whatever session; a file in it is uploaded once."""
    server = space("one", "two")
    chat = client(server).conversation(system="Be kind.")

    chat.reply("look", media=[PNG])
    chat.reply("and again", media=[PNG])

    assert server.steps() == ["config", "upload", "join", "data", "join", "data"]
    _, second = (call["data"] for call in server.bodies("join"))
    assert [message["role"] for message in second[0]["messages"]] == ["system", "user", "assistant", "user"]
    assert [message["content"][0] for message in second[0]["messages"][1::2]] == [
        {"type": "image", "file": 0},
        {"type": "image", "file": 0},
    ]
    assert len(second[1]) == 1


def test_a_prefix_stands_before_each_users_text() -> None:
    """Behind media that stand before the text, and before those within it; other roles have none."""
    server = space("one", "two")
    chat = client(server, prompt_prefix="@phi4 ").conversation(system="Be kind.")
    picture = p4.Media(PNG)

    chat.reply("look", media=[picture])
    chat.reply(p4.Turn.of("user", "this ", picture, "one"))

    _, (body, _) = (call["data"] for call in server.bodies("join"))
    image = {"type": "image", "file": 0}
    assert [message["content"] for message in body["messages"]] == [
        "Be kind.",
        [image, {"type": "text", "text": "@phi4 look"}],
        "one",
        [{"type": "text", "text": "@phi4 this "}, image, {"type": "text", "text": "one"}],
    ]


def test_a_conversation_goes_on_by_another_contract() -> None:
    """One that was saved on a Space with the public contract is said whole to this one."""
    first = ScriptedSpace()
    chat = p4.SpaceClient(URL, environment=p4.Environment(transport=first)).conversation()
    chat.reply("one")
    server = space("two")

    p4.Conversation.from_json(chat.to_json(), space=client(server)).reply("and?")

    (joined,) = server.bodies("join")
    assert [message["content"] for message in joined["data"][0]["messages"]] == ["one", "an answer", "and?"]


def test_options_are_sent_and_others_warned_of() -> None:
    """What the Space takes is in the request; of the rest it is said that it is ignored."""
    server = space("yo")

    with pytest.warns(p4.OptionIgnored, match="top_k is ignored"):
        client(server, max_tokens=5).reply("hi", temperature=0.5, top_k=3)

    assert server.bodies("join")[0]["data"][0] == {
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 5,
        "temperature": 0.5,
    }


def test_more_files_than_it_takes_are_refused() -> None:
    """The Space says how many; nothing is uploaded."""
    server = space()

    with pytest.raises(p4.TooManyFiles, match="4"):
        client(server).reply("hi", media=[PNG + bytes([number]) for number in range(4)])

    assert server.steps() == ["config"]


def test_a_turn_is_tried_again() -> None:
    """What passes is tried again before the first text, with the very same request."""
    server = space(events(ESTIMATION, failed("GPU task aborted")), "yo")

    assert client(server).reply("hi").text == "yo"

    first, second = server.bodies("join")
    assert first["data"] == second["data"]


def test_a_busy_model_is_tried_again_and_then_said() -> None:
    """Too many others are no reason to give up at once."""
    server = space(*(events(ESTIMATION, failed("Come again.", "Model busy")) for _ in range(3)))

    with pytest.raises(p4.SpaceBusy, match="Come again"):
        client(server).reply("hi")

    assert server.steps().count("join") == 3


def test_a_model_that_does_not_work_is_said_at_once() -> None:
    """Its owner has to act, and no second try helps."""
    server = space(events(ESTIMATION, failed("The key for the upstream is wrong.", "Model failed")))

    with pytest.raises(p4.SpaceError, match="key for the upstream") as caught:
        client(server).reply("hi")

    assert caught.value.title == "Model failed"
    assert server.steps().count("join") == 1


def test_a_file_that_is_gone_is_uploaded_again() -> None:
    """The Space had to make room; the turn does not fail for it."""
    gone = failed("Cannot use '/up/0': it was not uploaded by a user.")
    server = space(events(ESTIMATION, gone), "yo")

    assert client(server).reply("hi", media=[PNG]).text == "yo"
    assert server.steps().count("upload") == 2


@pytest.mark.parametrize(("counted", "usage"), [(True, p4.Usage(14, 4)), (False, None)])
def test_tokens_are_the_turns_sum(counted: bool, usage: p4.Usage | None) -> None:  # noqa: FBT001 - a row
    """An answer that was asked for twice costs both; where one was not counted, the sum is not known."""
    more = {} if counted else {"usage": None}
    server = space("no json", events(ESTIMATION, STARTS, answered('{"age": 3}', **more)))

    reply = client(server).reply("hi", response_format=AGE)

    assert (reply.text, reply.usage) == ('{"age": 3}', usage)


def test_calls_are_why_it_ended() -> None:
    """A reply with calls says so; one that was cut off says that."""
    server = space(CALL, events(ESTIMATION, STARTS, answered(CALL, finish_reason="length")))
    asking = client(server)

    assert asking.reply("hi", tools=[WEATHER]).finish_reason == "tool_calls"
    assert asking.reply("hi", tools=[WEATHER]).finish_reason == "length"


def test_the_space_says_which_stop_string_it_was() -> None:
    """It ends there by itself; a string that was not asked for is not believed."""
    server = space(
        *(events(ESTIMATION, STARTS, answered("one ", stopped_by=word)) for word in ("END", "FIN"))
    )
    asking = client(server)

    first, second = (asking.reply("hi", stop="END") for _ in range(2))

    assert (first.text, first.stopped_by, first.finish_reason) == ("one ", "END", "stop")
    assert second.stopped_by is None
    assert "cancel" not in server.steps()


def test_a_stop_string_is_found_here_where_tools_are() -> None:
    """The Space is not asked to find it; the client cuts, cancels, and knows no usage."""
    stream = events(ESTIMATION, STARTS, piece("one END"), None)
    server = space(stream)

    reply = client(server).reply("hi", stop=["END"], tools=[WEATHER])

    assert "stop" not in server.bodies("join")[0]["data"][0]
    assert (reply.text, reply.stopped_by, reply.finish_reason) == ("one ", "END", "stop")
    assert (reply.usage, server.steps()[-1]) == (None, "cancel")


def test_leaving_early_cancels() -> None:
    """A turn that nobody reads is taken back by its number."""
    server = space(events(ESTIMATION, STARTS, piece("one"), None))

    async def leave() -> None:
        async with client(server) as asking, aclosing(asking.astream("hi")) as stream:
            await anext(event async for event in stream if isinstance(event, p4.Delta))

    asyncio.run(leave())
    assert server.bodies("cancel")[0]["fn_index"] == 22


def test_a_prompt_of_ones_own_is_sent_alone() -> None:
    """Nothing is added to it but its files."""
    server = space("yo")

    reply = client(server).reply(prompt="<|user|>hi<|end|>", media=[PNG])

    assert server.bodies("join")[0]["data"][0] == {"prompt": "<|user|>hi<|end|>"}
    assert reply.sent.prompt == "<|user|>hi<|end|>"


def test_step_by_step() -> None:
    """The low-level calls take the turns as JSON, or words alone."""
    server = space("yo", "yo")

    async def ask() -> None:
        async with client(server) as asking, asking.asession() as session:
            for body in ({"messages": [{"role": "user", "content": "hi"}]}, None):
                event_id = await session.post(await session.predict("hi", body=body), {"seed": 1})
                async with aclosing(session.get(event_id)) as stream:
                    async for _ in stream:
                        pass

    asyncio.run(ask())
    assert [call["data"][0] for call in server.bodies("join")] == [
        {"messages": [{"role": "user", "content": "hi"}], "seed": 1},
        {"prompt": "hi", "seed": 1},
    ]


def test_an_endpoint_that_is_no_name_is_refused() -> None:
    """It is a str; a slash before it, as in the docs of Gradio, does no harm."""
    with pytest.raises(p4.InvalidOption, match="endpoint is of type str"):
        client(space(), endpoint=7)
    server = space("yo")
    assert client(server, endpoint="/chat_completion").reply("hi").text == "yo"
    with pytest.raises(p4.ContractNotMet, match="answers at chat_completion"):
        client(space(), endpoint="bot_response").reply("hi")


def test_outputs_that_are_none() -> None:
    """A job that ends with neither text nor summary is an answer that never came."""
    ended = {**answered(""), "output": {"data": [None, None]}}
    with pytest.raises(p4.UnexpectedAnswer, match="without an answer"):
        client(space(events(ESTIMATION, ended)), max_retries=0).reply("hi")


def test_nothing_is_warned_of_where_all_is_taken() -> None:
    """A call with options that the Space takes is quiet."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert client(space("yo"), strict=True).reply("hi", seed=1, top_p=0.5).text == "yo"


def test_a_stream_that_breaks_off_is_tried_again() -> None:
    """Before the first text, on a new job."""
    broken = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Stream([ESTIMATION]))
    assert client(space(broken, "yo")).reply("hi").text == "yo"


def test_json_that_was_cut_off_is_said_to_be() -> None:
    """Where tokens ran out, the error says so beside what is wrong with the JSON."""
    cut = [events(ESTIMATION, STARTS, answered('{"age"', finish_reason="length")) for _ in range(2)]
    with pytest.raises(p4.ResponseFormatNotMet, match="cut off, as it may have no more tokens"):
        client(space(*cut)).reply("hi", response_format=AGE, max_tokens=2)
