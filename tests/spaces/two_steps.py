"""Plain apps of a Chatbot and two functions, as Gradio's own demos have it. Know nothing of the client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import parrot

Message = dict[str, Any]
Page = Any  # gr.Blocks, as its untyped `with` gives it
History = list[Message]
GRADIO = int(str(gr.__version__).partition(".")[0])
AS_MESSAGES: dict[str, Any] = {"type": "messages"} if GRADIO < 6 else {}
AS_PAIRS: dict[str, Any] = {"type": "tuples"}
PICTURE = "green.png"  # in the app's folder


def add_message(history: History, message: Message) -> tuple[History, Any]:
    for file in message["files"]:
        history.append({"role": "user", "content": {"path": file}})
    if message["text"]:
        history.append({"role": "user", "content": message["text"]})
    return history, gr.MultimodalTextbox(value=None, interactive=False)


def _asked(history: History) -> tuple[str, list[str], int]:
    """The last question, the files of its turn, and the turn's number."""
    turns = sum(
        entry["role"] == "user" and (at == 0 or history[at - 1]["role"] == "assistant")
        for at, entry in enumerate(history)
    )
    text = ""
    files: list[str] = []
    for entry in reversed(history):
        if entry["role"] != "user":
            break
        for part in _parts(entry["content"]):
            if isinstance(part, str):
                text = part
            else:
                files.insert(0, part["path"])
    return text, files, turns


def _parts(content: Any) -> list[Any]:
    """A message's texts and files: on Gradio 5 a string or a tuple, on 6 a list of blocks."""
    match content:
        case str():
            return [content]
        case (str() as path, *_):
            return [{"path": path}]
        case list():
            return [part for block in content for part in _parts(block)]
        case {"text": text}:
            return [text]
        case {"file": file}:
            return [file]
        case _:
            raise TypeError(content)


def bot(history: History) -> Iterator[History]:
    history.append({"role": "assistant", "content": ""})
    for grown in parrot.pieces(parrot.answer(*_asked(history[:-1]))):
        history[-1]["content"] = grown
        yield history


def _page(
    answer: Callable[..., Any],
    submit: Callable[..., Any] = add_message,
    **box: Any,
) -> Page:
    with gr.Blocks() as demo:
        chatbot = gr.Chatbot(elem_id="chatbot", **AS_MESSAGES)
        chat_input = gr.MultimodalTextbox(
            interactive=True, placeholder="Enter message or upload file...", show_label=False, **box
        )
        chat_msg = chat_input.submit(submit, [chatbot, chat_input], [chatbot, chat_input])
        bot_msg = chat_msg.then(answer, chatbot, chatbot, api_name="bot_response")
        bot_msg.then(lambda: gr.MultimodalTextbox(interactive=True), None, [chat_input])
    return demo


def demo() -> Page:
    """Gradio's multimodal demo, on the Hub: all functions are queued, and none answers without the queue."""
    return _page(bot, file_count="multiple").queue(api_open=False)


def pictures() -> Page:
    """Takes one image a turn."""
    return _page(bot, file_count="single", file_types=["image"])


def generator() -> Page:
    """Shows the question first, then empties the box: its first function yields twice."""

    def user(history: History, message: Message) -> Iterator[tuple[History, Any]]:
        yield history, gr.MultimodalTextbox(interactive=False)
        yield add_message(history, message)

    return _page(bot, user, file_count="multiple")


def settings() -> Page:
    """The answer's function takes a system prompt and sliders beside the chat."""

    def respond(history: History, system: str, temperature: float, length: int) -> Iterator[History]:
        text, files, turn = _asked(history)
        history.append({"role": "assistant", "content": ""})
        settings = {"system": system, "temperature": temperature, "max": length}
        for grown in parrot.pieces(parrot.answer(text, files, turn, **settings)):
            history[-1]["content"] = grown
            yield history

    with gr.Blocks() as page:
        chatbot = gr.Chatbot(**AS_MESSAGES)
        message = gr.MultimodalTextbox(file_count="multiple")
        system = gr.Textbox("", label="System message")
        temperature = gr.Slider(0, 2, 0.7, label="Temperature")
        length = gr.Slider(16, 4096, 512, step=16, label="Max output tokens")
        message.submit(add_message, [chatbot, message], [chatbot, message]).then(
            respond, [chatbot, system, temperature, length], chatbot
        )
    return page


def user_and_bot() -> Page:
    """A plain Textbox, and the two functions of Gradio's first chatbot demo."""

    def user(user_message: str, history: History) -> tuple[str, History]:
        return "", [*history, {"role": "user", "content": user_message}]

    with gr.Blocks() as page:
        chatbot = gr.Chatbot(**AS_MESSAGES)
        msg = gr.Textbox()
        clear = gr.Button("Clear")
        msg.submit(user, [msg, chatbot], [msg, chatbot], queue=False).then(bot, chatbot, chatbot)
        clear.click(lambda: None, None, chatbot, queue=False)
    return page


def several() -> Page:
    """Answers in several messages: a thought, words, and a last word."""

    def bot(history: History) -> Iterator[History]:
        text, files, turn = _asked(history)
        history.append(
            {"role": "assistant", "content": "It is a question.", "metadata": {"title": "Thinking"}}
        )
        yield history
        history.append({"role": "assistant", "content": ""})
        for grown in parrot.pieces(parrot.answer(text, files, turn)):
            history[-1]["content"] = grown
            yield history
        history.append({"role": "assistant", "content": "Anything else?"})
        yield history

    return _page(bot, file_count="multiple")


def illustrator() -> Page:
    """Answers with words and a file; asked for nothing but a picture, with a file alone."""

    def bot(history: History) -> History:
        text, _, _ = _asked(history)
        if "only" not in text:
            history.append({"role": "assistant", "content": "A green square."})
        history.append({"role": "assistant", "content": {"path": PICTURE}})
        return history

    return _page(bot)


def two_chatbots() -> Page:
    """Two models side by side, each with a Chatbot of its own."""

    def ask_both(message: Message, left: History, right: History) -> tuple[Any, History, History]:
        asked = {"role": "user", "content": message["text"]}
        return gr.MultimodalTextbox(value=None), [*left, asked], [*right, asked]

    def answer_both(left: History, right: History) -> tuple[History, History]:
        said = parrot.answer(*_asked(left))
        return (
            [*left, {"role": "assistant", "content": f"Left: {said}"}],
            [*right, {"role": "assistant", "content": f"Right: {said}"}],
        )

    with gr.Blocks() as page:
        with gr.Row():
            left = gr.Chatbot(label="A", **AS_MESSAGES)
            right = gr.Chatbot(label="B", **AS_MESSAGES)
        box = gr.MultimodalTextbox()
        box.submit(ask_both, [box, left, right], [box, left, right]).then(
            answer_both, [left, right], [left, right]
        )
    return page


def tuples() -> Page:
    """A Chatbot of pairs, as Gradio had it before messages. Gradio 6 has none."""

    def add_message(history: list[Any], message: Message) -> tuple[list[Any], Any]:
        pairs = [((file,), None) for file in message["files"]]
        return [*history, *pairs, (message["text"], None)], gr.MultimodalTextbox(value=None)

    def bot(history: list[Any]) -> Iterator[list[Any]]:
        question, _ = history[-1]
        files: list[str] = []
        for said, _ in reversed(history[:-1]):
            if isinstance(said, str):
                break
            files.insert(0, said[0])
        turn = sum(isinstance(said, str) for said, _ in history)
        for grown in parrot.pieces(parrot.answer(question, files, turn)):
            history[-1] = (question, grown)
            yield history

    with gr.Blocks() as page:
        chatbot = gr.Chatbot(**AS_PAIRS)
        message = gr.MultimodalTextbox(file_count="multiple")
        message.submit(add_message, [chatbot, message], [chatbot, message]).then(bot, chatbot, chatbot)
    return page
