"""A third party vouches for the MCP server: the official client, used as public code uses it."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import media
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from servers import ROOT

from phi4_server import embedded_space, running_space

pytestmark = [pytest.mark.anyio, pytest.mark.loopback]
PATH = "/gradio_api/mcp/"
DEPENDENCIES = {10: "process_message", 11: "bot_response"}


def lacks(python: str) -> str:
    """What this interpreter lacks to be an MCP server, as its command says it; "" if nothing."""
    look = "from phi4_server import mcp_tool; print(mcp_tool.problem(has_login=False) or '')"
    done = subprocess.run(  # noqa: S603  the interpreters that the tests were given
        [python, "-W", "ignore", "-c", look], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return done.stdout.strip()


@pytest.fixture(scope="module")
def own() -> Iterator[str]:
    """A Space of ours that is an MCP server."""
    with embedded_space(options=["--mcp", "--max-file-size", "100kb", "--max-files", "2"]) as url:
        yield url


@asynccontextmanager
async def session(url: str, key: str | None = None) -> AsyncIterator[ClientSession]:
    """The client, connected."""
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    async with (
        httpx.AsyncClient(trust_env=False, headers=headers, timeout=60) as http,
        streamable_http_client(url + PATH, http_client=http) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


async def call(url: str, question: str, *files: str, key: str | None = None) -> tuple[bool, str]:
    """Whether the tool answered, and its answer or what went wrong."""
    arguments: dict[str, Any] = {"question": question, **({"files": [*files]} if files else {})}
    async with session(url, key) as client:
        result = await client.call_tool("ask_phi4", arguments)
    return not result.isError, "".join(part.text for part in result.content if part.type == "text")


def functions(url: str) -> dict[int, str]:
    """The page's functions by number."""
    config = httpx.get(f"{url}/config", trust_env=False).json()
    return {each["id"]: each["api_name"] for each in config["dependencies"]}


def post(url: str, body: Any, timeout: float = 20, **headers: str) -> int:
    """The status of a bare request."""
    headers = {"accept": "application/json, text/event-stream", **headers}
    return httpx.post(url + PATH, json=body, headers=headers, timeout=timeout, trust_env=False).status_code


def data_uri(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


async def test_each_gradio_offers_one_tool(gradio_python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that asks the model, and none of the page's functions, which keep their numbers.

    A Gradio that can be no MCP server, or an environment without the package, is an error with what to do.
    """
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    command = [gradio_python, "-m", "phi4_server", "--mcp"]
    if missing := lacks(gradio_python):
        assert "pip install" in missing
        with pytest.raises(ChildProcessError, match="--mcp needs"), running_space(command):
            pass
        return
    with running_space(command) as url:
        async with session(url) as client:
            (tool,) = (await client.list_tools()).tools
            assert not (await client.list_prompts()).prompts
            assert not (await client.list_resources()).resources
            for name in ("process_message", "bot_response", "chat_completion"):
                assert (await client.call_tool(name, {"history": []})).isError
        assert tool.name == "ask_phi4"
        assert tool.inputSchema["properties"]["files"]["items"] == {"type": "string"}
        assert tool.inputSchema["properties"]["question"]["type"] == "string"
        names = functions(url)
        assert {number: names[number] for number in DEPENDENCIES} == DEPENDENCIES
        assert "offline model" in (await call(url, "Who are you?"))[1]
        assert "red" in (await call(url, "What colour is it?", data_uri(media.square(220, 40, 40))))[1]


async def test_audio(own: str) -> None:
    """Audio comes like an image."""
    sound = data_uri(media.tone(440), "audio/wav")
    answered, text = await call(own, "What do you hear?", sound)
    assert answered
    assert "0.50 seconds" in text


@pytest.mark.parametrize(
    ("question", "files", "text"),
    [
        ("hi", ["http://127.0.0.1:9/a.png"], "This server fetches no URL and reads no file of its own"),
        ("hi", ["https://huggingface.co/a.png"], "This server fetches no URL"),
        ("hi", ["/etc/passwd"], "is not a data URI"),
        ("hi", ["file:///etc/passwd"], "is not a data URI"),
        ("hi", [data_uri(b"GIF")], "file1.png is neither a picture"),
        ("hi", ["data:image/png;base64,?"], "file1 is not base64"),
        ("hi", [data_uri(bytes(102_401))], "a file may have 102,400 bytes"),
        ("hi", [data_uri(b"x")] * 3, "A question may have 2 files"),
        ("x" * 200_001, [], "A question may have 200,000 characters"),
        (" ", [], "nothing to answer"),
    ],
)
async def test_what_is_refused(question: str, files: list[str], text: str, own: str) -> None:
    """Nothing is fetched or read from the disk, and bounds hold; the error says what to do."""
    answered, error = await call(own, question, *files)
    assert not answered
    assert text in error


async def test_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a key, who has none is refused before anything else."""
    monkeypatch.setenv("PHI4_KEY", "sesame")
    options = ["--mcp", "--api-key-env", "PHI4_KEY", "--auth", "ada:secret"]
    with embedded_space(options=options, variables=["PHI4_KEY"]) as url:
        assert (await call(url, "Who are you?", key="sesame"))[0]
        assert post(url, {}) == 401
        assert post(url, {}, authorization="Bearer sesam") == 401


def test_other_sites_and_paths(own: str) -> None:
    """Pages of other sites are refused, as are names that are not the server's, and what else Gradio has."""
    with httpx.Client(base_url=own, trust_env=False) as http:
        assert http.post(PATH, json={}, headers={"origin": "http://evil.example"}).status_code == 403
        assert http.post(PATH, json={}, headers={"host": "evil.example"}).status_code == 421
        for path in ("sse", "messages/", "schema", "http"):
            assert http.get(PATH + path).status_code == 404
            assert http.post(PATH + path).status_code == 404
        assert http.post(PATH, content=b" " * 6_500_000).status_code == 413


def test_off_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Space is no MCP server by itself, whatever the environment has for Gradio."""
    monkeypatch.setenv("GRADIO_MCP_SERVER", "True")
    with embedded_space(variables=["GRADIO_MCP_SERVER"]) as url:
        assert not httpx.get(f"{url}/config", trust_env=False).json().get("mcp_server")
        assert httpx.post(url + PATH, json={}, trust_env=False).status_code == 404


async def test_who_leaves_ends_the_work() -> None:
    """A client that closes its connection gives up its turn."""
    faulty = [sys.executable, str(ROOT / "tests/spaces/faulty.py"), "--mcp", "--at-once", "1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        with running_space(faulty) as url:
            arguments = {"name": "ask_phi4", "arguments": {"question": "SLOW 60"}}
            body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": arguments}
            with pytest.raises(httpx.ReadTimeout):
                post(url, body, timeout=2)
            began = time.monotonic()
            assert await call(url, "hi") == (True, "hi (files: 0, entries: 1)")
            assert time.monotonic() - began < 10
            assert await call(url, "FAIL secret") == (False, "The server failed. Its log says why.")
