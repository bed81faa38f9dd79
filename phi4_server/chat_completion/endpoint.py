"""`chat_completion`, the Space's endpoint for whole chats. Knows Gradio; no page and no one model.

It is stateless: all that a turn needs comes with it, so that it may be repeated.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import gradio as gr

from phi4_server.bounds import Bounds
from phi4_server.chat_completion.request import to_request
from phi4_server.chat_completion.responder import Responder
from phi4_server.model import ChatModel, End, ModelBusy, ModelFailed, Progress

NAME = "chat_completion"
PROGRESS = gr.Progress()
"""The default of a parameter in which Gradio hands a function what it reports progress to."""

BUSY, FAILED = "Model busy", "Model failed"
"""Titles of errors, by which clients tell them apart."""


def add_endpoint(responder: Responder, bounds: Bounds, *, stream: bool = True, **event: Any) -> None:
    """Adds the endpoint to the Blocks that is open, behind all that is wired before.

    Its input says in /config, as the component's value, what it takes: the names of `options`, and how many
    `files`.

    Args:
        responder: Answers.
        bounds: How much it takes.
        stream: Whether an answer grows, or comes in one piece.
        event: Further arguments of Gradio's event.
    """
    takes = {"options": sorted(responder.model.options), "files": bounds.chat_files}
    with gr.Column(visible=False):
        body = gr.JSON(takes, label="Request")
        files = gr.File(file_count="multiple", label="Files")
        text = gr.Textbox(label="Text")
        summary = gr.JSON(label="Summary")
        button = gr.Button("Complete")
    function = completion(responder, bounds, stream=stream)
    button.click(function, [body, files], [text, summary], api_name=NAME, **event)


def completion(
    responder: Responder, bounds: Bounds, *, stream: bool = True
) -> Callable[..., Iterator[tuple[str, Any]]]:
    """The endpoint's function: a request in JSON, and files in; text and finally a summary out."""

    def chat_completion(
        body: str,
        files: list[str] | None,
        progress: gr.Progress = PROGRESS,
    ) -> Iterator[tuple[str, Any]]:
        began, first, text = time.monotonic(), None, ""
        try:
            request = to_request(json.loads(body), files or [], responder.model, bounds)
            with closing(responder.answer(request)) as pieces:
                for piece in pieces:
                    if isinstance(piece, End):
                        yield text, summarize(piece, responder.model, began=began, first=first)
                        return
                    if isinstance(piece, Progress):
                        report(progress, piece)
                        piece = ""  # noqa: PLW2901  the function yields, so that Gradio sees who left
                    first = time.monotonic() if piece and first is None else first
                    text += piece
                    yield text if stream else "", None
        except gr.Error:  # a ValueError itself in some versions of Gradio, and already a message
            raise
        except ValueError as refusal:
            raise to_error(refusal) from refusal

    return chat_completion


def report(progress: gr.Progress, piece: Progress) -> None:
    """Shows how far the model is, in Gradio's way."""
    progress(piece.fraction, desc=piece.text)


def to_error(refusal: ValueError) -> gr.Error:
    """The message to the user; its title tells a program whether to come again."""
    titles = {ModelBusy: BUSY, ModelFailed: FAILED}
    title = next((title for kind, title in titles.items() if isinstance(refusal, kind)), "Error")
    return gr.Error(str(refusal), title=title, print_exception=False)


def summarize(end: End, model: ChatModel, *, began: float, first: float | None) -> Mapping[str, Any]:
    """What is known of an answer at its end, under OpenAI's names where it has any; times in seconds."""
    done = time.monotonic()
    return {
        "finish_reason": end.finish_reason,
        "stopped_by": end.stopped_by,
        "usage": end.usage and end.usage.to_json(),
        "model": end.model or model.name,
        "timings": {"first_text": None if first is None else first - began, "done": done - began},
    }
