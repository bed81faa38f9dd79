from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import anyio
import httpx
import pytest
import stamina
from scripted import (
    CANCELLED,
    ESTIMATION,
    HEARTBEAT,
    LOST,
    STARTS,
    URL,
    ScriptedSpace,
    Stream,
    completed,
    events,
    failed,
    generating,
    job,
    more,
    replaced,
    whole,
)

import phi4_space as p4
from phi4_space._environment import Environment
from phi4_space._gradio import server

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
QUOTA = "You have exceeded your GPU quota (60s requested vs. 30s left). Try again in 1:32:34."


pytestmark = pytest.mark.usefixtures("no_waiting")


def client(space: ScriptedSpace, **options: Any) -> p4.SpaceClient:
    """A client of the scripted Space, with made-up names for its sessions."""
    names = iter(f"session-{number}" for number in range(1, 100))
    return p4.SpaceClient(
        URL, environment=Environment(transport=space, new_session_hash=lambda: next(names)), **options
    )


async def all_events(space: p4.SpaceClient, message: Any = "hi", **options: Any) -> list[p4.Event]:
    async with space:
        return [event async for event in space.astream(message, **options)]


def ask(
    space: ScriptedSpace, message: Any = "hi", *, config: dict[str, Any] | None = None, **options: Any
) -> list[Any]:
    """All events of one turn."""
    return asyncio.run(all_events(client(space, **(config or {})), message, **options))


def failure(space: ScriptedSpace, message: Any = "hi", **options: Any) -> p4.Phi4Error:
    """The error of one turn."""
    with pytest.raises(p4.Phi4Error) as caught:
        ask(space, message, **options)
    return caught.value


def texts(happened: list[Any]) -> list[str]:
    return [event.text for event in happened if isinstance(event, p4.Delta)]


def test_a_text_turn_asks_config_once_and_then_three_calls() -> None:
    """A turn with words alone is predict, join and data; the contract is looked up before the first."""
    space = ScriptedSpace()

    happened = ask(space)

    assert space.steps() == ["config", "predict", "join", "data"]
    assert happened[-1].text == "an answer"
    assert texts(happened) == ["an answer"]


def test_what_is_sent_is_what_a_browser_sends() -> None:
    """Ids come from /config, the history goes back as it came, and State is left to the server."""
    space = ScriptedSpace()

    ask(space, "What is it?")

    assert space.bodies("predict") == [
        {
            "data": [[], {"text": "What is it?", "files": []}, None],
            "event_data": None,
            "fn_index": 10,
            "trigger_id": 4,
            "session_hash": "session-1",
        }
    ]
    (join,) = space.bodies("join")
    assert join["fn_index"] == 11
    assert join["data"][0] == [{"role": "user", "content": [{"type": "text", "text": "What is it?"}]}]
    (data,) = space.requests("data")
    assert data.url.params["session_hash"] == "session-1"


def test_a_chat_goes_back_as_gradio_5_wrote_it() -> None:
    """Gradio 5 has `content` as a string, and keys of its own: what it returned is returned, unchanged."""
    question = {"role": "user", "metadata": None, "content": "one", "options": None}
    filed = [question]
    answered = [question, {"role": "assistant", "metadata": {"title": None}, "content": "1", "options": None}]
    end = job(msg="process_completed", output={"data": [answered, None]}, success=True)
    space = ScriptedSpace(
        {
            "predict": [httpx.Response(200, json={"data": [filed, None, None]})],
            "data": [events(ESTIMATION, STARTS, end)],
        }
    )

    async def two_turns() -> None:
        async with client(space) as space_client:
            chat = space_client.conversation()
            assert (await chat.areply("one")).text == "1"
            await p4.Conversation.from_json(chat.to_json(), space=space_client).areply("two")

    asyncio.run(two_turns())

    assert space.bodies("join")[0]["data"][0] == filed
    assert space.bodies("predict")[1]["data"][0] == answered


def test_files_travel_in_one_upload() -> None:
    """All files of a turn go in one request, the same content once; the handler gets paths in order."""
    space = ScriptedSpace()

    ask(space, "Compare", media=[PNG, p4.Media(PNG + b"1", "two.png"), PNG])

    assert space.steps().count("upload") == 1
    files = space.bodies("predict")[0]["data"][1]["files"]
    assert [file["path"] for file in files] == ["/up/0", "/up/1", "/up/0"]
    assert [file["meta"] for file in files] == [{"_type": "gradio.FileData"}] * 3


def test_the_same_content_is_uploaded_once_for_each_start_of_the_space() -> None:
    """A second turn with the same picture sends no bytes; after a restart it sends them again."""
    space = ScriptedSpace()

    async def three_turns() -> None:
        now = [0.0]
        environment = Environment(transport=space, clock=lambda: now[0])
        async with p4.SpaceClient(URL, environment=environment) as space_client:
            await space_client.areply("one", media=[PNG])
            await space_client.areply("two", media=[PNG])
            now[0], space.app_id = 60.0, 2
            await space_client.areply("three", media=[PNG])

    asyncio.run(three_turns())

    assert space.steps().count("upload") == 2


def test_a_file_over_the_limit_is_refused_before_it_is_sent() -> None:
    """`max_file_size` from /config is checked here, and the error tells size and limit."""
    space = ScriptedSpace()
    space.config["max_file_size"] = 10

    error = failure(space, media=[PNG])

    assert isinstance(error, p4.FileTooLarge)
    assert (error.size, error.limit) == (40, 10)
    assert space.steps() == ["config"]


TOO_LARGE = httpx.Response(413, text="<html><h1>413 Request Entity Too Large</h1></html>")
LONG = "word " * 100_000


@pytest.mark.parametrize("step", ["predict", "join"])
@pytest.mark.parametrize("media", [[], [PNG]])
def test_a_prompt_that_is_too_large_is_not_said_to_be_a_picture(step: str, media: list[bytes]) -> None:
    """Files are uploaded on their own, so that later it is the text; once is enough (gradio 6665)."""
    space = ScriptedSpace({step: [TOO_LARGE]})

    error = failure(space, LONG, media=media)

    assert isinstance(error, p4.PromptTooLong)
    assert (error.status, error.step) == (413, "post" if step == "join" else step)
    assert error.what == "The server refused the prompt because of its size: 413 Request Entity Too Large"
    assert "Shorten the prompt" in error.advice
    assert ("files" in error.advice) == bool(media)
    assert "image" not in str(error)
    assert space.steps().count(step) == 1


@pytest.mark.parametrize("count", [1, 3])
def test_files_that_are_too_large_are_named(count: int) -> None:
    """At the upload it is the files, also where the prompt is long: how many, and how many bytes."""
    space = ScriptedSpace({"upload": [TOO_LARGE]})
    media = [PNG + bytes([number]) for number in range(count)]

    error = failure(space, LONG, media=media)

    assert isinstance(error, p4.FileTooLarge)
    assert (error.status, error.step, error.size) == (413, "upload", 41 * count)
    assert f"{41 * count} bytes" in error.what
    assert ("fewer files" in error.advice) == (count > 1)
    assert "smaller image" in error.advice
    assert space.steps() == ["config", "upload"]


@pytest.mark.parametrize("step", ["config", "data"])
def test_where_nothing_was_sent_nothing_is_too_large(step: str) -> None:
    """A 413 to a request without a body is an answer that nobody expects."""
    error = failure(ScriptedSpace({step: [TOO_LARGE]}), LONG)

    assert type(error) is p4.UnexpectedAnswer
    assert error.status == 413


def single_file(space: ScriptedSpace) -> ScriptedSpace:
    """The Space, with a box for one file."""
    space.config["components"][2]["props"] = {"file_count": "single"}
    return space


def test_more_files_than_the_client_was_told_are_refused_at_once() -> None:
    """`max_files` is checked before files are read and the Space is looked up; the error has both numbers."""
    space = ScriptedSpace()

    error = failure(space, media=[Path("no-such.png")] * 3, config={"max_files": 2})

    assert isinstance(error, p4.TooManyFiles)
    assert (error.count, error.limit, error.step, error.space) == (3, 2, "prepare", URL)
    assert "max_files" in str(error)
    assert space.asked == []


def test_more_files_than_the_spaces_page_takes_are_refused_before_anything_is_sent() -> None:
    """A box for a single file is a limit of one, unless the client was told another."""
    space = single_file(ScriptedSpace())

    error = failure(space, media=[PNG, PNG])

    assert isinstance(error, p4.TooManyFiles)
    assert (error.count, error.limit, error.step, error.space) == (2, 1, "upload", URL)
    assert space.steps() == ["config"]
    assert ask(space, media=[PNG])[-1].text == "an answer"
    assert ask(space, media=[PNG, PNG], config={"max_files": 2})[-1].text == "an answer"


@pytest.mark.parametrize("answer", [["/a", "/b"], [], {"detail": "no"}])
def test_an_upload_that_returns_something_else_is_an_error(answer: Any) -> None:
    """The number of paths that come back is checked: a wrong field name is answered 200 and []."""
    space = ScriptedSpace({"upload": [httpx.Response(200, json=answer)]})

    assert isinstance(failure(space, media=[PNG]), p4.UploadRefused)


def test_events_come_in_order_with_their_times() -> None:
    """Queue, start, progress, notices and deltas are told as they come, and the Reply holds when."""
    progress = {"index": 1, "length": 3, "unit": "steps", "progress": None, "desc": "Crunch"}
    log = job(msg="log", log="<b>careful</b>", level="warning", title="Warning", visible=True)
    space = ScriptedSpace(
        {
            "data": [
                events(
                    job(msg="estimation", rank=2, queue_size=3, rank_eta=4.5),
                    HEARTBEAT,
                    STARTS,
                    job(msg="progress", progress_data=[progress]),
                    log,
                    generating(None),
                    generating("Hel")
                    | {"output": {"data": [[["add", [1], {"role": "assistant", "content": "Hel"}]], []]}},
                    completed("Hello"),
                )
            ]
        }
    )

    *happened, reply = ask(space)

    assert [
        p4.Queued(2, 3, 4.5),
        p4.Started(None),
        p4.Progress(1, 3, "steps", None, "Crunch"),
        p4.Notice("careful", "warning", "Warning"),
        p4.Delta("Hel"),
        p4.Delta("lo"),
    ] == happened
    timing = reply.timing
    assert 0 <= timing.queued <= timing.started <= timing.first_text <= timing.done
    assert p4.Sent("hi", (), "session-1", "event", 1) == reply.sent
    assert (reply.space, reply.model) == (URL, "phi-4-multimodal")


def test_a_line_of_a_megabyte_is_read() -> None:
    """An event may be as long as the answer is; nothing limits a line."""
    answer = "a long answer " * 100_000

    assert ask(ScriptedSpace({"data": [events(*whole(answer))]}))[-1].text == answer


def test_text_taken_back_is_told() -> None:
    """A Space that replaces its text yields a Rewritten with the whole text, not a delta that lies."""
    space = ScriptedSpace(
        {"data": [events(generating("Thinking"), replaced("Four"), more("."), completed("Four."))]}
    )

    happened = ask(space)

    assert [p4.Delta("Thinking"), p4.Rewritten("Four"), p4.Delta(".")] == happened[:-1]
    assert happened[-1].text == "Four."


@pytest.mark.parametrize(
    ("messages", "kind"),
    [
        ([failed("boom")], p4.SpaceError),
        ([failed(None)], p4.SpaceError),
        ([failed(QUOTA, "ZeroGPU quota exceeded")], p4.QuotaExceeded),
        ([failed("No GPU was available after 60s", "ZeroGPU queue timeout")], p4.NoGpuAvailable),
        ([failed("GPU task aborted", "ZeroGPU worker error")], p4.GpuAborted),
        ([CANCELLED], p4.TurnCancelled),
        ([LOST], p4.StreamLost),
        ([ESTIMATION], p4.StreamLost),
        ([ESTIMATION, httpx.RemoteProtocolError("cut")], p4.StreamLost),
        ([completed(None)], p4.UnexpectedAnswer),
        ([job(msg="process_completed", output={"data": [7]}, success=True)], p4.UnexpectedAnswer),
        ([httpx.ReadTimeout("slow")], p4.DeadlineExceeded),
    ],
)
def test_a_turn_that_ends_badly_is_an_error_never_an_empty_answer(messages: list[Any], kind: type) -> None:
    """Each way in which the queue can end a turn without an answer has an error that says where."""
    space = ScriptedSpace()
    space.script["data"] = [events(*messages) for _ in range(3)]

    error = failure(space)

    assert isinstance(error, kind)
    assert (error.space, error.step) == (URL, "get")


@pytest.mark.parametrize(
    ("step", "answer", "kind"),
    [
        (
            "config",
            httpx.Response(200, text="<html>", headers={"content-type": "text/html"}),
            p4.UnexpectedAnswer,
        ),
        ("config", httpx.Response(200, json={"not": "gradio"}), p4.UnexpectedAnswer),
        (
            "config",
            httpx.Response(302, headers={"location": "https://elsewhere.test/x"}),
            p4.UnexpectedAnswer,
        ),
        ("config", httpx.Response(401, json={"detail": "Not authenticated"}), p4.AuthenticationFailed),
        ("config", httpx.Response(429, headers={"retry-after": "999"}), p4.RateLimited),
        ("config", httpx.ConnectTimeout("slow"), p4.DeadlineExceeded),
        ("config", httpx.ConnectError("refused"), p4.ConnectionFailed),
        ("predict", httpx.Response(500, json={"error": "boom", "visible": True}), p4.SpaceError),
        ("predict", httpx.Response(200, json={"nothing": 1}), p4.UnexpectedAnswer),
        ("predict", httpx.Response(200, json=[]), p4.UnexpectedAnswer),
        (
            "join",
            httpx.Response(503, json={"detail": "Queue is full. Max size is 2 and size is 2."}),
            p4.QueueFull,
        ),
        ("join", httpx.Response(422, json={"detail": [{"type": "missing"}]}), p4.UnexpectedAnswer),
        ("data", httpx.Response(401, json={"detail": "Not authenticated"}), p4.AuthenticationFailed),
        ("data", httpx.Response(200, json={}), p4.UnexpectedAnswer),
    ],
)
def test_a_step_that_is_refused_names_itself(step: str, answer: Any, kind: type) -> None:
    """Each step's failure becomes its error, with the step and the Space in it."""
    space = ScriptedSpace()
    space.script[step] = [answer] * 3

    error = failure(space)

    assert isinstance(error, kind)
    named = {"config": "connect", "predict": "predict", "join": "post", "data": "get"}
    assert (URL, named[step]) == (error.space, error.step)


def test_quota_errors_carry_their_numbers_and_are_not_retried() -> None:
    """Seconds requested, left and until the reset are told; to wait for hours is the caller's decision."""
    space = ScriptedSpace({"data": [events(failed(QUOTA, "ZeroGPU quota exceeded"))]})

    error = failure(space)

    assert isinstance(error, p4.QuotaExceeded)
    assert (error.requested, error.left, error.retry_after) == (60, 30, 5554)
    assert space.steps().count("join") == 1


def test_a_turn_is_tried_again_on_a_new_session() -> None:
    """Before the first text a lost turn is sent again, on another session, and the user is told."""
    space = ScriptedSpace({"data": [events(ESTIMATION)]})

    happened = ask(space)

    assert [body["session_hash"] for body in space.bodies("predict")] == ["session-1", "session-2"]
    (notice,) = [event for event in happened if isinstance(event, p4.Notice)]
    assert "trying again" in notice.text
    assert happened[-1].sent.attempts == 2


def test_a_turn_is_not_tried_again_after_its_first_text() -> None:
    """Text that was shown cannot be taken back: the error carries it instead."""
    space = ScriptedSpace({"data": [events(generating("Half an"), httpx.ReadError("cut"))]})

    error = failure(space)

    assert isinstance(error, p4.StreamLost)
    assert error.partial_text == "Half an"
    assert space.steps().count("predict") == 1


def test_max_retries_bounds_the_tries() -> None:
    """With max_retries=0 nothing is tried again."""
    space = ScriptedSpace({"data": [events(ESTIMATION)]})

    assert isinstance(failure(space, config={"max_retries": 0}), p4.StreamLost)
    assert space.steps().count("predict") == 1


def test_a_retry_after_of_more_than_half_a_minute_is_the_callers() -> None:
    """The error carries the seconds; nobody is kept waiting for them without being asked."""
    later = httpx.Response(429, headers={"retry-after": "31"})
    space = ScriptedSpace({"join": [later]})

    error = failure(space)

    assert isinstance(error, p4.RateLimited)
    assert error.retry_after == 31
    assert space.steps().count("join") == 1


def test_a_full_queue_is_asked_again_without_filing_the_turn_twice() -> None:
    """A turn that did not get into the queue stands in the State already: only the join is repeated."""
    full = httpx.Response(503, json={"detail": "Queue is full. Max size is 2 and size is 2."})
    space = ScriptedSpace({"join": [full]})

    ask(space)

    assert space.steps().count("predict") == 1
    assert [body["session_hash"] for body in space.bodies("join")] == ["session-1", "session-1"]


def test_a_function_that_is_gone_is_looked_up_once_more() -> None:
    """A Space redeployed with other numbers answers 500 in plain text; then /config is read again, once."""
    gone = httpx.Response(500, text="Internal Server Error")
    space = ScriptedSpace({"predict": [gone]})

    assert ask(space)[-1].text == "an answer"
    assert space.steps().count("config") == 2

    space = ScriptedSpace({"predict": [gone, gone, gone]})
    assert isinstance(failure(space), p4.UnexpectedAnswer)
    assert space.steps().count("predict") == 2


@pytest.mark.parametrize(
    "answer",
    [
        {"error": "Cannot move /up/0 to the gradio cache dir because it was not uploaded by a user."},
        {"error": None},
    ],
)
def test_a_file_that_the_space_lost_is_uploaded_again(answer: Any) -> None:
    """Whether the Space says that an upload is gone or hides it, the file is sent anew, on a new session."""
    space = ScriptedSpace({"predict": [httpx.Response(500, json=answer)]})

    assert ask(space, media=[PNG])[-1].text == "an answer"
    assert space.steps().count("upload") == 2


@pytest.mark.parametrize(("which", "limits"), [("total", {"total": 0.15}), ("queue", {"queue": 0.15})])
def test_a_deadline_names_itself_and_takes_the_job_back(which: str, limits: Any) -> None:
    """A turn that takes too long ends with the name of the timeout, and its job is cancelled."""
    space = ScriptedSpace({"data": [events(ESTIMATION, None)]})

    error = failure(space, config={"timeouts": p4.Timeouts(**limits)})

    assert isinstance(error, p4.DeadlineExceeded)
    assert (which, 0.15) == (error.which, error.seconds)
    assert space.bodies("cancel") == [{"fn_index": 11, "session_hash": "session-1", "event_id": "event"}]


@pytest.mark.parametrize(
    ("headers", "error"), [({}, p4.DeadlineExceeded), ({"retry-after": "30"}, p4.SpaceBusy)]
)
def test_the_wait_before_a_retry_is_part_of_the_total(
    headers: dict[str, str], error: type[Exception]
) -> None:
    """A Space that is busy, and says for how long, does not hold a turn beyond its time."""
    now = [0.0]

    async def busy(_request: httpx.Request) -> httpx.Response:
        now[0] = 2.95  # the next attempt would come a tenth of a second later, at the earliest
        return httpx.Response(503, headers=headers)

    space = ScriptedSpace({"predict": [busy]})
    environment = Environment(transport=space, clock=lambda: now[0])
    impatient = p4.SpaceClient(URL, timeouts=p4.Timeouts(total=3.0), environment=environment)
    stamina.set_testing(False)  # this one waits

    with pytest.raises(error) as caught:
        asyncio.run(all_events(impatient))

    assert isinstance(caught.value, p4.Phi4Error)
    assert caught.value.space == URL
    assert space.steps().count("predict") == 1


def test_leaving_early_closes_the_stream_and_then_takes_the_job_back() -> None:
    """A consumer that stops reading frees the Space's job: first the stream goes, then /cancel is sent."""
    answer = events(generating("one"), None)
    space = ScriptedSpace({"data": [answer]})
    stream = answer.stream
    assert isinstance(stream, Stream)
    closed_at_cancel = []

    async def cancel(_request: httpx.Request) -> httpx.Response:
        closed_at_cancel.append(stream.closed)
        return httpx.Response(200, json={"success": True})

    space.script["cancel"] = [cancel]

    async def leave() -> None:
        async with client(space) as space_client, aclosing(space_client.astream("hi")) as happening:
            async for event in happening:
                if isinstance(event, p4.Delta):
                    break

    asyncio.run(leave())

    assert closed_at_cancel == [True]


def test_cancelling_the_task_takes_the_job_back() -> None:
    """A cancelled task ends as cancelled, after its job was taken back."""
    space = ScriptedSpace({"data": [events(ESTIMATION, None)]})

    async def cancelled() -> None:
        async with client(space) as space_client:
            task = asyncio.ensure_future(space_client.areply("hi"))
            while "data" not in space.steps():
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(cancelled())

    assert space.steps().count("cancel") == 1


def test_giving_up_in_time_takes_the_job_back() -> None:
    """A scope of anyio's cancels at each await, in clean-up too: /cancel is shielded from it and arrives."""
    space = ScriptedSpace()
    cancelled = []

    async def cancel(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.02)
        cancelled.append(True)
        return httpx.Response(200, json={"success": True})

    async def give_up() -> bool:
        async with client(space) as space_client:
            with anyio.move_on_after(60) as scope:

                async def data(_request: httpx.Request) -> httpx.Response:
                    scope.deadline = anyio.current_time() + 0.05  # the job's stream is open by then
                    return events(ESTIMATION, None)

                space.script |= {"data": [data], "cancel": [cancel]}
                await space_client.areply("hi")
            return scope.cancelled_caught

    assert asyncio.run(give_up())
    assert cancelled == [True]


@pytest.mark.parametrize(
    ("answer", "cancels"), [(httpx.Response(200, json={"event_id": "event"}), 1), (httpx.ReadError("x"), 0)]
)
def test_cancelling_while_the_queue_is_joined_takes_the_job_back(answer: Any, cancels: int) -> None:
    """A job whose name was not known yet would run to its end unseen: its name is waited for, briefly."""
    space = ScriptedSpace()

    async def cancelled() -> None:
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def join(_request: httpx.Request) -> httpx.Response:
            asked.set()
            await go_on.wait()
            if isinstance(answer, Exception):
                raise answer
            return answer  # type: ignore[no-any-return] # a response, then

        space.script["join"] = [join]
        async with client(space) as space_client:
            task = asyncio.ensure_future(space_client.areply("hi"))
            await asked.wait()
            task.cancel()
            await asyncio.sleep(0)
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(cancelled())

    assert space.steps().count("cancel") == cancels


def test_a_stream_left_open_takes_its_job_back_when_the_loop_ends() -> None:
    """A caller who forgets to close a stream leaves no job behind: asyncio.run's end takes it back."""
    space = ScriptedSpace({"data": [events(generating("one"), None)]})

    async def forget() -> Any:
        happening = client(space).astream("hi")
        return happening, await anext(happening)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _left_open, event = asyncio.run(forget())

    assert event == p4.Delta("one")
    assert space.steps()[-1] == "cancel"


def test_an_error_after_a_caller_left_is_nobodys() -> None:
    """Who leaves before the turn fails hears nothing of it, not even that nobody listened."""
    space = ScriptedSpace({"data": [events(generating("one"), failed("boom"))]})

    async def leave() -> None:
        async with aclosing(client(space).astream("hi")) as happening:
            await anext(happening)
            await asyncio.sleep(0.05)

    asyncio.run(leave())


def test_a_server_that_does_not_take_the_job_back_holds_nobody_up() -> None:
    """A /cancel that fails changes nothing for the caller."""
    space = ScriptedSpace({"data": [events(ESTIMATION, None)], "cancel": [httpx.ReadError("gone")]})

    assert isinstance(failure(space, config={"timeouts": 0.1}), p4.DeadlineExceeded)


def test_a_stream_that_stays_open_after_the_answer_is_left() -> None:
    """Gradio holds the stream open after an abandoned job; the answer does not wait for it for ever."""
    space = ScriptedSpace({"data": [events(completed("done"), HEARTBEAT, None)]})

    assert ask(space)[-1].text == "done"


def test_the_stream_is_read_to_its_end() -> None:
    """After the answer the rest is read, so that the connection can carry the next turn."""
    answer = events(*whole("done"))
    stream = answer.stream
    assert isinstance(stream, Stream)

    ask(ScriptedSpace({"data": [answer]}))

    assert stream.read_whole


def test_a_tool_call_is_read_from_the_answer() -> None:
    """With tools on offer the call's markup is not shown; the Reply holds the call."""
    call = '<|tool_call|>[{"name": "add", "arguments": {"a": 2}}]<|/tool_call|>'
    space = ScriptedSpace(
        {"data": [events(generating("Let me"), more(f" see. {call}"), completed(f"Let me see. {call}"))]}
    )

    happened = ask(space, tools=[p4.ToolSpec("add", "Adds.")])

    reply = happened[-1]
    assert [(one.name, one.arguments) for one in reply.tool_calls] == [("add", {"a": 2})]
    assert "<|" not in "".join(texts(happened))
    assert reply.text.strip() == "Let me see."


def test_a_call_that_must_come_is_asked_for_once_more() -> None:
    """An answer in prose to a forced choice is held back, and a corrective turn follows it."""
    call = '<|tool_call|>[{"name": "add", "arguments": {}}]<|/tool_call|>'
    space = ScriptedSpace({"data": [events(*whole("No.")), events(*whole(call))]})

    happened = ask(space, tools=[p4.ToolSpec("add")], tool_choice="add")

    assert happened[-1].tool_calls[0].name == "add"
    assert texts(happened) == []
    assert sum(isinstance(event, p4.Reply) for event in happened) == 1


def test_a_call_that_never_comes_is_an_error() -> None:
    """After the corrective turn the client gives up, with what the model said instead."""
    space = ScriptedSpace()

    error = failure(space, tools=[p4.ToolSpec("add")], tool_choice="required")

    assert isinstance(error, p4.ToolChoiceNotMet)
    assert error.partial_text == "an answer"
    assert space.steps().count("join") == 2


def test_a_stop_string_ends_the_turn_and_takes_the_job_back() -> None:
    """As soon as it is met, across deltas too, the stream is closed and the Reply comes, cut before it."""
    answer = events(generating("Think. \nObs"), more("ervation: 4"), None)
    space = ScriptedSpace({"data": [answer]})
    stream = answer.stream
    assert isinstance(stream, Stream)
    closed_at_cancel = []

    async def cancel(_request: httpx.Request) -> httpx.Response:
        closed_at_cancel.append(stream.closed)
        return httpx.Response(200, json={"success": True})

    space.script["cancel"] = [cancel]

    *happened, reply = ask(space, stop=["\nObservation:", "\nFinal"])

    assert [p4.Delta("Think. ")] == happened
    assert (reply.text, reply.stopped_by) == ("Think. ", "\nObservation:")
    assert closed_at_cancel == [True]
    assert space.bodies("cancel") == [{"fn_index": 11, "session_hash": "session-1", "event_id": "event"}]
    assert reply.sent == p4.Sent("hi", (), "session-1", "event", 1)
    assert reply.timing.first_text <= reply.timing.done


def test_a_stop_string_in_an_answer_that_is_whole_takes_nothing_back() -> None:
    """A Space that answers in one piece is done; the text ends before the stop string all the same."""
    space = ScriptedSpace({"data": [events(*whole("one END two"))]})

    *_, reply = ask(space, stop=["END"])

    assert (reply.text, reply.stopped_by) == ("one ", "END")
    assert "cancel" not in space.steps()


def test_what_only_began_like_a_stop_string_comes_out_at_the_end() -> None:
    """Nothing is lost of an answer that ends where a stop string might have gone on."""
    space = ScriptedSpace({"data": [events(generating("one E"), completed("one EN"))]})

    *happened, reply = ask(space, stop=["END"])

    assert texts(happened) == ["one ", "EN"]
    assert (reply.text, reply.stopped_by) == ("one EN", None)


def test_text_taken_back_takes_its_half_stop_string_along() -> None:
    """A snapshot that is no extension is read anew: it is cut where it has a stop string itself."""
    space = ScriptedSpace({"data": [events(generating("one EN"), replaced("D two"), more(" END"), None)]})

    *happened, reply = ask(space, stop=["END"])

    assert [p4.Delta("one "), p4.Rewritten("D two"), p4.Delta(" ")] == happened
    assert (reply.text, reply.stopped_by) == ("D two ", "END")


def test_calls_before_a_stop_string_count() -> None:
    """A call that was whole before is in the Reply, and what a call holds is no text to stop at."""
    call = '<|tool_call|>[{"name": "add", "arguments": {"a": "END"}}]<|/tool_call|>'
    space = ScriptedSpace({"data": [events(generating(f"{call} END {call}"), None)]})

    reply = ask(space, tools=[p4.ToolSpec("add")], stop=["END"])[-1]

    assert [one.arguments for one in reply.tool_calls] == [{"a": "END"}]
    assert reply.stopped_by == "END"


def test_an_answer_that_stopped_without_the_call_is_asked_for_it_once_more() -> None:
    """A stop string does not stand in the way of a forced choice: what was heard is told to a new session."""
    call = '<|tool_call|>[{"name": "add", "arguments": {}}]<|/tool_call|>'
    space = ScriptedSpace({"data": [events(generating("No. END"), None), events(*whole(call))]})

    happened = ask(space, tools=[p4.ToolSpec("add")], tool_choice="add", stop=["END"])

    assert happened[-1].tool_calls[0].name == "add"
    assert texts(happened) == []
    first, second = space.bodies("predict")
    assert first["session_hash"] != second["session_hash"]
    assert "User: hi" in second["data"][1]["text"]
    assert "Assistant: No. \n" in second["data"][1]["text"]


def test_a_stream_that_broke_makes_one_ask_for_a_restart() -> None:
    """A Space that died in mid-turn has a new contract when it is back: the next try reads that first."""
    space = ScriptedSpace()

    async def die(_request: httpx.Request) -> httpx.Response:
        space.app_id = 2
        return events(ESTIMATION, httpx.RemoteProtocolError("cut"))

    space.script["data"] = [die]

    assert ask(space)[-1].text == "an answer"
    assert space.steps().count("config") == 2


def test_taking_a_job_back_follows_no_redirect() -> None:
    """The token goes along with /cancel, too, and to no other host."""
    redirect = httpx.Response(307, headers={"location": "https://evil.test/cancel"})
    space = ScriptedSpace({"data": [events(ESTIMATION, None)], "cancel": [redirect]})

    assert isinstance(failure(space, config={"timeouts": 0.1}), p4.DeadlineExceeded)
    assert {request.url.host for _, request in space.asked} == {"space.test"}


def test_the_redirect_of_a_server_is_not_followed() -> None:
    """A token must not be carried to whatever host a redirect names; the error names the host."""
    space = ScriptedSpace({"config": [httpx.Response(307, headers={"location": "https://evil.test/config"})]})

    error = failure(space)

    assert "https://evil.test" in str(error)
    assert len(space.asked) == 1


@dataclass
class SlowUpload(httpx.AsyncBaseTransport):
    """A Space that reads an upload piece by piece, and takes a moment for each."""

    space: ScriptedSpace
    wait: Callable[[], Awaitable[object]]
    pieces: list[int] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Reads the body, and has the scripted Space answer."""
        body = b""
        async for piece in cast("httpx.AsyncByteStream", request.stream):
            if request.url.path.endswith("/upload"):
                self.pieces.append(len(piece))
                await self.wait()
            body += piece
        copy = httpx.Request(request.method, request.url, headers=request.headers, content=body)
        return await self.space.handle_async_request(copy)


def large(folder: Path) -> Path:
    """A recording that stays on disk."""
    path = folder / "talk.wav"
    path.write_bytes(b"RIFF....WAVEfmt " + bytes(9_000_000))
    return path


def test_a_long_upload_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bytes, of all there are; then the turn goes on as ever, and the second one sends nothing."""
    monkeypatch.setattr(server, "_PROGRESS_EVERY", 0.001)
    slow = SlowUpload(ScriptedSpace(), lambda: asyncio.sleep(0.004))

    async def two_turns() -> list[list[p4.Event]]:
        async with p4.SpaceClient(URL, environment=Environment(transport=slow)) as client:
            media = [large(tmp_path), PNG]
            return [[event async for event in client.astream("What?", media=media)] for _ in range(2)]

    first, second = asyncio.run(two_turns())

    told = [event for event in first if isinstance(event, p4.Progress)]
    assert {(event.total, event.unit, event.description) for event in told} == {
        (9_000_016 + len(PNG), "bytes", "Uploading 2 files")
    }
    done = [event.done or 0 for event in told]
    assert done == sorted(done)
    assert done[-1] > 1_000_000
    assert isinstance(first[-1], p4.Reply)
    assert max(slow.pieces) == 1 << 16
    assert not any(isinstance(event, p4.Progress) for event in second)
    assert slow.space.steps().count("upload") == 1


def test_a_file_that_changes_on_its_way_ends_the_turn(tmp_path: Path) -> None:
    """With an error that says so; nothing is asked about half a file, and the next turn may read it anew."""
    path = large(tmp_path)

    async def write() -> None:
        if not slow.space.steps().count("upload"):
            await asyncio.sleep(0.02)
            path.write_bytes(b"RIFF....WAVEfmt 2" + bytes(9_000_000))

    slow = SlowUpload(ScriptedSpace(), write)

    async def turn() -> None:
        async with p4.SpaceClient(URL, environment=Environment(transport=slow)) as client:
            with pytest.raises(p4.MediaNotReadable, match=r"changed after it was first read.*step upload"):
                await client.areply("What?", media=[path])
            assert slow.space.steps() == ["config"]
            slow.wait = lambda: asyncio.sleep(0)
            await client.areply("What?", media=[path])

    asyncio.run(turn())


def test_who_leaves_during_an_upload_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes on behind the back of who closed the stream; the next turn sends it whole."""
    monkeypatch.setattr(server, "_PROGRESS_EVERY", 0.001)
    slow = SlowUpload(ScriptedSpace(), lambda: asyncio.sleep(0.01))

    async def leave() -> None:
        async with p4.SpaceClient(URL, environment=Environment(transport=slow)) as client:
            async with aclosing(client.astream("What?", media=[large(tmp_path)])) as events:
                while not isinstance(await anext(events), p4.Progress):
                    pass
            count = len(slow.pieces)
            await asyncio.sleep(0.05)
            assert len(slow.pieces) == count
            assert "upload" not in slow.space.steps()
            slow.wait = lambda: asyncio.sleep(0)
            await client.areply("What?", media=[large(tmp_path)])

    asyncio.run(leave())


def test_a_lost_connection_has_the_file_read_again(tmp_path: Path) -> None:
    """The second try sends all of it."""
    slow = SlowUpload(ScriptedSpace(), lambda: asyncio.sleep(0))

    async def break_once() -> None:
        if len(slow.pieces) == 20:
            raise httpx.WriteError("broken")

    slow.wait = break_once

    async def turn() -> p4.Reply:
        environment = Environment(transport=slow)
        async with p4.SpaceClient(URL, environment=environment) as client:
            return await client.areply("What?", media=[large(tmp_path)])

    assert asyncio.run(turn()).sent.attempts == 2
    assert sum(slow.pieces[20:]) > 9_000_000
