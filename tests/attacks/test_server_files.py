"""Files of the server's machine, asked for in every way that a Space has: none leaves, on any Gradio."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
import httpx
import pytest
from gradio.utils import get_upload_folder
from growth import assert_independent
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from servers import ROOT, Servers

from phi4_server import uploads

SECRET = "nobody shall read this"
NOT_UPLOADED = "was not uploaded by a user"


class Attacker:
    """A program that writes its own requests to a Space, with a session of its own."""

    def __init__(self, url: str) -> None:
        """Opens nothing yet."""
        one_each = httpx.Limits(max_keepalive_connections=0)  # a server closes those on which it failed
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=20, limits=one_each)
        self.session = uuid.uuid4().hex

    def run(self, number: int, *data: Any) -> httpx.Response:
        """A function by its number, outside the queue."""
        body = {"data": data, "fn_index": number, "session_hash": self.session}
        return self.http.post("/gradio_api/run/predict", json=body)

    def job(self, url: str, body: dict[str, Any]) -> str:
        """A function through the queue, and all that the Space says about it."""
        joined = self.http.post(url, json={"session_hash": self.session, **body})
        if "event_id" not in joined.text:
            return joined.text
        where = {"session_hash": self.session}
        return self.http.get("/gradio_api/queue/data", params=where).text

    def upload(self, name: str, content: bytes) -> str:
        """The path of a file sent up."""
        return str(self.http.post("/gradio_api/upload", files={"files": (name, content)}).json()[0])

    def fetch(self, path: str) -> httpx.Response:
        """A file, as the page shows it."""
        return self.http.get(f"/gradio_api/file={path}")


@pytest.fixture
def attacker(servers: Servers, gradio_python: str) -> Iterator[Attacker]:
    attacker = Attacker(servers.url("faulty", gradio_python))
    yield attacker
    attacker.http.close()


@pytest.fixture
def secrets(tmp_path: Path, attacker: Attacker) -> list[str]:
    """Paths that lead to what a stranger may not read.

    A picture in the system's folder for temporary files, which Gradio lets functions return; the server's own
    environment; a file in the folder that it runs in; and the first one again, in other words.
    """
    picture = tmp_path / "private.png"
    Image.new("RGB", (8, 8), "red").save(picture, pnginfo=None)
    picture.write_bytes(picture.read_bytes() + SECRET.encode())
    (tmp_path / "link.png").symlink_to(picture)
    folder = Path(attacker.upload("own.png", b"\x89PNG")).parent
    return [
        str(picture),
        str(tmp_path / "link.png"),
        os.path.relpath(picture, folder),
        f"{folder}/{os.path.relpath(picture, folder)}",
        f"{folder}/./../{folder.name}/../../../..{picture}",
        f"//{picture}",
        f"file://{picture}",
        quote(str(picture), safe=""),
        f"{picture}\0.png",
        str(tmp_path),
        str(folder.parent),
        "/proc/self/environ",
        "/proc/self/cwd/pyproject.toml",
        "pyproject.toml",
        "/etc/passwd",
        "http://127.0.0.1:9/private.png",
        f"C:\\{picture}",
        "/" + "a" * 5000,
    ]


def file_data(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def component(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": "component", "component": kind, "constructor_args": {}, "props": {}, **more}


CONTENTS: dict[str, Callable[[str], Any]] = {
    "file": lambda path: {"file": file_data(path)},
    "typed file": lambda path: {"type": "file", "file": file_data(path), "alt_text": None},
    "file with a URL": lambda path: {"type": "file", "file": file_data("/x", url=path)},
    "streamed file": lambda path: {"type": "file", "file": file_data(path, is_stream=True)},
    "bare path": lambda path: {"path": path},
    "path without meta": lambda path: {"type": "file", "file": {"path": path}},
    "image": lambda path: component("image", value={"path": path}),
    "image with meta": lambda path: component("image", value=file_data(path)),
    "image to be made": lambda path: component("image", value=None, constructor_args={"value": path}),
    "audio": lambda path: component("audio", value={"path": path}),
    "video": lambda path: component("video", value={"video": {"path": path}}),
    "gallery": lambda path: component("gallery", value=[{"image": {"path": path}}]),
    "file component": lambda path: component("file", value=[{"path": path}]),
    "download": lambda path: component("downloadbutton", value={"path": path}),
    "props": lambda path: component("html", value="", props={"value": file_data(path)}),
    "avatar": lambda path: component("chatbot", value=[], constructor_args={"avatar_images": [path, path]}),
}
"""What the content of a message may be, in the shapes of Gradio 5 and, in a list, of Gradio 6."""


def histories(path: str, content: Callable[[str], Any]) -> Iterator[list[Any]]:
    yield [{"role": "user", "content": content(path), "metadata": None, "options": None}]
    yield [{"role": "user", "content": [{"type": "text", "text": "hi"}, content(path)]}]


def paths_in(value: Any) -> Iterator[str]:
    """Every path and URL that a response names."""
    match value:
        case dict():
            yield from (value[key] for key in ("path", "url") if isinstance(value.get(key), str))
            for inner in value.values():
                yield from paths_in(inner)
        case list():
            for inner in value:
                yield from paths_in(inner)


def assert_nothing_leaks(attacker: Attacker, answer: str) -> None:
    assert SECRET not in answer
    for line in answer.splitlines():
        try:
            named = [*paths_in(json.loads(line.removeprefix("data: ")))]
        except ValueError:
            continue
        for path in named:
            served = attacker.fetch(path.partition("/gradio_api/file=")[2] or path)
            assert SECRET.encode() not in served.content
            assert b"ANALYTICS_ENABLED=" not in served.content
            assert b"[project]" not in served.content


def assert_refused(attacker: Attacker, path: str, content: Callable[[str], Any]) -> None:
    for history in histories(path, content):
        answer = attacker.run(10, history, {"text": "hi", "files": []}, None)
        assert answer.status_code == 500
        assert_nothing_leaks(attacker, answer.text)


@pytest.mark.parametrize("content", CONTENTS)
def test_a_history_is_text_and_uploads(content: str, attacker: Attacker, secrets: list[str]) -> None:
    """A client's history is refused where it holds another file, whatever kind of message holds it."""
    for path in secrets[:2]:
        assert_refused(attacker, path, CONTENTS[content])


def test_a_history_brings_no_file(attacker: Attacker, secrets: list[str]) -> None:
    """However a path is written, it leads to no file that was not uploaded."""
    for path in secrets:
        assert_refused(attacker, path, CONTENTS["typed file"])


def test_a_history_is_not_sent_back(attacker: Attacker) -> None:
    """What a client says was said before is not shown: the session's own chat is, in every answer."""
    answers = ""
    for forged in ("forged", [{"type": "text", "text": "forged"}]):  # of Gradio 5, and of Gradio 6
        history = [{"role": "assistant", "content": forged}]
        for answer in (
            attacker.run(10, history, {"text": "hi", "files": []}, None).text,
            attacker.job("/gradio_api/queue/join", {"data": [history, None], "fn_index": 11}),
        ):
            answers += answer.partition("validation error")[0]  # which repeats what was wrong
    assert "files: 0, entries: 1" in answers
    assert "forged" not in answers


WAYS = {
    "run/predict": {"fn_index": 11},
    "api/predict": {"fn_index": 11},
    "run/bot_response": {},
    "call/bot_response": {},
    "queue/join": {"fn_index": 11},
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_a_function_is_checked(way: str, attacker: Attacker, secrets: list[str]) -> None:
    """The queue, the simple API and the old names take no other history than run/predict does."""
    for history in histories(secrets[0], CONTENTS["typed file"]):
        answer = attacker.job(f"/gradio_api/{way}", {"data": [history, None], **WAYS[way]})
        # Gradio 5 keeps it to itself; and some ways lead past the queue, and are closed.
        assert any(
            words in answer for words in (NOT_UPLOADED, "event: error\ndata: null", "Please join the queue")
        )
        assert_nothing_leaks(attacker, answer)


def test_a_message_brings_no_file(attacker: Attacker, secrets: list[str]) -> None:
    """The files of a question are uploads, and nothing else that has a path."""
    for path in secrets:
        for file in (
            file_data(path),
            file_data(path, url=path),
            file_data(path, is_stream=True),
            {"path": path},
        ):
            answer = attacker.run(10, [], {"text": "hi", "files": [file]}, None)
            assert (answer.status_code, NOT_UPLOADED in answer.text) == (500, True)
            assert_nothing_leaks(attacker, answer.text)
    assert "files: 0, entries: 1" in attacker_asks(attacker, "hi")


def attacker_asks(attacker: Attacker, text: str) -> str:
    attacker.run(10, [], {"text": text, "files": []}, None)
    return attacker.job("/gradio_api/queue/join", {"data": [[], None], "fn_index": 11})


@pytest.mark.parametrize("number", [*range(7), 7, 8, 9, *range(12, 24)])
def test_the_pages_buttons_bring_no_file(number: int, attacker: Attacker, secrets: list[str]) -> None:
    """The functions behind the page's buttons hand out the examples and the session's own chat alone."""
    path = secrets[0]
    for data in ([file_data(path)] * 3, [[{"role": "user", "text": "hi", "files": [path]}]] * 3):
        assert_nothing_leaks(attacker, attacker.run(number, *data).text)


def test_a_state_is_not_taken_from_a_client(attacker: Attacker, secrets: list[str]) -> None:
    """What stands in the place of the session's state is not looked at."""
    state = [{"role": "user", "text": "hi", "files": [secrets[0]]}]
    answer = attacker.run(10, [], {"text": "more", "files": []}, state)
    assert "private.png" not in answer.text
    assert_nothing_leaks(attacker, attacker.run(8, state).text)


URLS = (
    "/gradio_api/file={}",
    "/gradio_api/file/{}",
    "/file={}",
    "/file/{}",
    "/gradio_api/proxy={}",
    "/gradio_api/proxy=http://127.0.0.1:9/{}",
    "/gradio_api/stream/{}/1/1/playlist-file",
    "/gradio_api/stream{}",
    "/gradio_api/custom_component/chatbot/client/component/{}",
    "/static/../../../../../../../../..{}",
    "/static/{}",
    "/static/%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2f{}",
    "/assets/{}",
    "/assets/..%2f..%2f..%2f..%2f..%2f..%2f..%2f{}",
    "/svelte/{}",
    "/svelte/..%2f..%2f..%2f..%2f..%2f..%2f..%2f{}",
    "/favicon.ico/{}",
    "/pwa_icon/{}",
    "/?deep_link={}",
    "/config?deep_link={}",
    "/gradio_api/deep_link?session_hash={}",
    "/gradio_api/vibe-code/",
    "/gradio_api/file=/proc/self/fd/../environ",
)


@pytest.mark.parametrize("url", URLS)
def test_no_url_leads_to_a_file(url: str, attacker: Attacker, secrets: list[str]) -> None:
    """What is no upload and none of the page's own files is served under no URL."""
    for path in secrets:
        for written in {
            path.replace("\0", "%00"),
            quote(path),
            quote(path, safe=""),
            quote(quote(path, safe="")),
        }:
            got = attacker.http.get(url.format(written))
            assert SECRET.encode() not in got.content
            assert b"ANALYTICS_ENABLED=" not in got.content
            assert b"[project]" not in got.content
            if "file" in url:
                assert got.status_code != 200


@pytest.mark.parametrize(
    "name",
    [
        "../../escape.png",
        "/var/escape.png",
        "..\\escape.png",
        "a/../../b.png",
        "\0.png",
        ".htaccess",
        "a" * 999,
    ],
)
def test_an_upload_stays_in_its_folder(name: str, attacker: Attacker) -> None:
    """A file's name leads nowhere else, however it is written, and is served for what it is."""
    folder = Path(attacker.upload("own.png", b"\x89PNG")).parent.parent
    sent = attacker.http.post("/gradio_api/upload", files={"files": (name, b"content of an upload")})
    if sent.status_code == 200:
        (path,) = sent.json()
        assert Path(path).resolve().parent.parent == folder
        fetched = attacker.fetch(quote(path))
        assert fetched.content == b"content of an upload" or fetched.status_code in {400, 403, 404}


def test_an_upload_is_found_by_its_path_alone(attacker: Attacker) -> None:
    """Folders of uploads cannot be listed; their names come from the content and a secret of the server."""
    path = Path(attacker.upload("own.png", b"\x89PNG"))
    assert len(path.parent.name) == 64
    for folder in (path.parent, path.parent.parent):
        assert attacker.fetch(str(folder)).status_code == 403
        assert attacker.fetch(f"{folder}/").status_code == 403


@pytest.mark.parametrize("function", ["ls", "preprocess", "get_config"])
def test_no_component_is_called(function: str, attacker: Attacker, secrets: list[str]) -> None:
    """What a component can do for its own page is not done for a stranger."""
    for number in range(1, 24, 3):
        body = {"component_id": number, "fn_name": function, "session_hash": attacker.session}
        called = attacker.http.post("/gradio_api/component_server", json={**body, "data": [secrets[0]]})
        assert called.status_code in {404, 405, 500}
        assert SECRET not in called.text


# The rooms that hold this, without a server.


def test_what_was_uploaded_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in the folder for uploads pass, wherever they stand; nothing else does."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    upload = tmp_path / "uploads" / "ab" / "cat.png"
    upload.parent.mkdir(parents=True)
    upload.write_bytes(b"\x89PNG")
    uploads.check_inputs(
        [[{"content": [{"file": file_data(str(upload))}]}], {"files": [file_data(str(upload))]}]
    )
    uploads.check_files([str(upload)])

    (upload.parent / "link.png").symlink_to("/etc/passwd")
    for path in (
        str(upload.parent / "link.png"),
        f"{upload.parent}/../../x",
        str(tmp_path / "uploads2" / "x"),
    ):
        with pytest.raises(gr.Error, match=NOT_UPLOADED):
            uploads.check_inputs([file_data(path)])
    upload.unlink()
    uploads.check_inputs([file_data(str(upload))])  # a page may still show what is gone
    with pytest.raises(gr.Error, match=NOT_UPLOADED):
        uploads.check_files([str(upload)])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
NAMED = (
    st.builds(file_data, st.text()) | st.fixed_dictionaries({"path": JSON}) | st.builds(component, st.text())
)


@given(outer=JSON, named=NAMED, at=st.lists(st.booleans(), max_size=9))
@settings(max_examples=50)
def test_no_nesting_hides_a_file(outer: Any, named: dict[str, Any], at: list[bool]) -> None:
    """Whatever stands around it, and however deep, a file that was not uploaded is found."""
    value: Any = named
    for in_list in at:
        value = [outer, value] if in_list else {"a": outer, "z": value}
    with pytest.raises(gr.Error):
        uploads.check_inputs([outer, value])


def test_depth_is_no_hiding_place() -> None:
    """Nesting beyond Python's own limit is looked through as well."""
    value: Any = file_data("/etc/passwd")
    for _ in range(100_000):
        value = [value]
    with pytest.raises(gr.Error, match=NOT_UPLOADED):
        uploads.check_inputs([value])


@pytest.mark.parametrize("step", ["a/", "./", "../", "//", "é/"])
def test_a_long_path_is_not_followed(step: str) -> None:
    """Each folder in a path is looked up: work that does not grow with what a client sends."""
    folder = get_upload_folder()

    def work(size: int) -> Callable[[], object]:
        value = [file_data(f"{folder}/{step * size}n.png")]

        def check() -> None:
            with pytest.raises(gr.Error, match=NOT_UPLOADED):
                uploads.check_inputs(value)

        return check

    assert_independent(work, 5_000, 500_000)


ON_ITS_OWN = """
import socket
from gradio import processing_utils
from gradio.context import LocalContext
from gradio.exceptions import InvalidPathError
from phi4_server import app, server
from phi4_server.model_choice import MODELS

page = app.build(MODELS["offline"]())
server.Server.run = lambda _server, sockets: None
server.serve(page, listener=socket.socket(), ready=lambda: None)
LocalContext.blocks.set(page)
for uploads_alone in (True, False):
    try:
        processing_utils._check_allowed("/etc/passwd", uploads_alone)
    except InvalidPathError:
        print("refused")
"""


def test_gradio_checks_as_well(gradio_python: str) -> None:
    """Gradio's own check of files, which waits for a launch, is on in what is served."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GRADIO_ANALYTICS_ENABLED": "False"}
    command = [gradio_python, "-c", ON_ITS_OWN]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603  its own
    assert printed.stdout.split() == ["refused"] * 2
