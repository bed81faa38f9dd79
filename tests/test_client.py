from __future__ import annotations

import asyncio
import copy
import json
import pickle
import warnings
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from completions import completion_config
from scripted import (
    CLOSE,
    ESTIMATION,
    URL,
    ScriptedSpace,
    completed,
    config,
    events,
    failed,
    generating,
    whole,
)

import phi4_space as p4
from phi4_space._environment import Environment

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
HUB_SPACE = "ada/phi-4"
SECRET = "hf_sentinel"


pytestmark = pytest.mark.usefixtures("no_waiting")


@dataclass
class Clock:
    """A clock that moves when somebody sleeps."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def client(
    space: ScriptedSpace, name: str = URL, *, clock: Clock | None = None, **options: Any
) -> p4.SpaceClient:
    clock = clock or Clock()
    names = iter(f"session-{number}" for number in range(1, 100))
    environment = Environment(
        transport=space, clock=clock, sleep=clock.sleep, new_session_hash=lambda: next(names)
    )
    return p4.SpaceClient(name, environment=environment, **options)


# --- what is sent -------------------------------------------------------------------------------------


def test_history_and_system_become_a_transcript() -> None:
    """Turns passed are sent as one transcript that ends with the assistant's line."""
    space = ScriptedSpace()
    turns = [
        p4.Turn(role="user", text="hi"),
        p4.Turn(role="assistant", text="yo"),
        p4.Turn(role="user", text="again"),
    ]

    asyncio.run(client(space).areply(turns, system="Be kind"))

    (body,) = space.bodies("predict")
    assert body["data"][1]["text"] == "System: Be kind\nUser: hi\nAssistant: yo\nUser: again\nAssistant:"


def test_a_prompt_is_sent_verbatim() -> None:
    """`prompt` replaces the message and is neither changed nor added to."""
    space = ScriptedSpace()
    prompt = "<|user|>raw<|end|>\nAssistant:"

    asyncio.run(client(space).areply(prompt=prompt, media=[PNG]))

    (body,) = space.bodies("predict")
    assert prompt == body["data"][1]["text"]
    assert len(body["data"][1]["files"]) == 1


def test_the_template_writes_phi_4s_own_tokens() -> None:
    """prompt_style="template" is for Spaces that pass text through."""
    space = ScriptedSpace()

    asyncio.run(client(space, prompt_style="template").areply("hi", system="Be kind"))

    (body,) = space.bodies("predict")
    assert body["data"][1]["text"] == "<|system|>Be kind<|end|><|user|>hi<|end|><|assistant|>"


def test_media_of_turns_and_of_the_call_go_together() -> None:
    """Media in turns come first, those of the call belong to the last of the user's turns."""
    space = ScriptedSpace()
    turn = p4.Turn(role="user", text="these", media=(p4.Media(PNG, "a.png"),))
    answer = p4.Turn(role="assistant", text="yes?")

    reply = asyncio.run(client(space).areply(turn, media=[p4.Media(PNG + b"2", "b.png")]))
    other = asyncio.run(client(space).areply([turn, answer], media=[p4.Media(PNG + b"2", "b.png")]))

    assert (reply.sent.prompt, reply.sent.files) == ("these", ("a.png", "b.png"))
    assert other.sent.prompt == "User: [image 1] these\nAssistant: yes?\nUser: [image 2]\nAssistant:"


def test_media_of_the_call_follow_media_that_have_places() -> None:
    """Where a turn says what stands where, the call's media come last, and nothing else moves."""
    space = ScriptedSpace()
    turn = p4.Turn.of("user", "A ", p4.Media(PNG, "a.png"), " and this:")

    reply = asyncio.run(client(space).areply(turn, media=[p4.Media(PNG + b"2", "b.png"), PNG + b"3"]))

    assert reply.sent.prompt == "User: A [image 1] and this: [image 2] [image 3]\nAssistant:"
    assert reply.sent.files == ("a.png", "b.png", "image.png")


@pytest.mark.parametrize(
    ("message", "options", "kind", "words"),
    [
        ("", {}, p4.EmptyPrompt, "nothing to send"),
        ("  \n", {}, p4.EmptyPrompt, "nothing to send"),
        ([], {}, p4.EmptyPrompt, "nothing to send"),
        ("", {"system": "Be kind"}, p4.EmptyPrompt, "nothing to send"),
        ("", {"prompt": " "}, p4.EmptyPrompt, "nothing to send"),
        ("hi", {"media": Path("cat.png")}, p4.InvalidOption, "media must be a list"),
        ("hi", {"media": "cat.png"}, p4.InvalidOption, "media must be a list"),
        ("hi", {"media": [Path("no-such.png")]}, p4.MediaNotReadable, "no-such.png"),
        ("hi", {"media": [b""]}, p4.MediaNotReadable, "empty"),
        ("hi", {"media": [b"%PDF-1.7 ..."]}, p4.UnsupportedContent, "PDF"),
        ("hi", {"media": ["data:image/png;base64,@@"]}, p4.MediaNotReadable, "data URI"),
        pytest.param(
            "hi",
            {"media": ["http://127.0.0.1/x.png"]},
            p4.UrlRefused,
            "127.0.0.1",
            marks=pytest.mark.loopback,  # to look the address up; it is refused before a connection
        ),
        (
            "hi",
            {"sampling": {"temperature": 0.2}},
            p4.InvalidOption,
            "arguments of their own: temperature=0.2",
        ),
        ("hi", {"max_new_tokens": 9}, p4.InvalidOption, "Write max_tokens="),
        ("hi", {"temperature": "hot"}, p4.InvalidOption, "temperature is a number from 0, not of type str"),
        ("hi", {"stop": 7}, p4.InvalidOption, "stop must be a string or a list of strings"),
        ("hi", {"stop": ""}, p4.InvalidOption, "strings that are not empty"),
        ("hi", {"stop": ["END", ""]}, p4.InvalidOption, "strings that are not empty"),
        ("hi", {"stop": [b"END"]}, p4.InvalidOption, "stop must hold strings"),
        ("hi", {"prompt": "raw"}, p4.InvalidOption, "prompt"),
        ("", {"prompt": "raw", "system": "Be kind"}, p4.InvalidOption, "prompt"),
        (
            "",
            {"prompt": "raw", "tools": [p4.ToolSpec("a")], "tool_choice": "a"},
            p4.InvalidOption,
            "tool_choice",
        ),
        ("hi", {"tool": []}, p4.InvalidOption, "Did you mean tools?"),
        ("hi", {"xyz": []}, p4.InvalidOption, "It takes max_tokens, media"),
        ("hi", {"tools": [p4.ToolSpec("a"), p4.ToolSpec("a")]}, p4.InvalidOption, "a"),
        (7, {}, p4.InvalidOption, "A message is"),
        (["hi"], {}, p4.InvalidOption, "A message is"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(
    message: Any, options: Any, kind: type, words: str
) -> None:
    """Each kind of bad input has an error that names it, and the Space hears nothing of it.

    While media are read the Space may be asked for its /config, which says nothing of them.
    """
    space = ScriptedSpace()

    with pytest.raises(kind, match=r"(?s).*") as caught:
        asyncio.run(client(space).areply(message, **options))

    assert words in str(caught.value)
    assert {name for name, _ in space.asked} <= ({"config"} if "media" in options else set())


def test_a_strict_client_refuses_options_before_anything_is_filed() -> None:
    """All that are set are named, with the place, once the contract is known; None is not set."""
    space = ScriptedSpace()

    with pytest.raises(p4.InvalidOption, match=r"temperature, seed: .* step prepare") as caught:
        asyncio.run(client(space, strict=True).areply("hi", temperature=0.0, top_p=None, seed=1))

    assert caught.value.space == URL
    assert space.steps() == ["config"]
    assert asyncio.run(client(space, strict=True).areply("hi", top_p=None)).text == "an answer"


@pytest.mark.parametrize("of", [lambda client: client, lambda client: client.conversation()])
def test_each_door_warns_its_caller_of_an_option_that_is_ignored(of: Any) -> None:
    """The warning points at the line that asked, whichever door it went through."""
    clients = [of(client(ScriptedSpace())) for _ in range(4)]

    async def asynchronously() -> None:
        await clients[0].areply("hi", temperature=0.2)
        assert [event async for event in clients[1].astream("hi", temperature=0.2)]

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(asynchronously())
        clients[2].reply("hi", temperature=0.2)
        assert [*clients[3].stream("hi", temperature=0.2)]

    assert [(one.category, one.filename) for one in caught] == [(p4.OptionIgnored, __file__)] * 4


def test_a_client_warns_once_and_its_copy_once_more() -> None:
    """Its conversations count as the client itself; a copy or an unpickled one is a client of its own."""
    one = client(ScriptedSpace())

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        one.reply("hi", seed=1)
        one.conversation().reply("hi", seed=1)
        copy.copy(one).reply("hi", seed=1)

    assert len(caught) == 2
    assert pickle.loads(pickle.dumps(client(ScriptedSpace(), strict=True)))._settings.strict  # noqa: S301


def test_a_clients_options_hold_where_a_call_says_nothing() -> None:
    """Each is a default: what a call says goes before it, and None in a call is nothing said."""
    space = ScriptedSpace({"data": [events(*whole("one END two, three")) for _ in range(3)]})
    one = client(space, temperature=0.5, seed=3, stop="END")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert one.reply("hi", stop=None).text == "one "
    assert [str(each.message).split()[0] for each in caught] == ["temperature", "seed"]
    assert one.reply("hi", stop=", three").text == "one END two"
    assert one.conversation().reply("hi", stop=[]).text == "one END two, three"


def test_a_mistyped_argument_of_the_constructor_is_refused() -> None:
    """Nothing is swallowed: the error names the argument and the nearest that exists."""
    with pytest.raises(p4.InvalidOption, match=r"'tokn'.*Did you mean token"):
        p4.SpaceClient(URL, tokn="x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["owner", "a/b/c", "ftp://x.test", "http://", "", "https://u:p@x.test", "a b/c"]
)
def test_a_nonsense_space_name_is_refused(name: str) -> None:
    """A name that is neither "owner/name" nor a URL is refused when the client is made."""
    with pytest.raises(p4.InvalidSpaceName):
        p4.SpaceClient(name or " /")


# --- the object ---------------------------------------------------------------------------------------


def test_the_seeds_attributes_are_there() -> None:
    """Space, url, api_url, referer, model and label, as the provider had them."""
    space = p4.SpaceClient(model="phi-4")

    assert space.space == "microsoft/phi-4-multimodal"
    assert space.url == "https://huggingface.co/spaces/microsoft/phi-4-multimodal"
    assert space.api_url == "https://microsoft-phi-4-multimodal.hf.space"
    assert space.referer == "https://microsoft-phi-4-multimodal.hf.space?__theme=light"
    assert (space.model, space.label) == ("phi-4-multimodal", "Microsoft Phi-4")


def test_the_environment_names_the_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """PHI4_SPACE is used where no Space is passed."""
    monkeypatch.setenv("PHI4_SPACE", "http://127.0.0.1:7860")

    assert p4.SpaceClient().space == "http://127.0.0.1:7860"


def test_clients_are_values() -> None:
    """Equal when told the same, hashable, copied with credentials, pickled without."""
    one, same = p4.SpaceClient(HUB_SPACE, token=SECRET), p4.SpaceClient(HUB_SPACE, token=SECRET)

    assert one == same
    assert one != p4.SpaceClient(HUB_SPACE, token=False)
    assert one != "a string"
    assert {one: 1} == {same: 1}
    assert one == copy.copy(one) == copy.deepcopy(one)
    pickled = pickle.dumps(one)
    assert SECRET.encode() not in pickled
    assert pickle.loads(pickled).space == HUB_SPACE  # noqa: S301 - made one line above
    assert SECRET not in repr(one)


def test_an_unpickled_client_reads_the_token_of_its_own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker uses the HF_TOKEN that it has; the pickle brings none."""
    pickled = pickle.dumps(p4.SpaceClient(HUB_SPACE, token="hf_other"))
    monkeypatch.setenv("HF_TOKEN", SECRET)

    assert p4.SpaceClient(HUB_SPACE) == pickle.loads(pickled)  # noqa: S301 - made above


def test_a_proxy_that_is_none_is_refused_by_name() -> None:
    """A proxy URL that httpx cannot use becomes an error with what to write instead."""
    with pytest.raises(p4.InvalidOption, match="proxy"):
        asyncio.run(p4.SpaceClient(URL, proxy="gopher://x").areply("hi"))


# --- credentials --------------------------------------------------------------------------------------


def test_the_token_goes_to_the_spaces_own_https_origin() -> None:
    """Each request carries it as X-HF-Authorization; zerogpu's headers go with the work only."""
    space = ScriptedSpace()
    space_client = client(
        space, HUB_SPACE, token=SECRET, zerogpu_token="zt", zerogpu_uuid="zu", cookies={"a": "b"}
    )

    reply = asyncio.run(space_client.areply("hi", media=[PNG]))

    assert {f"Bearer {SECRET}"} == {request.headers["x-hf-authorization"] for _, request in space.asked}
    with_zerogpu = {step for step, request in space.asked if request.headers.get("x-zerogpu-token") == "zt"}
    assert {"predict", "join"} == with_zerogpu
    assert {"a=b"} == {request.headers["cookie"] for _, request in space.asked}
    assert SECRET not in repr(reply)


def test_no_token_goes_over_plain_http() -> None:
    """A token passed stays here when the Space has no https, and on loopback unless asked for."""
    for name, on_loopback, sent in [
        (URL, True, False),
        ("http://127.0.0.1:7860", False, False),
        ("http://127.0.0.1:7860", True, True),
    ]:
        space = ScriptedSpace()
        asyncio.run(client(space, name, token=SECRET, token_on_loopback=on_loopback).areply("hi"))
        assert sent == any("x-hf-authorization" in request.headers for _, request in space.asked)


def test_the_space_never_gets_the_hubs_bearer_nor_the_hub_the_cookies() -> None:
    """Two hosts, two sets of credentials."""
    space = ScriptedSpace({"runtime": [httpx.Response(200, json={"stage": "RUNNING", "hardware": None})]})
    space.script["quota"] = [httpx.Response(200, json={"base": 100, "current": 40, "resetsAt": None})]
    space_client = client(space, HUB_SPACE, token=SECRET, cookies={"a": "b"})

    status = asyncio.run(space_client.astatus())

    assert p4.Quota(100, 40) == status.quota
    hub = [request for _, request in space.asked if request.url.host == "huggingface.co"]
    assert len(hub) == 2
    assert all("cookie" not in request.headers for request in hub)
    others = [request for _, request in space.asked if request.url.host != "huggingface.co"]
    assert all("authorization" not in request.headers for request in others)


# --- conversations ------------------------------------------------------------------------------------


def test_a_conversation_keeps_its_session_and_sends_only_what_is_new() -> None:
    """The second turn goes to the same session, with the chat as the Space returned it and the new words."""
    space = ScriptedSpace()

    async def two_turns() -> p4.Conversation:
        chat = client(space).conversation(system="Be kind")
        await chat.areply("my name is Ada")
        await chat.areply("what is my name?")
        return chat

    chat = asyncio.run(two_turns())

    first, second = space.bodies("predict")
    assert first["data"][1]["text"] == "System: Be kind\nUser: my name is Ada\nAssistant:"
    assert second["data"][1]["text"] == "what is my name?"
    assert second["data"][0][-1]["content"][0]["text"] == "an answer"
    assert first["session_hash"] == second["session_hash"] == chat.session_hash
    assert [turn.role for turn in chat.turns] == ["system", "user", "assistant", "user", "assistant"]
    assert ["config", *["predict", "join", "data"] * 2] == space.steps()


def test_a_conversation_remembers_broken_calls_as_what_was_said() -> None:
    """History is not made better than it was: their text is said again, and is no call then."""
    call = '<|tool_call|>[{"name": "add", "arguments": [}]<|/tool_call|>'
    words = f"I look. {call}"
    space = ScriptedSpace({"data": [events(*whole(text)) for text in (words, call, "3")]})

    async def two_turns() -> tuple[p4.Reply, p4.Conversation]:
        chat = client(space).conversation()
        reply = await chat.areply("1 + 2?", tools=[p4.ToolSpec("add")])
        moved = p4.Conversation.from_json(chat.to_json(), space=client(space, "http://other.test"))
        await moved.areply("so?")
        return reply, chat

    reply, chat = asyncio.run(two_turns())

    assert (reply.text, reply.tool_calls) == ("I look. ", ())
    (broken,) = reply.broken_calls
    assert "I look. " + broken.text == chat.turns[-1].text == reply.turn.text == words
    assert broken.reason == "its JSON is invalid at character 31: Expecting value"
    sent = space.bodies("predict")[-1]["data"][1]["text"]
    assert "\nAssistant: I look. < |tool_call|>[{" in sent


def test_a_restarted_space_is_told_everything_again() -> None:
    """A new app_id means that the Space forgot: the transcript goes to a new session, files included."""
    space, clock = ScriptedSpace(), Clock()

    async def across_a_restart() -> None:
        chat = client(space, clock=clock).conversation()
        await chat.areply("my name is Ada", media=[PNG])
        clock.now, space.app_id = 60.0, 99
        await chat.areply("what is my name?")

    asyncio.run(across_a_restart())

    first, second = space.bodies("predict")
    assert first["session_hash"] != second["session_hash"]
    assert "Ada" in second["data"][1]["text"]
    assert second["data"][1]["text"].endswith("User: what is my name?\nAssistant:")
    assert len(second["data"][1]["files"]) == 1
    assert space.steps().count("upload") == 2


@pytest.mark.parametrize(("restarts", "sessions"), [(True, 2), (False, 1)])
def test_a_connection_that_broke_makes_one_ask_for_a_restart(*, restarts: bool, sessions: int) -> None:
    """A restart within seconds shows by its connections: the Space is asked before the turn is joined."""
    space = ScriptedSpace()

    async def across_a_restart() -> None:
        chat = client(space).conversation()
        await chat.areply("my name is Ada")
        space.reconnects = True
        space.app_id += restarts
        await chat.areply("what is my name?")

    asyncio.run(across_a_restart())

    joins = space.bodies("join")
    assert len({join["session_hash"] for join in joins}) == sessions
    assert len(joins) == 2
    assert "app_id" in space.steps()
    assert ("Ada" in space.bodies("predict")[-1]["data"][1]["text"]) is restarts


def test_a_space_that_did_not_restart_is_asked_for_its_app_id_only_when_idle() -> None:
    """Turns back to back are three requests each; after a pause one small request more."""
    space, clock = ScriptedSpace(), Clock()

    async def turns() -> None:
        chat = client(space, clock=clock).conversation()
        await chat.areply("one")
        clock.now = 60.0
        await chat.areply("two")
        await chat.areply("three")

    asyncio.run(turns())

    assert space.steps().count("app_id") == 1
    assert len({body["session_hash"] for body in space.bodies("predict")}) == 1


def test_a_turn_that_fails_leaves_the_conversation_as_it_was() -> None:
    """The failed turn is not remembered; the next one says everything again on a new session."""
    space = ScriptedSpace()

    async def with_a_failure() -> p4.Conversation:
        chat = client(space, max_retries=0).conversation()
        await chat.areply("one")
        space.script["data"] = [events(ESTIMATION)]
        with pytest.raises(p4.StreamLost):
            await chat.areply("lost")
        await chat.areply("two")
        return chat

    chat = asyncio.run(with_a_failure())

    assert [turn.text for turn in chat.turns] == ["one", "an answer", "two", "an answer"]
    last = space.bodies("predict")[-1]
    assert last["data"][1]["text"] == "User: one\nAssistant: an answer\nUser: two\nAssistant:"
    assert last["session_hash"] != "session-1"


@pytest.mark.parametrize("error", [KeyError("a"), ZeroDivisionError()])
def test_a_check_that_raises_gives_the_session_up(error: Exception) -> None:
    """The Space has the turn and the conversation has not; so all is said again on a new session."""

    def check(_value: object) -> None:
        raise error

    space = ScriptedSpace({"data": [events(*whole('{"a": 1}'))]})
    chat = client(space).conversation()

    with pytest.raises(type(error)):
        chat.reply("one", response_format=p4.ResponseFormat(check=check))
    chat.reply("two")

    first, second = space.bodies("predict")
    assert first["session_hash"] != second["session_hash"]
    assert (chat.turns[0].text, second["data"][1]["text"]) == ("two", "two")


def test_leaving_a_turn_early_forgets_it() -> None:
    """What was not answered to the end was not said; the session is given up."""
    space = ScriptedSpace({"data": [events(generating("one"), None)]})

    async def leave() -> p4.Conversation:
        chat = client(space).conversation()
        async with aclosing(chat.astream("hi")) as happening:
            async for event in happening:
                if isinstance(event, p4.Delta):
                    break
        return chat

    chat = asyncio.run(leave())

    assert chat.turns == ()
    assert chat.session_hash == ""


@pytest.mark.parametrize("answer", [[generating("Blue END red"), None], whole("Blue END red")])
def test_after_a_stop_string_the_next_turn_says_everything_again(answer: list[Any]) -> None:
    """The Space's session may know more than was heard: the next turn tells what was, on a new session."""
    space = ScriptedSpace({"data": [events(*answer)]})

    async def two_turns() -> p4.Conversation:
        chat = client(space).conversation()
        await chat.areply(prompt="Which colour?", media=[PNG], stop=["END"])
        assert chat.session_hash == ""
        await chat.areply("And now?")
        return chat

    chat = asyncio.run(two_turns())

    assert [turn.text for turn in chat.turns] == ["Which colour?", "Blue ", "And now?", "an answer"]
    first, second = space.bodies("predict")
    assert first["session_hash"] != second["session_hash"]
    assert (
        second["data"][1]["text"]
        == "User: [image 1] Which colour?\nAssistant: Blue \nUser: And now?\nAssistant:"
    )
    assert len(second["data"][1]["files"]) == 1


@pytest.mark.parametrize(
    ("limits", "refused"),
    [
        ({"max_files": 1}, {"media": [PNG, PNG]}),
        ({"file_count": "single"}, {"media": [PNG, PNG]}),
        ({"max_file_size": 40}, {"media": [PNG + b"1"]}),
    ],
)
def test_a_turn_that_is_refused_leaves_the_session_as_it_was(limits: dict[str, Any], refused: Any) -> None:
    """Nothing was sent, so the Space knows what it knew: the next turn sends only what is new."""
    space = ScriptedSpace()
    space.config["max_file_size"] = limits.get("max_file_size")
    space.config["components"][2]["props"] = {"file_count": limits.get("file_count")}

    async def with_a_refusal() -> str:
        chat = client(space, max_files=limits.get("max_files")).conversation()
        with pytest.raises(p4.InvalidInput):
            await chat.areply("first", **refused)
        assert chat.session_hash == ""
        await chat.areply("one", media=[PNG])
        with pytest.raises(p4.InvalidInput):
            await chat.areply("two", **refused)
        return (await chat.areply("three", media=[PNG])).sent.prompt

    assert asyncio.run(with_a_refusal()) == "three"
    assert len({body["session_hash"] for body in space.bodies("predict")}) == 1


def test_a_refusal_of_the_space_in_mid_turn_gives_the_session_up() -> None:
    """A turn that was filed already would stand there unanswered: the next one goes to a new session."""
    space = ScriptedSpace()

    async def with_a_refusal() -> str:
        chat = client(space).conversation()
        await chat.areply("one")
        space.script["join"] = [httpx.Response(413, text="Request Entity Too Large")]
        with pytest.raises(p4.PromptTooLong):
            await chat.areply("two")
        return (await chat.areply("three")).sent.prompt

    assert asyncio.run(with_a_refusal()) == "User: one\nAssistant: an answer\nUser: three\nAssistant:"


def test_files_that_have_to_be_sent_again_count() -> None:
    """One file a turn fits, until the Space restarts and wants all of them; its error tells how many."""
    space, clock = ScriptedSpace(), Clock()

    async def across_a_restart() -> None:
        chat = client(space, clock=clock, max_files=1).conversation()
        await chat.areply("one", media=[PNG])
        await chat.areply("two", media=[PNG])
        clock.now, space.app_id = 60.0, 99
        with pytest.raises(p4.TooManyFiles) as caught:
            await chat.areply("three")
        assert (caught.value.count, caught.value.limit, caught.value.step) == (2, 1, "upload")
        assert p4.Conversation.from_json(chat.to_json()).turns[0].media

    asyncio.run(across_a_restart())

    assert space.steps().count("predict") == 2


def test_turns_of_one_conversation_run_one_at_a_time() -> None:
    """Parallel turns would lose each other's words in the Space's State, so they wait for each other."""
    space = ScriptedSpace({"data": [events(0.1, *whole("first")), events(*whole("second"))]})

    async def both() -> None:
        chat = client(space).conversation()
        await asyncio.gather(chat.areply("one"), chat.areply("two"))

    asyncio.run(both())

    assert ["config", *["predict", "join", "data"] * 2] == space.steps()


def test_the_wait_for_the_turn_before_is_not_in_a_turns_total() -> None:
    """Its time runs, and its timing counts, from when it is its turn."""
    clock = Clock()

    async def wait() -> p4.Reply:
        chat = client(ScriptedSpace(), clock=clock, timeouts=10).conversation()
        async with aclosing(chat.astream("one")) as events:
            await anext(events)
            waiting = asyncio.ensure_future(chat.areply("two"))
            await asyncio.sleep(0.5)  # until it waits
            clock.now += 1_000
        return await waiting

    assert asyncio.run(wait()).timing.done < 10


def test_a_saved_conversation_goes_on_in_another_process() -> None:
    """JSON carries session, chat and files; read back, the next turn goes to the same session."""
    space = ScriptedSpace()

    async def save() -> str:
        chat = client(space, token=SECRET).conversation()
        await chat.areply("my name is Ada", media=[p4.Media(PNG, "a.png")])
        return chat.to_json()

    async def load(text: str) -> p4.Conversation:
        chat = p4.Conversation.from_json(text, space=client(space))
        await chat.areply("what is my name?")
        return chat

    text = asyncio.run(save())
    chat = asyncio.run(load(text))

    assert SECRET not in text
    assert json.loads(text)["space"] == URL
    first, second = space.bodies("predict")
    assert first["session_hash"] == second["session_hash"]
    assert second["data"][1]["text"] == "what is my name?"
    assert chat.turns[0].text == "my name is Ada"
    assert chat.turns[0].media[0].source == PNG


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in the task", "in another thread"])
def test_a_conversation_that_is_saved_while_a_turn_runs_is_that_before_the_turn(*, elsewhere: bool) -> None:
    """Its turns, and no session, since the running turn changes that; with its Reply the turn is in it."""
    space = ScriptedSpace(
        {"data": [events(*whole("Ada")), events(generating("one"), completed("one"), CLOSE)]}
    )
    saved: dict[type[p4.Event], dict[str, Any]] = {}

    async def talk() -> p4.Conversation:
        chat = client(space).conversation()
        await chat.areply("my name is Ada")
        async for event in chat.astream("count"):
            text = await asyncio.to_thread(chat.to_json) if elsewhere else chat.to_json()
            saved[type(event)] = json.loads(text)
        return chat

    chat = asyncio.run(talk())

    during, after = saved[p4.Delta], saved[p4.Reply]
    assert [turn["text"] for turn in during["turns"]] == ["my name is Ada", "Ada"]
    assert (during["session_hash"], during["history"]) == ("", [])
    assert [turn["text"] for turn in after["turns"]] == ["my name is Ada", "Ada", "count", "one"]
    assert after["session_hash"] == chat.session_hash != ""
    assert after == json.loads(chat.to_json())


def test_a_conversation_that_was_saved_while_a_turn_ran_goes_on_on_a_session_of_its_own() -> None:
    """And says everything again there, but for the turn that ran."""
    space = ScriptedSpace()

    async def fork() -> None:
        chat = client(space).conversation()
        await chat.areply("my name is Ada")
        texts = [chat.to_json() async for event in chat.astream("count") if isinstance(event, p4.Started)]
        await p4.Conversation.from_json(texts[0], space=chat.client).areply("what is my name?")

    asyncio.run(fork())

    first, second, third = space.bodies("predict")
    assert first["session_hash"] == second["session_hash"] != third["session_hash"]
    assert "Ada" in third["data"][1]["text"]
    assert "count" not in third["data"][1]["text"]


@pytest.mark.parametrize(
    ("script", "options", "keeps_session"),
    [
        ({"data": [events(*whole("Ada")), events(failed("no"))]}, {}, False),
        ({}, {"seed": 1}, True),
    ],
    ids=["failed", "refused before it was sent"],
)
def test_a_conversation_that_is_saved_after_a_turn_that_did_not_go_well_is_that_before_it(
    script: dict[str, Any], options: dict[str, Any], *, keeps_session: bool
) -> None:
    """With the session that it has then."""
    space = ScriptedSpace(script)

    async def talk() -> p4.Conversation:
        chat = client(space, strict=True).conversation()
        await chat.areply("my name is Ada")
        with pytest.raises(p4.Phi4Error):
            await chat.areply("count", **options)
        return chat

    chat = asyncio.run(talk())
    saved = json.loads(chat.to_json())

    assert [turn["role"] for turn in saved["turns"]] == ["user", "assistant"]
    assert saved["session_hash"] == chat.session_hash
    assert bool(saved["session_hash"]) is keeps_session


def test_a_saved_conversation_keeps_what_stands_where() -> None:
    """Offsets are saved with the media; earlier JSON, where they had another name or none, is read too."""
    chat = p4.Conversation(client(ScriptedSpace()))
    asyncio.run(chat.areply(p4.Turn.of("user", "A ", p4.Media(PNG, "a.png"), " cat")))

    text = chat.to_json()
    old = json.loads(text)
    for turn in old["turns"]:
        turn["places"] = turn.pop("offsets")

    assert p4.Conversation.from_json(text).turns == chat.turns
    assert p4.Conversation.from_json(json.dumps(old)).turns == chat.turns
    for turn in old["turns"]:
        del turn["places"]
    assert [turn.offsets for turn in p4.Conversation.from_json(json.dumps(old)).turns] == [(), ()]


def test_a_saved_conversation_moves_to_another_space_with_all_that_was_said() -> None:
    """Another Space does not have the session: everything is said again there."""
    space = ScriptedSpace()

    async def move() -> None:
        chat = client(space).conversation()
        await chat.areply("my name is Ada")
        moved = p4.Conversation.from_json(chat.to_json(), space=client(space, "http://other.test"))
        await moved.areply("what is my name?")

    asyncio.run(move())

    assert "Ada" in space.bodies("predict")[-1]["data"][1]["text"]


def test_a_saved_conversation_knows_its_space() -> None:
    """Without a client, one for the saved Space is made."""
    chat = p4.SpaceClient(URL).conversation(system="Be kind")

    assert p4.Conversation.from_json(chat.to_json()).space.space == URL


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "something else"}', b"\xff"])
def test_json_that_is_no_conversation_is_refused(text: str | bytes) -> None:
    """The error says that it is not one."""
    with pytest.raises(p4.InvalidConversation):
        p4.Conversation.from_json(text)


def test_a_copied_conversation_goes_its_own_way() -> None:
    """Copies and pickles hold what was said, and never share the session."""
    space = ScriptedSpace()

    async def talk() -> p4.Conversation:
        chat = client(space).conversation()
        call = p4.ToolCall("call_1", "add", {"a": 1})
        await chat.areply(
            [
                p4.Turn(role="user", text="hi"),
                p4.Turn(role="assistant", tool_calls=(call,)),
                p4.Turn(role="tool", text="2", tool_call_id="call_1", name="add"),
            ]
        )
        return chat

    chat = asyncio.run(talk())

    for twin in (copy.copy(chat), copy.deepcopy(chat), pickle.loads(pickle.dumps(chat))):  # noqa: S301 - own
        assert chat.turns == twin.turns
        assert twin.session_hash == ""
    assert f"<Conversation with {URL}, 4 turns>" == repr(chat)


# --- synchronous doors --------------------------------------------------------------------------------


def test_synchronous_doors_do_the_same() -> None:
    """reply, stream, status, wake and the conversation's work without a loop of the caller's."""
    space = ScriptedSpace()

    with client(space) as space_client:
        assert space_client.reply("hi").text == "an answer"
        assert [p4.Queued, p4.Started, p4.Delta, p4.Reply] == [
            type(event) for event in space_client.stream("hi")
        ]
        assert space_client.status().ready
        assert [status.ready for status in space_client.wait_ready() if isinstance(status, p4.Status)] == [
            True
        ]
        chat = space_client.conversation()
        assert chat.reply("hi").text == "an answer"
        assert isinstance(list(chat.stream("hi"))[-1], p4.Reply)


def test_synchronous_doors_work_inside_a_running_loop() -> None:
    """As in a notebook."""

    async def cell() -> str:
        with client(ScriptedSpace()) as space_client:
            return space_client.reply("hi").text

    assert asyncio.run(cell()) == "an answer"


# --- the three calls ----------------------------------------------------------------------------------


def test_the_three_calls_can_be_made_one_by_one() -> None:
    """upload, predict, post and get are steps of their own, on a session that the caller names."""
    space = ScriptedSpace()

    async def by_hand() -> list[Any]:
        space_client = client(space)
        async with space_client.asession("mine") as session:
            files = await space_client.aupload([PNG])
            history = await session.predict("What is it?", files=files)
            event_id = await session.post(history)
            return [type(message).__name__ async for message in session.get(event_id)]

    assert asyncio.run(by_hand()) == ["Queued", "Started", "Finished"]
    assert {"mine"} == {body["session_hash"] for body in space.bodies("predict") + space.bodies("join")}


# --- status and waking --------------------------------------------------------------------------------


def runtime(stage: str, **more: Any) -> httpx.Response:
    return httpx.Response(200, json={"stage": stage, "hardware": {"current": "zero-a10g"}, **more})


def down() -> httpx.Response:
    return httpx.Response(503, text="<html>", headers={"content-type": "text/html"})


def test_the_status_of_a_space_that_runs() -> None:
    """Stage, hardware, version, endpoints, limits, queue: all that the Space and the Hub tell."""
    space = ScriptedSpace({"runtime": [runtime("RUNNING")]})
    space.config["max_file_size"] = 1000

    status = asyncio.run(client(space, HUB_SPACE).astatus())

    assert (
        p4.Status(
            space="https://ada-phi-4.hf.space",
            stage="RUNNING",
            ready=True,
            hardware="zero-a10g",
            gradio_version="6.31.0",
            endpoints=("process_message", "bot_response"),
            max_file_size=1000,
            queue_size=3,
            takes=p4.Takes(contract="two steps"),
        )
        == status
    )


def test_the_status_of_a_space_whose_model_loads() -> None:
    """/config is read anew until the model is ready, and then kept as that of any Space."""
    space = ScriptedSpace(config=completion_config())
    takes = space.config["components"][0]["props"]["value"]
    space_client = client(space)
    seen = []

    for status in ("Downloading", "Loading", None, None):
        extra = {} if status is None else {"status": {"text": status, "fraction": 0.5}}
        space.config["components"][0]["props"]["value"] = takes | extra
        seen.append(asyncio.run(space_client.astatus()).loading)

    assert seen == ["Downloading", "Loading", None, None]
    assert space.steps().count("config") == 3


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        ("PAUSED", p4.SpacePaused),
        ("RUNTIME_ERROR", p4.SpaceBroken),
        ("BUILD_ERROR", p4.SpaceBroken),
        ("SLEEPING", p4.SpaceNotReady),
        ("BUILDING", p4.SpaceNotReady),
        ("A_NEW_WORD", p4.SpaceNotReady),
        ("RUNNING", p4.SpaceBusy),
    ],
)
def test_a_space_that_is_down_says_what_is_wrong(stage: str, kind: type[p4.Phi4Error]) -> None:
    """The Hub's stage, and its message, become the error; status tells the same without raising."""
    space = ScriptedSpace()
    space.script["config"] = [down() for _ in range(9)]
    space.script["runtime"] = [runtime(stage, errorMessage="out of memory") for _ in range(9)]
    space_client = client(space, HUB_SPACE, timeouts=p4.Timeouts(wake=0))

    with pytest.raises(kind) as caught:
        asyncio.run(space_client.areply("hi"))
    status = asyncio.run(space_client.astatus())

    assert not status.ready
    assert status.problem == caught.value.what
    assert status.advice
    if isinstance(caught.value, p4.SpaceUnavailable):
        assert stage == caught.value.stage == status.stage
        assert "out of memory" in str(caught.value)


def test_a_space_that_nobody_knows_is_not_found() -> None:
    """The Hub's 404 (or 401, for private ones) says so."""
    space = ScriptedSpace()
    space.script["config"] = [httpx.Response(404, text="<html>", headers={"content-type": "text/html"})]
    space.script["runtime"] = [httpx.Response(401, json={"error": "Repository not found"})]

    with pytest.raises(p4.SpaceNotFound, match="private"):
        asyncio.run(client(space, HUB_SPACE).areply("hi"))


def test_a_hub_that_is_out_of_reach_leaves_the_spaces_own_error() -> None:
    """Then the Space's own failure says more than the Hub's."""
    space = ScriptedSpace()
    space.script["config"] = [httpx.ConnectError("no route")] * 4
    space.script["runtime"] = [httpx.ConnectError("no route")] * 4
    space_client = client(space, HUB_SPACE, max_retries=0)

    with pytest.raises(p4.ConnectionFailed, match="ada/phi-4"):
        asyncio.run(space_client.areply("hi"))
    assert asyncio.run(space_client.astatus()).stage == "UNREACHABLE"


def test_a_space_that_answers_is_ready_whatever_the_hub_does() -> None:
    """Hardware, quota and queue are left out where the Hub or the Space does not tell them."""
    space = ScriptedSpace(
        {"runtime": [httpx.ConnectError("no route")], "quota": [httpx.ConnectError("no route")]}
    )
    space.script["status"] = [httpx.Response(404, json={})]

    status = asyncio.run(client(space, HUB_SPACE, token=SECRET).astatus())

    assert status.ready
    assert (status.hardware, status.quota, status.queue_size) == (None, None, None)


@pytest.mark.parametrize("space_name", [HUB_SPACE, "https://phi.example"])
def test_a_space_that_wants_a_login_runs(space_name: str) -> None:
    """It answers, and says that nobody is let in; the advice names the arguments that let one in."""
    refusal = httpx.Response(401, json={"detail": "Not authenticated"})
    space = ScriptedSpace({"config": [refusal], "runtime": [runtime("RUNNING")]})

    status = asyncio.run(client(space, space_name).astatus())

    assert (status.stage, status.ready) == ("RUNNING", False)
    assert status.problem == "The server asks for a login: Not authenticated"
    assert "cookies" in str(status.advice)


def test_a_quota_that_the_token_may_not_read() -> None:
    """The permission that it lacks has a name, by which one finds it on the token's page."""
    forbidden = httpx.Response(403, json={"error": "Forbidden"})
    space = ScriptedSpace({"runtime": [runtime("RUNNING")], "quota": [forbidden]})

    status = asyncio.run(client(space, HUB_SPACE, token=SECRET).astatus())

    assert status.ready
    assert status.quota is None
    assert "Billing > Read billing usage" in str(status.quota_problem)


@pytest.mark.parametrize(
    ("space_id", "asked"),
    [("ada/phi-4", ["/api/spaces/ada/phi-4/runtime"]), ("../x", []), ("a/b/../../c", []), (None, [])],
)
def test_a_domain_of_its_own_tells_the_spaces_name(space_id: str | None, asked: list[str]) -> None:
    """What the Hub knows of a Space is known there as well; what is no name is no part of a URL."""
    space = ScriptedSpace({"runtime": [runtime("RUNNING")]}, config=config(space_id=space_id))

    status = asyncio.run(client(space, "https://phi.example").astatus())

    assert status.hardware == ("zero-a10g" if asked else None)
    assert [request.url.path for request in space.requests("runtime")] == asked


def test_a_queue_status_of_another_shape_is_left_out() -> None:
    """A number is a number, or nothing."""
    space = ScriptedSpace({"status": [httpx.Response(200, json=["odd"])]})

    assert None is asyncio.run(client(space).astatus()).queue_size


def test_a_space_without_the_contract_names_what_it_has() -> None:
    """The status tells which endpoints are missing and which are there."""
    other = {"id": 1, "api_name": "predict", "inputs": [], "outputs": []}
    space = ScriptedSpace(config=config(dependencies=[other]))

    status = asyncio.run(client(space).astatus())

    assert (status.stage, status.ready) == ("RUNNING", False)
    assert status.missing == ("process_message", "bot_response")
    assert status.endpoints == ("predict",)


def test_a_sleeping_space_is_woken_and_waited_for() -> None:
    """A turn waits for a Space that comes up, tells each look at it, and then goes on."""
    space, clock = ScriptedSpace(), Clock()
    space.script["config"] = [down(), down()]
    space.script["runtime"] = [runtime("SLEEPING"), runtime("BUILDING")]

    async def ask() -> list[Any]:
        return [event async for event in client(space, HUB_SPACE, clock=clock).astream("hi")]

    happened = asyncio.run(ask())

    assert [p4.Waking("SLEEPING", 0.0), p4.Waking("BUILDING", 3.0)] == happened[:2]
    assert happened[-1].text == "an answer"


def test_waking_gives_up_at_its_deadline_with_a_status() -> None:
    """`awake` ends with how the Space stands, up or not; `astatus(wake=...)` waits the same way."""
    space = ScriptedSpace()
    space.script["config"] = [down() for _ in range(20)]
    space.script["runtime"] = [runtime("SLEEPING") for _ in range(20)]
    space_client = client(space, HUB_SPACE)

    async def wake() -> list[Any]:
        return [event async for event in space_client.await_ready(5)]

    *stages, status = asyncio.run(wake())
    assert [p4.Waking("SLEEPING", 0.0), p4.Waking("SLEEPING", 3.0)] == stages
    assert (status.ready, status.stage) == (False, "SLEEPING")
    assert status == asyncio.run(space_client.astatus(wake=5))


def test_many_callers_of_a_space_that_is_down_fail_together() -> None:
    """What one of them found holds for those who waited meanwhile; they do not queue up for timeouts."""
    space = ScriptedSpace()

    async def refuse(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.01)
        clock.now += 1
        raise httpx.ConnectTimeout("slow")

    clock = Clock()
    space.script["config"] = [refuse] * 9

    async def many() -> list[Any]:
        space_client = client(space, clock=clock, max_retries=0)
        turns = [space_client.areply("hi") for _ in range(9)]
        return [*await asyncio.gather(*turns, return_exceptions=True)]

    assert {p4.DeadlineExceeded} == {type(error) for error in asyncio.run(many())}
    assert len(space.asked) == 1


# --- what the seed got wrong --------------------------------------------------------------------------


def test_what_is_handed_in_stays_as_it_was() -> None:
    """Lists of turns, media, tools and cookies are read, never changed."""
    turns = [p4.Turn(role="user", text="hi")]
    media: list[Any] = [PNG]
    tools = [p4.ToolSpec("add")]
    cookies = {"a": "b"}

    asyncio.run(client(ScriptedSpace(), cookies=cookies).areply(turns, media=media, tools=tools))

    assert turns == [p4.Turn(role="user", text="hi")]
    assert (media, tools, cookies) == ([PNG], [p4.ToolSpec("add")], {"a": "b"})


def test_only_cookies_that_were_handed_in_are_sent() -> None:
    """Without cookies passed, none go out; those that the Space sets come back to it."""
    space = ScriptedSpace()
    space.script["config"] = [
        httpx.Response(200, json=config(app_id=space.app_id), headers={"set-cookie": "replica=7; Path=/"})
    ]

    asyncio.run(client(space).areply("hi"))

    (_, first), *others = space.asked
    assert "cookie" not in first.headers
    assert {request.headers["cookie"] for _, request in others} == {"replica=7"}


@pytest.mark.loopback
def test_a_proxy_is_used_for_all_requests() -> None:
    """With a proxy the Space's host is never connected to: the proxy is asked for it, whole URL and all."""

    async def through_a_proxy() -> list[str]:
        asked: list[str] = []

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append((await reader.readline()).decode().strip())
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with p4.SpaceClient(URL, proxy=f"http://127.0.0.1:{port}", max_retries=0) as space_client:
                with pytest.raises(p4.SpaceBusy):
                    await space_client.areply("hi")
        return asked

    assert asyncio.run(through_a_proxy()) == [f"GET {URL}/config HTTP/1.1"]


# --- loops that wait for each other -------------------------------------------------------------------


def test_a_synchronous_call_never_waits_for_the_loop_it_holds_up() -> None:
    """While a loop looks the contract up, a plain call made on that loop looks it up for itself."""
    space = ScriptedSpace()

    async def slow(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.05)
        return httpx.Response(200, json=config(app_id=space.app_id))

    space.script["config"] = [slow]

    async def cell() -> list[str]:
        async with client(space) as space_client:
            turn = asyncio.ensure_future(space_client.areply("one", media=[PNG]))
            await asyncio.sleep(0.01)
            return [space_client.reply("two", media=[PNG]).text, (await turn).text]

    assert asyncio.run(cell()) == ["an answer", "an answer"]


def test_a_conversation_refuses_to_wait_for_itself() -> None:
    """A plain call that would wait for a turn on the loop it blocks is refused, and that turn goes on."""

    async def cell() -> str:
        chat = client(ScriptedSpace()).conversation()
        turn = asyncio.ensure_future(chat.areply("one"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        with pytest.raises(p4.BlockingCallRefused, match="blocks"):
            chat.reply("two")
        return (await turn).text

    assert asyncio.run(cell()) == "an answer"


def test_a_call_that_never_came_leaves_the_session() -> None:
    """The session heard a question that was not answered, so the next turn goes to another."""
    space = ScriptedSpace()

    async def converse() -> p4.Conversation:
        chat = client(space).conversation()
        with pytest.raises(p4.ToolChoiceNotMet):
            await chat.areply("add", tools=[p4.ToolSpec("add")], tool_choice="add")
        return chat

    chat = asyncio.run(converse())

    assert (chat.turns, chat.session_hash) == ((), "")


def test_an_empty_result_of_a_tool_is_a_message() -> None:
    """A tool that returns nothing has said so."""
    space = ScriptedSpace()
    result = p4.Turn(role="tool", name="ring", tool_call_id="call_1")

    assert "ring" in asyncio.run(client(space).areply(result)).sent.prompt


@pytest.mark.parametrize(
    ("message", "media", "step"),
    [
        ("", [], "prepare"),
        ("hi", [b"nothing known"], "prepare"),
        ("hi", ["http://u:p@x.test/cat.png"], "fetch"),
    ],
)
def test_input_that_is_refused_says_its_step_and_space(message: str, media: list[Any], step: str) -> None:
    """What is wrong before anything is sent tells where, too."""
    with pytest.raises(p4.InvalidInput) as caught:
        asyncio.run(client(ScriptedSpace()).areply(message, media=media))

    assert (caught.value.step, caught.value.space) == (step, URL)


@pytest.mark.loopback
def test_a_client_that_is_dropped_lets_its_connections_go() -> None:
    """Without a close, connections end with the client that opened them, and nothing is left to warn of."""

    async def drop() -> bool:
        closed = asyncio.Event()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")
            await reader.read()
            closed.set()
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            space_client = p4.SpaceClient(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            assert not (await space_client.astatus()).ready
            del space_client
            await asyncio.wait_for(closed.wait(), 10)
        return True

    assert asyncio.run(drop())


def test_turns_that_bring_the_same_file_at_once_send_it_once() -> None:
    """The first sends it; the others wait for that, and use it as well."""

    async def slowly(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.05)
        return httpx.Response(200, json=["/up/image.png"])

    space = ScriptedSpace({"upload": [slowly]})

    async def run() -> list[Any]:
        async with p4.SpaceClient(URL, environment=Environment(transport=space)) as client:
            return [*await asyncio.gather(client.aupload([PNG]), client.aupload([PNG]))]

    first, second = asyncio.run(run())

    assert first == second
    assert space.steps().count("upload") == 1
