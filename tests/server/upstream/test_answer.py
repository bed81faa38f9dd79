"""An answer, read chunk by chunk."""

from __future__ import annotations

import json

import pytest

from phi4_server.model import End, Usage
from phi4_server.upstream.answer import AnswerReader
from phi4_server.upstream.errors import ErrorReader, UpstreamFailure

DONE = "[DONE]"
ERRORS = ErrorReader(host="engine:8000", key="sk-sentinel-4f1d9c2b7a6e")


def chunk(delta: object = None, *, finish: str | None = None, **others: object) -> str:
    """A chunk's data."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **others}
    return json.dumps({"id": "c", "object": "chat.completion.chunk", "choices": [choice]})


def call(index: int = 0, name: str | None = None, arguments: str | None = None) -> dict[str, object]:
    """A delta with a part of a call."""
    return {"tool_calls": [{"index": index, "function": {"name": name, "arguments": arguments}}]}


def read(*events: str, stop: tuple[str, ...] = ()) -> tuple[str, End]:
    """The text and the end of an answer."""
    reader = AnswerReader(ERRORS, stop=stop)
    text = "".join([reader.feed(event) for event in events])
    return text + reader.rest(), reader.end()


@pytest.mark.parametrize(
    "empty",
    [
        chunk({"role": "assistant", "content": None}),
        chunk({"role": "assistant"}),
        chunk({}),
        chunk(None),
        chunk({"content": ""}),
        chunk({"content": None, "reasoning_content": "Hm.", "tool_calls": None}),
        '{"choices": []}',
        '{"choices": [null]}',
        '{"choices": null, "usage": null, "error": null}',
        '{"object": "ping"}',
    ],
)
def test_chunks_without_text_add_none(empty: str) -> None:
    """Null and missing content, no choice, and what a model thinks before it answers add nothing."""
    assert read(empty, chunk({"content": "a"}), empty, chunk({}, finish="stop"), empty, DONE)[0] == "a"


@pytest.mark.parametrize(
    ("finish", "expected"),
    [("stop", "stop"), ("length", "length"), ("tool_calls", "stop"), ("a new one", "stop")],
)
def test_finish_reasons(finish: str, expected: str) -> None:
    """An answer is cut off where it says so, and done otherwise."""
    assert read(chunk({"content": "a"}, finish=finish), DONE)[1].finish_reason == expected


def test_one_end_is_enough() -> None:
    """A finish reason ends an answer, and so does [DONE]; with neither it is not whole."""
    assert read(chunk({"content": "a"}), DONE) == ("a", End())
    assert read(chunk({"content": "a"}, finish="stop")) == ("a", End())
    with pytest.raises(UpstreamFailure, match="broke off"):
        read(chunk({"content": "a"}))


def test_a_filtered_answer_is_an_error() -> None:
    """An answer that a filter has cut is not taken for a whole one."""
    with pytest.raises(UpstreamFailure, match="content filter"):
        read(chunk({"content": "a"}, finish="content_filter"), DONE)


def test_the_stop_string_is_known_where_it_is_said() -> None:
    """An engine may say which it was; a token's number, or another string, is none of ours."""
    assert read(chunk({}, finish="stop", stop_reason="END"), stop=("END",))[1].stopped_by == "END"
    for other in ("<|end|>", 200020, None):
        assert read(chunk({}, finish="stop", stop_reason=other), stop=("END",))[1].stopped_by is None


def test_usage_needs_both_counts() -> None:
    """Half a count is none."""
    end = chunk({}, finish="stop")

    assert read(end, '{"usage": {"prompt_tokens": 1, "completion_tokens": 2}}')[1].usage == Usage(
        input_tokens=1, output_tokens=2
    )
    assert read(end, '{"usage": {"prompt_tokens": 1, "completion_tokens": null}}')[1].usage is None


@pytest.mark.parametrize(
    "counts",
    [
        *({"prompt_tokens": value, "completion_tokens": 2} for value in (-3, 3.5, "3", True, None, 2**53)),
        {"prompt_tokens": 10**40, "completion_tokens": 10**40},
        *("lots", [], [1], 5, {}),
    ],
)
def test_counts_that_are_none_cost_no_answer(counts: object) -> None:
    """The count is dropped, and the answer stays."""
    text, end = read(chunk({"content": "a"}), json.dumps({"usage": counts}), chunk({}, finish="stop"))

    assert (text, end) == ("a", End())


@pytest.mark.parametrize(
    "odd",
    [
        chunk({"content": "a"}, finish="stop", stop_reason=1.5),
        chunk({"content": "a"}, finish="stop", stop_reason={}),
        json.dumps({"model": 5, "choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}),
        json.dumps({"choices": [{"delta": {"content": "a"}, "finish_reason": 5}]}),
        '{"model": "\\ud800", "choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}',
    ],
)
def test_oddities_beside_the_text_cost_no_answer(odd: str) -> None:
    """What is known of the answer is left out where it is of another type."""
    assert read(odd) == ("a", End())


def test_one_answer_is_read() -> None:
    """Of several that come at the same time, the first."""
    both = [{"index": 1, "delta": {"content": "B"}}, {"index": 0, "delta": {"content": "A"}}]
    late = [{"index": 1, "delta": {"content": "B"}, "finish_reason": "length"}]

    text, end = read(
        json.dumps({"choices": both}), json.dumps({"choices": late}), chunk({"content": "a"}, finish="stop")
    )

    assert (text, end.finish_reason) == ("Aa", "stop")


def test_text_may_come_in_parts() -> None:
    """A list of parts is their text; parts of other kinds, such as thoughts, are left out."""
    parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "a"}, {"text": "b"}, "c"]

    assert read(chunk({"content": parts}, finish="stop"))[0] == "abc"


def test_half_a_character_is_passed_on() -> None:
    """One that is cut in two events is put together, as any model's is, by who reads this."""
    halves = ["a\ud83d", "\ude00b"]

    text, _ = read(*(chunk({"content": half}) for half in halves), DONE)

    assert text == "".join(halves)


def tool_calls(*calls: dict[str, object]) -> str:
    """A chunk with parts of calls."""
    return chunk({"tool_calls": [*calls]})


def written(*events: str) -> list[dict[str, object]]:
    """The calls in an answer."""
    text, _ = read(*events, DONE)
    calls: list[dict[str, object]] = json.loads(
        text.removeprefix("<|tool_call|>").removesuffix("<|/tool_call|>")
    )
    return calls


F = {"name": "f", "arguments": {"a": 1}}
G = {"name": "g", "arguments": {"b": 2}}


@pytest.mark.parametrize(
    "events",
    [
        [
            tool_calls(
                {"id": "x", "function": {"name": "f", "arguments": '{"a": 1}'}},
                {"id": "y", "function": {"name": "g", "arguments": '{"b": 2}'}},
            )
        ],
        [
            tool_calls({"id": "x", "function": {"name": "f", "arguments": ""}}),
            tool_calls({"index": None, "function": {"arguments": '{"a":'}}),
            tool_calls({"function": {"arguments": " 1}"}}),
            tool_calls({"id": "y", "function": {"name": "g", "arguments": '{"b": 2'}}),
            tool_calls({"id": "y", "function": {"arguments": "}"}}),
        ],
        [
            tool_calls({"function": {"name": "f", "arguments": '{"a": 1}'}}),
            tool_calls({"function": {"name": "g", "arguments": '{"b"'}}),
            tool_calls({"function": {"arguments": ": 2}"}}),
        ],
        [tool_calls({"index": 0, "function": F}, {"index": 1, "function": G})],
    ],
    ids=["ids", "ids at their beginning", "names", "objects"],
)
def test_calls_are_told_apart_without_an_index(events: list[str]) -> None:
    """By their ids, or by a name that begins another; arguments may be an object."""
    assert written(*events) == [F, G]


def test_half_a_character_in_a_call_is_replaced() -> None:
    """What cannot be encoded reaches nobody."""
    call_ = tool_calls({"index": 0, "function": {"name": "f", "arguments": '{"a": "\\ud83d\\ude00\\ud83d"}'}})

    assert written(call_) == [{"name": "f", "arguments": {"a": "\U0001f600\ufffd"}}]


def test_calls_are_written_as_phi4_writes_them() -> None:
    """Parts of calls are put together, and follow the text in one block."""
    text, end = read(
        chunk({"content": "Let me look."}),
        chunk(call(0, "get_weather", "")),
        chunk(call(0, None, '{"city": ')),
        chunk(call(1, "get_time", "{}")),
        chunk(call(0, None, '"Paris"}')),
        chunk({}, finish="tool_calls"),
        DONE,
    )

    assert text == (
        'Let me look.<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Paris"}}, '
        '{"name": "get_time", "arguments": {}}]<|/tool_call|>'
    )
    assert end.finish_reason == "stop"


def test_calls_hold_no_control_token() -> None:
    """What stands in arguments ends no block, and arguments that are no JSON are kept as they are."""
    text, _ = read(chunk(call(0, "f", '{"a": "<|/tool_call|>"}')), chunk(call(1, "g", "{")), DONE)

    assert text.count("<|") == 2
    calls = json.loads(text.removeprefix("<|tool_call|>").removesuffix("<|/tool_call|>"))
    assert calls == [
        {"name": "f", "arguments": {"a": "<|/tool_call|>"}},
        {"name": "g", "arguments": "{"},
    ]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("", "Invalid JSON"),
        ("[]", "Input should be an object"),
        (
            '{"choices": [{"delta": {"content": 5}}]}',
            r"choices\.0\.delta\.content: Input should be a valid string",
        ),
        ('{"choices": [{"delta": 5}]}', r"choices\.0\.delta: Input should be an object"),
        ('{"choices": [{"delta": {"content": [5]}}]}', "Input should be a valid string"),
        ('{"choices": [{"delta": {"content": ' + 5000 * "[" + 5000 * "]" + "}}]}", "an event|string"),
        (
            '{"object": "error", "message": "bad chat", "code": 400}',
            "refused the request .HTTP 400.: bad chat",
        ),
    ],
)
def test_garbage_is_an_error(event: str, reason: str) -> None:
    """The error says where it is wrong, and holds nothing of it."""
    with pytest.raises(UpstreamFailure, match=reason):
        read(event)


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("microsoft/Phi-4-multimodal-instruct", "microsoft/Phi-4-multimodal-instruct"),
        ("/srv/ada/models/phi-4", "phi-4"),
        ("C:\\models\\phi-4.gguf", "phi-4.gguf"),
        ("a\nb", "ab"),
        ("  a ", "a"),
        ("\n", None),
        ("phi-of-sk-sentinel-4f1d", None),
        ("phi-of-sk-\u200bsentinel-4f1d", None),
        ("x" * 500, "x" * 200),
    ],
)
def test_the_models_name_shows_no_path(model: str, shown: str | None) -> None:
    """Nor a part of the key: both are not for strangers."""
    assert read(json.dumps({"model": model}), chunk({"content": "a"}, finish="stop"))[1].model == shown
