"""The queue's messages, as three Gradios were heard to send them, and what each of them tells."""

# ruff: noqa: E501 - what was recorded is kept word for word, a message a line
from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest
from httpx_sse import EventSource
from hypothesis import given, settings
from hypothesis import strategies as st

from phi4_space._errors import UnexpectedAnswer
from phi4_space._gradio.queue import (
    Cancelled,
    Failed,
    Finished,
    Heartbeat,
    QueueReader,
    SessionLost,
    Snapshot,
    WireEvent,
    call_body,
    cancel_body,
    file_data,
)
from phi4_space._turns import Notice, Progress, Queued, Started

JOB = "456c1c25cf094d878c88c03c4a30dab4"
# A handler that warns, then yields "Hello", "Hello\u2028 wörld 🌍" and the same again, recorded on three
# versions; only the job's name was made the same.
RECORDED = {
    "5.20.1": """\
{"msg":"estimation","event_id":"456c1c25cf094d878c88c03c4a30dab4","rank":0,"queue_size":1,"rank_eta":null}
{"msg":"process_starts","event_id":"456c1c25cf094d878c88c03c4a30dab4","eta":null}
{"msg":"log","event_id":"456c1c25cf094d878c88c03c4a30dab4","log":"a <b>warning</b>","level":"warning","duration":10.0,"visible":true,"title":"Heed"}
{"msg":"process_generating","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"data":[[{"role":"user","metadata":null,"content":"ok","options":null},{"role":"assistant","metadata":null,"content":"Hello","options":null}],null],"is_generating":true,"duration":0.005900859832763672,"average_duration":0.0028838157653808595,"render_config":null,"changed_state_ids":[]},"success":true,"time_limit":null}
{"msg":"process_generating","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"data":[[["append",[1,"content"],"\u2028 wörld 🌍"]],[]],"is_generating":true,"duration":0.0021643638610839844,"average_duration":0.0027639071146647134,"render_config":null,"changed_state_ids":[]},"success":true,"time_limit":null}
{"msg":"process_generating","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"data":[[],[]],"is_generating":true,"duration":0.0014567375183105469,"average_duration":0.0025771686008998324,"render_config":null,"changed_state_ids":[]},"success":true,"time_limit":null}
{"msg":"process_completed","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"data":[[{"role":"user","metadata":null,"content":"ok","options":null},{"role":"assistant","metadata":null,"content":"Hello\u2028 wörld 🌍","options":null}],null],"is_generating":false,"duration":0.002386808395385742,"average_duration":0.0025533735752105713,"render_config":null,"changed_state_ids":[]},"success":true,"title":null}
{"msg":"close_stream","event_id":null}""",
    "5.50.0": """\
{"msg":"estimation","event_id":"456c1c25cf094d878c88c03c4a30dab4","rank":0,"queue_size":1,"rank_eta":null}
{"msg":"process_starts","event_id":"456c1c25cf094d878c88c03c4a30dab4","eta":null}
{"msg":"log","event_id":"456c1c25cf094d878c88c03c4a30dab4","log":"a <b>warning</b>","level":"warning","duration":10.0,"visible":true,"title":"Heed"}
{"msg":"process_generating","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"data":[[{"role":"user","metadata":null,"content":"ok","options":null},{"role":"assistant","metadata":null,"content":"Hello","options":null}],null],"is_generating":true,"duration":0.01060342788696289,"average_duration":0.00548086166381836,"render_config":null,"changed_state_ids":[]},"success":true,"time_limit":null}
{"msg":"process_generating","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"data":[[["append",[1,"content"],"\u2028 wörld 🌍"]],[]],"is_generating":true,"duration":0.0022003650665283203,"average_duration":0.0049341122309366865,"render_config":null,"changed_state_ids":[]},"success":true,"time_limit":null}
{"msg":"process_generating","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"data":[[],[]],"is_generating":true,"duration":0.016754865646362305,"average_duration":0.006622791290283203,"render_config":null,"changed_state_ids":[]},"success":true,"time_limit":null}
{"msg":"process_completed","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"data":[[{"role":"user","metadata":null,"content":"ok","options":null},{"role":"assistant","metadata":null,"content":"Hello\u2028 wörld 🌍","options":null}],null],"is_generating":false,"duration":0.0050580501556396484,"average_duration":0.006427198648452759,"render_config":null,"changed_state_ids":[]},"success":true,"title":null}
{"msg":"close_stream","event_id":null}""",
    "6.31.0": """\
{"msg":"estimation","event_id":"456c1c25cf094d878c88c03c4a30dab4","rank":0,"queue_size":1,"rank_eta":null}
{"msg":"process_starts","event_id":"456c1c25cf094d878c88c03c4a30dab4","eta":null}
{"msg":"log","event_id":"456c1c25cf094d878c88c03c4a30dab4","log":"a <b>warning</b>","level":"warning","duration":10.0,"visible":true,"title":"Heed"}
{"msg":"process_generating","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"data":[[{"role":"user","metadata":null,"content":[{"text":"ok","type":"text"}],"options":null},{"role":"assistant","metadata":null,"content":[{"text":"Hello","type":"text"}],"options":null}],null],"is_generating":true,"duration":0.0012655258178710938,"average_duration":0.0011411190032958984,"render_config":null,"changed_state_ids":[],"used_cache":null},"success":true,"time_limit":null}
{"msg":"process_generating","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"data":[[["append",[1,"content",0,"text"],"\u2028 wörld 🌍"]],[]],"is_generating":true,"duration":0.0004525184631347656,"average_duration":0.0010263522466023762,"render_config":null,"changed_state_ids":[],"used_cache":null},"success":true,"time_limit":null}
{"msg":"process_generating","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"data":[[],[]],"is_generating":true,"duration":0.0003402233123779297,"average_duration":0.0009283338274274554,"render_config":null,"changed_state_ids":[],"used_cache":null},"success":true,"time_limit":null}
{"msg":"process_completed","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"data":[[{"role":"user","metadata":null,"content":[{"text":"ok","type":"text"}],"options":null},{"role":"assistant","metadata":null,"content":[{"text":"Hello\u2028 wörld 🌍","type":"text"}],"options":null}],null],"is_generating":false,"duration":0.00031828880310058594,"average_duration":0.0008520781993865967,"render_config":null,"changed_state_ids":[],"used_cache":null},"success":true,"title":null,"used_cache":null,"cache_duration":0.00031828880310058594,"avg_time":0.0008520781993865967}
{"msg":"close_stream","event_id":null}""",
}
QUOTA = "You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 0:05:00"
# (versions, message as it was recorded, what it tells)
MESSAGES: list[tuple[str, str, list[WireEvent]]] = [
    (
        "all: behind another job",
        '{"msg":"estimation","event_id":"456c1c25cf094d878c88c03c4a30dab4","rank":1,"queue_size":2,"rank_eta":0.7809}',
        [Queued(1, 2, 0.7809)],
    ),
    (
        "all: the Space knows how long it takes",
        '{"msg":"process_starts","event_id":"456c1c25cf094d878c88c03c4a30dab4","eta":1.0021862983703613}',
        [Started(1.0021862983703613)],
    ),
    (
        "all: progress as a fraction",
        '{"msg":"progress","event_id":"456c1c25cf094d878c88c03c4a30dab4","progress_data":[{"index":null,"length":null,"unit":"steps","progress":0.0,"desc":"Starting"}]}',
        [Progress(None, None, "steps", 0.0, "Starting")],
    ),
    (
        "all: progress as a count",
        '{"msg":"progress","event_id":"456c1c25cf094d878c88c03c4a30dab4","progress_data":[{"index":1,"length":3,"unit":"steps","progress":null,"desc":"Crunch"}]}',
        [Progress(1, 3, "steps", None, "Crunch")],
    ),
    (
        "all: progress within progress, of which the inner moves",
        '{"msg":"progress","event_id":"456c1c25cf094d878c88c03c4a30dab4","progress_data":[{"index":1,"length":3,"unit":"files","progress":null,"desc":null},{"index":7,"length":null,"unit":null,"progress":null,"desc":null}]}',
        [Progress(7, None, "steps", None, None)],
    ),
    (
        "all: no progress",
        '{"msg":"progress","event_id":"456c1c25cf094d878c88c03c4a30dab4","progress_data":[]}',
        [],
    ),
    (
        "5.20.1: info",
        '{"msg":"log","event_id":"456c1c25cf094d878c88c03c4a30dab4","log":"an info","level":"info","duration":10.0,"visible":true,"title":"Info"}',
        [Notice("an info", "info", "Info")],
    ),
    (
        "6.x: error as a notice",
        '{"msg":"log","event_id":"456c1c25cf094d878c88c03c4a30dab4","log":"an error","level":"error","duration":null,"visible":true,"title":"Error"}',
        [Notice("an error", "error", "Error")],
    ),
    (
        "all: a notice that the Space keeps from its users",
        '{"msg":"log","event_id":"456c1c25cf094d878c88c03c4a30dab4","log":"psst","level":"info","duration":10.0,"visible":false,"title":"Info"}',
        [],
    ),
    (
        "5.20.1, 5.50.0: gr.Error before any output",
        '{"msg":"process_completed","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"error":"You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 0:05:00","duration":7,"visible":true,"title":"ZeroGPU quota exceeded"},"success":false,"title":"ZeroGPU quota exceeded"}',
        [Failed(QUOTA, "ZeroGPU quota exceeded")],
    ),
    (
        "6.31.0: gr.Error in the middle of the answer",
        '{"msg":"process_completed","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"error":"You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 0:05:00","duration":7,"visible":true,"title":"ZeroGPU quota exceeded"},"success":false,"title":null,"used_cache":null,"cache_duration":7.0,"avg_time":null}',
        [Failed(QUOTA, "ZeroGPU quota exceeded")],
    ),
    (
        "5.20.1, 5.50.0: an exception, shown",
        '{"msg":"process_completed","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"error":"internal secret path /home/user/x"},"success":false,"title":"Error"}',
        [Failed("internal secret path /home/user/x", "Error")],
    ),
    (
        "6.31.0: an exception in the middle of the answer, shown",
        '{"msg":"process_completed","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"error":"boom <b>","visible":true},"success":false,"title":null,"used_cache":null,"cache_duration":null,"avg_time":null}',
        [Failed("boom", None)],
    ),
    (
        "all: an exception, hidden",
        '{"msg":"process_completed","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"error":null},"success":false,"title":"Error"}',
        [Failed(None, "Error")],
    ),
    (
        "none yet: a step that failed",
        '{"msg":"process_generating","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{"error":"boom"},"success":false}',
        [Failed("boom", None)],
    ),
    (
        "all: cancelled",
        '{"msg":"process_completed","event_id":"456c1c25cf094d878c88c03c4a30dab4","output":{},"success":true,"title":null}',
        [Cancelled()],
    ),
    ("all: heartbeat", '{"msg":"heartbeat","event_id":null}', [Heartbeat()]),
    ("all: the stream's end", '{"msg":"close_stream","event_id":null}', []),
    (
        "5.20.1: unknown session",
        '{"msg":"unexpected_error","event_id":null,"message":"404: Session not found.","success":false}',
        [SessionLost("404: Session not found.")],
    ),
    (
        "5.38 and later: unknown session",
        '{"msg":"unexpected_error","event_id":null,"message":"404: Not Found","session_not_found":true,"success":false}',
        [SessionLost("404: Not Found")],
    ),
    ("none yet: no reason", '{"msg":"unexpected_error","event_id":null}', [SessionLost("no reason given")]),
    ("none yet: a new kind of message", '{"msg":"telepathy","event_id":null,"thought":1}', []),
    (
        "all: another job on the same session",
        '{"msg":"process_completed","event_id":"90f8c6bd470a4b4e9eb25ad38f930cd4","output":{"data":["x"]},"success":true,"title":null}',
        [],
    ),
]


def read(lines: Sequence[str]) -> list[WireEvent]:
    """All that one reader tells."""
    reader = QueueReader(JOB)
    return [event for line in lines for event in reader.read(line)]


def answer(event: WireEvent) -> Any:
    """The content of the assistant's entry in a snapshot."""
    assert isinstance(event, Snapshot | Finished)
    return event.data[0][1]["content"]


@pytest.mark.parametrize("version", RECORDED)
def test_a_recorded_turn_reads_the_same_on_all_versions(version: str) -> None:
    """Full values, then edits, then full values again: each snapshot holds the answer as it stood."""
    queued, started, notice, *snapshots, finished = read(RECORDED[version].split("\n"))

    assert queued == Queued(0, 1, None)
    assert started == Started(None)
    assert notice == Notice("a warning", "warning", "Heed")
    assert all(isinstance(event, Snapshot) for event in snapshots)
    assert isinstance(finished, Finished)
    texts = ["Hello", "Hello\u2028 wörld 🌍", "Hello\u2028 wörld 🌍", "Hello\u2028 wörld 🌍"]
    events = [answer(event) for event in (*snapshots, finished)]
    assert events == (texts if version < "6" else [[{"text": text, "type": "text"}] for text in texts])


@pytest.mark.parametrize(("version", "line", "events"), MESSAGES)
@pytest.mark.parametrize("encode", [str, str.encode])
def test_each_message_tells_what_it_says(
    version: str, line: str, events: list[WireEvent], encode: Any
) -> None:
    """A message, as text or bytes, becomes the event it stands for, or none where it tells nothing."""
    assert QueueReader(JOB).read(encode(line)) == events, version


@pytest.mark.parametrize(
    "line",
    [
        "",
        "not JSON",
        '{"msg":"estimation"',
        b"\xff\xfe",
        "[]",
        "null",
        '"heartbeat"',
        "{}",
        '{"event_id":null}',
        '{"msg":"estimation","event_id":null}',
        '{"msg":"estimation","event_id":null,"rank":"first","queue_size":1}',
        '{"msg":"process_completed","event_id":null}',
        '{"msg":"process_completed","event_id":null,"output":{"data":"text"},"success":true}',
        '{"msg":"process_completed","event_id":{},"output":{"data":[]},"success":true}',
        '{"msg":"process_generating","event_id":null,"output":[],"success":true}',
        '{"msg":"log","event_id":null}',
        '{"msg":"log","event_id":null,"log":"x","title":{}}',
        '{"msg":"log","event_id":null,"log":"x","level":[]}',
        '{"msg":"estimation","event_id":null,"rank":NaN,"queue_size":1}',
        '{"msg":"process_starts","event_id":null,"eta":1e999}',
        '{"msg":"estimation","event_id":null,"rank":%s,"queue_size":1}' % ("9" * 5_000),
    ],
)
def test_what_gradio_does_not_send_is_refused(line: str | bytes) -> None:
    """A line that is no JSON, or has not the shape of its kind, is an error with a name and a short text."""
    with pytest.raises(UnexpectedAnswer, match="not as Gradio writes it") as refused:
        QueueReader(JOB).read(line)

    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize(
    "edits",
    [
        "[]",
        "[[]]",
        "[[],[],[]]",
        '[[["append",[0,"content"],"x"]],null]',
        '[[["append",[9,"content"],"x"]],[]]',
        '[[["explode",[0,"content"],"x"]],[]]',
    ],
)
def test_edits_that_do_not_fit_wait_for_the_end(edits: str) -> None:
    """Edits of what is not there yield no wrong answer and no error: the end brings the answer in full."""
    generating = '{"msg":"process_generating","event_id":null,"output":{"data":%s},"success":true}'
    reader = QueueReader(JOB)
    reader.read(generating % '[[{"role":"assistant","content":"Hello"}],null]')

    fitting = '[[["append",[0,"content"],"x"]],[]]'
    assert reader.read(generating % edits) == [Heartbeat()]
    assert reader.read(generating % fitting) == [Heartbeat()]
    completed = (
        '{"msg":"process_completed","event_id":null,"output":{"data":[["whole"],null]},"success":true}'
    )
    assert reader.read(completed) == [Finished([["whole"], None])]


def test_a_snapshot_stays_as_it_was_told() -> None:
    """A snapshot handed out is not changed by the edits that come after it."""
    snapshots = [event for event in read(RECORDED["6.31.0"].split("\n")) if isinstance(event, Snapshot)]

    assert answer(snapshots[0]) == [{"text": "Hello", "type": "text"}]


def test_nothing_comes_between_two_jobs() -> None:
    """Another job's snapshots on the same session do not mix with this job's edits."""
    lines = RECORDED["5.50.0"].split("\n")
    others = [line.replace(JOB, "another") for line in lines]

    mixed = [line for pair in zip(others, lines, strict=True) for line in pair]

    assert read(mixed) == read(lines)


class Chunks(httpx.SyncByteStream):
    """A stream that arrives cut as given."""

    def __init__(self, whole: bytes, cuts: Sequence[int]) -> None:
        """Cuts a stream at these places."""
        self._edges = [0, *sorted(cut % len(whole) for cut in cuts), len(whole)]
        self._whole = whole

    def __iter__(self) -> Iterator[bytes]:
        """The pieces."""
        for start, end in zip(self._edges, self._edges[1:], strict=False):
            yield self._whole[start:end]


@settings(max_examples=50)
@given(
    version=st.sampled_from(sorted(RECORDED)),
    cuts=st.lists(st.integers(0, 10_000), max_size=40),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_a_stream_reads_the_same_however_it_is_cut(version: str, cuts: list[int], newline: str) -> None:
    """Pieces may end anywhere, within a character too; U+2028, a line's end to some readers, is text."""
    lines = RECORDED[version].split("\n")
    stream = "".join(f"data: {line}{newline}{newline}" for line in lines).encode()
    response = httpx.Response(
        200, headers={"content-type": "text/event-stream; charset=utf-8"}, stream=Chunks(stream, cuts)
    )

    received = [event.data for event in EventSource(response).iter_sse()]

    assert received == lines
    assert read(received) == read(lines)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
fields = st.sampled_from(
    [
        "event_id",
        "rank",
        "queue_size",
        "eta",
        "output",
        "success",
        "title",
        "log",
        "visible",
        "progress_data",
        "message",
    ]
)
kinds = st.sampled_from(
    [
        "estimation",
        "process_starts",
        "progress",
        "log",
        "process_generating",
        "process_completed",
        "unexpected_error",
        "heartbeat",
    ]
)


@settings(deadline=None)
@given(st.builds(lambda kind, rest: {**rest, "msg": kind}, kinds, st.dictionaries(fields, json_values)))
def test_any_message_is_read_or_refused(message: dict[str, Any]) -> None:
    """Whatever a server puts into a message, it is an event, nothing, or UnexpectedAnswer; never a crash."""
    try:
        events = QueueReader(JOB).read(json.dumps(message))
    except UnexpectedAnswer:
        return

    assert len(events) <= 1


def test_bodies_are_as_the_server_takes_them() -> None:
    """The bodies of a call and of a cancel have the fields of Gradio's models, the data as a list."""
    assert call_body(10, ("a", None), "session", 8) == {
        "data": ["a", None],
        "event_data": None,
        "fn_index": 10,
        "trigger_id": 8,
        "session_hash": "session",
    }
    assert cancel_body(11, "session", JOB) == {"fn_index": 11, "session_hash": "session", "event_id": JOB}


def test_an_uploaded_file_says_that_it_is_one() -> None:
    """Without `meta` the server takes a file for any other dict."""
    assert file_data("/data/x.png", name="x.png", mime_type="image/png", size=3) == {
        "path": "/data/x.png",
        "orig_name": "x.png",
        "mime_type": "image/png",
        "size": 3,
        "meta": {"_type": "gradio.FileData"},
    }
