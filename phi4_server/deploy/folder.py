"""The folder that is a Space: what is uploaded, byte for byte. Knows no Hub, and reads only this package."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from phi4_server.deploy.failure import invalid
from phi4_server.deploy.program import (
    GRADIO,
    PYTHON,
    OfflineProgram,
    Program,
    UpstreamProgram,
    WeightsProgram,
    app_py,
    requirements,
)

Folder = Mapping[str, bytes]
"""Files by their path, with `/`."""

PACKAGE = Path(__file__).parents[1]
_FILES = {"py.typed", "examples/chime.wav", "examples/hills.png"}
"""What belongs to the package beside its modules; in a checkout anything may lie among them."""


def to_folder(program: Program, *, space: str, hardware: str, secrets: Collection[str] = ()) -> Folder:
    """All files of a Space.

    Args:
        program: What answers.
        space: Its name on the Hub, "owner/name".
        hardware: What it is to run on, as a suggestion to those who copy it; it assigns nothing.
        secrets: The names of its secrets.
    """
    texts = {
        "README.md": _readme(program, space=space, hardware=hardware, secrets=secrets),
        "app.py": app_py(program),
        "requirements.txt": requirements(program),
    }
    return {name: text.encode() for name, text in texts.items()} | dict(_package())


def write(folder: Folder, target: Path) -> None:
    """Writes the files into a folder that is new or empty.

    Raises:
        DeployFailed: It is neither, or cannot be written.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise invalid(f"The folder {target} is not empty", "Name one that is new or empty.")
        for name, data in folder.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as problem:
        raise invalid(f"The folder {target} cannot be written: {problem.strerror}") from problem


def git_oid(data: bytes) -> str:
    """The name that git gives a file's content, which the Hub lists."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _package() -> Iterator[tuple[str, bytes]]:
    for path in sorted(PACKAGE.rglob("*")):
        name = path.relative_to(PACKAGE).as_posix()
        if _belongs(name) and path.is_file() and not _is_linked(path):
            yield f"{PACKAGE.name}/{name}", path.read_bytes()


def _belongs(name: str) -> bool:
    """Whether it is one of the package's own files: modules that can be imported, and what they read."""
    *folders, last = name.split("/")
    module = last.removesuffix(".py")
    return name in _FILES or (last != module and all(map(str.isidentifier, (*folders, module))))


def _is_linked(path: Path) -> bool:
    within = (path, *path.parents)[: len(path.relative_to(PACKAGE).parts)]
    return any(part.is_symlink() for part in within)


def _readme(program: Program, *, space: str, hardware: str, secrets: Collection[str]) -> str:
    head = {
        "title": "Phi-4-multimodal",
        "emoji": "💬",
        "colorFrom": "blue",
        "colorTo": "green",
        "sdk": "gradio",
        "sdk_version": GRADIO,
        "python_version": PYTHON,
        "app_file": "app.py",
        "pinned": False,
        "suggested_hardware": hardware,
        "short_description": _SHORT[type(program)],
        **_weights(program, secrets),
    }
    # JSON is YAML, and quotes what needs it.
    lines = "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in head.items())
    return f"---\n{lines}---\n{_TEXT.format(what=_what(program), space=space)}"


def _weights(program: Program, secrets: Collection[str]) -> dict[str, object]:
    """What the Hub has to know of weights: public ones it fetches while it builds, once for all starts."""
    if not isinstance(program, WeightsProgram):
        return {}
    early = {} if "HF_TOKEN" in secrets else {"preload_from_hub": [program.model]}
    return {"models": [program.model], "startup_duration_timeout": "1h", **early}


_SHORT: Mapping[type, str] = {
    OfflineProgram: "The offline model of phi4-space, which is not Phi-4",
    WeightsProgram: "Text, images and audio in, text out",
    UpstreamProgram: "Text, images and audio in, text out",
}
"""At most 60 characters, by the Hub's rule."""


def _what(program: Program) -> str:
    match program:
        case OfflineProgram():
            return "The offline model answers here: a stand-in without weights, for tests. It is not Phi-4."
        case WeightsProgram(model):
            return (
                f"The weights of [{model}](https://huggingface.co/{model}) answer here, on the Space's GPU."
            )
        case UpstreamProgram():
            return "An engine elsewhere answers here; this Space passes the chats on to it."


_TEXT = """
# Phi-4-multimodal

{what}

Ask it on this page, or from a program:

```python
from phi4_space import SpaceClient

print(SpaceClient("{space}").reply("Who are you?").text)
```

`phi4 deploy` of phi4-space made this Space, and overwrites its files when it is run again.
"""
