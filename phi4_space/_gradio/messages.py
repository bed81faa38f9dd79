"""What a Space's bubbles hold: words, thoughts and files. Knows Gradio's shapes of a message; no functions.

Whatever a Space sends is read; what has no shape of Gradio's carries nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from phi4_space._net.error_mapping import label
from phi4_space._turns import ReplyFile, Thought

_BETWEEN_MESSAGES = "\n\n"
_LONGEST_PATH = 4096  # characters
_MOST_FILES = 1000
_SEPARATORS = re.compile(r"[/\\]")
_PATH = re.compile(r"(?:/|[A-Za-z]:\\|https?://)[^\x00-\x1f\x7f]+\.\w{1,10}", re.ASCII)
"""A file's path or URL as components name it, which may as well hold words."""
_BESIDE_THE_APP = re.compile(
    r"[^\s:*?\"'<>|\x00-\x1f\x7f]+\.(?:png|jpe?g|gif|webp|bmp|tiff?|svg|wav|mp3|flac|ogg|opus|m4a|aac|mp4|webm|mov"
    r"|avi|mkv|pdf|txt|md|csv|tsv|jsonl?|html|xml|docx?|xlsx?|pptx?|zip|gz|glb|gltf|obj|stl|ply)",
    re.ASCII | re.IGNORECASE,
)
"""The same of a file in the app's folder: one word, with a suffix that no domain or number ends with."""
_OBJECT = re.compile(r"<(?:gradio\w*|PIL)\.[\w.]+ [^<>\n]{0,200}\bat 0x[0-9a-fA-F]+>", re.ASCII)
"""What Gradio makes of a component or a picture within what it writes as JSON."""
_ARRAY = re.compile(r"\[\[+ *-?[\d.]+[ \]]", re.ASCII)
"""How numpy's arrays begin, of which Gradio makes strings as well."""


_Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """What an answer holds.

    Attributes:
        text: Its words, which may be none; None where nothing holds words, and there are no files.
        thoughts: What stands in bubbles with a title, in order.
        files: Its files, in order.
        is_whole: Whether that is all: false where Gradio sent a component's class in place of its content, or
            what is neither words nor a file, such as a plot.
        end: Where the words end, as keys and indexes: what is appended there is appended to them. None where
            it might mean something else.
    """

    text: str | None
    thoughts: tuple[Thought, ...] = ()
    files: tuple[ReplyFile, ...] = ()
    is_whole: bool = True
    end: _Place | None = field(default=None, compare=False)


class _Bubble(NamedTuple):
    content: object
    place: _Place
    title: str | None = None


class _Unread(NamedTuple):
    """Stands for what is shown on the Space's page, and cannot be read from what it sends."""


_Part = str | ReplyFile | _Unread


def count_questions(chat: Sequence[object]) -> int:
    """How many entries of a Chatbot's value are the user's."""
    count = 0
    for entry in chat:
        match entry:
            case {"role": "user"}:
                count += 1
            case [question, _] if question is not None:
                count += 1
    return count


def answer_in_chat(chat: Sequence[object]) -> Content:
    """The answer in a Chatbot's value: all that stands behind the last question.

    Args:
        chat: The chat as messages, with `content` as a string (Gradio 5) or a list of blocks (Gradio 6), or
            as pairs of a question and its answer.
    """
    bubbles: list[_Bubble] = []
    for number, entry in zip(reversed(range(len(chat))), reversed(chat), strict=True):
        match entry:
            case {"role": "user"}:
                break
            case {"role": "assistant", "content": content, **rest}:
                bubbles.append(_Bubble(content, (number, "content"), _title(rest.get("metadata"))))
            case [question, answer]:
                bubbles.append(_Bubble(answer, (number, 1)))
                if question is not None:
                    break
    return _content(bubbles[::-1])


def answer_in_output(output: object) -> Content:
    """The answer in what a gr.ChatInterface returns: a string, a message, several of them, or a component."""
    entries: dict[_Place, object] = {(): output}
    if isinstance(output, list):
        entries = {(number,): entry for number, entry in enumerate(output)}
    bubbles = []
    for place, entry in entries.items():
        match entry:
            case {"content": content, **rest}:
                if rest.get("role", "assistant") == "assistant":
                    bubbles.append(_Bubble(content, (*place, "content"), _title(rest.get("metadata"))))
            case _:
                bubbles.append(_Bubble(entry, place))
    return _content(bubbles)


def _content(bubbles: Sequence[_Bubble]) -> Content:
    texts: list[str] = []
    thoughts: list[Thought] = []
    files: list[ReplyFile] = []
    is_whole = True
    for bubble in bubbles:
        parts = [*_parts(bubble.content)]
        is_whole = is_whole and _Unread() not in parts
        words = [part for part in parts if isinstance(part, str)]
        files += (part for part in parts if isinstance(part, ReplyFile))
        if bubble.title is not None:
            thoughts.append(Thought("".join(words), bubble.title, len(thoughts)))
        elif words:
            texts.append("".join(words))
    text = _BETWEEN_MESSAGES.join(filter(None, texts)) if texts or files else None
    end = _end(bubbles[-1]) if bubbles else None
    return Content(text, tuple(thoughts), tuple(files[:_MOST_FILES]), is_whole, end)


def _end(bubble: _Bubble) -> _Place | None:
    """Where the words of the last bubble end."""
    if bubble.title is not None:
        return None
    match bubble.content:
        case str(text) if _is_open(text):
            return bubble.place
        case [{}, *_, {"text": str(text), **rest}] | [{"text": str(text), **rest}] if _is_open(text):
            last = len(bubble.content) - 1
            return None if rest.get("files") else (*bubble.place, last, "text")
        case _:
            return None


def _is_open(text: str) -> bool:
    """Whether more words make a text longer, and nothing else of it: it has some, and is no object's name."""
    return bool(text) and not text.startswith("<")


def _title(metadata: object) -> str | None:
    match metadata:
        case {"title": str(title)} if title:
            return label(title) or ""
        case _:
            return None


def _parts(content: object) -> Iterator[_Part]:
    """The words and files of one bubble."""
    match content:
        case [str(path), *rest] if len(rest) < 2 and _is_path(path):  # noqa: PLR2004 - a path, and its alt text
            yield from _file(path)
        case list():
            for block in content:
                yield from _block(block)
        case _:
            yield from _block(content)


def _block(block: object) -> Iterator[_Part]:
    match block:
        case str():
            yield _Unread() if _OBJECT.fullmatch(block) else block
        case {"text": str(text), **rest}:
            yield text
            yield from _value(rest.get("files"))
        case {"file": file} | {"component": _, "value": file} | {"__type__": "update", "value": file}:
            yield from _value(file)
        case {"path": _}:
            yield from _value(block)


def _value(value: object) -> Iterator[_Part]:
    """What a component shows: words, a file, or several files."""
    match value:
        case None:
            return
        case str() if not _is_path(value):
            yield _Unread() if _OBJECT.fullmatch(value) or _ARRAY.match(value) else value
        case list():
            for one in value:
                yield from _one_file(one)
        case _:
            yield from _one_file(value)


def _one_file(value: object) -> Iterator[ReplyFile | _Unread]:
    match value:
        case {"image": file} | {"video": file} | [file, str() | None] | file:
            found = [] if isinstance(file, str) and not _is_path(file) else [*_file(file)]
            yield from found or (_Unread(),)


def _is_path(text: str) -> bool:
    return _PATH.fullmatch(text) is not None or _BESIDE_THE_APP.fullmatch(text) is not None


def _file(value: object) -> Iterator[ReplyFile]:
    match value:
        case str(path):
            name, mime_type = None, None
        case {"path": str(path), **rest}:
            name, mime_type = rest.get("orig_name"), rest.get("mime_type")
        case _:
            return
    if path and len(path) <= _LONGEST_PATH:
        yield ReplyFile(path, _name(_word(name)) or _name(path) or "file", label(_word(mime_type)))


def _name(path: str | None) -> str | None:
    """A file's name: the last part of a path, fit to be shown and to be written under."""
    name = label(_SEPARATORS.split(path or "")[-1])
    return None if name in {".", ".."} else name


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None
