"""Plain `gr.ChatInterface` apps, written as ordinary authors write them. Know nothing of the client."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, Literal

import gradio as gr
import parrot
from PIL import Image

Message = dict[str, Any]
GRADIO = int(str(gr.__version__).partition(".")[0])
# Gradio 5 has to be told; 6 knows no other way.
AS_MESSAGES: dict[str, Any] = {"type": "messages"} if GRADIO < 6 else {}
PICTURE = "green.png"  # in the app's folder


def _turn(history: list[Message]) -> int:
    return 1 + len([entry for entry in history if entry["role"] == "assistant"])


def assistant() -> gr.Blocks:
    """The usual one: images and audio, a system prompt, and sliders below the chat."""

    def run(
        message: Message,
        history: list[Message],
        system_prompt: str,
        max_new_tokens: int,
        temperature: float,
        top_p: float,
        top_k: int,
        repetition_penalty: float,
    ) -> Iterator[str]:
        settings = {"system": system_prompt, "max": max_new_tokens, "temperature": temperature}
        settings |= {"top_p": top_p, "top_k": top_k, "penalty": repetition_penalty}
        yield from parrot.pieces(parrot.answer(message["text"], message["files"], _turn(history), **settings))

    return gr.ChatInterface(
        run,
        multimodal=True,
        textbox=gr.MultimodalTextbox(file_types=["image", "audio"], file_count="multiple"),
        additional_inputs=[
            gr.Textbox("You are a helpful assistant.", label="System prompt"),
            gr.Slider(1, 2048, 1024, step=1, label="Max new tokens"),
            gr.Slider(0.1, 4.0, 0.6, step=0.1, label="Temperature"),
            gr.Slider(0.05, 1.0, 0.9, step=0.05, label="Top-p (nucleus sampling)"),
            gr.Slider(1, 1000, 50, step=1, label="Top-k"),
            gr.Slider(1.0, 2.0, 1.2, step=0.05, label="Repetition penalty"),
        ],
        **AS_MESSAGES,
    )


def dino() -> gr.Blocks:
    """Several models in one app: Phi-4 answers to what begins with `@phi4`; a status text comes first."""

    def generate(
        input_dict: Message, chat_history: list[Message], max_new_tokens: int, style: str
    ) -> Iterator[str]:
        text = input_dict["text"]
        yield "🔄 Processing ..."
        time.sleep(0.2)
        if not text.startswith("@phi4"):
            yield "Begin with @phi4."
            return
        text = text.removeprefix("@phi4").strip()
        turn = 1 + len(chat_history) // 2
        yield from parrot.pieces(
            parrot.answer(text, input_dict["files"], turn, max=max_new_tokens, style=style)
        )

    return gr.ChatInterface(
        generate,
        multimodal=True,
        textbox=gr.MultimodalTextbox(file_types=["image", "audio"], file_count="multiple"),
        additional_inputs=[
            gr.Slider(1, 2048, 1024, step=1, label="Max New Tokens"),
            gr.Dropdown(["plain", "poetic"], value="plain", label="Answer style"),
        ],
        **AS_MESSAGES,
    )


def words() -> gr.Blocks:
    """Text alone, and nothing but the chat."""

    def respond(message: str, history: list[Message]) -> Iterator[str]:
        yield from parrot.pieces(parrot.answer(message, turn=_turn(history)))

    return gr.ChatInterface(respond, **AS_MESSAGES)


def dictated() -> gr.Blocks:
    """Answers what it was told to answer, in order: `SAY` and a list of texts as JSON."""
    answers: list[str] = []

    def respond(message: str, _history: list[Message]) -> Iterator[str]:
        if message.startswith("SAY "):
            answers[:] = json.loads(message[4:])
            yield "I will."
            return
        text = answers.pop(0)
        for end in range(3, len(text), 3):
            yield text[:end]
        yield text

    return gr.ChatInterface(respond, **AS_MESSAGES)


def picture() -> gr.Blocks:
    """One image a turn, as the box has it when nobody says otherwise."""

    def describe(message: Message, history: list[Message]) -> str:
        return parrot.answer(message["text"], message["files"], _turn(history))

    return gr.ChatInterface(
        describe, multimodal=True, textbox=gr.MultimodalTextbox(file_types=["image"]), **AS_MESSAGES
    )


def thinker() -> gr.Blocks:
    """Thinks aloud in a box of its own, then answers below it."""

    def thought(text: str, status: Literal["pending", "done"]) -> gr.ChatMessage:
        return gr.ChatMessage(
            role="assistant", content=text, metadata={"title": "Thinking", "status": status}
        )

    def think(message: str, _history: list[Message]) -> Iterator[list[gr.ChatMessage]]:
        aloud = "First I read it. Then I answer."
        for grown in parrot.pieces(aloud):
            yield [thought(grown, "pending")]
        for grown in parrot.pieces(parrot.answer(message)):
            yield [thought(aloud, "done"), gr.ChatMessage(role="assistant", content=grown)]

    return gr.ChatInterface(think, **AS_MESSAGES)


def pondering() -> gr.Blocks:
    """Changes and yields one thought again and again, as Gradio's guide does: Gradio sees no change in it."""

    def ponder(message: str, _history: list[Message]) -> Iterator[Any]:
        response = gr.ChatMessage(content="", metadata={"title": "Thinking", "id": 0, "status": "pending"})
        yield response
        for grown in parrot.pieces("First I read it. Then I answer.", every=0.05):
            response.content = grown
            yield response
        response.metadata["status"] = "done"
        yield response
        yield [response, gr.ChatMessage(content=parrot.answer(message))]

    return gr.ChatInterface(ponder, **AS_MESSAGES)


def messages() -> gr.Blocks:
    """Answers in two messages."""

    def respond(message: str, history: list[Message]) -> Iterator[list[Message]]:
        first = {"role": "assistant", "content": "One moment."}
        yield [first]
        for grown in parrot.pieces(parrot.answer(message, turn=_turn(history))):
            yield [first, {"role": "assistant", "content": grown}]

    return gr.ChatInterface(respond, **AS_MESSAGES)


def painter() -> gr.Blocks:
    """Answers with a picture: as a component, of a file or drawn; below a caption; or as a message's file."""

    def paint(message: str, _history: list[Message]) -> Any:
        match message:
            case "caption":
                return ["A green square.", gr.Image(PICTURE)]
            case "drawing":
                return gr.Image(Image.new("RGB", (8, 8), "green"))
            case "messages":
                return [
                    {"role": "assistant", "content": "A green square."},
                    {"role": "assistant", "content": {"path": PICTURE}},
                ]
            case _:
                return gr.Image(PICTURE)

    return gr.ChatInterface(paint, **AS_MESSAGES)


def tabs() -> gr.Blocks:
    """Two chats, each in a tab of its own."""

    def chat(message: str, history: list[Message]) -> str:
        return f"Chat: {parrot.answer(message, turn=_turn(history))}"

    def translate(message: str, history: list[Message]) -> str:
        return f"Translation: {parrot.answer(message, turn=_turn(history))}"

    return gr.TabbedInterface(
        [gr.ChatInterface(chat, **AS_MESSAGES), gr.ChatInterface(translate, **AS_MESSAGES)],
        ["Chat", "Translate"],
    )


def slow() -> gr.Blocks:
    """A piece every tenth of a second, for as many seconds as the question says; one turn at a time."""

    def talk(message: str, history: list[Message]) -> Iterator[str]:
        if not message.isdecimal():
            yield parrot.answer(message, turn=_turn(history))
            return
        said = ""
        for step in range(10 * int(message)):
            said += f"{step} "
            yield said
            time.sleep(0.1)

    return gr.ChatInterface(talk, **AS_MESSAGES)


def busy() -> gr.Blocks:
    """The same, with one place to wait."""
    page = slow()
    page.queue(max_size=1)
    return page


def hidden() -> gr.Blocks:
    """Kept from programs, as far as Gradio goes."""

    def secret(message: str, history: list[Message]) -> str:
        return parrot.answer(message, turn=_turn(history))

    kept: dict[str, Any] = {"api_name": False} if GRADIO < 6 else {"api_visibility": "private"}
    return gr.ChatInterface(secret, **kept, **AS_MESSAGES)


def failing() -> gr.Blocks:
    """Fails: at once, or after two words where the question asks for it."""

    def run(message: str, _history: list[Message]) -> Iterator[str]:
        if "late" in message:
            yield "So far"
            yield "So far so good"
        raise gr.Error("There is no GPU for you.", title="Out of GPUs")

    return gr.ChatInterface(run, **AS_MESSAGES)
