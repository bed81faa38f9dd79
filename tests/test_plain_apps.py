"""What the plain apps do on each Gradio, with Gradio's own client as the witness."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError, AuthenticationError
from media import square, tone
from servers import Servers

Open = Callable[..., Client]


@pytest.fixture
def visit(servers: Servers, gradio_python: str) -> Iterator[Open]:
    """Opens a client of an app by its name; it shall not fetch back what is sent."""
    with ExitStack() as stack:

        def visit(app: str, **options: Any) -> Client:
            options |= {"download_files": False, "verbose": False, "analytics_enabled": False}
            client = Client(servers.url(app, gradio_python), **options)
            stack.callback(client.close)
            return client

        yield visit


@pytest.fixture
def files(tmp_path: Path) -> list[Any]:
    """A picture and a sound, as Gradio's client takes them."""
    (tmp_path / "red.png").write_bytes(square(220, 30, 30))
    (tmp_path / "hum.wav").write_bytes(tone(440))
    return [handle_file(tmp_path / name) for name in ("red.png", "hum.wav")]


def gradio_of(client: Client) -> int:
    return int(client.config["version"].partition(".")[0])


def chat(client: Client, message: Any, *settings: Any, function: str) -> Any:
    """The answer of a ChatInterface: on Gradio 6 its endpoint is called as the author's function."""
    return client.predict(message, *settings, api_name=f"/{function if gradio_of(client) >= 6 else 'chat'}")


# --- ChatInterface ----------------------------------------------------------------------------------------


def test_assistant(visit: Open, files: list[Any]) -> None:
    """Files and settings reach the function; a setting that is left out has its default."""
    client = visit("assistant")
    first = chat(client, {"text": "Look.", "files": files}, "Be kind.", 64, function="run")
    second = chat(client, {"text": "Again.", "files": []}, function="run")
    assert first == (
        "Turn 1: you said 'Look.' with red.png and hum.wav "
        "(system=Be kind., max=64, temperature=0.6, top_p=0.9, top_k=50, penalty=1.2)"
    )
    assert second.startswith("Turn 2: you said 'Again.' (system=You are a helpful assistant., max=1024,")


def test_dino(visit: Open) -> None:
    """Who does not begin with the prefix is answered by nobody; a status text comes before the answer."""
    client = visit("dino")
    api_name = "/generate" if gradio_of(client) >= 6 else "/chat"
    *before, last = client.submit({"text": "@phi4 Hi.", "files": []}, api_name=api_name)
    other = chat(client, {"text": "Hi.", "files": []}, function="generate")
    assert before[0] == "🔄 Processing ..."
    assert last == "Turn 1: you said 'Hi.' (max=1024, style=plain)"
    assert other == "Begin with @phi4."


def test_dictated(visit: Open) -> None:
    """What it is told to answer it answers, in order, with a string that grows."""
    client = visit("dictated")
    api_name = "/respond" if gradio_of(client) >= 6 else "/chat"
    assert client.predict('SAY ["One.", "Two and three."]', api_name=api_name) == "I will."
    assert client.predict("Who?", api_name=api_name) == "One."
    assert [*client.submit("Who?", api_name=api_name)][-1] == "Two and three."


@pytest.mark.parametrize(
    ("app", "login"), [("words", None), ("mounted", None), ("locked", ("ada", "lovelace"))]
)
def test_words(visit: Open, app: str, login: tuple[str, str] | None) -> None:
    """Text is answered, and the session remembers its turns; under a path and behind a login too."""
    client = visit(app, auth=login)
    assert chat(client, "Hi.", function="respond") == "Turn 1: you said 'Hi.'"
    assert chat(client, "Hi.", function="respond") == "Turn 2: you said 'Hi.'"


def test_locked(visit: Open) -> None:
    """Without a login there is nothing to see."""
    with pytest.raises(AuthenticationError):
        visit("locked")


def test_picture(visit: Open, files: list[Any]) -> None:
    """One image is taken; a sound is not."""
    client = visit("picture")
    red, hum = files
    assert (
        chat(client, {"text": "", "files": [red]}, function="describe") == "Turn 1: you said '' with red.png"
    )
    with pytest.raises(AppError):
        chat(client, {"text": "", "files": [hum]}, function="describe")


@pytest.mark.parametrize(("app", "function"), [("thinker", "think"), ("pondering", "ponder")])
def test_thoughts(visit: Open, app: str, function: str) -> None:
    """A thought stands in a message of its own before the answer."""
    thought, answer = chat(visit(app), "Hi.", function=function)
    assert (thought["metadata"]["title"], words(thought)) == ("Thinking", "First I read it. Then I answer.")
    assert words(answer) == "Turn 1: you said 'Hi.'"


def test_messages(visit: Open) -> None:
    """An answer may be several messages."""
    answer = chat(visit("messages"), "Hi.", function="respond")
    assert [words(entry) for entry in answer] == ["One moment.", "Turn 1: you said 'Hi.'"]


def test_painter(visit: Open) -> None:
    """Of a picture only a path of the server's goes out; of one below a caption, or drawn, not even that."""
    client = visit("painter")
    alone, drawn, caption, messages = (
        chat(client, asked, function="paint") for asked in ("picture", "drawing", "caption", "messages")
    )
    assert alone == {"value": "green.png", "__type__": "update"}
    assert drawn == {"value": ANY, "__type__": "update"}
    assert drawn["value"].startswith("<PIL.Image.Image ")
    assert caption == ["A green square.", ANY]
    assert caption[1].startswith("<gradio.components.image.Image object at 0x")
    assert [entry["content"] for entry in messages] == ["A green square.", {"path": "green.png"}]


@pytest.mark.parametrize(("app", "status"), [("painter", 403), ("gallery", 200)])
def test_files_of_an_answer(visit: Open, app: str, status: int) -> None:
    """Gradio hands out a file that an answer names where its author allowed that."""
    url = visit(app).src.rstrip("/")
    assert httpx.get(f"{url}/gradio_api/file=green.png").status_code == status


def test_tabs(visit: Open) -> None:
    """There are two chats, by two names."""
    client = visit("tabs")
    names = ("/chat", "/translate") if gradio_of(client) >= 6 else ("/chat", "/chat_1")
    assert [client.predict("Hi.", api_name=name) for name in names] == [
        "Chat: Turn 1: you said 'Hi.'",
        "Translation: Turn 1: you said 'Hi.'",
    ]


def test_slow(visit: Open) -> None:
    """A second of pieces."""
    assert chat(visit("slow"), "1", function="talk").split() == [str(step) for step in range(10)]


def test_failing(visit: Open) -> None:
    """Its words are an error, not an answer."""
    with pytest.raises(AppError, match="no GPU for you"):
        chat(visit("failing"), "Hi.", function="run")


# --- two steps --------------------------------------------------------------------------------------------


def two_steps(
    client: Client, text: str, *files: Any, first: str = "add_message", chat: Any = ()
) -> list[Any]:
    """The chat after the two steps."""
    filed = client.predict([*chat], {"text": text, "files": [*files]}, api_name=f"/{first}")
    return list(client.predict(filed[0], api_name="/bot_response"))


def answers(chat: list[Any]) -> list[str]:
    """The texts of what the assistant wrote: strings on Gradio 5, blocks on 6."""
    return [words(entry) for entry in chat if entry["role"] == "assistant"]


def words(entry: Any) -> str:
    content = entry["content"]
    if isinstance(content, list):
        return "".join(block.get("text", "") for block in content)
    return content if isinstance(content, str) else ""


@pytest.mark.parametrize(("app", "first"), [("demo", "add_message"), ("generator", "user")])
def test_demo(visit: Open, files: list[Any], app: str, first: str) -> None:
    """A question with files is filed and answered, and its chat goes on."""
    client = visit(app)
    once = two_steps(client, "Look.", *files, first=first)
    twice = two_steps(client, "Again.", first=first, chat=once)
    assert answers(once) == ["Turn 1: you said 'Look.' with red.png and hum.wav"]
    assert answers(twice)[1:] == ["Turn 2: you said 'Again.'"]


def test_demo_tidies(visit: Open) -> None:
    """Gradio's Chatbot moves indented lines as a text grows, so that it is not its start any more."""
    client = visit("demo")
    filed, _ = client.predict([], {"text": "steps", "files": []}, api_name="/add_message")
    grown = [answers(chat)[-1] for chat in client.submit(filed, api_name="/bot_response")]
    assert not all(later.startswith(earlier) for earlier, later in pairwise(grown))
    assert "    - with care" in grown[-1]


def test_pictures(visit: Open, files: list[Any]) -> None:
    """One image is taken; a sound is not."""
    client = visit("pictures")
    red, hum = files
    assert answers(two_steps(client, "What?", red)) == ["Turn 1: you said 'What?' with red.png"]
    with pytest.raises(AppError):
        two_steps(client, "What?", hum)


def test_settings(visit: Open) -> None:
    """Settings that are left out have their defaults."""
    client = visit("settings")
    filed, _ = client.predict([], {"text": "Hi.", "files": []}, api_name="/add_message")
    assert answers(client.predict(filed, "Be kind.", 0.2, api_name="/respond")) == [
        "Turn 1: you said 'Hi.' (system=Be kind., temperature=0.2, max=512)"
    ]


def test_user_and_bot(visit: Open) -> None:
    """A plain Textbox will do."""
    client = visit("user_and_bot")
    _, filed = client.predict("Hi.", [], api_name="/user")
    assert answers(client.predict(filed, api_name="/bot")) == ["Turn 1: you said 'Hi.'"]


def test_several(visit: Open) -> None:
    """A thought, the answer, and a message after it."""
    thought, *said = answers(two_steps(visit("several"), "Hi."))
    assert (thought, said) == ("It is a question.", ["Turn 1: you said 'Hi.'", "Anything else?"])


@pytest.mark.parametrize(
    ("asked", "said"), [("a picture", ["A green square.", ""]), ("only a picture", [""])]
)
def test_illustrator(visit: Open, asked: str, said: list[str]) -> None:
    """An answer may end with a file, or be one; Gradio hands it out."""
    client = visit("illustrator")
    chat = two_steps(client, asked)
    assert answers(chat) == said
    found = re.search(r"http://[^']+/green\.png", str(chat[-1]))
    assert found
    assert httpx.get(found[0]).headers["content-type"] == "image/png"


def test_two_chatbots(visit: Open) -> None:
    """Each has its answer."""
    client = visit("two_chatbots")
    _, left, right = client.predict({"text": "Hi.", "files": []}, [], [], api_name="/ask_both")
    both = client.predict(left, right, api_name="/answer_both")
    assert [answers(chat) for chat in both] == [
        ["Left: Turn 1: you said 'Hi.'"],
        ["Right: Turn 1: you said 'Hi.'"],
    ]


def test_tuples(visit: Open, files: list[Any]) -> None:
    """Pairs of what was said, and files as pairs of their own; not on Gradio 6."""
    if gradio_of(visit("words")) >= 6:
        pytest.skip("Gradio 6 has no pairs")
    client = visit("tuples")
    filed, _ = client.predict([], {"text": "Look.", "files": files}, api_name="/add_message")
    assert client.predict(filed, api_name="/bot")[-1] == [
        "Look.",
        "Turn 1: you said 'Look.' with red.png and hum.wav",
    ]
