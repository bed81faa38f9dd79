"""The one tool that the Space offers over MCP: a question to the model. Knows Gradio's MCP server; no wire.

Gradio makes a tool of each function that has a name. Here the others stay what they are, functions for the
clients of a Space, and one is added, which answers in a turn of its own.
"""

from __future__ import annotations

import inspect
import json
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any

import gradio as gr
from anyio.to_thread import run_sync
from starlette.requests import Request

from phi4_server.chat_completion.request import to_request
from phi4_server.inline_files import InlineFiles
from phi4_server.model import ChatRequest
from phi4_server.queue import QueueFull
from phi4_server.shares import client_of
from phi4_server.turns import Turns, while_connected

PREFIX = "/gradio_api/mcp"
INLINE = (PREFIX,)
"""The paths where requests hold files themselves."""
OPEN = dict.fromkeys(("GET", "POST", "DELETE"), re.compile(rf"{PREFIX}/?"))
"""The requests that are answered here, by method and path."""

OFF = {"mcp_server": False} if "mcp_server" in inspect.signature(gr.mount_gradio_app).parameters else {}
"""Arguments for `gr.mount_gradio_app`, which asks the environment otherwise; early ones have none."""

_ENDPOINT = "ask_phi4"


def problem(*, has_login: bool) -> str | None:
    """Why there can be no MCP server here, and what to do; None if there can.

    Args:
        has_login: Whether the page asks for a login.
    """
    if not OFF:
        return f"--mcp needs Gradio 5.50 or newer, and this is {gr.__version__}: pip install -U gradio"
    if find_spec("mcp") is None:
        return "--mcp needs the package mcp; it comes with: pip install 'phi4-space[server,mcp]'"
    if has_login and not _calls_directly():
        return f"--mcp beside a login needs Gradio 6, and this is {gr.__version__}: pip install -U gradio"
    return None


def _calls_directly() -> bool:
    """Whether Gradio's MCP server calls functions itself; earlier ones ask their own server as a client."""
    from gradio import mcp  # noqa: PLC0415  not there in every version

    return hasattr(mcp.GradioMCPServer, "_prepare_tool_call_args")


def add_tool(turns: Turns) -> None:
    """Adds the tool to the Blocks that is open, behind all that is wired before."""

    async def ask_phi4(question: str, request: gr.Request, files: list[str] | str | None = None) -> str:
        """Asks Phi-4-multimodal a question about text, images and audio, and returns its answer in text.

        Each call stands for itself: the model knows nothing of earlier ones.

        Args:
            question: The question, with all the text that it is about.
            files: Images and audio files that it is about, as data URIs (data:...;base64,...), no URLs.
            request: Where it comes from.
        """
        answer: list[str] = []
        given = json.loads(files) if isinstance(files, str) else files  # as `UploadsOnly` hands JSON on
        work = partial(_answer, turns, question, given or [], client_of(request.client), answer)
        is_direct = isinstance(request, Request)  # MCP's own; otherwise Gradio's client waits, and it stays
        try:
            await (while_connected(request.receive, work) if is_direct else work())
        except Exception as failure:
            text = _message(failure)
            raise ValueError(text) if is_direct else gr.Error(text, print_exception=False) from failure
        return "".join(answer)

    with gr.Column(visible=False):
        question = gr.Textbox(label="Question")
        files = gr.JSON([], label="Files")
        # Not a class of ours: Gradio writes a file beside each module that makes a component of its own.
        vars(files)["api_info"] = lambda: {"type": "array", "items": {"type": "string"}}
        text = gr.Textbox(label="Answer")
        button = gr.Button("Ask")
    button.click(ask_phi4, [question, files], text, api_name=_ENDPOINT, queue=False)


def _message(failure: Exception) -> str:
    """The error's text for the client; what nobody foresaw goes to the log."""
    match failure:
        case gr.Error(message=message):
            return str(message)
        case ValueError() | QueueFull():
            return str(failure)
        case _:
            logging.getLogger(__name__).error("A tool call failed.", exc_info=failure)
            return "The server failed. Its log says why."


async def _answer(turns: Turns, question: str, files: list[str], client: str, answer: list[str]) -> None:
    with turns.files() as inline:
        request = await run_sync(_read, turns, question, files, inline)
        turns.keep(inline)
        async with aclosing(turns.answer(request, client)) as pieces:
            async for piece in pieces:
                answer += [piece] if isinstance(piece, str) else []


def _read(turns: Turns, question: str, files: list[str], inline: InlineFiles) -> ChatRequest:
    bounds = turns.bounds
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        raise ValueError("files is a list of data URIs.")
    if len(question) > bounds.text:
        raise ValueError(f"A question may have {bounds.text:,} characters; this one has {len(question):,}.")
    if len(files) > bounds.files:
        raise ValueError(f"A question may have {bounds.files} files; this one has {len(files)}.")
    for number, file in enumerate(files, start=1):
        inline.add_data_uri(file, f"file{number}")
    parts = [{"type": "image", "file": number} for number in range(len(files))]
    content = [*parts, {"type": "text", "text": question}]
    body = {"messages": [{"role": "user", "content": content}]}
    return to_request(body, inline.paths, turns.responder.model, bounds)


@contextmanager
def only_tool(page: gr.Blocks, url: str) -> Iterator[dict[str, Any]]:
    """Has the page's MCP server offer this tool alone.

    Args:
        page: The page, which is mounted within the block.
        url: Where it will be served. Early Gradios ask there; otherwise at whatever host a request names.

    Yields:
        Arguments for `gr.mount_gradio_app`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of functions that keep a session, which are no tools here
        yield {"mcp_server": True}
    server: Any = page.mcp_server_obj
    if server is None:
        raise RuntimeError(page.mcp_error)
    names = server.tool_to_endpoint.items()
    server.tool_to_endpoint = {name: path for name, path in names if path == f"/{_ENDPOINT}"}
    server._local_url = url  # noqa: SLF001  Gradio sets it in `launch` alone
