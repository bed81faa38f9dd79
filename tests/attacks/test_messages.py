"""Anything at all as JSON of a Space, or in a file: our events come of it, or our errors, and no others.

Numbers that are none, halves of surrogate pairs, numbers without end, dicts where words should be, and nests.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scripted import URL, ScriptedSpace, Stream, chat, completed, config, events, generating, job, whole

import phi4_space as p4
from phi4_space._gradio.choice import choose
from phi4_space._gradio.config import to_config
from phi4_space._gradio.contract import Submission
from phi4_space._gradio.messages import answer_in_chat, answer_in_output
from phi4_space._gradio.queue import Failed, Finished, QueueReader, Snapshot, WireEvent
from phi4_space._json import parse
from phi4_space._limits import Limits
from phi4_space._net.error_mapping import from_handler, from_response, label, strip_markup
from phi4_space._turn.request import LoadedTurn
from phi4_space._turns import File

pytestmark = pytest.mark.usefixtures("no_waiting")

LIMITS = Limits()
quick = settings(max_examples=100)

characters = st.characters(codec="utf-8") | st.sampled_from("\ud800\udfff\0\x1b\u202e\u2028<>&")
texts = st.text(characters, max_size=8)
numbers = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 2**64, 1e308])
leaves = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
NESTS = [json.loads("[" * 90 + "]" * 90), json.loads('{"a":' * 150 + "1" + "}" * 150)]
odd = values | st.sampled_from(NESTS)


def spoilt(shape: Any) -> st.SearchStrategy[Any]:
    """A value of this shape in which anything may stand in the place of anything, or be left out."""
    whole_one: st.SearchStrategy[Any]
    if isinstance(shape, dict):
        parts = {key: spoilt(part) | st.just(...) for key, part in shape.items()}
        whole_one = st.fixed_dictionaries(parts).map(
            lambda fields: {key: part for key, part in fields.items() if part is not ...}
        )
    elif isinstance(shape, list):
        whole_one = st.tuples(*map(spoilt, shape)).map(list)
    else:
        whole_one = st.just(shape)
    return st.one_of(st.just(shape), whole_one, odd)


EDIT = ["append", [1, "content", 0, "text"], "x"]
MESSAGES = [
    job(msg="estimation", rank=0, queue_size=1, rank_eta=1.5),
    job(msg="process_starts", eta=1.5),
    job(msg="progress", progress_data=[{"index": 1, "length": 2, "unit": "s", "progress": 0.5, "desc": "x"}]),
    job(msg="log", log="hello", level="info", title="Info", visible=True),
    generating("Hello"),
    job(msg="process_generating", output={"data": [[EDIT], []]}, success=True),
    job(msg="process_generating", output={"error": "boom", "title": "Error"}, success=False),
    completed("Hello"),
    job(msg="process_completed", output={"error": "boom"}, success=False, title="Error"),
    job(msg="unexpected_error", message="404"),
    {"msg": "heartbeat", "event_id": None},
]  # fmt: skip
messages = st.sampled_from(MESSAGES).flatmap(spoilt)


def read(lines: Sequence[str]) -> list[WireEvent]:
    """What a reader tells until it refuses to read on."""
    reader = QueueReader("event")
    events: list[WireEvent] = []
    with contextlib.suppress(p4.Phi4Error):
        for line in lines:
            events += reader.read(line)
    return events


@quick
@example(
    [
        generating("x"),
        job(
            msg="process_generating", output={"data": [[["append", [1, "content", 0, "text"], "\ud800"]], []]}
        ),
    ]
)
@given(st.lists(messages, max_size=4))
def test_any_message_of_the_queue(stream: list[Any]) -> None:
    """What a reader tells is of the kinds it says, and can be written down and sent back."""
    for event in read([json.dumps(message) for message in stream]):
        match event:
            case p4.Notice(text, level, title):
                assert level in {"info", "warning", "success", "error"}
                assert is_clean(text)
                assert is_clean(title or "")
            case p4.Progress():
                assert is_clean(event.unit + (event.description or ""))
            case Failed(text, title):
                assert is_clean((text or "") + (title or ""))
                assert isinstance(from_handler(text, title), p4.Phi4Error)
            case Snapshot(data) | Finished(data):
                json.dumps([*data], ensure_ascii=False, allow_nan=False).encode()
                first = data[0] if data else None
                assert isinstance(answer_in_output(first).text, str | None)
                assert isinstance(answer_in_chat(first if isinstance(first, list) else []).text, str | None)


class Lines(Stream):
    """A stream whose messages may hold what JSON has no words for."""

    async def __aiter__(self) -> Any:
        """Sends them, as Python writes them."""
        for part in self.parts:
            yield b"data: " + json.dumps(part).encode() + b"\n\n"


@settings(max_examples=40)
@example([completed("\ud800")])
@example([completed("x"), {"msg": "log", "event_id": "event", "log": "x", "title": {}}])
@given(st.lists(messages, max_size=3))
def test_any_stream_of_a_turn(stream: list[Any]) -> None:
    """A turn ends in a reply or in our error; a conversation can be saved, read and gone on with after it."""
    response = httpx.Response(
        200, headers={"content-type": "text/event-stream"}, stream=Lines([*stream, completed("end")])
    )
    space = ScriptedSpace({"data": [response, events(*whole("again"))]})

    async def talk() -> None:
        async with p4.SpaceClient(URL, max_retries=0, environment=p4.Environment(transport=space)) as client:
            conversation = client.conversation()
            with contextlib.suppress(p4.Phi4Error):
                async for event in conversation.astream("hi"):
                    assert str(event)
            saved = p4.Conversation.from_json(conversation.to_json(), space=client)
            assert (await saved.areply("and now?")).text == "again"

    asyncio.run(talk())


@quick
@given(spoilt(config()))
def test_any_config(config_json: Any) -> None:
    """A contract comes of it, or an error that says in short what is missing."""
    try:
        read_config = to_config(parse(json.dumps(config_json), LIMITS))
        contract = choose(read_config, space=URL)
    except (p4.Phi4Error, ValueError):
        return

    filing = contract.first(Submission("hi"))
    assert filing is not None
    json.dumps([filing.data, contract.ask([], {}).data], allow_nan=False)
    assert is_clean(read_config.gradio_version)
    outputs: list[list[Any]] = [[], [[]], [chat("x"), None], [{"value": chat("x")}, None]]
    for data in outputs:
        with contextlib.suppress(p4.UnexpectedAnswer):
            assert contract.read(data).text in {"x", None}


def test_a_config_of_many_names_is_told_in_short() -> None:
    """As is one whose names are long, or would do something to a terminal."""
    names = [f"\x1b[2J<b>name{number}" + "x" * 10_000 for number in range(3_000)]
    payload = config(dependencies=[{"id": number, "api_name": name} for number, name in enumerate(names)])

    with pytest.raises(p4.ContractNotMet) as refused:
        choose(to_config(payload), space=URL)

    assert len(str(refused.value)) < 3_000
    assert len(refused.value.found) <= 20
    assert all(is_clean(name) and len(name) < 200 for name in refused.value.found)


@pytest.mark.parametrize(
    "payload",
    [
        config(components=[{"id": "x"}] * 30_000),
        config(dependencies=[{"id": "x" * 1_000}] * 30_000),
        config(dependencies=["x" * 8_000_000]),
        config(version=["x" * 8_000_000]),
    ],
)
def test_a_config_with_many_faults_is_told_in_short(payload: Any) -> None:
    """The first is told, and nothing of what was sent."""
    with pytest.raises(p4.UnexpectedAnswer) as refused:
        to_config(payload)

    assert len(str(refused.value)) < 1_000
    assert "xxx" not in str(refused.value)
    assert str(refused.value.__cause__).count("\n") < 10


statuses = st.sampled_from([400, 401, 403, 404, 413, 422, 429, 500, 502, 503, 504, 599])
bodies = st.one_of(
    spoilt({"detail": {"error": "x", "auth_message": None}}),
    spoilt({"detail": [{"type": "missing", "loc": ["body"], "msg": "Field required"}]}),
    spoilt({"error": "You have exceeded your GPU quota (60s requested vs. 0s left)", "title": "Error"}),
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "content-type": st.sampled_from(["text/html", "application/json", "text/plain; charset=x", "\xff"]),
        "x-error-message": texts,
        "retry-after": st.sampled_from(["1", "9" * 400, "-1", "nan", "", "1e9", "\u0661"]),
    },
)  # fmt: skip


@quick
@example(500, {"error": "x", "title": {"a": 1}}, {})
@example(500, {"error": ["x" * 2_000_000], "title": "t" * 2_000_000}, {})
@example(413, {"detail": "maximum allowed size of " + "9" * 5_000 + " bytes"}, {})
@given(statuses, bodies, headers)
def test_any_body_of_an_error(status: int, body: Any, headers: dict[str, str]) -> None:
    """It becomes an error with few and clean words, whatever its headers say."""
    for content in (
        json.dumps(body).encode(),
        json.dumps(body, ensure_ascii=False).encode("utf-8", "replace"),
        b"\xff",
    ):
        error = from_response(status, content, headers)

        assert error.status == status
        assert len(str(error)) < 1_500
        assert is_clean(error.what)
        assert error.retry_after is None or 1 <= error.retry_after < 1e10
        if isinstance(error, p4.SpaceError):
            assert is_clean(error.title or "")
            assert len(error.title or "") < 200


SAVED = {
    "format": "phi4-space conversation 1",
    "space": URL,
    "session_hash": "session",
    "app_id": 1,
    "history": chat("x"),
    "turns": [
        {
            "role": "user",
            "text": "hi",
            "files": [{"name": "a.png", "mime_type": "image/png", "data": "iVBORw0KGgo="}],
            "offsets": [1],
        },
        {
            "role": "assistant",
            "text": "x",
            "tool_calls": [{"id": "1", "name": "f", "arguments": {"a": 1}}],
            "tool_call_id": None,
            "name": None,
        },
    ],
}


@quick
@example({**SAVED, "history": [float("nan")]})
@example({**SAVED, "history": ["\ud800"]})
@example({**SAVED, "app_id": 10**400})
@given(spoilt(SAVED))
def test_any_saved_conversation(saved: Any) -> None:
    """It is read, and written again, or refused as none."""
    for text in (json.dumps(saved), json.dumps(saved, ensure_ascii=False)):
        with contextlib.suppress(p4.InvalidInput):
            conversation = p4.Conversation.from_json(text)
            assert p4.Conversation.from_json(conversation.to_json()).turns == conversation.turns


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        json.dumps({**SAVED, "history": [float("nan")]}),
        json.dumps({**SAVED, "turns": [{"role": 1}] * 50_000}),
        json.dumps({**SAVED, "turns": "x" * 5_000_000}),
        json.dumps({**SAVED, "space": 1, "history": "x" * 5_000_000}),
        '{"space": ' + "9" * 100_000 + "}",
        b"\xff\xfe",
        None,
        7,
    ],
)
def test_a_file_that_is_no_conversation_is_told_in_short(text: Any) -> None:
    """Whatever is in it, or if it is none."""
    with pytest.raises(p4.InvalidConversation) as refused:
        p4.Conversation.from_json(text)

    assert len(str(refused.value)) < 1_000


def test_what_was_said_with_halves_of_pairs_can_be_saved() -> None:
    """The halves are replaced, as they are when they are sent."""

    async def talk() -> p4.Conversation:
        async with p4.SpaceClient(URL, environment=p4.Environment(transport=ScriptedSpace())) as client:
            conversation = client.conversation(system="Be \ud800 kind")
            result = p4.Turn(role="tool", text="\udfff", tool_call_id="\ud800", name="f")
            await conversation.areply([p4.Turn(role="user", text="hi \ud83d\ude00 \ud83d"), result])
            return conversation

    conversation = asyncio.run(talk())

    read_back = p4.Conversation.from_json(conversation.to_json())
    assert [turn.text for turn in read_back.turns][:3] == ["Be \ufffd kind", "hi \U0001f600 \ufffd", "\ufffd"]


def test_media_keep_their_places_where_pairs_are_joined() -> None:
    """A pair of halves becomes one character, and what stands behind it moves by one."""
    conversation = p4.SpaceClient(URL).conversation()
    picture = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
    turn = p4.Turn.of("user", "\ud83d\ude00 A ", p4.Media(picture), " cat \ud83d")
    conversation._rest((LoadedTurn(turn, (File("a.png", "image/png", picture),)),))  # see above

    (saved,) = p4.Conversation.from_json(conversation.to_json()).turns

    assert [part for part in saved.parts if isinstance(part, str)] == ["\U0001f600 A ", " cat \ufffd"]


@pytest.mark.parametrize(
    ("odd_turn", "why"),
    [
        (
            p4.Turn(role="assistant", tool_calls=(p4.ToolCall("1", "f", {"x": {1}}),)),
            "set is not a JSON type",
        ),
        (
            p4.Turn(role="assistant", tool_calls=(p4.ToolCall("1", "f", {"x": math.nan}),)),
            "not JSON compliant",
        ),
        (p4.Turn(role="system", text=5), "'int' object"),  # type: ignore[arg-type]  # a caller's
        (p4.Turn(role="nobody"), "Input should be"),  # type: ignore[arg-type]  # a caller's
    ],
)
def test_a_conversation_that_json_cannot_hold_says_so(odd_turn: p4.Turn, why: str) -> None:
    """Should something else have come into it."""
    conversation = p4.SpaceClient(URL).conversation()
    conversation._rest((LoadedTurn(odd_turn),))  # see above

    with pytest.raises(p4.InvalidConversation, match=f"(?s)cannot be written as JSON: .*{why}"):
        conversation.to_json()


# --- What is shown --------------------------------------------------------------------------------------

TAG = re.compile(r"</?[a-z!][^<>]*>", re.IGNORECASE)
DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def is_clean(text: str) -> bool:
    """Whether a text has no tag, no control but line breaks and tabs, none of direction, and can be sent."""
    return not TAG.search(text) and not any(
        (unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t")
        or unicodedata.bidirectional(character) in DIRECTIONS
        or character in "\u200e\u200f\u061c"
        for character in text
    )


layers = st.lists(
    st.sampled_from(
        [
            *("<b>", "<", ">", "</", "script", "&", "amp;", "lt;", "gt;", "&lt;", "&#60;", "&#x3c;", "&#27;"),
            *(
                "Traceback (most recent call last)",
                "Traceback (most recent",
                " call last)",
                ":\n",
                "\n| ",
                "+-",
            ),
            *("\x1b", "\x00", "\x9b", "\u202e", "\u2066", "\u200f", "\ud800", "…", "x" * 300, " ", "b>"),
        ]
    )
    | texts,
    max_size=14,
).map("".join)


@settings(max_examples=500)
@example("&lt;script&gt;alert(1)&lt;/script&gt;")
@example("&amp;lt;script&amp;gt;")
@example("<<b>script>")
@example("<\x00b>")
@example("<\u202eb>")
@example("&" + "amp;" * 40 + "lt;b&gt;")
@example("<b" * 30 + ">" * 30)
@example("Traceback (most Traceback (most recent call last)\nrecent call last)")
@example("x" * 599 + "&lt;b>")
@example("x" * 5_000 + "<b>")
@given(layers)
def test_plain_text_is_plain(text: str) -> None:
    """No markup comes through in however many layers it was wrapped; and what is plain stays as it is."""
    result = strip_markup(text)

    assert is_clean(result)
    assert strip_markup(result) == result
    assert len(result) <= 601
    assert "Traceback (most recent call last)" not in result


@given(layers)
def test_labels_stand_in_a_line(text: str) -> None:
    """As do titles, units and descriptions."""
    result = label(text) or ""

    assert result == " ".join(result.split())
    assert is_clean(result)
    assert len(result) <= 101
    assert (label(result) or "") == result


@pytest.mark.parametrize(
    ("sent", "event"),
    [
        (job(msg="log", log="&lt;script&gt;x", level="info", title="<b>T\x1b[2J\nx"),
         p4.Notice("x", "info", "T[2J x")),
        (job(msg="log", log="x", level="\x1b[31m", title=""), p4.Notice("x", "info", None)),
        (job(msg="log", log="x" * 9_999, level="error" * 99, title="t" * 9_999),
         p4.Notice("x" * 600 + "…", "info", "t" * 100 + "…")),
        (job(msg="progress", progress_data=[{"unit": "<b>\u202e", "desc": "\x1b]0;x\x07"}]),
         p4.Progress(unit="steps", description="]0;x")),
    ],
)  # fmt: skip
def test_all_words_of_a_notice_are_clean(sent: Any, event: WireEvent) -> None:
    """Its title, its level, and those of progress, as well as its text."""
    assert QueueReader("event").read(json.dumps(sent)) == [event]
