"""What no cassette can show of any chat Space: other clients, turns that are left, many at once, logins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import ExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
import pytest
from gradio_client import Client
from proxy import proxied
from servers import ROOT, Servers, plain_apps
from stage import Clock, Stage
from typer.testing import CliRunner

import phi4_space as p4
from langchain_phi4 import ChatPhi4
from llama_index_phi4 import Phi4
from phi4_space._cli.app import app as phi4

pytestmark = pytest.mark.anyio

GREEN = (ROOT / "tests/spaces/green.png").read_bytes()
NOW = 10.0  # seconds; who does not leave early waits for 30


@dataclass
class Apps:
    """The plain apps on one Gradio."""

    servers: Servers
    python: str

    def url(self, name: str) -> str:
        return self.servers.url(name, self.python)

    @asynccontextmanager
    async def client(self, name: str, **options: Any) -> AsyncIterator[p4.SpaceClient]:
        async with Stage(self.url(name), endpoint=None).client(**options) as space:
            yield space

    def gradio(self, name: str) -> int:
        """The first number of its version."""
        return int(httpx.get(f"{self.url(name)}config").json()["version"].partition(".")[0])


@pytest.fixture
def apps(servers: Servers, gradio_python: str) -> Apps:
    return Apps(servers, gradio_python)


# --- what another client gets -----------------------------------------------------------------------------

BOX = {"text": "Hi.", "files": []}
CHATS: dict[str, tuple[str, Any]] = {
    "assistant": ("run", BOX),
    "words": ("respond", "Hi."),
    "picture": ("describe", BOX),
    "slow": ("talk", "1"),
    "mounted": ("respond", "Hi."),
}
STEPS = {
    "demo": ("add_message", "bot_response"),
    "generator": ("user", "bot_response"),
    "settings": ("add_message", "respond"),
    "several": ("add_message", "bot_response"),
}


def words_by_gradio(url: str, name: str) -> str:
    """The answer as Gradio's own client gets it."""
    other = Client(url, verbose=False, download_files=False, analytics_enabled=False)
    try:
        if name in CHATS:
            function, message = CHATS[name]
            names = {call["api_name"] for call in other.config["dependencies"]}
            return str(other.predict(message, api_name=f"/{function if function in names else 'chat'}"))
        submit, answer = STEPS[name]
        filed, _ = other.predict([], BOX, api_name=f"/{submit}")
        chat = other.predict(filed, api_name=f"/{answer}")
    finally:
        other.close()
    said = [
        entry for entry in chat if entry["role"] == "assistant" and not (entry["metadata"] or {}).get("title")
    ]
    texts = [part["content"] for part in said]
    return "\n\n".join(text if isinstance(text, str) else text[0]["text"] for text in texts)


@pytest.mark.parametrize("name", [*CHATS, *STEPS])
async def test_the_same_words_as_by_gradio_client(apps: Apps, name: str) -> None:
    """Gradio's own client and ours get the same words of the same app."""
    async with apps.client(name) as space:
        ours = await space.areply("1" if name == "slow" else "Hi.")

    assert ours.text == await anyio.to_thread.run_sync(words_by_gradio, apps.url(name), name)


# --- turns that are left, and many at once ----------------------------------------------------------------


async def test_leaving_frees_the_space(apps: Apps) -> None:
    """A turn that nobody listens to any more is taken back, and the next is answered."""
    async with apps.client("slow") as space:
        async with aclosing(space.astream("30")) as events:
            await anext(event async for event in events if isinstance(event, p4.Delta))
        with anyio.fail_after(NOW):
            assert (await space.areply("Hi.")).text == "Turn 1: you said 'Hi.'"


async def test_leaving_a_conversation(apps: Apps) -> None:
    """The Space remembers a turn that was left, so that the next is told all on a new session."""
    async with apps.client("slow") as space:
        chat = space.conversation()
        before = await chat.areply("one")
        async with aclosing(chat.astream("30")) as events:
            await anext(event async for event in events if isinstance(event, p4.Delta))
        with anyio.fail_after(NOW):
            after = await chat.areply("two")

    assert after.sent.session_hash != before.sent.session_hash
    assert after.sent.prompt == f"User: one\nAssistant: {before.text}\nUser: two\nAssistant:"
    assert after.text.startswith("Turn 1: ")


@pytest.mark.parametrize("name", ["assistant", "demo"])
async def test_twenty_at_a_time(apps: Apps, name: str) -> None:
    """Each of twenty conversations at a time has its own answers."""

    async def converse(space: p4.SpaceClient, number: int) -> list[str]:
        chat = space.conversation()
        texts = [(await chat.areply(f"{number} {word}")).text for word in ("one", "two")]
        return [text.partition(" (")[0] for text in texts]

    async with apps.client(name) as space:
        told = await asyncio.gather(*(converse(space, number) for number in range(20)))

    assert told == [
        [f"Turn {at}: you said '{number} {word}'" for at, word in ((1, "one"), (2, "two"))]
        for number in range(20)
    ]


async def test_full_queue(apps: Apps) -> None:
    """A full queue is an error for who does not wait, and for others a matter of time."""
    async with apps.client("busy", max_retries=0) as hasty, apps.client("busy", max_retries=9) as patient:
        async with aclosing(patient.astream("2")) as running:
            await anext(event async for event in running if isinstance(event, p4.Started))
            waiting = asyncio.create_task(patient.areply("Hi."))
            with anyio.fail_after(NOW):
                while (await patient.astatus()).queue_size != 1:
                    await anyio.sleep(0.05)
            with pytest.raises(p4.QueueFull):
                await hasty.areply("Hi.")
            answer = await patient.areply("Hi.")
        await waiting

    assert answer.text == "Turn 1: you said 'Hi.'"
    assert answer.sent.attempts > 1


async def langchain(slow: p4.SpaceClient, words: p4.SpaceClient) -> tuple[Any, Awaitable[Any]]:
    """A stream, and answers to twenty questions at a time."""
    questions = [str(number) for number in range(20)]
    return ChatPhi4(client=slow).astream("30"), ChatPhi4(client=words).abatch(list(questions))


async def llama_index(slow: p4.SpaceClient, words: p4.SpaceClient) -> tuple[Any, Awaitable[Any]]:
    """The same."""
    llm = Phi4(client=words)
    answers = asyncio.gather(*(llm.acomplete(str(number)) for number in range(20)))
    return await Phi4(client=slow).astream_complete("30"), answers


FRAMEWORKS = {"langchain": langchain, "llama_index": llama_index}


@pytest.mark.parametrize("framework", FRAMEWORKS)
async def test_frameworks_leave_and_ask_at_the_same_time(apps: Apps, framework: str) -> None:
    """A stream that is left frees the Space, and twenty questions at a time have their own answers."""
    async with apps.client("slow") as slow, apps.client("words") as words:
        streamed, answers = await FRAMEWORKS[framework](slow, words)
        async with aclosing(streamed) as chunks:
            await anext(chunk async for chunk in chunks if chunk.text)
        with anyio.fail_after(NOW):
            after = await slow.areply("Hi.")
        texts = [answer.text for answer in await answers]

    assert after.text == "Turn 1: you said 'Hi.'"
    assert texts == [f"Turn 1: you said '{number}'" for number in range(20)]


async def test_restart_between_two_turns(apps: Apps) -> None:
    """A Space that was started again has forgotten its sessions, and is told everything that was said."""
    clock = Clock()
    with ExitStack() as running:
        first = running.enter_context(plain_apps(apps.python))("words")
        async with proxied(first) as door, Stage(door.url, endpoint=None, clock=clock).client() as space:
            chat = space.conversation()
            before = await chat.areply("one")
            await anyio.to_thread.run_sync(running.close)
            door.target = apps.url("words")
            clock.now += 60
            after = await chat.areply("two")

    assert after.sent.session_hash != before.sent.session_hash
    assert after.sent.prompt == f"User: one\nAssistant: {before.text}\nUser: two\nAssistant:"
    assert after.text.startswith("Turn 1: ")


# --- files, logins, pairs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "asked"), [("gallery", "messages"), ("illustrator", "a picture")])
async def test_file_of_an_answer(apps: Apps, name: str, asked: str) -> None:
    """A file in an answer can be read from where the answer came."""
    async with apps.client(name) as space:
        (file,) = (await space.areply(asked)).files
        assert await space.aread_file(file) == GREEN


async def test_file_that_the_space_does_not_hand_out(apps: Apps) -> None:
    """A file that an answer names and its author did not allow is an error that names it."""
    async with apps.client("painter") as space:
        (file,) = (await space.areply("messages")).files
        with pytest.raises(p4.Phi4Error, match=r"green\.png .*must not be read"):
            await space.aread_file(file)


async def test_picture_as_a_component(apps: Apps) -> None:
    """A component alone, of a file beside the app, is a file."""
    async with apps.client("gallery") as space:
        answer = await space.areply("a picture")
        (file,) = answer.files
        assert await space.aread_file(file) == GREEN

    assert answer.text == ""


async def test_picture_that_is_not_sent(apps: Apps) -> None:
    """A picture that Gradio keeps, drawn by the app, is an error that says so, not an answer."""
    async with apps.client("painter") as space:
        with pytest.raises(p4.UnexpectedAnswer, match="does not send"):
            await space.areply("drawing")


async def test_picture_below_a_caption(apps: Apps) -> None:
    """Of a picture in a list Gradio sends nothing but its class; a notice says that, beside the words."""
    async with apps.client("painter") as space:
        events = [event async for event in space.astream("caption")]

    assert isinstance(events[-1], p4.Reply)
    assert events[-1].text == "A green square."
    assert [event.level for event in events if isinstance(event, p4.Notice)] == ["warning"]


async def test_hidden_chat(apps: Apps) -> None:
    """A chat that is kept from programs is asked only if it is named; on Gradio 5 it has no name."""
    async with apps.client("hidden") as space:
        with pytest.raises(p4.ContractNotMet):
            await space.areply("Hi.")
    async with apps.client("hidden", endpoint="secret") as space:
        if apps.gradio("hidden") < 6:
            with pytest.raises(p4.ContractNotMet):
                await space.areply("Hi.")
        else:
            assert (await space.areply("Hi.")).text == "Turn 1: you said 'Hi.'"


async def test_login(apps: Apps) -> None:
    """A Space behind a login says so, and answers who brings the login's cookies."""
    url = apps.url("locked")
    async with apps.client("locked") as space:
        with pytest.raises(p4.AuthenticationFailed, match="cookies") as caught:
            await space.areply("Hi.")
        status = await space.astatus()
    async with httpx.AsyncClient() as browser:
        await browser.post(f"{url}login", data={"username": "ada", "password": "lovelace"})
        cookies = dict(browser.cookies)
    async with apps.client("locked", cookies=cookies) as space:
        answer = await space.areply("Hi.")

    assert caught.value.status == 401
    assert status.stage != "UNREACHABLE"
    assert answer.text == "Turn 1: you said 'Hi.'"


async def test_pairs(apps: Apps) -> None:
    """A Chatbot of pairs, which Gradio 5 has, is read, and its chat goes on."""
    if apps.gradio("words") >= 6:
        pytest.skip("Gradio 6 has no pairs")
    async with apps.client("tuples") as space:
        chat = space.conversation()
        first = await chat.areply("Hi.", media=[p4.Media(GREEN, "green.png")])
        second = await chat.areply("And now?")

    assert [first.text, second.text] == [
        "Turn 1: you said 'Hi.' with green.png",
        "Turn 2: you said 'And now?'",
    ]


# --- the command ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "doctor"),
    [
        ("assistant", "(gr.ChatInterface): images and audio; any number of files; takes system, temperature"),
        ("words", "(gr.ChatInterface): text alone; takes no options"),
        ("picture", "(gr.ChatInterface): images; one file; takes no options"),
        ("mounted", "(gr.ChatInterface): text alone; takes no options"),
        (
            "demo",
            "add_message, bot_response (two steps): images and audio; any number of files; takes no options",
        ),
        ("settings", "add_message, respond (two steps): images and audio; any number of files; takes system"),
        ("user_and_bot", "user, bot (two steps): text alone; takes no options"),
    ],
)
def test_command(apps: Apps, name: str, doctor: str) -> None:
    """`phi4 ask` prints the answer, and `phi4 doctor` one line on the contract and what it takes."""
    asked = CliRunner().invoke(phi4, ["ask", "Hi.", "--space", apps.url(name)])
    found = CliRunner().invoke(phi4, ["doctor", "--space", apps.url(name)])

    assert (asked.exit_code, found.exit_code) == (0, 0)
    assert asked.stdout.startswith("Turn 1: you said 'Hi.'")
    (contract,) = (line for line in found.stdout.splitlines() if line.startswith("ok      contract"))
    assert doctor in contract


def test_command_on_two_chats(apps: Apps) -> None:
    """Where there are two chats, `--endpoint` picks one."""
    second = "translate" if apps.gradio("tabs") >= 6 else "chat_1"
    either = CliRunner().invoke(phi4, ["ask", "Hi.", "--space", apps.url("tabs")])
    picked = CliRunner().invoke(phi4, ["ask", "Hi.", "--space", apps.url("tabs"), "--endpoint", second])

    assert "--endpoint" in either.stderr
    assert second in either.stderr
    assert picked.stdout == "Translation: Turn 1: you said 'Hi.'\n"
