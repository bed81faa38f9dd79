"""Any Space is held to the contract: on cassettes of three Gradios, and live.

Each test runs at each place that conftest.py finds for it. Its name is its cassette's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest
import stamina
from media import square, tone
from stage import Stage

import phi4_space as p4

pytestmark = pytest.mark.anyio

TURN = ["predict", "join", "data"]
RED, BLUE = p4.Media(square(220, 30, 30), "red.png"), p4.Media(square(30, 60, 220), "blue.png")
HUM = p4.Media(tone(440), "hum.wav")


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=9, cap=True)
    yield
    stamina.set_testing(False)


async def ask(door: p4.SpaceClient | p4.Conversation, *said: Any, **options: Any) -> list[p4.Event]:
    """All events of a turn."""
    return [event async for event in door.astream(*said, **options)]


def deltas(events: list[p4.Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, p4.Delta)]


def reply(events: list[p4.Event]) -> p4.Reply:
    (answer,) = (event for event in events if isinstance(event, p4.Reply))
    assert answer is events[-1]
    return answer


# --- any Space that answers -----------------------------------------------------------------------------


async def test_text(answering: Stage) -> None:
    """A turn of words alone is three requests after /config, and its deltas are the answer."""
    async with answering.client() as space:
        events = await ask(space, "What is the capital of France?")

    assert answering.steps == ["config", *TURN]
    assert "".join(deltas(events)) == reply(events).text != ""
    (filed,) = answering.sent("predict")
    assert filed["data"][1] == {"text": "What is the capital of France?", "files": []}
    assert filed["session_hash"] == "session-1"


async def test_image(answering: Stage) -> None:
    """A picture is uploaded under its name and type, and the model sees it."""
    async with answering.client() as space:
        answer = await space.areply("What colour is this square? Answer in one word.", media=[RED])

    assert answering.steps == ["config", "upload", *TURN]
    ((uploaded,),) = answering.sent("upload")
    assert (uploaded["field"], uploaded["name"], uploaded["type"]) == ("files", "red.png", "image/png")
    (filed,) = answering.sent("predict")
    (file,) = filed["data"][1]["files"]
    assert (file["path"], file["meta"]) == ("/uploads/red.png", {"_type": "gradio.FileData"})
    assert "red" in answer.text.lower()


async def test_audio(answering: Stage) -> None:
    """A recording is uploaded as such, and answered."""
    async with answering.client() as space:
        answer = await space.areply("How long is this recording?", media=[HUM])

    assert answering.steps == ["config", "upload", *TURN]
    ((uploaded,),) = answering.sent("upload")
    assert (uploaded["name"], uploaded["type"], uploaded["size"]) == ("hum.wav", "audio/wav", 4044)
    assert answer.text


async def test_several_files(answering: Stage) -> None:
    """Several files of one turn travel in one upload, and reach the model in their order."""
    async with answering.client() as space:
        answer = await space.areply("What colour is the second square?", media=[RED, BLUE, HUM])

    assert answering.steps == ["config", "upload", *TURN]
    (uploaded,) = answering.sent("upload")
    (filed,) = answering.sent("predict")
    names = ["red.png", "blue.png", "hum.wav"]
    assert [file["name"] for file in uploaded] == names
    assert [file["path"] for file in filed["data"][1]["files"]] == [f"/uploads/{name}" for name in names]
    assert "blue" in answer.text.lower()
    assert answer.sent.files == tuple(names)


async def test_two_turns(answering: Stage) -> None:
    """A second turn costs three requests; it says only what is new, and hands back the chat as it came."""
    async with answering.client() as space:
        chat = space.conversation()
        await chat.areply("My name is Ada.")
        answer = await chat.areply("What is my name?")

    assert answering.steps == ["config", *TURN, *TURN]
    first, second = answering.sent("predict")
    assert [first["data"][1]["text"], second["data"][1]["text"]] == ["My name is Ada.", "What is my name?"]
    assert (first["session_hash"], second["session_hash"]) == ("session-1", "session-1")
    assert (first["data"][0], len(second["data"][0])) == ([], 2)
    assert "Ada" in answer.text


# --- answers that grow ----------------------------------------------------------------------------------


async def test_growing(faulty: Stage) -> None:
    """Each piece of the answer is one delta, whatever characters it holds."""
    async with faulty.client() as space:
        events = await ask(space, "one two\n\twörld 🙂")

    assert [type(event) for event in events[:2]] == [p4.Queued, p4.Started]
    assert deltas(events) == ["one", " two\n\twörld", " 🙂", " (files:", " 0,", " entries:", " 1)"]
    assert reply(events).text == "one two\n\twörld 🙂 (files: 0, entries: 1)"
    assert (reply(events).space, reply(events).model) == (faulty.url, "phi-4-multimodal")


async def test_in_one_piece(whole: Stage) -> None:
    """A Space that answers in one piece gives one delta."""
    async with whole.client() as space:
        events = await ask(space, "one two")

    assert deltas(events) == ["one two (files: 0, entries: 1)"]
    assert reply(events).text == "one two (files: 0, entries: 1)"
    assert whole.steps == ["config", *TURN]


async def test_conversation_in_one_piece(whole: Stage) -> None:
    """Files and several turns are no different where answers come in one piece."""
    async with whole.client() as space:
        chat = space.conversation()
        answers = [await chat.areply("look", media=[RED, HUM]), await chat.areply("again")]

    assert [answer.text for answer in answers] == [
        "look (files: 2, entries: 1)",
        "again (files: 0, entries: 3)",
    ]
    assert whole.steps == ["config", "upload", *TURN, *TURN]


async def test_empty_answer(faulty: Stage) -> None:
    """An answer without a word is a reply without deltas."""
    async with faulty.client() as space:
        events = await ask(space, "EMPTY")

    assert (deltas(events), reply(events).text) == ([], "")


def test_synchronously(faulty: Stage) -> None:
    """The synchronous doors send the same and yield the same."""
    with faulty.client() as space:
        chat = space.conversation()
        events = list(chat.stream("one"))
        answer = chat.reply("two")

    assert deltas(events) == ["one", " (files:", " 0,", " entries:", " 1)"]
    assert (events[-1], answer.text) == (reply(events), "two (files: 0, entries: 3)")
    assert faulty.steps == ["config", *TURN, *TURN]


# --- conversations --------------------------------------------------------------------------------------


async def test_history_goes_back_verbatim(faulty: Stage) -> None:
    """What predict returned is what join hands in, files included, in whatever shape the Gradio writes it."""
    async with faulty.client() as space:
        chat = space.conversation()
        await chat.areply("look", media=[RED])
        answer = await chat.areply("again")

    assert answer.text == "again (files: 0, entries: 3)"
    (first, second), filed = faulty.sent("join"), faulty.sent("predict")[1]
    assert [entry["role"] for entry in second["data"][0]] == ["user", "user", "assistant", "user"]
    assert second["data"][0][:2] == first["data"][0]
    assert second["data"][0][:3] == filed["data"][0]


async def test_same_file_twice(faulty: Stage) -> None:
    """A file that the Space holds already is not uploaded again."""
    async with faulty.client() as space:
        chat = space.conversation()
        answers = [await chat.areply("look", media=[RED]), await chat.areply("again", media=[RED])]

    assert faulty.steps == ["config", "upload", *TURN, *TURN]
    assert [answer.text for answer in answers] == [
        "look (files: 1, entries: 1)",
        "again (files: 1, entries: 3)",
    ]


async def test_pause(faulty: Stage) -> None:
    """After a pause the Space is asked whether it is still the same start; it was, so nothing is repeated."""
    async with faulty.client() as space:
        chat = space.conversation()
        await chat.areply("one")
        faulty.clock.now += 60
        answer = await chat.areply("two")

    assert faulty.steps == ["config", *TURN, "app_id", *TURN]
    assert answer.text == "two (files: 0, entries: 3)"


async def test_continued_elsewhere(faulty: Stage) -> None:
    """A conversation that was saved goes on in the same session, with another client."""
    async with faulty.client() as space:
        chat = space.conversation()
        await chat.areply("one")
    async with faulty.client() as space:
        answer = await p4.Conversation.from_json(chat.to_json(), space=space).areply("two")

    assert faulty.steps == ["config", *TURN, "config", *TURN]
    assert {call["session_hash"] for call in faulty.sent("join")} == {"session-1"}
    assert answer.text == "two (files: 0, entries: 3)"


async def test_step_by_step(faulty: Stage) -> None:
    """The three calls of a turn can be made one by one."""
    async with faulty.client() as space, space.asession() as session:
        files = await space.aupload([RED])
        history = await session.predict("look", files=files)
        event_id = await session.post(history)
        told = [type(event).__name__ async for event in session.get(event_id)]

    assert faulty.steps == ["config", "upload", *TURN]
    assert (told[:2], told[-1]) == (["Queued", "Started"], "Finished")


# --- what is told meanwhile -----------------------------------------------------------------------------


async def test_notices(faulty: Stage) -> None:
    """What the Space tells beside its answer arrives as notices, before the answer."""
    async with faulty.client() as space:
        events = await ask(space, "NOTICE")

    assert [event for event in events if isinstance(event, p4.Notice)] == [
        p4.Notice("Waiting for a GPU to become available", "info", "ZeroGPU queue"),
        p4.Notice("Falling back to IP-based quotas", "warning", "ZeroGPU client warning"),
    ]
    assert deltas(events) == ["Noticed."]


async def test_progress(faulty: Stage) -> None:
    """How far the Space is arrives as progress."""
    async with faulty.client() as space:
        events = await ask(space, "PROGRESS")

    progress = [event for event in events if isinstance(event, p4.Progress)]
    assert {(event.total, event.unit, event.description) for event in progress} == {(3, "steps", "Looking")}
    assert [event.done for event in progress] == sorted({event.done or 0 for event in progress})
    assert deltas(events) == ["Looked."]


async def test_waiting(faulty: Stage) -> None:
    """Whoever waits is told its place in the queue, each time it moves."""
    async with faulty.crowd(2), faulty.client() as space:
        events = await ask(space, "one")

    places = [event.position for event in events if isinstance(event, p4.Queued)]
    assert (places[0], places[-1]) == (1, 0)
    assert places == sorted(places, reverse=True)
    assert reply(events).text == "one (files: 0, entries: 1)"


async def test_status(faulty: Stage) -> None:
    """The status names the Gradio, the contract, the largest file and the queue."""
    async with faulty.client() as space:
        status = await space.astatus()

    assert faulty.steps == ["config", "status"]
    assert (status.ready, status.stage, status.problem) == (True, "RUNNING", None)
    assert (status.endpoints, status.missing) == (("process_message", "bot_response"), ())
    assert (status.max_file_size, status.queue_size) == (100 * 1024, 0)
    assert (status.gradio_version or "").count(".") == 2


# --- failures -------------------------------------------------------------------------------------------


async def test_quota_exceeded(faulty: Stage) -> None:
    """A quota that is used up says how much was wanted, how much is left, and when there is more."""
    async with faulty.client() as space:
        with pytest.raises(p4.QuotaExceeded, match="exceeded your GPU quota") as caught:
            await space.areply("QUOTA")

    error = caught.value
    assert (error.requested, error.left, error.retry_after) == (60, 30, 1 * 3600 + 32 * 60 + 34)
    assert (error.step, error.space, error.partial_text) == ("get", faulty.url, "")
    assert faulty.steps == ["config", *TURN]


async def test_gpu_aborted(faulty: Stage) -> None:
    """A GPU that stopped before the first text is tried again, on a new session; then it is an error."""
    async with faulty.client(max_retries=1) as space, aclosing(space.astream("ABORT")) as events:
        notice = await anext(event async for event in events if isinstance(event, p4.Notice))
        with pytest.raises(p4.GpuAborted, match="GPU task aborted"):
            await anext(event async for event in events if isinstance(event, p4.Delta))

    assert notice == p4.Notice("GPU task aborted; trying again", "warning", "Retry")
    assert faulty.steps == ["config", *TURN, *TURN]
    assert [call["session_hash"] for call in faulty.sent("join")] == ["session-1", "session-2"]


async def test_error_shown(faulty: Stage) -> None:
    """An error of the Space's own code carries its text and title, and is not tried again."""
    async with faulty.client() as space:
        with pytest.raises(p4.SpaceError, match="the weights are gone") as caught:
            await space.areply("FAIL")

    assert (caught.value.title, caught.value.hidden, caught.value.step) == ("Error", False, "get")
    assert faulty.steps == ["config", *TURN]


async def test_error_hidden(whole: Stage) -> None:
    """An error that the Space keeps to itself is told as such."""
    async with whole.client() as space:
        with pytest.raises(p4.SpaceError) as caught:
            await space.areply("FAIL")

    assert caught.value.hidden
    assert "weights" not in str(caught.value)
    assert whole.steps == ["config", *TURN]


async def test_broken_off(faulty: Stage) -> None:
    """An answer that breaks off is an error that holds what had arrived, and is not tried again."""
    async with faulty.client() as space:
        with pytest.raises(p4.SpaceError, match="the weights are gone") as caught:
            await space.areply("BREAK")

    assert caught.value.partial_text == "Half an answer"
    assert faulty.steps == ["config", *TURN]


async def test_file_refused_by_the_model(faulty: Stage) -> None:
    """A file that the model cannot read is an error with the model's words."""
    async with faulty.client() as space:
        with pytest.raises(p4.SpaceError, match=r"cat\.png is no picture: it ends after 12 bytes") as caught:
            await space.areply("REFUSE", media=[RED])

    assert (caught.value.title, caught.value.hidden) == ("Error", False)


async def test_file_too_large(faulty: Stage) -> None:
    """A file over the Space's limit is refused here, before anything is sent."""
    picture = square(0, 0, 0, side=200)
    async with faulty.client() as space:
        with pytest.raises(p4.FileTooLarge) as caught:
            await space.areply("look", media=[picture])

    assert (caught.value.size, caught.value.limit) == (len(picture), 100 * 1024)
    assert faulty.steps == ["config"]


async def test_queue_full(faulty: Stage) -> None:
    """A full queue is tried again with the turn that is filed already; then it is an error."""
    async with faulty.crowd(3), faulty.client(max_retries=1) as space:
        with pytest.raises(p4.QueueFull, match="Queue is full") as caught:
            await space.areply("one")

    assert (caught.value.status, caught.value.step) == (503, "post")
    assert faulty.steps == ["config", "predict", "join", "join"]


async def test_failed_turn_is_forgotten(faulty: Stage) -> None:
    """After a failed turn a conversation goes on where it was, all of it told again on a new session."""
    async with faulty.client() as space:
        chat = space.conversation()
        await chat.areply("one")
        with pytest.raises(p4.SpaceError):
            await chat.areply("BREAK")
        answer = await chat.areply("two")

    whole = "User: one\nAssistant: one (files: 0, entries: 1)\nUser: two\nAssistant:"
    assert [call["data"][1]["text"] for call in faulty.sent("predict")] == ["one", "BREAK", whole]
    assert faulty.sent("predict")[-1]["session_hash"] == "session-2"
    assert "entries: 1" in answer.text
