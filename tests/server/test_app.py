"""The Space's contract and the functions of its page, over the wire as any client sees them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from servers import Servers


class Visitor:
    """A program that talks to a Space as the public ones do: by number, with a session of its own."""

    def __init__(self, url: str, session: str) -> None:
        """Opens nothing yet."""
        self.session = session
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=20)

    def config(self) -> dict[str, Any]:
        """What the Space says of itself."""
        return dict(self.http.get("/config").json())

    def call(self, number: int, *data: Any) -> httpx.Response:
        """One function, outside the queue."""
        body = {"data": data, "fn_index": number, "session_hash": self.session}
        return self.http.post("/gradio_api/run/predict", json=body)

    def file(self, text: str, files: Sequence[Any] = ()) -> httpx.Response:
        """Process_message."""
        return self.call(10, [], {"text": text, "files": files}, None)

    def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """One file, as messages refer to it."""
        paths = self.http.post("/gradio_api/upload", files={"files": (name, content)}).json()
        return {"path": paths[0], "meta": {"_type": "gradio.FileData"}}

    def join(self, history: Any) -> httpx.Response:
        """Bot_response, into the queue."""
        body = {"data": [history, None], "fn_index": 11, "session_hash": self.session}
        return self.http.post("/gradio_api/queue/join", json=body)

    def events(self) -> Generator[dict[str, Any]]:
        """What the Space says about this session's jobs, until it closes the stream."""
        where = {"session_hash": self.session}
        with self.http.stream("GET", "/gradio_api/queue/data", params=where) as response:
            for line in response.iter_lines():
                if line:
                    yield json.loads(line.removeprefix("data: "))

    def turn(self, text: str, files: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """One question, and all that the Space says about it."""
        self.join(self.file(text, files).json()["data"][0]).raise_for_status()
        return list(self.events())

    def ask(self, text: str, files: Sequence[Any] = ()) -> str:
        """One question, and the answer."""
        return answer(completed(self.turn(text, files)))


def completed(events: list[dict[str, Any]]) -> dict[str, Any]:
    return next(event for event in events if event["msg"] == "process_completed")


def bubbles(event: dict[str, Any]) -> list[str]:
    return [words(message["content"]) for message in event["output"]["data"][0]]


def words(content: Any) -> str:
    """The text of a bubble: Gradio 5 has a string, or a dict for a file; Gradio 6 has blocks."""
    if isinstance(content, list):
        return "".join(block.get("text", "") for block in content)
    return content if isinstance(content, str) else ""


def answer(event: dict[str, Any]) -> str:
    return bubbles(event)[-1]


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["msg"] for event in events]


@pytest.fixture
def visit(
    request: pytest.FixtureRequest, servers: Servers, gradio_python: str
) -> Iterator[Callable[[str], Visitor]]:
    """Arrives at a kind of Space, with a session that no other test has.

    "faulty" answers one question at a time, lets two wait and shows its errors; "whole" answers in one piece
    and hides them.
    """
    visitors: list[Visitor] = []

    def arrive(kind: str) -> Visitor:
        session = f"{request.node.name}{len(visitors)}"
        visitors.append(Visitor(servers.url(kind, gradio_python), session))
        return visitors[-1]

    yield arrive
    for visitor in visitors:
        visitor.http.close()


@pytest.mark.parametrize(("space", "grows"), [("faulty", True), ("whole", False)])
def test_contract_of_the_public_space(space: str, *, grows: bool, visit: Callable[[str], Visitor]) -> None:
    """The two functions have the public Space's numbers, names, wiring and queueing."""
    config = visit(space).config()
    kind_of = {component["id"]: component["type"] for component in config["components"]}
    filed, answered = (next(d for d in config["dependencies"] if d["id"] == number) for number in (10, 11))

    assert (filed["api_name"], filed["queue"]) == ("process_message", False)
    assert [kind_of[i] for i in filed["inputs"]] == ["chatbot", "multimodaltextbox", "state"]
    assert filed["outputs"] == filed["inputs"]
    assert [(kind_of[i], event) for i, event in filed["targets"]] == [("multimodaltextbox", "submit")]

    assert (answered["api_name"], answered["queue"]) == ("bot_response", True)
    assert [kind_of[i] for i in answered["inputs"]] == ["chatbot", "state"]
    assert answered["outputs"] == answered["inputs"]
    # After a success, where the public Space has "then": a message that was refused has no answer.
    assert (answered["targets"], answered["trigger_after"]) == ([[None, "success"]], 10)
    assert (filed["types"]["generator"], answered["types"]["generator"]) == (False, grows)


def test_public_names_are_those_of_the_contracts(visit: Callable[[str], Visitor]) -> None:
    """What the page's buttons do is no public endpoint."""
    info = visit("faulty").http.get("/gradio_api/info").json()
    assert set(info["named_endpoints"]) == {"/process_message", "/bot_response", "/chat_completion"}
    parameters = [p["parameter_name"] for p in info["named_endpoints"]["/process_message"]["parameters"]]
    assert parameters == ["history", "message"]


def test_answer_grows(visit: Callable[[str], Visitor]) -> None:
    """A streamed answer arrives in full first, then as appended text, and in full at the end."""
    events = visit("faulty").turn("one two")
    growing = [event["output"]["data"][0] for event in events if event["msg"] == "process_generating"]
    appended = "".join(value for diff in growing[1:] for action, _, value in diff if action == "append")
    assert answer(events[kinds(events).index("process_generating")]) == "one"
    assert "one" + appended == answer(completed(events)) == "one two (files: 0, entries: 1)"


def test_answer_in_one_piece(visit: Callable[[str], Visitor]) -> None:
    """With --whole nothing comes before the completed answer."""
    events = visit("whole").turn("one two")
    assert "process_generating" not in kinds(events)
    assert answer(completed(events)) == "one two (files: 0, entries: 1)"


@pytest.mark.parametrize("space", ["faulty", "whole"])
def test_text_arrives_verbatim(space: str, visit: Callable[[str], Visitor]) -> None:
    """Tabs, indentation and blank lines survive both ways, though Gradio tidies text that it shows."""
    text = '  {\n    "a":\t1,\n\n    <|tool_call|>  \n  }\n'
    visitor = visit(space)
    events = visitor.turn(text)
    assert bubbles(completed(events)) == [text, f"{text} (files: 0, entries: 1)"]
    diffs = [d for e in events if e["msg"] == "process_generating" for d in e["output"]["data"][0]]
    assert {d[0] for d in diffs if isinstance(d, list)} <= {"append"}


def test_each_session_has_its_own_chat(visit: Callable[[str], Visitor]) -> None:
    """The chat is kept by the Space: a second turn knows of the first, another session does not."""
    ada, bob = visit("faulty"), visit("faulty")
    assert ada.ask("a") == "a (files: 0, entries: 1)"
    assert ada.ask("b") == "b (files: 0, entries: 3)"
    assert bob.ask("c") == "c (files: 0, entries: 1)"


def test_files_reach_the_model(visit: Callable[[str], Visitor]) -> None:
    """Files are shown before the text and handed to the model; a turn may be files alone."""
    visitor = visit("faulty")
    picture = visitor.upload("a.png", b"\x89PNG\r\n\x1a\n")
    shown = visitor.file("look", [picture, picture]).json()["data"][0]
    assert ["file" in json.dumps(message["content"]) for message in shown] == [True, True, False]
    visitor.join(shown)
    assert answer(completed(list(visitor.events()))) == "look (files: 2, entries: 1)"
    assert visitor.ask("", [picture]) == " (files: 1, entries: 3)"


def test_endings_are_known_without_the_system() -> None:
    """A machine without a list of endings of its own takes the same files."""
    command = """
import mimetypes
mimetypes.knownfiles.clear()
import phi4_server.page
from gradio_client.utils import is_valid_file
for ending in "jpg png gif webp bmp tiff wav mp3 flac ogg opus m4a".split():
    assert is_valid_file(f"a.{ending}", ["image", "audio"]), ending
"""
    subprocess.run([sys.executable, "-c", command], check=True)  # noqa: S603  this very command


def test_upload_limit(visit: Callable[[str], Visitor]) -> None:
    """--max-file-size is announced and kept."""
    visitor = visit("faulty")
    assert visitor.config()["max_file_size"] == 100 * 1024
    refused = visitor.http.post("/gradio_api/upload", files={"files": ("a.png", b"x" * 300_000)})
    assert refused.status_code == 413


@pytest.mark.parametrize("space", ["faulty", "whole"])
@pytest.mark.parametrize(
    ("word", "text", "title"),
    [
        ("QUOTA", "You have exceeded your GPU quota", "ZeroGPU quota exceeded"),
        ("ABORT", "GPU task aborted", "ZeroGPU worker error"),
        ("REFUSE", "cat.png is no picture", "Error"),
    ],
)
def test_messages_pass(
    space: str,
    word: str,
    text: str,
    title: str,
    visit: Callable[[str], Visitor],
) -> None:
    """A gr.Error passes through untouched, and a refused file is told, even where errors are hidden."""
    failed = completed(visit(space).turn(word))
    assert failed["success"] is False
    assert failed["output"]["error"].startswith(text)
    assert failed["output"]["title"] == title


@pytest.mark.parametrize(("space", "told"), [("faulty", "the weights are gone"), ("whole", None)])
@pytest.mark.parametrize("word", ["FAIL", "BREAK"])
def test_unforeseen_errors(space: str, told: str | None, word: str, visit: Callable[[str], Visitor]) -> None:
    """The text of any other error is shown by default and kept back with --hide-errors."""
    failed = completed(visit(space).turn(word))
    assert (failed["success"], failed["output"]["error"]) == (False, told)


def test_failed_turn_leaves_no_answer(visit: Callable[[str], Visitor]) -> None:
    """The session keeps the question of a turn that broke off, and no half of an answer."""
    visitor = visit("faulty")
    visitor.turn("BREAK")
    assert visitor.ask("again") == "again (files: 0, entries: 2)"


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_nothing_asked(text: str | None, visit: Callable[[str], Visitor]) -> None:
    """An answer without a question, or to an empty one, is refused in plain words."""
    visitor = visit("faulty")
    if text is not None:
        assert visitor.file(text).json()["data"][0] == []
    visitor.join([])
    assert "There is no question" in completed(list(visitor.events()))["output"]["error"]


def test_notices_and_progress(visit: Callable[[str], Visitor]) -> None:
    """What a model says beside its answer reaches the client."""
    visitor = visit("faulty")
    logs = [(e["level"], e["title"]) for e in visitor.turn("NOTICE") if e["msg"] == "log"]
    assert logs == [("info", "ZeroGPU queue"), ("warning", "ZeroGPU client warning")]
    assert "progress" in kinds(visitor.turn("PROGRESS"))


def test_full_queue_and_cancelled_answer(visit: Callable[[str], Visitor]) -> None:
    """--at-once and --max-queue hold; an answer given up frees its place for the next."""
    busy, waiting, *others = (visit("faulty") for _ in range(4))
    history = busy.file("SLOW 60").json()["data"][0]
    event_id = busy.join(history).json()["event_id"]
    stream = busy.events()
    next(event for event in stream if event["msg"] == "process_generating")

    waiting.join(waiting.file("next").json()["data"][0]).raise_for_status()
    *_, refused = (other.join(other.file("late").json()["data"][0]) for other in others)
    assert (refused.status_code, "Queue is full" in refused.text) == (503, True)

    stream.close()
    body = {"session_hash": busy.session, "fn_index": 11, "event_id": event_id}
    busy.http.post("/gradio_api/cancel", json=body).raise_for_status()
    assert answer(completed(list(waiting.events()))) == "next (files: 0, entries: 1)"


def test_browser_stays_on_the_space(visit: Callable[[str], Visitor]) -> None:
    """Every response forbids the browser to load from elsewhere."""
    http = visit("faulty").http
    for path in ("/", "/config", "/theme.css"):
        assert http.get(path).headers["content-security-policy"].startswith("default-src 'self'")


def test_examples_fill_the_box(visit: Callable[[str], Visitor]) -> None:
    """An example's question comes with its files, which the browser may fetch and which can be sent."""
    visitor = visit("faulty")
    boxes = [visitor.call(number).json()["data"][0] for number in range(7)]
    assert all(box["text"] for box in boxes)
    files = [file for box in boxes for file in box["files"]]
    assert {Path(file["path"]).suffix for file in files} == {".png", ".wav"}
    assert all(visitor.http.get(f"/gradio_api/file={file['path']}").status_code == 200 for file in files)
    sent = [{"path": file["path"], "meta": {"_type": "gradio.FileData"}} for file in files]
    assert visitor.ask("all", sent) == f"all (files: {len(files)}, entries: 1)"


def test_undo(visit: Callable[[str], Visitor]) -> None:
    """The last question goes back into the box, and what came before stays."""
    visitor = visit("faulty")
    visitor.ask("a")
    visitor.ask("b", [visitor.upload("a.png", b"\x89PNG")])
    shown, box, _ = visitor.call(7, None).json()["data"]
    assert (len(shown), box["value"]["text"], len(box["value"]["files"])) == (2, "b", 1)
    assert visitor.ask("c") == "c (files: 0, entries: 3)"


def test_retry(visit: Callable[[str], Visitor]) -> None:
    """The last answer is taken back and given anew."""
    visitor = visit("faulty")
    visitor.ask("a")
    shown = visitor.call(8, None).json()["data"][0]
    assert len(shown) == 1
    visitor.join(shown)
    assert answer(completed(list(visitor.events()))) == "a (files: 0, entries: 1)"


@pytest.mark.parametrize("number", [7, 8])
def test_undo_and_retry_of_nothing(number: int, visit: Callable[[str], Visitor]) -> None:
    """In an empty chat there is nothing to take back, and no error either."""
    assert visit("faulty").call(number, None).json()["data"][0] == []
