"""An answer, read chunk by chunk."""

from __future__ import annotations

import json

import pytest

from phi4_server.model import End, Usage
from phi4_server.upstream.answer import DONE, AnswerReader
from phi4_server.upstream.errors import ErrorReader, UpstreamFailure

ERRORS = ErrorReader(host="engine:8000")


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
        ('{"choices": [{"delta": {"content": "\\ud800"}}]}', "Invalid JSON"),
        ('{"usage": {"prompt_tokens": -1, "completion_tokens": 1}}', "greater than or equal to 0"),
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
        ("x" * 500, "x" * 200),
    ],
)
def test_the_models_name_shows_no_path(model: str, shown: str) -> None:
    """Engines call a model by its path on their disk, which is not for strangers."""
    assert read(json.dumps({"model": model}), chunk({"content": "a"}, finish="stop"))[1].model == shown
