"""Where a Space keeps a file of its answer, as a path on its own server. Knows URLs; no sockets, no turns."""

from __future__ import annotations

import re

import httpx

from phi4_space._errors import UrlRefused
from phi4_space._net.error_mapping import label
from phi4_space._net.origin import Origin
from phi4_space._turns import ReplyFile

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:", re.ASCII)  # two characters at least: not the C: of Windows


def file_path(file: ReplyFile, origin: Origin, api_prefix: str) -> str:
    """The path to request, not quoted yet.

    Args:
        file: The file; its path is one of the Space's own file system, or the file's URL.
        origin: The Space's server.
        api_prefix: What precedes the paths of Gradio's own requests.

    Raises:
        UrlRefused: It is not on the Space's own server, or no server could have it.
    """
    folder = f"{api_prefix}/file="
    path = file.path.removeprefix(folder)
    if _SCHEME.match(path):
        path = _path_of_url(path, httpx.URL(origin.root), folder)
    if not {"", ".", ".."}.isdisjoint(path.removeprefix("/").split("/")):
        raise UrlRefused(
            f"{_named(file)} is not on the Space's own server, {origin.root}",
            advice="Its path says where it is: open that yourself, if you trust it.",
        )
    return folder + path


def missing(file: ReplyFile) -> UrlRefused:
    """The error for a file that its Space does not hand out."""
    return UrlRefused(
        f"{_named(file)} is not on the Space any more, or must not be read there",
        advice="Read files soon after the answer: Spaces forget them when they restart, some of them sooner."
        " One that never could be read needs allowed_paths=, which the Space's author passes to launch().",
    )


def _path_of_url(text: str, root: httpx.URL, folder: str) -> str:
    """What follows `file=` in a URL of the Space's own server; nothing for any other."""
    start = root.path.rstrip("/") + folder
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        return ""
    is_own = url.copy_with(raw_path=b"/", fragment=None) == root.copy_with(raw_path=b"/")
    is_file = url.path.startswith(start) and not url.query and not url.fragment
    return url.path.removeprefix(start) if is_own and is_file else ""


def _named(file: ReplyFile) -> str:
    return f"The file {label(file.name) or 'without a name'}"
