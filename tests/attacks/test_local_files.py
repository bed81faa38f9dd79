"""No string is ever a path; and of paths, those alone are read that a program has allowed."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import socket
import stat
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from chats import chat
from langchain_core.messages import HumanMessage
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    CitableBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
)
from llama_index.core.schema import ImageDocument, ImageNode, MediaResource, Node, NodeWithScore
from media import square, tone
from phi4s import phi4, prompts, uploaded
from scripted import ScriptedSpace

from langchain_phi4._messages import to_turns as to_langchain_turns
from llama_index_phi4 import Phi4
from llama_index_phi4._media import LocalFiles, images_to_media
from llama_index_phi4._messages import to_turns
from phi4_space import FileTooLarge, InvalidInput, InvalidOption, Media, MediaNotReadable, Turn
from phi4_space._media.read import read_all
from phi4_space._turns import File

PICTURE, SOUND = square(255, 0, 0), tone(440)
SECRET = "HF_TOKEN=hf_sentinel"
posix = pytest.mark.skipif(os.name != "posix", reason="pipes and devices are POSIX's")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a picture, a recording and a text; the home directory, too."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "cat.png").write_bytes(PICTURE)
    (home / "speech.wav").write_bytes(SOUND)
    (home / "secret.txt").write_text(SECRET)
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    return home


def forms(folder: Path) -> list[str]:
    """Each way to name a file in a string, in turn of a picture and of a text; and files of the system's."""
    both = zip(ways(folder / "cat.png"), ways(folder / "secret.txt"), strict=True)
    found = [pair[number % 2] for number, pair in enumerate(both)]
    return [*found, "/etc/passwd", "/proc/self/environ", "/dev/stdin", "-", ".", "", "/", "*.png", "cat.*"]


def ways(path: Path) -> list[str]:
    """How a file may be named in a string, where path objects alone are paths."""
    name, folder = path.name, path.parent
    return [
        *(name, f"./{name}", f"../home/{name}", f"~/{name}", f"$HOME/{name}", f"${{HOME}}/{name}"),
        *(str(path), f"/{path}", f"//{path}", f"{folder}/./{name}", f"{folder}/x/../{name}"),
        *(f"file:{path}", f"file:/{path}", f"file://{path}", f"file://localhost{path}", f"FILE://{path}"),
        *(f"File:///{name}", f"file:{name}", f"file://./{name}", f"file:///%2e/{name}", f"file+x://{path}"),
        *(f" {path}", f"{path}\n", f"\t{name}", f"{name}\0", f"'{path}'", f'"{path}"', f"<{path}>"),
        *(f"path:{path}", f"local:{path}", f"fsspec::{path}", f"{path}#x", f"{path}?x", f"@{path}"),
        *(f"jar:file://{path}!/", f"netdoc:{path}", f"view-source:file://{path}", f"url:file://{path}"),
        *(f"\\\\?\\{path}", f"\\\\localhost\\c$\\{name}", f"c:\\{name}", f"c:/{name}", f"unix:{path}"),
        *(path.as_uri(), path.as_uri().replace("/", "%2F"), f"data:{path}", f"data:file://{path}"),
        *(f"/proc/self/cwd/{name}", f"/proc/self/root{path}", f"/dev/fd/../../{path}"),
    ]


def sent(turns: list[Turn]) -> tuple[File, ...]:
    """The files that would be uploaded, no URL being loaded."""

    async def refuse(url: str) -> bytes:
        raise MediaNotReadable(f"{url} is not loaded here")

    return asyncio.run(read_all([media for turn in turns for media in turn.media], fetch=refuse))


def holds(turns: list[Turn]) -> bool:
    """Whether a file of the folder is on its way, as a file or in the words."""
    return any(SECRET in turn.text for turn in turns) or sent(turns) != ()


def leaks(make: Callable[[str], list[Turn]], folder: Path) -> list[str]:
    """The forms by which a file was read."""
    found = []
    for form in forms(folder):
        try:
            if holds(make(form)):
                found.append(form)
        except ValueError:  # ours, or the framework's
            pass
    return found


# --- strings --------------------------------------------------------------------------------------------

KINDS = (
    "image",
    "audio",
    "file",
    "document",
    "media",
    "image_url",
    "input_image",
    "input_file",
    "text-plain",
)
FIELDS = (
    *("url", "path", "file_path", "filepath", "data", "base64", "file", "source", "image_url", "file_url"),
    *("file_uri", "uri", "src", "file_data", "input_audio", "audio_url", "name", "filename", "id", "file_id"),
)


def test_no_string_of_a_caller_is_a_path(folder: Path) -> None:
    """The client takes `pathlib.Path`, and nothing that merely looks like one."""
    assert leaks(lambda form: [Turn.of("user", *media(form))], folder) == []
    assert sent([Turn.of("user", *media(folder / "cat.png"))]) == (File("cat.png", "image/png", PICTURE),)


def media(source: object) -> list[Media]:
    return [Media(source)]


WRAPPED: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "plain": lambda fields: fields,
    "in a source": lambda fields: {"source": fields},
    "in a file": lambda fields: {"file": fields},
    "as LangChain v0 has it": lambda fields: {"source_type": "file", **fields},
    "in a source that is a path": lambda fields: {"source": {"type": "path", **fields}},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_no_string_in_a_block_of_langchain_is_a_path(
    kind: str, wrap: Callable[[dict[str, Any]], dict[str, Any]], folder: Path
) -> None:
    """Not in any field of any kind of block, wrapped or not."""

    def turns(field: str, form: str) -> list[Turn]:
        return to_langchain_turns([HumanMessage([{"type": kind, **wrap({field: form})}])])

    assert {field: found for field in FIELDS if (found := leaks(partial(turns, field), folder))} == {}


@pytest.mark.parametrize(
    "make",
    [
        lambda form: ImageBlock(url=form),
        lambda form: AudioBlock(url=form),
        lambda form: DocumentBlock(url=form),
        lambda form: ImageBlock(image=form.encode()),
        lambda form: DocumentBlock(data=form.encode()),
        lambda form: ImageBlock.model_construct(image=None, path=None, url=form),
        lambda form: ImageBlock.model_construct(image=form, path=None, url=None),
        lambda form: DocumentBlock.model_construct(data=None, path=None, url=form, title=form),
        lambda form: TextBlock(text=form),
        lambda form: CitableBlock(title=form, source=form, content=[TextBlock(text=form)]),
    ],
)
def test_no_string_in_a_block_of_llama_index_is_a_path(make: Callable[[str], Any], folder: Path) -> None:
    """Even where all files may be read, that goes for paths."""
    everything = LocalFiles(allowed=True)

    assert leaks(lambda form: to_turns([ChatMessage(blocks=[make(form)])], files=everything), folder) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda form: ImageDocument(image_url=form),
        lambda form: ImageNode(image=form),
        lambda form: ImageNode(text=form, metadata={"file_path": form, "image_path": form, "path": form}),
        lambda form: ImageDocument(metadata={"file_path": form, "image_path": form}),
        lambda form: Node(image_resource=MediaResource(data=form.encode())),
    ],
)
def test_no_string_in_a_node_of_llama_index_is_a_path(make: Callable[[str], Any], folder: Path) -> None:
    """A node's metadata, which readers fill in and stores keep, name no file to be read."""
    everything = LocalFiles(allowed=True)

    def turn(form: str) -> list[Turn]:
        return [Turn.of("user", *images_to_media([make(form)], files=everything))]

    assert leaks(turn, folder) == []


# --- paths in blocks and nodes --------------------------------------------------------------------------


def loaded(*blocks: dict[str, Any]) -> ChatMessage:
    """A message as it comes out of JSON, from wherever that came."""
    return ChatMessage.model_validate_json(json.dumps({"role": "user", "blocks": blocks}))


def block(kind: str, path: object) -> dict[str, Any]:
    return {"block_type": kind, "path": str(path)}


BY_PATH: Mapping[str, Callable[[Phi4, Path], object]] = {
    "image": lambda llm, folder: llm.chat([loaded(block("image", folder / "cat.png"))]),
    "audio": lambda llm, folder: llm.chat([loaded(block("audio", folder / "speech.wav"))]),
    "document": lambda llm, folder: llm.chat([loaded(block("document", folder / "secret.txt"))]),
    "relative": lambda llm, _: llm.chat([loaded(block("document", "secret.txt"))]),
    "within another": lambda llm, folder: llm.chat(
        [
            loaded(
                {
                    "block_type": "citable",
                    "title": "t",
                    "source": "s",
                    "content": [block("document", folder / "secret.txt")],
                }
            )
        ]
    ),
    "cited": lambda llm, folder: llm.chat(
        [
            loaded(
                {
                    "block_type": "citation",
                    "title": "t",
                    "source": "s",
                    "additional_location_info": {},
                    "cited_content": block("image", folder / "cat.png"),
                }
            )
        ]
    ),
    "stream_chat": lambda llm, folder: [*llm.stream_chat([loaded(block("image", folder / "cat.png"))])],
    "achat": lambda llm, folder: asyncio.run(llm.achat([loaded(block("image", folder / "cat.png"))])),
    "of images": lambda llm, folder: llm.complete("hi", images=[ImageBlock(path=folder / "cat.png")]),
    "ImageDocument": lambda llm, folder: llm.complete(
        "hi", image_documents=[ImageDocument(image_path=str(folder / "cat.png"))]
    ),
    "ImageNode": lambda llm, folder: llm.complete(
        "hi", image_documents=[ImageNode.from_dict(ImageNode(image_path=str(folder / "cat.png")).to_dict())]
    ),
    "Node": lambda llm, folder: llm.complete(
        "hi", image_documents=[Node(image_resource=MediaResource(path=folder / "cat.png"))]
    ),
    "found": lambda llm, folder: llm.complete(
        "hi", image_documents=[NodeWithScore(node=ImageNode(image_path=str(folder / "cat.png")))]
    ),
    "formatted": lambda llm, folder: llm.complete(
        "hi", formatted=True, images=[ImageBlock(path=folder / "cat.png")]
    ),
    "acomplete": lambda llm, folder: asyncio.run(
        llm.acomplete("hi", images=[ImageBlock(path=folder / "cat.png")])
    ),
}


@pytest.mark.parametrize("ask", BY_PATH.values(), ids=BY_PATH)
def test_no_path_is_read_unless_allowed(ask: Callable[[Phi4, Path], object], folder: Path) -> None:
    """Whoever wrote the data does not decide what is read, and the error tells how the program allows it."""
    space = ScriptedSpace()

    with pytest.raises(MediaNotReadable, match=r"local file, and none may be read.*local_files=FOLDER"):
        ask(phi4(space), folder)

    assert space.asked == []


@pytest.mark.parametrize("ask", BY_PATH.values(), ids=BY_PATH)
def test_no_path_outside_of_the_folder_is_read(ask: Callable[[Phi4, Path], object], folder: Path) -> None:
    """The folder is the only one."""
    space = ScriptedSpace()
    (folder / "album").mkdir()

    with pytest.raises(MediaNotReadable, match="is not in"):
        ask(phi4(space, local_files=folder / "album"), folder)

    assert space.asked == []


@pytest.mark.parametrize("ask", BY_PATH.values(), ids=BY_PATH)
@pytest.mark.parametrize("allowed", [True, ".", "home"], ids=["all", "the folder", "its name"])
def test_what_is_allowed_is_read(ask: Callable[[Phi4, Path], object], folder: Path, allowed: Any) -> None:
    """All files, or those of the folder, however it is named."""
    space = ScriptedSpace()

    ask(phi4(space, local_files=folder if allowed == "home" else allowed), folder)

    assert uploaded(space) == [1] or SECRET in prompts(space)[0]


@posix
def test_a_folder_is_left_by_no_way(folder: Path) -> None:
    """Neither by dots, nor by links of files and folders, nor by what the system has in /proc and /dev."""
    album = folder / "album"
    (album / "deep").mkdir(parents=True)
    (album / "link.txt").symlink_to(folder / "secret.txt")
    (album / "far.txt").symlink_to("../secret.txt")
    (album / "up").symlink_to(folder)
    (album / "twice.txt").symlink_to(album / "link.txt")
    (album / "root").symlink_to("/")
    (folder / "album2").mkdir()
    (folder / "album2" / "secret.txt").write_text(SECRET)
    ways: list[str | Path] = [
        *(album / "link.txt", album / "far.txt", album / "twice.txt", album / "up" / "secret.txt"),
        *(f"{album}/../secret.txt", f"{album}/deep/../../secret.txt", f"{album}/root{folder}/secret.txt"),
        *(f"{album}2/secret.txt", "album/../secret.txt", "../home/secret.txt", folder / "secret.txt"),
        *("/etc/passwd", "/proc/self/environ", "/proc/self/cwd/secret.txt", "/dev/stdin", "/dev/fd/0"),
        *(f"/proc/{os.getpid()}/root{folder}/secret.txt", f"{album}/nowhere/../../secret.txt"),
    ]
    files = LocalFiles(allowed=album)

    for way in ways:
        with pytest.raises(MediaNotReadable, match="is not in"):
            files.find(way)
        with pytest.raises(MediaNotReadable, match="is not in"):
            files.read(way)


@posix
def test_links_that_stay_in_the_folder_are_followed(folder: Path) -> None:
    """It is where a link leads that counts; the folder itself may be one, too."""
    (folder / "link.txt").symlink_to("secret.txt")
    (folder.parent / "alias").symlink_to(folder)
    files = LocalFiles(allowed=folder.parent / "alias")

    assert files.read(folder / "link.txt") == SECRET.encode()
    assert files.read(folder.parent / "alias" / "secret.txt") == SECRET.encode()


def test_what_is_not_there_is_not_told_from_outside(folder: Path) -> None:
    """An error is no way to find out which files a machine has."""
    (folder / "album").mkdir()
    files = LocalFiles(allowed=folder / "album")
    messages = set()
    for name in ("secret.txt", "nowhere.txt"):
        with pytest.raises(MediaNotReadable) as refused:
            files.read(folder / name)
        messages.add(str(refused.value).replace(name, ""))

    assert len(messages) == 1


@posix
@pytest.mark.timeout(20)
def test_what_is_no_regular_file_is_never_read(folder: Path) -> None:
    """A pipe would wait for ever, a device never end; both are refused even where all files may be read."""
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    sockets = socket.socket(socket.AF_UNIX)
    sockets.bind("socket")
    files = LocalFiles(allowed=True)

    for name in (
        "pipe",
        "socket",
        ".",
        "/dev/zero",
        "/dev/tty",
        "/dev/null",
        "/dev/stdin",
        "loop",
        "nowhere",
    ):
        with pytest.raises(MediaNotReadable, match=r"is a directory|not a regular file|cannot be read"):
            files.read(name)
    sockets.close()


@posix
@pytest.mark.parametrize("name", ["/proc/self/environ", "/proc/self/cmdline", "/proc/self/maps"])
def test_what_the_system_makes_up_is_empty(name: str) -> None:
    """A file in /proc says that it has no bytes, and none is read: it may hold a token."""
    message = ChatMessage(blocks=[DocumentBlock.model_construct(data=None, path=name, url=None, title="")])

    with pytest.raises(MediaNotReadable, match="is empty"):
        to_turns([message], files=LocalFiles(allowed=True))


def test_a_document_has_a_largest_size(folder: Path) -> None:
    """It is read whole, and all of it goes into the prompt."""
    with (folder / "large.txt").open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(FileTooLarge) as refused:
        LocalFiles(allowed=folder).read(folder / "large.txt")

    assert (refused.value.size, refused.value.limit) == (1 << 40, 8_000_000)


@posix
@pytest.mark.timeout(20)
def test_a_pipe_that_takes_a_files_place_is_not_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is opened is looked at once more."""
    os.mkfifo(folder / "pipe.png")
    seen = (folder / "cat.png").stat()
    monkeypatch.setattr(Path, "stat", lambda *_, **__: seen)

    with pytest.raises(MediaNotReadable, match="not a regular file"):
        LocalFiles(allowed=True).read(folder / "pipe.png")
    with pytest.raises(MediaNotReadable, match="not a regular file"):
        sent([Turn.of("user", *media(folder / "pipe.png"))])


def test_a_program_that_moves_takes_no_folder_along(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative folder is the one that it was when it was said."""
    llm = phi4(ScriptedSpace(), local_files=".")
    monkeypatch.chdir(folder.parent)
    (folder.parent / "outer.txt").write_text(SECRET)

    with pytest.raises(MediaNotReadable, match="is not in"):
        llm.chat([loaded(block("document", "outer.txt"))])


@pytest.mark.parametrize("value", ["", "nowhere", "cat.png", None, 1, 0, "true", "yes", b".", ["."], 0.5])
@pytest.mark.usefixtures("folder")
def test_what_is_no_answer_allows_nothing(value: Any) -> None:
    """Neither an empty variable of the environment, nor what a lax reader takes for a yes."""
    with pytest.raises(ValueError, match="local_files"):
        Phi4(local_files=value)


def test_data_do_not_say_what_is_read(folder: Path) -> None:
    """A dump has no word on it, and none is taken from one."""
    llm = Phi4(local_files=folder)

    assert "local_files" not in {**llm.to_dict(), **llm.model_dump()}
    assert Phi4.from_json(llm.to_json()).local_files is False
    assert Phi4.from_dict(llm.to_dict(), local_files=folder).local_files == folder
    with pytest.raises(InvalidOption, match="which local files"):
        Phi4.from_dict({**llm.to_dict(), "local_files": True})


def test_what_cannot_come_from_data_is_read_as_ever(folder: Path) -> None:
    """Bytes and open files are the program's."""
    space = ScriptedSpace()

    with (folder / "cat.png").open("rb") as file:
        blocks = [ImageBlock(image=PICTURE), ImageBlock(image=file), AudioBlock(audio=io.BytesIO(SOUND))]
        phi4(space, client={"max_files": 3}).chat([ChatMessage(blocks=blocks)])

    assert uploaded(space) == [3]


def test_no_path_object_of_a_block_is_read_by_langchain(folder: Path) -> None:
    """Blocks are data; a path is none of their forms."""
    space = ScriptedSpace()
    for fields in ({"url": folder / "cat.png"}, {"path": folder / "cat.png"}, {"base64": folder / "cat.png"}):
        with pytest.raises(InvalidInput):
            to_langchain_turns([HumanMessage.model_construct(content=[{"type": "image", **fields}])])
    with pytest.raises(InvalidInput):
        chat(space).invoke([HumanMessage([{"type": "image_url", "image_url": str(folder / "cat.png")}])])

    assert space.asked == []


# --- path objects of callers ----------------------------------------------------------------------------


@posix
@pytest.mark.timeout(20)
def test_the_client_reads_regular_files_alone(folder: Path) -> None:
    """A Path comes from the program, and may still lead to what never ends."""
    os.mkfifo(folder / "pipe.png")
    (folder / "huge.png").touch()
    os.truncate(folder / "huge.png", 1 << 40)
    (folder / "loop.png").symlink_to("loop.png")
    for name, message in {
        "pipe.png": "not a regular file",
        "/dev/zero": "not a regular file",
        "/dev/stdin": "not a regular file|is empty|not|unknown format",
        ".": "a directory",
        "loop.png": "symbolic links",
        "nowhere.png": "No such file",
        "x" * 5000: "too long",
        "a\0b": "null",
        "/proc/self/environ": "is empty",
    }.items():
        with pytest.raises(InvalidInput, match=message):
            sent([Turn.of("user", *media(Path(name)))])
    with pytest.raises(FileTooLarge) as refused:
        sent([Turn.of("user", *media(Path("huge.png")))])

    assert refused.value.size == 1 << 40
    assert shutil.disk_usage(folder).free  # it was a sparse one
    assert stat.S_ISFIFO((folder / "pipe.png").stat().st_mode)


@pytest.mark.parametrize("allowed", [None, 1, 0, "yes", [], object()])
def test_what_is_set_later_allows_no_more(allowed: Any, folder: Path) -> None:
    """A copy's fields are not checked; what is neither True nor a folder allows nothing."""
    llm = phi4(ScriptedSpace()).model_copy(update={"local_files": allowed})

    with pytest.raises(MediaNotReadable, match=r"none may be read|is not in"):
        llm.chat([loaded(block("document", folder / "secret.txt"))])


def test_a_folder_that_is_set_later_is_one(folder: Path) -> None:
    """Also as a string."""
    space = ScriptedSpace()
    llm = phi4(space).model_copy(update={"local_files": str(folder)})

    llm.chat([loaded(block("image", folder / "cat.png"))])
    with pytest.raises(MediaNotReadable, match="is not in"):
        llm.chat([ChatMessage(blocks=[ImageBlock.model_construct(path=folder.parent, image=None, url=None)])])

    assert uploaded(space) == [1]


@posix
def test_what_is_no_regular_file_is_not_even_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """To open a device may do something, such as rewind a tape."""
    opened: list[str] = []
    monkeypatch.setattr("phi4_space._media.local_file._open", lambda path, _: opened.append(path))

    with pytest.raises(MediaNotReadable, match="not a regular file"):
        sent([Turn.of("user", *media(Path("/dev/zero")))])
    with pytest.raises(MediaNotReadable, match="not a regular file"):
        LocalFiles(allowed=True).read("/dev/zero")

    assert opened == []
