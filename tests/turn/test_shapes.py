"""Turns with Spaces that were found by their shape: what reaches them, and when they are told all again."""

from __future__ import annotations

import asyncio
import copy
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from scripted import CANCELLED, ESTIMATION, LOST, STARTS, ScriptedSpace, chat, events, failed, job

import phi4_space as p4

URL = "http://space.test"
SQUARE = "<gradio.components.image.Image object at 0x7f58d2083110>"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
WAV = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\0\0\0\0"
CONFIGS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "gradio/configs/6.31.0.json").read_text())


def answered(text: object) -> httpx.Response:
    """The job of a gr.ChatInterface."""
    return events(
        ESTIMATION, STARTS, job(msg="process_completed", output={"data": [text, None]}, success=True)
    )


def filed(*messages: Any) -> httpx.Response:
    """The job of a filing step that joins the queue."""
    output = {"data": [chat(None), {"text": "", "files": []}]}
    end = job(msg="process_completed", output=output, success=True)
    return events(ESTIMATION, STARTS, *(messages or [end]))


def replied(text: str) -> httpx.Response:
    """The job of an answering step."""
    return events(
        ESTIMATION, STARTS, job(msg="process_completed", output={"data": [chat(text)]}, success=True)
    )


def space(app: str, *jobs: Any) -> ScriptedSpace:
    """A Space with this app's /config."""
    return ScriptedSpace({"data": [*jobs]}, config=copy.deepcopy(CONFIGS[app]))


def client(server: ScriptedSpace, name: str = URL, **options: Any) -> p4.SpaceClient:
    """A client of it."""
    return p4.SpaceClient(name, environment=p4.Environment(transport=server), **options)


def data(server: ScriptedSpace) -> list[Any]:
    """What the queue was joined with, each time."""
    return [body["data"] for body in server.bodies("join")]


def test_a_turn_of_a_chat_interface_is_two_requests() -> None:
    """It joins the queue and reads it; options and the system text stand in their places."""
    server = space("multimodal", answered("Ada."))

    reply = client(server, temperature=0.5).reply("Who?", system="Be terse.", max_tokens=7)

    assert server.steps() == ["config", "join", "data"]
    assert (reply.text, reply.sent.prompt) == ("Ada.", "Who?")
    assert data(server) == [[{"text": "Who?", "files": []}, None, "Be terse.", 7, 0.5, 0.9, 50, 1.2, False]]


def test_a_component_that_is_not_sent_is_noticed() -> None:
    """Gradio sends its class alone: beside words that is a notice before the reply, and alone an error."""
    server = space("text", answered(["A square.", SQUARE]), answered([SQUARE]))
    *_, notice, reply = client(server).stream("Draw.")
    with pytest.raises(p4.UnexpectedAnswer, match="does not send"):
        client(server, max_retries=0).reply("Draw.")

    assert isinstance(reply, p4.Reply)
    assert reply.text == "A square."
    assert isinstance(notice, p4.Notice)
    assert notice.text == (
        "The answer holds a component whose content Gradio does not send to programs:"
        " look at the Space's page"
    )
    assert notice.level == "warning"


def test_a_conversation_stays_in_the_spaces_state() -> None:
    """Each turn sends what is new, and the system text again; saved and continued as well."""
    server = space("multimodal", answered("One."), answered("Two."), answered("Three."))
    talk = client(server).conversation(system="Be terse.")

    talk.reply("First?")
    talk.reply("Second?", system="In German.")
    p4.Conversation.from_json(talk.to_json(), space=talk.client).reply("Third?")

    assert [one[0]["text"] for one in data(server)] == ["First?", "Second?", "Third?"]
    assert [one[2] for one in data(server)] == ["Be terse.", *["Be terse.\nIn German."] * 2]
    assert len({body["session_hash"] for body in server.bodies("join")}) == 1


def test_a_copy_says_everything_again_with_its_files() -> None:
    """On a session of its own, without the system text in the transcript."""
    server = space("multimodal", answered("Red."), answered("Square."))
    talk = client(server).conversation(system="Be terse.")

    talk.reply("What colour?", media=[PNG])
    copy.copy(talk).reply("What shape?")

    last = data(server)[-1]
    assert last[0]["text"] == "User: [image 1] What colour?\nAssistant: Red.\nUser: What shape?\nAssistant:"
    assert (len(last[0]["files"]), last[2]) == (1, "Be terse.")


def test_what_is_said_again_must_fit_the_box() -> None:
    """A box for one file takes one of the chat's two images, which is refused before it is uploaded."""
    server = space("outputs", answered("Red."), answered("Blue."))
    talk = client(server).conversation()
    talk.reply("What colour?", media=[PNG])
    talk.reply("And this?", media=[PNG + b"\0"])

    with pytest.raises(p4.TooManyFiles):
        copy.copy(talk).reply("And both?")
    assert server.steps().count("join") == 2


def test_a_turn_that_fails_leaves_its_session() -> None:
    """The Space may have it in its State, so the next turn says everything again on a new one."""
    server = space("text", answered("One."), events(ESTIMATION, failed("no")), answered("Two."))
    talk = client(server).conversation()
    talk.reply("First?")

    with pytest.raises(p4.SpaceError):
        talk.reply("Second?")
    talk.reply("Third?")

    assert "First?" in data(server)[-1][0]
    assert "Second?" not in data(server)[-1][0]
    assert len({body["session_hash"] for body in server.bodies("join")}) == 2


def test_a_full_queue_is_joined_again_on_the_same_session() -> None:
    """Nothing was filed, so nothing is said twice."""
    full = httpx.Response(503, json={"detail": "Queue is full. Max size is 1 and size is 1."})
    server = space("text", answered("One."))
    server.script["join"] = [full]

    assert client(server).reply("hi").sent.attempts == 2
    assert len({body["session_hash"] for body in server.bodies("join")}) == 1


def test_a_restart_that_a_join_shows_is_no_loss() -> None:
    """A connection that had to be opened anew is a reason to ask; the job that was begun is cancelled."""
    server = space("text", answered("One."), answered("Two."))
    server.reconnects = True
    talk = client(server).conversation()
    talk.reply("I like blue.")
    server.app_id += 1

    talk.reply("What do I like?")

    assert "I like blue." in data(server)[-1][0]
    assert server.steps().count("cancel") == 1


def test_tools_and_formats_go_with_the_system_text() -> None:
    """What is wanted of the answer has one place, and the question is sent as it is."""
    server = space("multimodal", answered('{"a": 1}'))

    reply = client(server).reply("hi", tools=[p4.ToolSpec("look")], response_format={"type": "object"})

    question, _, system, *_ = data(server)[0]
    assert (question["text"], reply.text) == ("hi", '{"a": 1}')
    assert all(word in system for word in ("look", "JSON"))


def test_phi4s_own_tokens_keep_all_in_one_prompt() -> None:
    """Who writes the template writes the system turn, too; so does a turn that is nothing else."""
    server = space("multimodal", answered("a"), answered("b"))

    client(server, prompt_style="template").reply("hi", system="Be terse.")
    client(server).reply([p4.Turn(role="system", text="Speak.")])

    assert [(one[0]["text"], one[2]) for one in data(server)] == [
        ("<|system|>Be terse.<|end|><|user|>hi<|end|><|assistant|>", "You are kind."),
        ("System: Speak.\nAssistant:", "You are kind."),
    ]


def test_a_prefix_stands_before_each_prompt() -> None:
    """Before a question, a transcript, and a prompt that is sent as it is."""
    server = space("multimodal", answered("a"), answered("b"), answered("c"))
    talk = client(server, prompt_prefix="@phi4 ").conversation(system="S")

    talk.reply("hi")
    talk.reply("", prompt="raw")
    copy.copy(talk).reply("more")

    texts = [one[0]["text"] for one in data(server)]
    assert texts[:2] == ["@phi4 hi", "@phi4 raw"]
    assert texts[2].startswith("@phi4 User: ")
    assert [one[2] for one in data(server)] == ["S"] * 3


def test_options_are_refused_and_ignored_in_this_spaces_own_words() -> None:
    """Bounds are its own, and nothing was sent; what it does not take is warned of with what it takes."""
    server = space("multimodal", answered("a"))

    with pytest.raises(p4.InvalidOption, match="max_tokens is a whole number from 1 to 2048, not 5000"):
        client(server).reply("hi", max_tokens=5000)
    assert server.steps() == ["config"]
    with pytest.warns(p4.OptionIgnored, match="seed is ignored: this Space takes system, temperature, max"):
        client(server).reply("hi", seed=1)


def test_extra_inputs_are_sent_with_each_turn() -> None:
    """One that is not there is refused with those that are, and shown by the status."""
    server = space("options", filed())
    given = client(server, extra_inputs={"Web search": True})
    status = client(server, extra_inputs={"Search": True}).status()

    assert status.problem == "The Space has no additional input labelled 'Search'"
    assert "'Web search'" in (status.advice or "")
    assert (given.extra_inputs, given.prompt_prefix) == ({"Web search": True}, "")


@pytest.mark.parametrize(
    ("app", "file", "word"),
    [
        ("images", WAV, "is audio/wav, and the Space takes files of image alone"),
        ("text", PNG, "cannot be sent: the Space takes text alone"),
    ],
)
def test_files_that_a_space_does_not_take_are_refused_before_the_upload(
    app: str, file: bytes, word: str
) -> None:
    """By name, as the box of its page says."""
    server = space(app)

    with pytest.raises(p4.UnsupportedContent, match=word):
        client(server).reply("hi", media=[file])
    assert server.steps() == ["config"]


@pytest.mark.parametrize("app", ["queued", "generator"])
def test_a_filing_step_that_is_queued_is_joined(app: str) -> None:
    """Its end is read before the queue is joined for the answer."""
    server = space(app, filed(), replied("Ada."))

    assert client(server).reply("Who?").text == "Ada."
    assert server.steps() == ["config", "join", "data", "join", "data"]
    assert data(server)[1][0] == chat(None)


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (failed("no GPU"), p4.SpaceError),
        (CANCELLED, p4.TurnCancelled),
        (LOST, p4.StreamLost),
        (httpx.ReadError("gone"), p4.StreamLost),
    ],
)
def test_a_filing_step_that_ends_badly(end: Any, error: type[p4.Phi4Error]) -> None:
    """Its error is the turn's."""
    server = space("queued", *(filed(end) for _ in range(3)))

    with pytest.raises(error):
        client(server, max_retries=0).reply("hi")


def test_a_filing_step_that_is_left_is_cancelled() -> None:
    """By its own function's number, as it waits in the queue."""
    server = space("queued", filed(None))

    with pytest.raises(p4.DeadlineExceeded):
        client(server, timeouts=0.3).reply("hi")
    assert [body["fn_index"] for body in server.bodies("cancel")] == [server.bodies("join")[0]["fn_index"]]


# --- where the Hub has a Space ------------------------------------------------------------------------------

HOST = httpx.Response(200, json={"subdomain": "short", "host": "https://short.hf.space"})
LONG = f"ada/{'x' * 70}"
GONE = httpx.Response(404, text="Sorry, we can't find the page you are looking for.")


def test_a_long_name_is_asked_for_once() -> None:
    """Making a client asks nothing; then the Hub says where the Space is, and all requests go there."""
    server = space("text", answered("a"), answered("b"))
    server.script["host"] = [HOST]
    named = client(server, LONG, token="hf_secret")
    assert server.steps() == []

    assert [named.reply("hi").space for _ in range(2)] == ["https://short.hf.space"] * 2
    assert named.api_url == "https://short.hf.space"
    assert server.steps().count("host") == 1
    assert {request.url.host for _, request in server.asked} == {"huggingface.co", "short.hf.space"}


def test_a_name_that_is_not_found_is_asked_for() -> None:
    """Where the Hub has it elsewhere it is asked there; elsewise its own answer is the error."""
    server = space("text", answered("a"))
    server.script |= {"host": [HOST], "config": [GONE]}

    assert client(server, "ada/moved").reply("hi").text == "a"

    gone = space("text")
    gone.script = {"config": [GONE, GONE], "runtime": [httpx.Response(404)] * 2}
    with pytest.raises(p4.SpaceNotFound):
        client(gone, "ada/gone").reply("hi")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, json={}),
        httpx.Response(200, json={"host": "https://evil.example"}),
        httpx.Response(200, json={"host": "https://a.hf.space.evil.example"}),
    ],
)
def test_a_host_that_is_not_the_hubs_own_is_refused(answer: httpx.Response) -> None:
    """Credentials go nowhere else; without a host, a long name is nowhere."""
    server = space("text")
    server.script["host"] = [answer]
    server.script["runtime"] = [httpx.Response(404)]

    status = asyncio.run(client(server, LONG).astatus())

    assert not status.ready
    assert {request.url.host for _, request in server.asked} == {"huggingface.co"}
