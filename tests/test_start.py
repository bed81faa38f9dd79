"""What is loaded when: by an import, by a client, and by the first turn of a process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading

import httpx
import pytest
from scripted import ScriptedSpace

from phi4_space import Environment, MediaNotReadable, SpaceClient, UnexpectedAnswer, _runtime
from phi4_space._turns import File

LATE = {
    *("anyio", "attr", "filetype", "httpcore", "httpx", "httpx_sse", "jsonschema", "pydantic", "referencing"),
    *("rpds", "stamina", "tenacity", "numpy", "PIL", "gradio", "gradio_client", "rich", "typer"),
}
"""What `import phi4_space` does not load: httpx comes with the first client, the rest with who needs it."""

FRAMEWORKS = {
    "langchain_phi4": "langchain_core.language_models.chat_models, langchain_core.output_parsers",
    "llama_index_phi4": "llama_index.core.llms",
}


def run(code: str) -> object:
    """What a process of its own prints, as JSON."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - our own
    return json.loads(done.stdout)


def test_the_import_loads_no_library() -> None:
    """The names of the client come without what its calls need."""
    loaded = run("import json, sys, phi4_space; print(json.dumps([*sys.modules]))")

    assert isinstance(loaded, list)
    assert LATE & {name.partition(".")[0] for name in loaded} == set()
    assert not {"phi4_space._parts", "phi4_space._runtime", "phi4_space._gradio.server"} & {*loaded}


def test_a_client_loads_no_room_of_a_turn() -> None:
    """A client is set up with httpx, and without what only turns need."""
    code = "import json, sys, phi4_space; phi4_space.SpaceClient(); print(json.dumps([*sys.modules]))"
    loaded = run(code)

    assert isinstance(loaded, list)
    assert {"httpx", "phi4_space._runtime"} <= {*loaded}
    assert not {"jsonschema", "pydantic", "phi4_space._parts", "phi4_space._turn.run"} & {*loaded}


@pytest.mark.parametrize("package", FRAMEWORKS)
def test_an_adapter_loads_its_framework_and_the_client_alone(package: str) -> None:
    """Beside what a framework loads itself, its adapter loads none of the libraries of a turn."""
    code = (
        f"import json, sys, {FRAMEWORKS[package]}; before = {{*sys.modules}}; import {package}; "
        "print(json.dumps([*({*sys.modules} - before)]))"
    )
    loaded = run(code)

    assert isinstance(loaded, list)
    added = {name.partition(".")[0] for name in loaded} - {*sys.stdlib_module_names}
    assert added & {"jsonschema", "referencing", "stamina", "httpx_sse", "filetype", "numpy", "PIL"} == set()
    assert "phi4_space._parts" not in loaded


OVERLAPPED = """
import asyncio, json, sys
import httpx, phi4_space

asked = []

class Space(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request):
        asked.append(request.url.path)
        while not hasattr(sys.modules.get("phi4_space._parts"), "Parts"):
            await asyncio.sleep(0.01)
        return httpx.Response(500)

async def main():
    assert "phi4_space._parts" not in sys.modules
    environment = phi4_space.Environment(transport=Space())
    client = phi4_space.SpaceClient("http://space.test", environment=environment, max_retries=0)
    try:
        await asyncio.wait_for(client.areply("hi"), 60)
    except phi4_space.Phi4Error as error:
        print(json.dumps([asked, error.status]))

asyncio.run(main())
"""


def test_the_rooms_of_a_turn_are_loaded_while_the_space_is_asked() -> None:
    """A Space that answers only once they are loaded does answer; and it is asked once."""
    assert run(OVERLAPPED) == [["/config"], 500]


class Waiting(httpx.AsyncBaseTransport):
    """A Space that answers nothing before a file was read.

    Attributes:
        asked: Set once it was asked something.
        was_read: Set once the file was read.
        ends: What became of each request, in order.
    """

    def __init__(self) -> None:
        """Nothing was asked or read yet."""
        self.asked = asyncio.Event()
        self.was_read = asyncio.Event()
        self.ends: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.set()
        try:
            await self.was_read.wait()
        except asyncio.CancelledError:
            self.ends.append("cancelled")
            raise
        self.ends.append(request.url.path)
        return httpx.Response(400)


def ends(monkeypatch: pytest.MonkeyPatch, *, is_readable: bool) -> list[str]:
    """What became of the requests of a turn whose file is read once the Space was asked."""

    async def main() -> list[str]:
        space = Waiting()
        environment = Environment(transport=space)
        client = SpaceClient("http://space.test", environment=environment, max_retries=0)

        async def read(media: object) -> list[File]:
            await space.asked.wait()
            if not is_readable:
                raise MediaNotReadable(f"{media!r} cannot be read")
            space.was_read.set()
            return [File("dot.png", "image/png", b"")]

        monkeypatch.setattr(client._runtime.parts.files, "read", read)
        with pytest.raises(UnexpectedAnswer if is_readable else MediaNotReadable):
            await asyncio.wait_for(client.areply("hi", media=[b"any"]), 60)
        return space.ends

    return asyncio.run(main())


def test_media_are_read_while_the_space_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reading waits for the question, and the Space for the reading: neither comes after the other."""
    assert ends(monkeypatch, is_readable=True) == ["/config"]


def test_a_question_that_nobody_needs_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where media cannot be read, the turn fails with that alone, and leaves no request behind."""
    assert ends(monkeypatch, is_readable=False) == ["cancelled"]


def test_a_status_loads_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rooms of a turn are loaded for other calls as well, of which none begins with a request."""
    monkeypatch.setattr(_runtime, "_are_loaded", threading.Event())
    client = SpaceClient("http://space.test", environment=Environment(transport=ScriptedSpace()))

    assert client.status().ready
