"""A third party vouches for OpenAI's API: its own client, used as public code uses it."""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any, cast

import httpx
import httpx2
import media
import openai
import pytest
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel
from servers import ROOT

from phi4_server import embedded_space, running_space
from phi4_server.scripted import Script

WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
TIME: ChatCompletionToolParam = {
    "type": "function",
    "function": {"name": "get_time", "description": "The time now", "parameters": {}},
}
ASKED: ChatCompletionMessageParam = {"role": "user", "content": "What is the weather in Lima?"}
WHO: ChatCompletionMessageParam = {"role": "user", "content": "Who are you?"}


def data_uri(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def seen(text: str, *uris: str) -> ChatCompletionMessageParam:
    """A question about images."""
    images = [{"type": "image_url", "image_url": {"url": uri}} for uri in uris]
    content = cast("Any", [{"type": "text", "text": text}, *images])
    return {"role": "user", "content": content}


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The offline model, on each Gradio."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("PYTHONPATH", str(ROOT))
        command = [getattr(request, "param", sys.executable), "-m", "phi4_server", "--openai-api"]
        yield stack.enter_context(running_space(command))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs the tests of the offline model on each Gradio that was asked for."""
    if "url" in metafunc.fixturenames:
        pythons = [choice.partition("=")[2] for choice in metafunc.config.getoption("gradio")]
        if pythons:
            metafunc.parametrize("url", pythons, indirect=True, scope="module")


def connect(url: str, key: str = "unused") -> openai.OpenAI:
    """A client that tries once, and uses no proxy."""
    http = httpx2.Client(trust_env=False)
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, http_client=http)


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    with connect(url) as client:
        yield client


def ask(client: openai.OpenAI, *messages: ChatCompletionMessageParam, **options: Any) -> Any:
    return client.chat.completions.create(model="phi-4", messages=messages, **options)


def text_of(completion: Any) -> str:
    return str(completion.choices[0].message.content)


def joined(chunks: Sequence[ChatCompletionChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@contextmanager
def scripted(script: Script, *options: str) -> Iterator[openai.OpenAI]:
    """A client of a model that answers from a script."""
    with (
        embedded_space(script=script, options=["--openai-api", *options]) as url,
        connect(url) as client,
    ):
        yield client


pytestmark = pytest.mark.loopback


# Text


def test_text(client: openai.OpenAI) -> None:
    """A question is answered; words count as tokens, under a name that says so."""
    completion = ask(client, WHO)
    assert text_of(completion).startswith("I am the offline model")
    assert completion.choices[0].finish_reason == "stop"
    assert (completion.object, completion.model) == ("chat.completion", "Offline-model")
    assert completion.usage.prompt_tokens == 3
    assert completion.usage.completion_tokens == len(text_of(completion).split())
    assert completion.system_fingerprint == "offline model (tokens are words)"


def test_streamed(client: openai.OpenAI) -> None:
    """In pieces it is the same answer; the first names the role, and the last ones the end and the usage."""
    first, *chunks, end, usage = ask(client, WHO, stream=True, stream_options={"include_usage": True})
    assert first.choices[0].delta.role == "assistant"
    assert len(chunks) > 10
    assert joined(chunks) == text_of(ask(client, WHO))
    assert (end.choices[0].finish_reason, end.choices[0].delta.content) == ("stop", None)
    assert (usage.choices, usage.usage.total_tokens) == ([], usage.usage.completion_tokens + 3)
    assert len({chunk.id for chunk in [first, *chunks, end, usage]}) == 1


def test_usage_is_not_sent_unasked(client: openai.OpenAI) -> None:
    """Programs that do not ask for a chunk without choices get none."""
    assert all(chunk.choices and chunk.usage is None for chunk in ask(client, WHO, stream=True))


@pytest.mark.anyio
async def test_async(url: str) -> None:
    """The asynchronous client has the same."""
    async with openai.AsyncOpenAI(
        base_url=f"{url}/v1", api_key="x", http_client=httpx2.AsyncClient(trust_env=False)
    ) as client:
        whole = await client.chat.completions.create(model="x", messages=[WHO])
        chunks = [
            chunk
            async for chunk in await client.chat.completions.create(model="x", messages=[WHO], stream=True)
        ]
    assert joined(chunks) == text_of(whole)


def test_roles_and_history(client: openai.OpenAI) -> None:
    """What the system and earlier turns say is known."""
    chat: list[ChatCompletionMessageParam] = [
        {"role": "system", "content": "The library closes at six."},
        {"role": "user", "content": "My name is Ada."},
        {"role": "assistant", "content": "Hello, Ada."},
    ]
    assert "Ada" in text_of(ask(client, *chat, {"role": "user", "content": "What is my name?"}))
    assert "six" in text_of(ask(client, *chat, {"role": "user", "content": "When does the library close?"}))


def test_options(client: openai.OpenAI) -> None:
    """An answer ends where it has to, or before a stop string; what makes no difference may come."""
    short = ask(client, WHO, max_tokens=4, temperature=0.0, top_p=0.5, seed=1, user="ada", store=False)
    assert (text_of(short).strip(), short.choices[0].finish_reason) == ("I am the offline", "length")
    assert text_of(ask(client, WHO, max_completion_tokens=2)).strip() == "I am"
    stopped = ask(client, WHO, stop=[" offline"], parallel_tool_calls=False, metadata={"a": "b"})
    assert (text_of(stopped), stopped.choices[0].finish_reason) == ("I am the", "stop")
    assert joined([*ask(client, WHO, stop=" offline", stream=True)]) == "I am the"


# Files


def test_images(client: openai.OpenAI) -> None:
    """Images come as data URIs, several in their order, also in earlier messages."""
    red, blue = data_uri(media.square(220, 40, 40)), data_uri(media.square(30, 60, 220))
    assert "red" in text_of(ask(client, seen("What colour is it?", red)))
    both = text_of(ask(client, seen("Describe these two images.", red, blue)))
    assert both.index("image1.png") < both.index("image2.png")
    later: list[ChatCompletionMessageParam] = [seen("Look.", red), {"role": "assistant", "content": "Yes."}]
    assert "red" in text_of(ask(client, *later, {"role": "user", "content": "What colour is the image?"}))


def test_audio(client: openai.OpenAI) -> None:
    """Audio comes in base64."""
    sound = {"data": base64.b64encode(media.tone(440)).decode(), "format": "wav"}
    content: Any = [
        {"type": "text", "text": "What do you hear?"},
        {"type": "input_audio", "input_audio": sound},
    ]
    assert "0.50 seconds" in text_of(ask(client, {"role": "user", "content": content}))
    streamed = ask(client, {"role": "user", "content": content}, stream=True)
    assert "0.50 seconds" in joined([*streamed])


# Tools and JSON


def test_a_tool_is_called_and_its_result_used(client: openai.OpenAI) -> None:
    """The model asks for the call; sent back with its result, it is answered in words."""
    called = ask(client, ASKED, tools=[WEATHER, TIME])
    message, reason = called.choices[0].message, called.choices[0].finish_reason
    (call,) = message.tool_calls
    assert (reason, message.content) == ("tool_calls", None)
    assert (call.type, call.function.name) == ("function", "get_weather")
    assert json.loads(call.function.arguments) == {"city": "Lima"}

    result: ChatCompletionMessageParam = {
        "role": "tool",
        "tool_call_id": call.id,
        "content": "14 degrees and fog",
    }
    answered = ask(client, ASKED, message.model_dump(exclude_none=True), result, tools=[WEATHER, TIME])
    assert "14 degrees" in text_of(answered)
    assert answered.choices[0].finish_reason == "stop"


def test_calls_are_streamed(client: openai.OpenAI) -> None:
    """As deltas with index, id, name and arguments, which the client's own helper puts together."""
    deltas = [
        call
        for chunk in ask(client, ASKED, tools=[WEATHER], stream=True)
        for call in chunk.choices[0].delta.tool_calls or ()
    ]
    assert deltas[0].index == 0
    assert deltas[0].id.startswith("call_")
    assert deltas[0].function.name == "get_weather"
    with client.chat.completions.stream(model="x", messages=[ASKED], tools=[WEATHER]) as stream:
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert calls
    (call,) = calls
    assert final.choices[0].finish_reason == "tool_calls"
    assert call.function.arguments == '{"city": "Lima"}'


def test_tool_choice(client: openai.OpenAI) -> None:
    """A tool may be forced by name, or any of them, or none."""
    chosen: Any = {"type": "function", "function": {"name": "get_time"}}
    forced = ask(client, ASKED, tools=[WEATHER, TIME], tool_choice=chosen)
    assert [call.function.name for call in forced.choices[0].message.tool_calls] == ["get_time"]
    some = ask(client, ASKED, tools=[WEATHER], tool_choice="required")
    assert [call.function.name for call in some.choices[0].message.tool_calls] == ["get_weather"]
    none = ask(client, ASKED, tools=[WEATHER], tool_choice="none")
    assert none.choices[0].message.tool_calls is None
    assert none.choices[0].finish_reason == "stop"


class Ferry(BaseModel):
    """What an answer shall be."""

    name: str
    berths: int


def test_json(client: openai.OpenAI) -> None:
    """An answer has the form of a schema, or is any object; the client's own parser reads it."""
    text: ChatCompletionMessageParam = {"role": "user", "content": "The name is Aurora. It has berths: 12."}
    parsed = client.chat.completions.parse(model="x", messages=[text], response_format=Ferry)
    assert parsed.choices[0].message.parsed == Ferry(name="Aurora", berths=12)
    anything = ask(client, text, response_format={"type": "json_object"})
    assert isinstance(json.loads(text_of(anything)), dict)


# Models


def test_models(client: openai.OpenAI) -> None:
    """The model is listed, and no other is; any name is answered."""
    (model,) = client.models.list().data
    assert (model.id, model.object) == ("Offline-model", "model")
    assert client.models.retrieve("Offline-model") == model
    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("gpt-x")
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")


# Errors


@pytest.mark.parametrize(
    ("wrong", "param", "text"),
    [
        ({"n": 2}, "n", "no n other than 1"),
        ({"logprobs": True}, "logprobs", "no logprobs"),
        ({"frequency_penalty": 0.5}, "frequency_penalty", "no frequency_penalty"),
        ({"logit_bias": {"1": 2}}, "logit_bias", "no logit_bias"),
        ({"modalities": ["text", "audio"]}, "modalities", "no modalities"),
        ({"functions": [{"name": "f"}]}, "functions", "no functions"),
        ({"messages": []}, "messages", "messages, one at least"),
        ({"messages": [{"role": "clown", "content": "hi"}]}, None, "messages[0].role"),
        ({"messages": [{"role": "user", "content": "  "}]}, None, "nothing to answer"),
        ({"temperature": -1}, None, "temperature"),
        ({"stop": [""]}, None, "stop[0]"),
        ({"tool_choice": "required"}, None, "no such tool is on offer"),
        ({"response_format": {"type": "grammar"}}, None, "response_format"),
        ({"messages": [seen("?", data_uri(b"GIF"))]}, None, "neither a picture"),
    ],
)
def test_what_is_wrong_is_named(
    wrong: dict[str, Any], param: str | None, text: str, client: openai.OpenAI
) -> None:
    """A request that would be answered otherwise than asked is refused, by the parameter where it is one."""
    request: Any = {"messages": [WHO], **wrong}
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(model="x", stream=stream, **request)
        assert (refused.value.param, refused.value.type) == (param, "invalid_request_error")
        assert text in refused.value.message


def test_neutral_values_are_taken(client: openai.OpenAI) -> None:
    """What asks for nothing is not refused; programs send much of that."""
    nothing: Any = {
        "n": 1,
        "logprobs": False,
        "frequency_penalty": 0,
        "presence_penalty": 0.0,
        "logit_bias": {},
    }
    assert text_of(ask(client, WHO, **nothing, modalities=["text"], top_logprobs=None))


def test_an_error_of_the_model() -> None:
    """Before the first piece it has a status; after it, it ends the stream; a broken connection is one."""
    script: Script = [{"error": "no"}, {"text": "Half", "error": "no more"}, {"text": "Half", "cut": True}]
    with scripted(script) as client:
        with pytest.raises(openai.BadRequestError, match="no"):
            ask(client, WHO)
        chunks = []
        with pytest.raises(openai.APIError, match="no more"):
            chunks += ask(client, WHO, stream=True)
        with pytest.raises(openai.APIConnectionError):
            [*ask(client, WHO, stream=True)]


def test_text_and_calls_streamed_from_a_script() -> None:
    """Text comes as it is made, calls once they are whole; broken ones stay text."""
    calls: Any = [{"name": "get_weather", "arguments": {"city": city}} for city in ("Lima", "Quito")]
    broken = "<|tool_call|>[{]<|/tool_call|>"
    script: Script = [
        {"text": ["I ", "look. "], "tool_calls": calls, "pause": 0.3},
        {"text": [broken[:5], broken[5:]]},
    ]
    with scripted(script) as client:
        times, content, names = [], "", []
        for chunk in ask(client, ASKED, tools=[WEATHER], stream=True):
            times.append(time.monotonic())
            content += chunk.choices[0].delta.content or ""
            names += [(call.index, call.function.name) for call in chunk.choices[0].delta.tool_calls or ()]
        assert (content, names) == ("I look.", [(0, "get_weather"), (1, "get_weather")])
        assert max(after - before for before, after in pairwise(times)) > 0.2
        completion = ask(client, ASKED, tools=[WEATHER])
        assert (text_of(completion), completion.choices[0].finish_reason) == (broken, "stop")


def test_without_tools_a_marker_is_text() -> None:
    """Who offers no tools gets what the model writes."""
    with scripted([{"tool_calls": [{"name": "f", "arguments": {}}]}]) as client:
        assert text_of(ask(client, WHO)).startswith("<|tool_call|>")


def test_too_many_wait() -> None:
    """Who has too many waiting gets a 429; a stream that is left makes room."""
    slow: Script = [{"when": "slow", "text": ["a "] * 100, "pause": 0.2}, {"when": "fast", "text": "done"}]
    with scripted(slow, "--at-once", "1", "--max-queue", "1") as client, ThreadPoolExecutor() as pool:
        stream = ask(client, {"role": "user", "content": "slow"}, stream=True)
        next(iter(stream))
        waiting = pool.submit(ask, client, {"role": "user", "content": "fast"})
        time.sleep(0.5)
        with pytest.raises(openai.RateLimitError) as refused:
            ask(client, {"role": "user", "content": "fast"})
        assert int(refused.value.response.headers["retry-after"]) > 0
        assert not waiting.done()
        stream.close()
        assert text_of(waiting.result(10)) == "done"


def test_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a key, another one and none are refused, for lists and chats alike."""
    monkeypatch.setenv("PHI4_KEY", "sesame")
    options = ["--openai-api", "--api-key-env", "PHI4_KEY"]
    with embedded_space(options=options, variables=["PHI4_KEY"]) as url:
        with connect(url, "sesame") as client:
            assert text_of(ask(client, WHO))
            assert client.models.list().data
        for wrong in ("sesam", "sesame2", "Sesame", "é"):
            response = httpx.get(f"{url}/v1/models", headers=[(b"authorization", f"Bearer {wrong}".encode())])
            assert response.status_code == 401
        with connect(url, "open") as client:
            with pytest.raises(openai.AuthenticationError) as refused:
                ask(client, WHO)
            assert refused.value.code == "invalid_api_key"
            with pytest.raises(openai.AuthenticationError):
                client.models.list()
        assert httpx.get(f"{url}/v1/models").status_code == 401
        assert httpx.get(f"{url}/config").status_code == 200


def test_off_unless_asked_for() -> None:
    """A Space has no such paths by itself."""
    with embedded_space() as url:
        assert httpx.get(f"{url}/v1/models").status_code == 404
        assert httpx.post(f"{url}/v1/chat/completions", json={"messages": [WHO]}).status_code == 404
