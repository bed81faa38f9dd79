"""OpenAI's API against those who want more than their share, or what is not theirs."""

from __future__ import annotations

import base64
import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import bombs
import httpx
import media
import pytest
from servers import ROOT
from visitors import Visitor

from phi4_server import running_space

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs several addresses of one machine")

CHAT = "/v1/chat/completions"
KEY = "sesame-0pen"
FLOODER, POLITE = "127.0.0.2", "127.0.0.3"
SMALL = shlex.split(
    "--at-once 1 --max-queue 4 --max-file-size 100kb --max-files 2 --max-text 1000 --openai-api"
)
Arrive = Callable[[str], Visitor]


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A small Space that fails on demand, and the folder of all that it writes."""
    folder = tmp_path_factory.mktemp("space")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setenv("PYTHONPATH", str(ROOT))
        with running_space([sys.executable, str(ROOT / "tests/spaces/faulty.py"), *SMALL]) as url:
            yield url, folder


@pytest.fixture
def arrive(space: tuple[str, Path], gradio_python: str) -> Iterator[Arrive]:  # noqa: ARG001  opens 127.0.0.1
    """Comes to it from an address."""
    with ExitStack() as stack:
        yield lambda address: Visitor(space[0], stack, address)


def body(text: str, *parts: Any, **options: Any) -> dict[str, Any]:
    content: Any = [{"type": "text", "text": text}, *parts] if parts else text
    return {"model": "x", "messages": [{"role": "user", "content": content}], **options}


def image(content: bytes | str) -> dict[str, Any]:
    encoded = content if isinstance(content, str) else base64.b64encode(content).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{encoded}"}}


def ask(visitor: Visitor, text: str, *parts: Any, **options: Any) -> tuple[int, str]:
    """The status, and the answer or what went wrong."""
    response = visitor.http.post(CHAT, json=body(text, *parts, **options))
    value = response.json()
    if "error" in value:
        assert value["error"].keys() == {"message", "type", "param", "code"}
        return response.status_code, str(value["error"]["message"])
    return response.status_code, str(value["choices"][0]["message"]["content"])


def uploads(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix in {".png", ".wav", ".bin"}]


# More than it takes


def test_sizes(arrive: Arrive) -> None:
    """A body, a file, files, text and values have bounds, and what is beyond them a status."""
    visitor = arrive(POLITE)
    huge = visitor.http.post(CHAT, content=b" " * 2_000_000)
    assert (huge.status_code, huge.json()["error"]["type"]) == (413, "invalid_request_error")
    pieces = visitor.http.post(CHAT, content=(b" " * 100_000 for _ in range(20)))
    assert pieces.status_code == 413
    assert ask(visitor, "hi", image(bytes(102_401))) == (
        413,
        "messages[0].content[1]: image1 is too large: a file may have 102,400 bytes.",
    )
    assert ask(visitor, "hi", *[image(b"x")] * 3) == (400, "A message may have 2 files.")
    assert ask(visitor, "x" * 2501) == (400, "A chat may hold 2,500 characters, and this one has 2,501.")
    assert ask(visitor, "LONG 100000") == (400, "The answer was stopped: it may have 1,000 characters.")
    many = visitor.http.post(CHAT, content=b'{"messages": [' + b"0," * 150_000 + b"0]}")
    assert (many.status_code, "100,000 values" in many.json()["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 15_000,
        b'{"messages": ' + b"[" * 15_000 + b"]" * 15_000 + b"}",
        b'{"messages": {"role": "user"}}',
        b'{"messages": ["hi"]}',
        b'{"messages": [{"role": "user", "content": [1]}]}',
        b'{"messages": [{"role": "user", "content": {"type": "text"}}]}',
        b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"messages": [{"role": "user", "content": "hi"}], "temperature": NaN}',
        b'{"messages": [{"role": "user", "content": "hi"}], "seed": 1' + b"0" * 5_000 + b"}",
        b'{"messages": [{"role": "user", "content": "hi"}], "tools": [{"function": {"name": "f", '
        b'"parameters": ' + b'{"a": ' * 5_000 + b"1" + b"}" * 5_000 + b"}}]}",
    ],
)
def test_what_is_no_request(content: bytes, arrive: Arrive) -> None:
    """Whatever is sent, it is refused in OpenAI's shape, without words of this server's own inside."""
    refused = arrive(POLITE).http.post(CHAT, content=content)
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")
    assert "Traceback" not in refused.text
    assert "site-packages" not in refused.text


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/a.png",
        "https://127.0.0.1:{port}/a.png",
        "//127.0.0.1:{port}/a.png",
        "file:///etc/passwd",
        "/etc/passwd",
        "{folder}",
        "data:image/png;base64,http://127.0.0.1:{port}/",
        "data:text/plain,hello",
        "data:image/png;base64,",
        "data:image/png;base64,a",
        "data:image/png;base64,....",
        "data:;base64",
        "data:" + "image/" * 50_000 + "png;base64,AAAA",
        "data:a/b" + ";a=b" * 50_000 + ";base64,AAAA",
        "",
    ],
)
def test_what_is_no_image(url: str, arrive: Arrive, space: tuple[str, Path]) -> None:
    """Nothing is fetched, and nothing of the server's disk is read: an image comes as its content."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)  # noqa: FBT003  as the socket has it
        given = url.format(port=listener.getsockname()[1], folder=space[1])
        part = {"type": "image_url", "image_url": {"url": given}}
        began = time.monotonic()
        status, text = ask(arrive(POLITE), "What is it?", part)
        assert time.monotonic() - began < 5
        assert status == 400
        assert text.startswith("messages[0].content[1]: image1 ")
        assert "root:" not in text
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_parts_of_other_kinds(arrive: Arrive) -> None:
    """What is no text, image or audio is refused by its type, and so is our own way to name a file."""
    for part in (
        {"type": "image", "file": 0},
        {"type": "file", "file": {"file_id": "f"}},
        {"type": "video_url", "video_url": {"url": "data:,"}},
        {"type": "image_url", "image_url": {"path": "/etc/passwd"}},
        {"type": "image_url"},
        {"type": "input_audio", "input_audio": "AAAA"},
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
    ):
        status, text = ask(arrive(POLITE), "hi", part)
        assert (status, text.startswith("messages[0].content[1] is")) == (400, True)


def test_no_file_is_left(arrive: Arrive, space: tuple[str, Path]) -> None:
    """Files go when their answer is whole, failed, or was left; their names cannot lead elsewhere."""
    visitor = arrive(POLITE)
    sound = {"data": base64.b64encode(media.tone(440)).decode(), "format": "../../evil"}
    part = {"type": "input_audio", "input_audio": sound}
    assert ask(visitor, "hi", image(media.square(1, 2, 3)), part) == (200, "hi (files: 2, entries: 1)")
    assert ask(visitor, "FAIL", image(b"x"))[0] == 500
    assert ask(visitor, "hi", image(b"x"), image("?"))[0] == 400
    with visitor.http.stream("POST", CHAT, json=body("SLOW 60", image(b"x"), stream=True)) as response:
        next(response.iter_lines())
        assert len(uploads(space[1])) == 1
    await_true(lambda: not uploads(space[1]))
    assert not [*space[1].rglob("*evil*")]


def test_media_bombs(gradio_python: str) -> None:
    """What is made to fill or to crash a decoder costs one answer."""
    with running_space([gradio_python, "-m", "phi4_server", "--openai-api"]) as url, ExitStack() as stack:
        visitor = Visitor(url, stack)
        for bomb in (bombs.png(width=60_000, height=60_000), bombs.international_text(megabytes=64)):
            status, text = ask(visitor, "What colour is it?", image(bomb))
            assert (status, "image1.png" in text) in {(400, True), (200, False), (200, True)}
        assert ask(visitor, "What colour is it?", image(bombs.png(width=60_000, height=60_000)))[0] == 400
        assert "red" in ask(visitor, "What colour is it?", image(media.square(220, 40, 40)))[1]


# More than their share


def await_true(holds: Callable[[], bool]) -> None:
    """Looks again and again."""
    deadline = time.monotonic() + 40
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_flood_leaves_room_for_others(arrive: Arrive) -> None:
    """Who asks most is refused by 429, to come again later; who asks once has a turn."""
    flooder, polite = arrive(FLOODER), arrive(POLITE)
    with ThreadPoolExecutor(20) as pool:
        flood = [pool.submit(flooder.http.post, CHAT, json=body("SLOW 1")) for _ in range(12)]
        time.sleep(0.5)
        assert ask(polite, "hi") == (200, "hi (files: 0, entries: 1)")
        refused = [done for each in flood if (done := each.result()).status_code != 200]
    assert {response.status_code for response in refused} == {429}
    assert {response.json()["error"]["type"] for response in refused} == {"rate_limit_error"}
    assert all(int(response.headers["retry-after"]) > 0 for response in refused)
    assert len(refused) >= 7


def test_turns_are_shared_with_the_page(arrive: Arrive) -> None:
    """So many are answered at a time, wherever they came in; and the next has its turn at the end."""
    page, api = arrive(FLOODER), arrive(POLITE)
    page.wait("SLOW 2").raise_for_status()
    stream = page.events()
    next(event for event in stream if event["msg"] == "process_generating")
    began = time.monotonic()
    assert ask(api, "hi")[0] == 200
    assert time.monotonic() - began > 1
    with api.http.stream("POST", CHAT, json=body("SLOW 2", stream=True)) as response:
        lines = response.iter_lines()
        next(lines)
        began = time.monotonic()
        page.wait("hi").raise_for_status()
        assert list(lines)[-2] == "data: [DONE]"
        assert time.monotonic() - began > 1
    assert page.again().ask("hi").startswith("hi")


@pytest.mark.parametrize("stream", [True, False])
def test_who_leaves_makes_room(stream: bool, arrive: Arrive) -> None:  # noqa: FBT001  what pytest hands over
    """A client that closes its connection ends the model's work, and gives up its place."""
    visitor = arrive(POLITE)
    content = json.dumps(body("SLOW 60", stream=stream)).encode()
    request = f"POST {CHAT} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(content)}\r\n\r\n".encode()
    connections = [arrive(FLOODER).connect() for _ in range(3)]
    for connection in connections:
        connection.sendall(request + content)
    time.sleep(0.5)
    for connection in connections:
        connection.close()
    began = time.monotonic()
    assert ask(visitor, "hi")[0] == 200
    assert time.monotonic() - began < 10


# What is not theirs


def test_other_sites_and_names(arrive: Arrive) -> None:
    """Pages of other sites are refused, and may read nothing; so are names that are not the server's."""
    http = arrive(POLITE).http
    for origin in ("http://evil.example", "null", "http://localhost:1"):
        for refused in (
            http.post(CHAT, json=body("hi"), headers={"origin": origin}),
            http.post(
                CHAT, content=json.dumps(body("hi")), headers={"origin": origin, "content-type": "text/plain"}
            ),
            http.options(CHAT, headers={"origin": origin, "access-control-request-method": "POST"}),
            http.get("/v1/models", headers={"origin": origin}),
        ):
            assert (refused.status_code, refused.json()["error"]["type"]) == (403, "permission_error")
            assert "access-control-allow-origin" not in refused.headers
    assert http.post(CHAT, json=body("hi"), headers={"host": "evil.example"}).status_code == 421
    assert http.get("/v1/models", headers={"sec-fetch-site": "cross-site"}).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", CHAT), ("PUT", CHAT), ("POST", f"{CHAT}/x"), ("POST", "/v1/completions")),
        *(("POST", "/v1/models"), ("DELETE", "/v1/models/Faulty"), ("GET", "/v1/"), ("GET", "/v1/files/x")),
    ],
)
def test_what_is_not_offered(method: str, path: str, arrive: Arrive) -> None:
    """Nothing else of OpenAI's API is there."""
    refused = arrive(POLITE).http.request(method, path)
    assert (refused.status_code, refused.json()["error"]["type"]) == (404, "not_found_error")


def test_failures_tell_nothing(gradio_python: str) -> None:
    """What nobody foresaw is kept from users where that was asked for; otherwise its text is in the error."""
    faulty = [gradio_python, str(ROOT / "tests/spaces/faulty.py"), "--openai-api"]
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv("PYTHONPATH", str(ROOT))
        hidden = Visitor(stack.enter_context(running_space([*faulty, "--hide-errors"])), stack)
        assert ask(hidden, "FAIL secret") == (500, "The server failed. Its log says why.")
        assert ask(hidden, "QUOTA")[0] == 500


def test_the_key_is_in_no_log(tmp_path: Path, gradio_python: str) -> None:
    """Neither a right key, a wrong one, nor a failure with one is printed, and no child process has it."""
    faulty = str(ROOT / "tests/spaces/faulty.py")
    command = [gradio_python, faulty, "--openai-api", "--api-key-env", "PHI4_KEY", "--port", "0"]
    log = tmp_path / "log"
    environment = {**os.environ, "PHI4_KEY": KEY, "PYTHONPATH": str(ROOT)}
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=out, env=environment) as process,  # noqa: S603  our own
    ):
        try:
            await_true(lambda: " is ready at " in log.read_text())
            url = log.read_text().split()[-1]
            right, wrong = {"authorization": f"Bearer {KEY}"}, {"authorization": "Bearer hush-hush"}
            assert httpx.post(url + CHAT, json=body("FAIL"), headers=right).status_code == 500
            assert httpx.post(url + CHAT, json=body("hi"), headers=right).status_code == 200
            assert httpx.post(url + CHAT, json=body("hi"), headers=wrong).status_code == 401
            assert (
                httpx.post(url + CHAT, content=b" " * 9_000_000, headers={"expect": "x"}).status_code == 401
            )
            assert httpx.post(url + CHAT, content=b"{", headers=right).status_code == 400
        finally:
            process.terminate()
    printed = log.read_text()
    assert "RuntimeError" in printed
    assert KEY not in printed
    assert "hush-hush" not in printed
