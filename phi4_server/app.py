"""The Space's contract: two functions, their names and their numbers. Knows no one model and no sockets."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from typing import Any

import gradio as gr

from phi4_server.bounds import DEFAULTS, Bounds
from phi4_server.chat import Bubble, Entry, to_bubbles, to_messages
from phi4_server.chat_bounds import Filing, bounded
from phi4_server.chat_completion.endpoint import PROGRESS, add_endpoint, report, to_error
from phi4_server.chat_completion.responder import Responder
from phi4_server.chat_completion.simple import to_chat_model
from phi4_server.mcp_tool import add_tool
from phi4_server.model import ChatModel, ChatRequest, End, Model, Progress
from phi4_server.page import PRIVATE, STAY, TITLE, lay_out
from phi4_server.queue import MODEL, FairQueue
from phi4_server.turns import Turns
from phi4_server.uploads import UploadsOnly, check_files

Turn = tuple[list[Bubble], list[Entry]]
"""What the page shall show, and what the session shall keep."""

AT_ONCE: dict[str, Any] = {"concurrency_id": MODEL}
"""All that has the model answer counts as one, when it comes to how many are answered at the same time."""


def build(
    model: Model | ChatModel,
    *,
    stream: bool = True,
    at_once: int = 8,
    bounds: Bounds = DEFAULTS,
    words_per_second: float | None = None,
    mcp: bool = False,
) -> gr.Blocks:
    """A Space with the contract of the public one, and `model` behind it.

    Args:
        model: Answers the chats, `at_once` of them in as many threads.
        stream: Whether an answer grows on the page, or comes in one piece.
        at_once: How many answers are worked on at the same time; the others wait in the queue.
        bounds: How much it takes.
        words_per_second: The fastest pace of a streamed answer; None means the model's own.
        mcp: Whether there is a tool for `phi4_server.server.serve(mcp=True)` to offer.

    Returns:
        Blocks for `phi4_server.server.serve`, or for Gradio's own `launch(allowed_paths=[str(EXAMPLES)])`.
    """
    responder = Responder(to_chat_model(model), most=bounds.text, words_per_second=words_per_second)
    respond = streamed(responder) if stream else whole(responder)
    blocks = UploadsOnly(title=TITLE, fill_height=True, analytics_enabled=False)
    with blocks:
        page = lay_out(model.nature)
        show_and_keep = [page.chatbot, page.chat]
        # Programs written for the public Space call these two by number, 10 and 11. Gradio numbers functions
        # in the order in which they are wired: the page's own ten come before, as 0 to 9, the others after.
        file_message = bounded(process_message, bounds)
        filed = page.box.submit(
            file_message,
            [page.chatbot, page.box, page.chat],
            [page.chatbot, page.box, page.chat],
            queue=False,
            api_name="process_message",
        )
        answered = filed.success(respond, show_and_keep, show_and_keep, api_name="bot_response", **AT_ONCE)
        # After an error the page of Gradio 6 runs only what waits for a failure; Gradio 5 has no such wait.
        for settled in filter(None, (answered.then, getattr(answered, "failure", None))):
            settled(_open, None, page.box, queue=False, **PRIVATE)
        if failed := getattr(filed, "failure", None):
            # The page of Gradio 6 shows the text of errors that came through the queue, and of no others.
            failed(partial(_refuse, file_message), [page.chatbot, page.box, page.chat], None, **PRIVATE)
        again = page.retried.then(respond, show_and_keep, show_and_keep, **AT_ONCE, **PRIVATE)
        # What is under way is given up first: it would write into a page that was emptied before.
        halt = {"queue": False, "cancels": [answered, again], **PRIVATE}
        page.stop.click(_open, None, page.box, **halt)
        halted = gr.on([page.new.click, page.chatbot.clear], _open, None, page.box, **halt)
        halted.then(_clear, None, [page.chatbot, page.box, page.chat], queue=False, **PRIVATE)
        blocks.load(None, None, None, js=STAY, **PRIVATE)
        add_endpoint(responder, bounds, stream=stream, **AT_ONCE)
        if mcp:
            add_tool(Turns(responder, blocks, bounds))
    blocks.api_open = False  # all answers wait in line, also those that programs ask for
    blocks._queue = FairQueue(blocks, at_once=at_once, bounds=bounds)  # noqa: SLF001  Gradio has no other way
    return blocks


def process_message(
    history: list[Bubble],  # noqa: ARG001  a parameter of the contract, as is its name
    message: dict[str, Any] | None,
    state: list[Entry],
) -> tuple[list[Bubble], Any, list[Entry]]:
    """Adds the user's message to the session and the page, and closes the box until it is answered.

    The page shows the session's own chat: what a client says that the history was is never sent back, since
    Gradio serves each file that a function returns.
    """
    text, files = (message["text"] or "", message["files"]) if message else ("", [])
    check_files(files)
    question: list[Entry] = [{"role": "user", "text": text, "files": files}] if text.strip() or files else []
    chat = state + question
    return to_bubbles(chat), gr.update(value=None, interactive=False), chat


def _refuse(file_message: Filing, *message: Any) -> None:
    """Raises once more what a message was refused with, now in the queue; nothing is filed."""
    file_message(*message)


def streamed(responder: Responder) -> Callable[..., Generator[Turn]]:
    """The `bot_response` that lets the answer grow; closing it ends the model's work."""

    def bot_response(
        history: list[Bubble],  # noqa: ARG001  see above
        state: list[Entry],
        progress: gr.Progress = PROGRESS,
    ) -> Generator[Turn]:
        before, answer = to_bubbles(state), ""
        with closing(_pieces(responder, state, progress)) as pieces:
            for piece in pieces:
                answer += piece
                # The session keeps an answer once it is whole, so that a turn that failed can be repeated.
                yield before + to_bubbles([_entry(answer)]), state
        yield before + to_bubbles([_entry(answer)]), [*state, _entry(answer)]

    return bot_response


def whole(responder: Responder) -> Callable[..., Turn]:
    """The `bot_response` that gives the answer in one piece."""

    def bot_response(
        history: list[Bubble],  # noqa: ARG001  see above
        state: list[Entry],
        progress: gr.Progress = PROGRESS,
    ) -> Turn:
        chat = [*state, _entry("".join(_pieces(responder, state, progress)))]
        return to_bubbles(chat), chat

    return bot_response


def _pieces(responder: Responder, state: list[Entry], progress: gr.Progress) -> Generator[str]:
    """The model's answer; what it says about a bad file becomes a message to the user.

    How far it is, if it is not ready yet, goes to `progress`.

    The history that a client sends along is only what its page showed: the session alone is answered.
    """
    if not state or state[-1]["role"] != "user":
        raise gr.Error(
            "There is no question to answer: send one with process_message first.", print_exception=False
        )
    try:
        with closing(responder.answer(ChatRequest(messages=to_messages(state)))) as pieces:
            for piece in pieces:
                if isinstance(piece, Progress):
                    report(progress, piece)
                elif not isinstance(piece, End):
                    yield piece
    except gr.Error:  # a ValueError itself in some versions of Gradio, and already a message
        raise
    except ValueError as refusal:
        raise to_error(refusal) from refusal


def _entry(answer: str) -> Entry:
    return {"role": "assistant", "text": answer, "files": []}


def _open() -> Any:
    return gr.update(interactive=True)


def _clear() -> tuple[list[Bubble], Any, list[Entry]]:
    return [], gr.update(value=None, interactive=True), []
