"""What bubbles hold: words, thoughts and files, of any Gradio and in any form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_space._gradio.messages import Content, answer_in_chat, answer_in_output
from phi4_space._net.error_mapping import label
from phi4_space._turns import ReplyFile, Thought

CHAT = [{"role": "user", "content": "hi"}]
RED = "/tmp/gradio/05/red.png"  # noqa: S108 - a path on the Space
DATA = {"path": RED, "url": f"http://space{RED}", "orig_name": None, "mime_type": "image/png"}
FILE = {"file": DATA, "alt_text": None}
RED_FILE = ReplyFile(RED, "red.png", "image/png")
PLAIN_FILE = ReplyFile(RED, "red.png")
OBJECT = "<gradio.components.image.Image object at 0x7f58d2083110>"
PICTURE = "<PIL.Image.Image image mode=RGB size=8x8 at 0x7F58D2083110>"


def said(content: object, **more: Any) -> dict[str, Any]:
    """An entry of the assistant's."""
    return {"role": "assistant", "content": content, **more}


def titled(content: object, title: object) -> dict[str, Any]:
    """An entry of the assistant's with a title, as thoughts have."""
    return said(content, metadata={"title": title, "status": "done"})


@pytest.mark.parametrize(
    ("content", "text"),
    [
        # Gradio 5
        ("Hello\u2028 wörld 🌍", "Hello\u2028 wörld 🌍"),
        ("", ""),
        # Gradio 6
        ([{"text": "Hello", "type": "text"}], "Hello"),
        (
            [{"text": "Hel", "type": "text"}, {**FILE, "type": "file"}, {"text": "lo", "type": "text"}],
            "Hello",
        ),
        (["Hel", "lo"], "Hello"),
        ({"text": "Hello", "files": []}, "Hello"),
        ({"component": "html", "value": "<b>Hello</b>"}, "<b>Hello</b>"),
        # what holds no words
        (FILE, ""),
        ({"component": "plot", "value": {"type": "matplotlib"}}, None),
        ([], None),
        (None, None),
        ([{"text": None, "type": "text"}], None),
        (OBJECT, None),
    ],
)
def test_the_words_of_one_entry(content: object, text: str | None) -> None:
    """They are read from a string or from blocks; where nothing holds any, and no file, there are none."""
    assert answer_in_chat([*CHAT, said(content, metadata=None)]).text == text


@pytest.mark.parametrize(
    "content",
    [
        FILE,
        [{**FILE, "type": "file"}],
        {"component": "image", "value": DATA},
        {"component": "gallery", "value": [{"image": DATA, "caption": None}]},
        {"component": "video", "value": [{"video": DATA}]},
        {"component": "video", "value": {"video": DATA, "subtitles": None}},
        {"text": "", "files": [DATA]},
        DATA,
    ],
)
def test_a_file_in_an_entry(content: object) -> None:
    """It is the Space's until it is read: where it is, its name, and its media type."""
    assert answer_in_chat([*CHAT, said(content)]).files == (RED_FILE,)


@pytest.mark.parametrize(
    ("file", "read"),
    [
        ({"path": RED, "orig_name": "a\n b.png", "mime_type": 7}, ReplyFile(RED, "a b.png")),
        ({"path": RED, "orig_name": "../../etc/a\x07.png"}, ReplyFile(RED, "a.png")),
        ({"path": RED, "orig_name": "C:\\temp\\a.png"}, ReplyFile(RED, "a.png")),
        ({"path": RED, "orig_name": "/etc/.."}, ReplyFile(RED, "red.png")),
        ({"path": "https://x/y/"}, ReplyFile("https://x/y/", "file")),
        ({"path": r"C:\tmp\a.wav"}, ReplyFile(r"C:\tmp\a.wav", "a.wav")),
    ],
)
def test_a_files_name(file: object, read: ReplyFile) -> None:
    """It is fit to be shown; where the Space gives none it is the end of the path."""
    assert answer_in_output(file).files == (read,)


@pytest.mark.parametrize("file", [{"path": ""}, {"path": "x" * 5000}, {"path": None}, {"path": 7}])
def test_what_names_no_file(file: object) -> None:
    """It carries nothing that can be read."""
    assert answer_in_output(file) == Content(None, is_whole=False)


@pytest.mark.parametrize(
    "path",
    ["green.png", "plots/Q4.PDF", "../a-b_c.wav", "/srv/my cat.png", r"C:\my cat.png", "https://x/a b.png"],
)
@pytest.mark.parametrize("form", [lambda path: path, lambda path: [path], lambda path: [[path, "a caption"]]])
def test_a_component_of_a_file(path: str, form: Callable[[str], object]) -> None:
    """It is the file's path, or relative to the app's folder; several are a list, captions or not."""
    found = answer_in_output({"value": form(path), "__type__": "update"})

    assert (found.text, [file.path for file in found.files], found.is_whole) == ("", [path], True)


@pytest.mark.parametrize(
    "words",
    ["", "Hello **you**", "/help me", "Look into notes.txt", "See example.com", "v1.5", "cat.png?", "[1, 2]"],
)
def test_a_component_of_words(words: str) -> None:
    """What is no path is words, such as those of gr.Markdown."""
    assert answer_in_output({"value": words, "__type__": "update"}) == Content(words)


def test_a_file_name_alone_is_words() -> None:
    """Where no component is around it."""
    assert answer_in_output("green.png") == Content("green.png")


@pytest.mark.parametrize(
    "value",
    [
        PICTURE,
        "<gradio_pdf.pdf.PDF object at 0x7f58d2083110>",
        "[[[0 0 0]\n  [0 0 0]]\n\n [[0 0 0]\n  [0 0 0]]]",
        [8000, "[0 0 0]"],
        {"type": "matplotlib", "plot": "data:image/webp;base64,UklGRg=="},
        ["one", "two"],
    ],
)
def test_a_component_that_cannot_be_read(value: object) -> None:
    """What Gradio makes of a picture, a sound or a plot is no answer, and known to be missing."""
    assert answer_in_output({"value": value, "__type__": "update"}) == Content(None, is_whole=False)


@pytest.mark.parametrize("entry", [OBJECT, PICTURE, said(OBJECT), said([OBJECT]), titled(PICTURE, "Sketch")])
def test_a_component_in_a_list(entry: object) -> None:
    """Gradio sends nothing of it but its class; the words beside it are read."""
    found = answer_in_output(["A square.", entry])

    assert (found.text, found.is_whole) == ("A square.", False)


def test_an_empty_component() -> None:
    """It hides nothing."""
    assert answer_in_output({"value": None, "__type__": "update"}) == Content(None)


def test_the_answer_is_all_that_stands_behind_the_question() -> None:
    """In order: words of several entries as paragraphs, files, and thoughts, which are no words."""
    chat = [
        said("Welcome!"),
        *CHAT,
        titled("hm", "Thinking"),
        said("One."),
        said([{**FILE, "type": "file"}]),
        titled([{"text": "42", "type": "text"}], "Used <b>tool</b>"),
        said(""),
        said("Two."),
        {"role": "system", "content": "not for you"},
        "odd",
    ]

    assert answer_in_chat(chat) == Content(
        "One.\n\nTwo.", (Thought("hm", "Thinking", 0), Thought("42", "Used tool", 1)), (RED_FILE,)
    )


def test_a_chat_of_pairs() -> None:
    """Gradio 5 writes questions with their answers; a file of the user's is a pair of its own."""
    chat = [[None, "Welcome!"], ["before", "old"], [FILE, None], ["hi", "One."], [None, FILE], [None, "Two."]]

    assert answer_in_chat(chat) == Content("One.\n\nTwo.", (), (RED_FILE,))
    assert answer_in_chat([["hi", None]]) == Content(None)


@pytest.mark.parametrize("title", [None, "", 7])
def test_an_entry_without_a_title_is_no_thought(title: object) -> None:
    """Gradio writes metadata without one, too."""
    assert answer_in_chat([*CHAT, titled("Hello", title)]) == Content("Hello")


@pytest.mark.parametrize("history", [[], CHAT, [said("before"), *CHAT], ["odd"], [{"role": "assistant"}]])
def test_there_is_no_answer_while_the_assistant_is_silent(history: list[Any]) -> None:
    """Until the assistant's entry stands last there is no answer, which is not the same as an empty one."""
    assert answer_in_chat(history) == Content(None)


@pytest.mark.parametrize(
    ("output", "content"),
    [
        ('{"a": 1}', Content('{"a": 1}')),
        ("", Content("")),
        (said("hi"), Content("hi")),
        ({"content": "hi"}, Content("hi")),
        ({"role": "user", "content": "hi"}, Content(None)),
        (titled("hm", "Thinking"), Content(None, (Thought("hm", "Thinking"),))),
        ([titled("hm", "T"), said("hi"), "there"], Content("hi\n\nthere", (Thought("hm", "T"),))),
        ({"value": RED, "__type__": "update"}, Content("", (), (PLAIN_FILE,))),
        ({"value": "/help me", "__type__": "update"}, Content("/help me")),
        ({"value": [RED, 7], "__type__": "update"}, Content("", (), (PLAIN_FILE,), is_whole=False)),
        ([said([RED, "a red square"])], Content("", (), (PLAIN_FILE,))),
        ([said({"path": RED}), "see"], Content("see", (), (PLAIN_FILE,))),
        (None, Content(None)),
        (5, Content(None)),
    ],
)
def test_the_forms_of_a_chat_interfaces_output(output: object, content: Content) -> None:
    """A string, a message, several, or a component, as captured on three Gradios."""
    assert answer_in_output(output) == content


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(RED),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "content",
                    "metadata",
                    "title",
                    "text",
                    "files",
                    "file",
                    "path",
                    "value",
                    "component",
                ]
            )
            | st.text(max_size=8),
            inner,
            max_size=4,
        )
    ),
)


@given(st.lists(json_values | st.fixed_dictionaries({"role": st.just("assistant"), "content": json_values})))
def test_any_chat_is_read(chat: list[Any]) -> None:
    """Whatever a Space returns as its chat or output, it is read, or carries nothing."""
    for content in (answer_in_chat(chat), answer_in_output(chat), *map(answer_in_output, chat)):
        assert isinstance(content.text, str | None)
        assert all(isinstance(thought.text, str) for thought in content.thoughts)
        assert [thought.number for thought in content.thoughts] == [*range(len(content.thoughts))]
        assert all(file.path and file.name == label(file.name) for file in content.files)


TEXTS = st.sampled_from(["", "<", "<b>", "Hel", "/tmp/a", "red.", OBJECT[:20], OBJECT[:-1], "[[1", "\n"])  # noqa: S108
CONTENTS = st.one_of(
    TEXTS,
    st.lists(
        st.one_of(TEXTS, TEXTS.map(lambda text: {"text": text, "type": "text"}), st.just(FILE)), max_size=3
    ),
    TEXTS.map(lambda text: {"text": text, "files": []}),
    st.just(FILE),
)
ENTRIES = st.one_of(CONTENTS.map(said), CONTENTS.map(lambda content: titled(content, "Look")))


def appended(value: Any, place: tuple[str | int, ...], text: str) -> Any:
    """The same value, with more text at a place."""
    if not place:
        return value + text
    copy = value.copy()
    copy[place[0]] = appended(value[place[0]], place[1:], text)
    return copy


@given(st.lists(ENTRIES, min_size=1, max_size=3), st.sampled_from(["x", "png", OBJECT[20:], ">", ", 2]]"]))
def test_what_is_appended_at_the_end_is_appended_to_the_words(
    entries: list[dict[str, Any]], more: str
) -> None:
    """Where the end of the words is known, a reader needs not read the whole chat again to know it."""
    chat = [*CHAT, *entries]
    before = answer_in_chat(chat)
    if before.end is not None:
        after = answer_in_chat(appended(chat, before.end, more))

        assert before.text is not None
        assert after == replace(before, text=before.text + more)


@pytest.mark.parametrize("text", ["Hel", "grün 🌍", " "])
@pytest.mark.parametrize("form", [lambda text: text, lambda text: [{"text": text, "type": "text"}]])
def test_where_words_end_is_known(text: str, form: Callable[[str], object]) -> None:
    """In the forms that Gradio streams."""
    chat = [*CHAT, said(form(text))]
    end = answer_in_chat(chat).end

    assert end is not None
    assert answer_in_chat(appended(chat, end, "lo")).text == f"{text}lo"
