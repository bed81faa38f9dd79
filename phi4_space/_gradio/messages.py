"""What a Space's bubbles hold: words, thoughts and files. Knows Gradio's shapes of a message; no functions.

Whatever a Space sends is read; what has no shape of Gradio's carries nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from phi4_space._net.error_mapping import label
from phi4_space._turns import ReplyFile, Thought

_BETWEEN_MESSAGES = "\n\n"
_LONGEST_PATH = 4096  # characters
_MOST_FILES = 1000
_SEPARATORS = re.compile(r"[/\\]")
_PATH = re.compile(r"(?:/|[A-Za-z]:\\|https?://)[^\x00-\x1f\x7f]+\.\w{1,10}", re.ASCII)
"""A file's path or URL as components name it, which may as well hold words."""
_COMPONENT = re.compile(r"<gradio\.components\.[\w.]+ object at 0x[0-9a-fA-F]+>", re.ASCII)
"""What Gradio makes of a component within a message that it writes as JSON."""


@dataclass(frozen=True, slots=True)
class Content:
    """What an answer holds.

    Attributes:
        text: Its words, which may be none; None where nothing holds words, and there are no files.
        thoughts: What stands in bubbles with a title, in order.
        files: Its files, in order.
    """

    text: str | None
    thoughts: tuple[Thought, ...] = ()
    files: tuple[ReplyFile, ...] = ()


class _Bubble(NamedTuple):
    content: object
    title: str | None = None


def answer_in_chat(chat: Sequence[object]) -> Content:
    """The answer in a Chatbot's value: all that stands behind the last question.

    Args:
        chat: The chat as messages, with `content` as a string (Gradio 5) or a list of blocks (Gradio 6), or
            as pairs of a question and its answer.
    """
    bubbles: list[_Bubble] = []
    for entry in reversed(chat):
        match entry:
            case {"role": "user"}:
                break
            case {"role": "assistant", "content": content, **rest}:
                bubbles.append(_Bubble(content, _title(rest.get("metadata"))))
            case [question, answer]:
                bubbles.append(_Bubble(answer))
                if question is not None:
                    break
    return _content(reversed(bubbles))


def answer_in_output(output: object) -> Content:
    """The answer in what a gr.ChatInterface returns: a string, a message, several of them, or a component."""
    entries = output if isinstance(output, list) else [output]
    bubbles = []
    for entry in entries:
        match entry:
            case {"content": content, **rest}:
                if rest.get("role", "assistant") == "assistant":
                    bubbles.append(_Bubble(content, _title(rest.get("metadata"))))
            case _:
                bubbles.append(_Bubble(entry))
    return _content(bubbles)


def _content(bubbles: Iterable[_Bubble]) -> Content:
    texts: list[str] = []
    thoughts: list[Thought] = []
    files: list[ReplyFile] = []
    for bubble in bubbles:
        parts = [*_parts(bubble.content)]
        words = [part for part in parts if isinstance(part, str)]
        files += (part for part in parts if isinstance(part, ReplyFile))
        if bubble.title is not None:
            thoughts.append(Thought("".join(words), bubble.title, len(thoughts)))
        elif words:
            texts.append("".join(words))
    text = _BETWEEN_MESSAGES.join(filter(None, texts))
    return Content(text if texts or files else None, tuple(thoughts), tuple(files[:_MOST_FILES]))


def _title(metadata: object) -> str | None:
    match metadata:
        case {"title": str(title)} if title:
            return label(title) or ""
        case _:
            return None


def _parts(content: object) -> Iterator[str | ReplyFile]:
    """The words and files of one bubble."""
    match content:
        case [str(path), *rest] if len(rest) < 2 and _PATH.fullmatch(path):  # noqa: PLR2004 - a path, and its alt text
            yield from _file(path)
        case list():
            for block in content:
                yield from _block(block)
        case _:
            yield from _block(content)


def _block(block: object) -> Iterator[str | ReplyFile]:
    match block:
        case str():
            if not _COMPONENT.fullmatch(block):
                yield block
        case {"text": str(text), **rest}:
            yield text
            yield from _value(rest.get("files"))
        case {"file": file} | {"component": _, "value": file} | {"__type__": "update", "value": file}:
            yield from _value(file)
        case {"path": _}:
            yield from _value(block)


def _value(value: object) -> Iterator[str | ReplyFile]:
    """What a component shows: words, a file, or several files."""
    match value:
        case str() if not _PATH.fullmatch(value):
            yield value
        case list():
            for one in value:
                match one:
                    case {"image": file} | {"video": file} | file:
                        yield from _file(file)
        case _:
            yield from _file(value)


def _file(value: object) -> Iterator[ReplyFile]:
    match value:
        case str(path):
            name, mime_type = None, None
        case {"path": str(path), **rest}:
            name, mime_type = rest.get("orig_name"), rest.get("mime_type")
        case _:
            return
    if path and len(path) <= _LONGEST_PATH:
        last = _SEPARATORS.split(path)[-1]
        yield ReplyFile(path, label(_word(name)) or label(last) or "file", label(_word(mime_type)))


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None
