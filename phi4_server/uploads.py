"""The files that a client may name: those that were uploaded. Knows no page, no contract and no sockets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

LONGEST_PATH = 4096
"""Characters, as in Linux. A path is followed one name at a time, so that a long one takes long."""


class UploadsOnly(gr.Blocks):
    """Blocks whose functions are handed no file but those that clients have uploaded.

    Gradio checks this too, but only once `has_launched` is set, not inside what it calls a component message
    of a chat (which opens a path, with whatever options the client likes), and it fetches URLs on its own.
    """

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], *state: Any, **options: Any) -> Any:
        """Hands a function what a client sent for it; JSON as its text.

        Raises:
            gr.Error: A file was not uploaded, or a chat holds something else than text and files.
        """
        # JSON is data: nothing in it is opened, and a schema may well have a property that is called "path".
        # Gradio would take such values for files, and fetch the URLs among them; it looks into no text.
        blocks = [*zip(block_fn.inputs, inputs, strict=False)]
        check_inputs([value for block, value in blocks if not isinstance(block, gr.JSON)])
        inputs = [json.dumps(value) if isinstance(block, gr.JSON) else value for block, value in blocks]
        return await super().preprocess_data(block_fn, inputs, *state, **options)


def check_inputs(inputs: Sequence[Any]) -> None:
    """Looks through what a client sent, however deeply it is nested.

    Raises:
        gr.Error: A path leads out of the folder for uploads, or a chat holds more than text and files.
    """
    for value in _dicts(inputs):
        if "component" in value:
            raise gr.Error("A chat takes text and uploaded files, no components.", print_exception=False)
        if "path" in value and not _is_upload(value["path"]):
            raise _refusal(value["path"])


def check_files(files: Sequence[str]) -> None:
    """Makes sure that uploads are still there.

    Raises:
        gr.Error: One of them is not.
    """
    for file in files:
        if not Path(file).is_file():
            raise _refusal(file)


def _dicts(inputs: Sequence[Any]) -> Iterator[dict[str, Any]]:
    waiting = [*inputs]
    while waiting:
        match waiting.pop():
            case dict() as value:
                yield value
                waiting += value.values()
            case list() as values:
                waiting += values


def _is_upload(path: object) -> bool:
    """Whether a path leads into Gradio's folder for uploads, links and `..` followed."""
    if not isinstance(path, str) or len(path) > LONGEST_PATH:
        return False
    try:
        real, folder = Path(path).resolve(), Path(get_upload_folder()).resolve()
    except (OSError, RuntimeError, ValueError):  # a name too long, a circle of links, a null character
        return False
    return folder in real.parents


def _refusal(path: object) -> gr.Error:
    # Clients know Gradio's own words for this, and upload the file again.
    return gr.Error(f"Cannot use {str(path)[:200]!r}: it was not uploaded by a user.", print_exception=False)
