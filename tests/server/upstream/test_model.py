"""An engine's answers as the Space's: streamed, counted, tried again, given up."""

from __future__ import annotations

import base64
import io
import logging
import threading
import time
import traceback
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import media
import pytest
from PIL import Image
from upstream import (
    DONE,
    EVENTS,
    Play,
    Upstream,
    answer,
    delta,
    event,
    finish,
    refusal,
    running_upstream,
    usage,
)

from phi4_server.media.normal_form import NormalFile, Normalizer
from phi4_server.media.scope import CURRENT
from phi4_server.model import ChatRequest, End, Message, ModelBusy, ModelFailed, Usage
from phi4_server.upstream.address import to_address
from phi4_server.upstream.model import UpstreamModel
from phi4_server.upstream.settings import Adapters, UpstreamSettings

pytestmark = [pytest.mark.loopback, pytest.mark.usefixtures("no_waiting")]
HI = ChatRequest(messages=(Message(role="user", text="hi"),))
NO_ADAPTERS = Adapters()
KEY = "sk-sentinel-4f1d9c2b7a6e"
Served = Callable[..., tuple[UpstreamModel, Upstream]]


@pytest.fixture
def served() -> Iterator[Served]:
    """A model in front of an engine that plays."""
    with ExitStack() as stack:

        def serve(
            *plays: Play,
            models: tuple[str, ...] = ("phi-4",),
            model: str | None = "phi-4",
            adapters: Adapters = NO_ADAPTERS,
            silence: float = 20.0,
        ) -> tuple[UpstreamModel, Upstream]:
            engine = stack.enter_context(running_upstream(*plays, models=models))
            settings = UpstreamSettings(
                address=to_address(engine.url), model=model, adapters=adapters, key=KEY, silence=silence
            )
            found = UpstreamModel(settings)
            stack.callback(found.close)
            return found, engine

        yield serve


def asked(model: UpstreamModel, request: ChatRequest = HI) -> tuple[str, End]:
    """The text and the end of an answer."""
    *pieces, end = model.complete(request)
    assert isinstance(end, End)
    return "".join(piece for piece in pieces if isinstance(piece, str)), end


def failed(model: UpstreamModel, request: ChatRequest = HI) -> ValueError:
    """The error that an answer ends with."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011  each test looks at it
        asked(model, request)
    return caught.value


def test_an_answer_is_streamed(served: Served) -> None:
    """The pieces come as they are sent, then its end; null content and a chunk without a choice are fine."""
    model, engine = served(answer("Hel", "lo."))

    assert [piece for piece in model.complete(HI) if piece] == [
        "Hel",
        "lo.",
        End(finish_reason="stop", usage=Usage(input_tokens=5, output_tokens=7), model="phi-4-mm"),
    ]
    assert engine.asked[0].path == "/v1/chat/completions"
    assert engine.asked[0].body == {
        "model": "phi-4",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_the_key_is_sent_and_nothing_else_of_the_environment(served: Served) -> None:
    """The engine gets the key as OpenAI's does; only Azure gets the header of its own."""
    model, engine = served(answer("."))

    asked(model)

    assert engine.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert engine.asked[0].headers.keys() == {
        *("host", "accept", "connection", "accept-encoding", "user-agent"),
        *("content-type", "content-length", "authorization"),
    }


def test_one_connection_serves_many_turns(served: Served) -> None:
    """Answers that are read to their end leave their connection to the next."""
    model, engine = served(answer("."))

    for _ in range(3):
        asked(model)

    assert (len(engine.asked), engine.connections) == (3, 1)


def test_pieces_come_while_the_engine_works(served: Served) -> None:
    """The first piece is there before the last is made; where nothing comes for long, empty ones do."""
    model, _ = served(Play([delta("a"), delta("b"), finish(), DONE], pause=1.2))
    pieces = model.complete(HI)
    began = time.monotonic()

    assert next(piece for piece in pieces if piece) == "a"
    assert time.monotonic() - began < 1
    assert next(pieces) == ""
    assert next(piece for piece in pieces if piece) == "b"


def test_an_answer_is_read_no_faster_than_it_is_taken(served: Served) -> None:
    """An engine that sends without end fills no memory while nobody asks for more."""
    sent = threading.Semaphore(0)

    def endless() -> Iterator[bytes]:
        while True:
            sent.release()
            yield delta("x" * 10_000)

    model, engine = served(Play(endless()))
    pieces = model.complete(HI)
    next(piece for piece in pieces if piece)
    time.sleep(0.5)
    count = sent._value
    time.sleep(0.5)
    assert sent._value - count < 20  # what fits the system's own buffers was sent at once
    assert not engine.left.is_set()

    pieces.close()
    assert engine.left.wait(10)


@pytest.mark.parametrize("chunks", [[], [delta("a")]], ids=["before the first text", "in its midst"])
def test_leaving_closes_the_engines_stream(served: Served, chunks: list[bytes]) -> None:
    """Whoever leaves frees the engine, whether text has come or not."""
    model, engine = served(Play(chunks, then="silence"))
    pieces = model.complete(HI)
    next(pieces)

    pieces.close()

    assert engine.left.wait(10)


def test_several_are_answered_at_the_same_time(served: Served) -> None:
    """Threads that ask the same model do not wait for each other."""
    model, _ = served(Play([delta("a"), delta("b"), finish(), DONE], pause=0.5))
    began = time.monotonic()
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(asked(model)[0])) for _ in range(6)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == ["ab"] * 6
    assert time.monotonic() - began < 5  # and not six times 1.5 s


def test_a_connection_that_is_left_open_holds_no_answer_up(served: Served) -> None:
    """After [DONE] nothing is waited for but the end of the response, and that not for long."""
    model, engine = served(Play([delta("a"), DONE], then="silence"))
    began = time.monotonic()

    assert asked(model)[0] == "a"
    assert time.monotonic() - began < 5
    assert engine.left.wait(10)


def test_an_answer_that_is_whole_stays_so(served: Served) -> None:
    """What becomes of the connection after [DONE] is of no concern."""
    model, engine = served(Play([delta("a"), DONE], then="cut"))

    assert asked(model)[0] == "a"
    assert len(engine.asked) == 1


def test_this_machine_is_asked_without_a_proxy(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's proxy, which may be anywhere, gets neither the key nor the chat."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    model, _ = served(answer("here"))

    assert asked(model)[0] == "here"


def test_azure_has_a_header_of_its_own() -> None:
    """Its hosts get the key in both, and their query stays."""
    sent: list[httpx.Request] = []

    def play(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, headers=EVENTS, stream=httpx.ByteStream(delta("here") + DONE))

    address = to_address("https://a.services.ai.azure.com/openai/v1?api-version=preview")
    settings = UpstreamSettings(address=address, model="m", key=KEY)
    model = UpstreamModel(settings, httpx.MockTransport(play))

    assert asked(model)[0] == "here"
    assert str(sent[0].url) == (
        "https://a.services.ai.azure.com/openai/v1/chat/completions?api-version=preview"
    )
    assert (sent[0].headers["api-key"], sent[0].headers["authorization"]) == (KEY, f"Bearer {KEY}")
    model.close()


# --- what is tried again


@pytest.mark.parametrize(
    "first",
    [
        refusal(429, {"error": {"message": "slow down"}}, Retry_After="0"),
        refusal(503, "<html>down</html>"),
        refusal(502, ""),
        Play(then="refuse"),
        Play(then="cut"),
        Play([delta(role="assistant")], then="cut"),
        Play([event({"error": {"code": 503, "message": "loading"}})]),
    ],
    ids=["429", "503", "502", "no response", "cut at once", "cut before text", "error before text"],
)
def test_what_may_pass_is_tried_again(served: Served, first: Play) -> None:
    """Before the first text, the same request is sent again."""
    model, engine = served(first, answer("here"))

    assert asked(model)[0] == "here"
    assert len(engine.asked) == 2
    assert engine.asked[0].body == engine.asked[1].body


def test_tries_come_to_an_end(served: Served) -> None:
    """An engine that stays busy is given up after two, since those who ask the Space try again as well."""
    model, engine = served(refusal(429, {"error": {"message": "slow down"}}))

    error = failed(model)

    assert isinstance(error, ModelBusy)
    assert str(error) == f"The engine at {model.name.split()[-1]} has too much to do: slow down."
    assert len(engine.asked) == 2


def test_who_shall_wait_too_long_is_told_so(served: Served) -> None:
    """A long Retry-After is passed on instead of waited for."""
    model, engine = served(refusal(429, {}, Retry_After="3600"))

    error = failed(model)

    assert isinstance(error, ModelBusy)
    assert "come again in 3600 seconds" in str(error)
    assert len(engine.asked) == 1


def test_nothing_is_tried_again_once_there_is_text(served: Served) -> None:
    """Text that was passed on stays: what breaks after it is an error."""
    model, engine = served(Play([delta("half")], then="cut"), answer("whole"))
    pieces = model.complete(HI)

    assert next(piece for piece in pieces if piece) == "half"
    with pytest.raises(ModelBusy, match="broke off before its answer was whole"):
        list(pieces)
    assert len(engine.asked) == 1


def test_an_engine_that_is_not_there() -> None:
    """Nobody listens: it is busy, and the text says where it was looked for."""
    with running_upstream(answer(".")) as engine:
        address = to_address(engine.url)
    model = UpstreamModel(UpstreamSettings(address=address, model="m"))

    error = failed(model)

    assert isinstance(error, ModelBusy)
    assert str(error) == f"The engine at {address.host} cannot be reached: no connection."
    model.close()


# --- what is an error at once


@pytest.mark.parametrize(
    ("play", "kind", "text"),
    [
        (refusal(401, {"error": {"message": f"bad key {KEY}"}}), ModelFailed, "refused the key .HTTP 401."),
        (refusal(403, {"detail": "no"}), ModelFailed, "refused the key .HTTP 403.: see --upstream-key-env"),
        (
            refusal(404, {"detail": "Not Found"}),
            ModelFailed,
            "no such model, .*: Not Found: see --upstream-model",
        ),
        (refusal(413, "<html>too large"), ValueError, r"too large for the engine \(HTTP 413\)\.$"),
        (
            refusal(400, {"error": {"message": "bad top_k"}}),
            ValueError,
            r"refused .*\(HTTP 400\): bad top_k\.$",
        ),
        (refusal(422, {"detail": [{"msg": "no field", "loc": ["x"]}]}), ValueError, "no field"),
        (refusal(400, {"object": "error", "message": "old vLLM"}), ValueError, "old vLLM"),
        (
            refusal(400, {"error": {"type": "exceed_context_size_error", "message": "9 > 8", "code": 400}}),
            ValueError,
            "The chat is too long for the engine: 9 > 8",
        ),
        (
            refusal(500, {"error": {"message": "boom", "code": 500}}),
            ModelFailed,
            r"failed \(HTTP 500\): boom",
        ),
        (refusal(500, "plain words"), ModelFailed, "plain words"),
        (refusal(500, "<html><b>boom</b>"), ModelFailed, r"failed \(HTTP 500\): see its log\.$"),
        (refusal(429, {"error": {"code": "insufficient_quota"}}), ModelFailed, "no quota left"),
        (
            Play(status=307, headers={"Location": "http://127.0.0.1:1/"}),
            ModelFailed,
            "sends requests elsewhere",
        ),
        (refusal(200, {"error": {"message": "late", "code": 400}}), ValueError, "late"),
        (refusal(200, {"choices": [{"message": {"content": "hi"}}]}), ModelFailed, "not an event stream"),
        (refusal(200, "<html>welcome"), ModelFailed, "not an event stream"),
        (Play([b"data: {not json\n\n"]), ModelFailed, "not answer with a chat completion"),
        (Play([b'data: {"choices": 7}\n\n']), ModelFailed, "choices: Input should be a valid list"),
        (Play([b"data: [[[[[" + b"[" * 9000 + b"\n\n"]), ModelFailed, "not answer with a chat completion"),
        (Play([event({"error": {"message": "boom"}})]), ModelFailed, "boom"),
        (Play([event({"error": "boom"})]), ModelFailed, "boom"),
        (Play([delta("a"), event({"error": {"message": "boom"}})]), ModelFailed, "boom"),
        (Play([delta("a"), DONE], headers={**EVENTS, "Content-Encoding": "gzip"}), ModelFailed, "compressed"),
        (Play([delta("a"), finish("abort"), DONE]), ModelBusy, "broke off"),
        (Play([delta("a")]), ModelBusy, "broke off"),
    ],
)
def test_each_failure_ends_by_name(served: Served, play: Play, kind: type[ValueError], text: str) -> None:
    """It is of the kind that says whether to come again, its text says why, and it is asked for once."""
    model, engine = served(play)

    error = failed(model)

    assert type(error) is kind
    with pytest.raises(kind, match=text):
        raise error
    assert len(engine.asked) == 1


def test_an_engine_that_is_silent(served: Served) -> None:
    """Silence in its midst ends an answer, after as long as was set."""
    model, engine = served(Play([delta("a")], then="silence"), silence=0.5)

    error = failed(model)

    assert isinstance(error, ModelBusy)
    assert "silent for 0.5 seconds" in str(error)
    assert engine.left.wait(10)


@pytest.mark.parametrize("empty", [b": ping\n\n", delta(""), delta(None), delta(reasoning_content="Hm.")])
@pytest.mark.parametrize("text", [[], [delta("a")]], ids=["before text", "in its midst"])
def test_what_adds_nothing_is_silence(served: Served, empty: bytes, text: list[bytes]) -> None:
    """An engine that only shows to be alive holds no answer for ever."""
    model, engine = served(Play([*text, *[empty] * 600], pause=0.02), silence=0.5)
    began = time.monotonic()

    assert "silent for 0.5 seconds" in str(failed(model))
    assert time.monotonic() - began < 5
    assert engine.left.wait(10)


def test_a_call_that_grows_is_no_silence(served: Served) -> None:
    """Though it is shown at its end, it is waited for."""
    grows = [delta(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": c}}]) for c in '{"a": 1}']
    model, _ = served(Play([*grows, DONE], pause=0.3), silence=1.0)

    assert '"a": 1' in asked(model)[0]


def test_who_reads_slowly_makes_no_silence(served: Served) -> None:
    """Only the time in which the engine is waited for counts."""
    model, _ = served(Play([delta("a"), delta("b"), DONE], pause=0.1), silence=0.5)
    pieces = model.complete(HI)

    assert next(piece for piece in pieces if piece) == "a"
    time.sleep(1)
    assert next(piece for piece in pieces if piece) == "b"


@pytest.mark.parametrize(
    "play",
    [
        Play([delta("a"), finish()], then="cut"),
        Play([delta("a"), finish()], then="silence"),
        Play([delta("a"), finish(), event({"error": {"message": "late", "code": 500}})]),
        Play([delta("a"), finish(), b"data: {half\n\n"]),
        Play([delta("a"), finish(), *[b": ping\n\n"] * 200], pause=0.05),
        Play([delta("a"), finish(), b"data: " + b"x" * 2_000_000]),
    ],
    ids=["reset", "silence", "error", "garbage", "pings", "too large"],
)
def test_a_finished_answer_stays_whole(served: Served, play: Play) -> None:
    """Behind a finish reason only the usage is waited for, and that not for long."""
    model, engine = served(play)
    began = time.monotonic()

    assert asked(model) == ("a", End())
    assert time.monotonic() - began < 5
    assert len(engine.asked) == 1


def test_no_cookie_is_kept(served: Served) -> None:
    """What an engine, or a proxy before it, sets with one user's answer does not come with another's."""
    headers = {**EVENTS, "Set-Cookie": "session=ada; Path=/"}
    model, engine = served(Play([delta("a"), finish(), DONE], headers=headers))

    for _ in range(2):
        asked(model)

    assert "cookie" not in engine.asked[1].headers


def test_event_streams_by_any_case(served: Served) -> None:
    """A header's value has no case."""
    model, _ = served(Play([delta("a"), DONE], headers={"Content-Type": "Text/Event-Stream"}))

    assert asked(model)[0] == "a"


@pytest.mark.parametrize(
    "play",
    [
        Play([b"data: " + b"x" * 1000] * 50_000),
        Play([b"data: x\n" * 1000] * 6_000),
        Play([b"x" * 1000] * 50_000, status=500),
        Play([b"x" * 1000] * 50_000, headers={"Content-Type": "text/plain"}),
    ],
    ids=["line", "event", "error", "body"],
)
def test_fifty_megabytes_are_not_read(served: Served, play: Play) -> None:
    """A line, an event and a body are bounded: the engine is left before it has sent them."""
    model, engine = served(play)

    assert isinstance(failed(model), ModelFailed)
    assert engine.left.wait(10)


def test_calls_without_end_are_not_kept(served: Served) -> None:
    """What is kept of calls until their end is bounded, too."""
    call = {"index": 0, "function": {"name": "f", "arguments": "x" * 100_000}}
    model, engine = served(Play([delta(tool_calls=[call])] * 1000))

    assert "its calls are too long" in str(failed(model))
    assert engine.left.wait(10)


# --- files


@pytest.fixture
def cat(tmp_path: Path) -> Path:
    """An image that is no PNG."""
    path = tmp_path / "cat.gif"
    Image.open(io.BytesIO(media.square(200, 30, 30))).save(path)
    return path


@pytest.fixture
def bell(tmp_path: Path) -> Path:
    """A sound of another rate than models take."""
    path = tmp_path / "bell.wav"
    path.write_bytes(media.tone(440))
    return path


def test_a_file_is_decoded_once_for_a_chat(
    served: Served, cat: Path, bell: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that stands in many messages costs no more than in one; the next request decodes it anew."""
    decoded: list[Path] = []

    def normalize(_self: Normalizer, path: Path) -> NormalFile:
        decoded.append(path)
        return NormalFile(kind="image", data=b".")

    monkeypatch.setattr(Normalizer, "normalize", normalize)
    model, _ = served(answer("."))
    message = Message(role="user", files=(cat, bell))

    for _ in range(2):
        asked(model, ChatRequest(messages=(message, message, message)))

    assert decoded == [cat, bell] * 2


def test_leaving_gives_decoding_up(served: Served, cat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While files are decoded empty pieces come, and whoever leaves ends it; the engine hears nothing."""
    given_up = threading.Event()

    def normalize(_self: Normalizer, _path: Path) -> NormalFile:
        scope = CURRENT.get()
        assert scope is not None
        while not scope.over:
            time.sleep(0.02)
        given_up.set()
        raise ValueError("it took too long")

    monkeypatch.setattr(Normalizer, "normalize", normalize)
    model, engine = served(answer("."))
    pieces = model.complete(ChatRequest(messages=(Message(role="user", files=(cat,)),)))

    assert next(pieces) == ""
    pieces.close()

    assert given_up.wait(10)
    assert engine.asked == []


def test_the_files_of_a_chat_are_bounded(
    served: Served, cat: Path, bell: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All together, in the form in which they are sent."""
    monkeypatch.setattr("phi4_server.upstream.model._MAX_MEDIA", 1000)
    model, engine = served(answer("."))

    error = failed(model, ChatRequest(messages=(Message(role="user", files=(cat, bell)),)))

    assert str(error).startswith("The files of a chat may have 1,000 bytes as PNG and WAV")
    assert engine.asked == []


def test_a_file_counts_as_often_as_it_is_named(
    served: Served, cat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands in the request each time, so that a small one could fill the memory as well."""
    monkeypatch.setattr(
        Normalizer, "normalize", lambda _self, _path: NormalFile(kind="image", data=bytes(300_000))
    )
    model, engine = served(answer("."))

    error = failed(model, ChatRequest(messages=(Message(role="user", files=(cat,) * 400),)))

    assert "count as often as they are named" in str(error)
    assert engine.asked == []
    assert asked(model, ChatRequest(messages=(Message(role="user", files=(cat,) * 4),)))[0] == "."


def test_files_are_sent_as_our_decoder_makes_them(served: Served, cat: Path, bell: Path) -> None:
    """Images go as PNG in a data URI and audio as WAV, each where it stands in the text."""
    model, engine = served(answer("."))
    first = Message(role="user", text="Look: here", files=(cat, bell), offsets=(6, 10))
    again = Message(role="user", files=(cat,))

    asked(model, ChatRequest(messages=(first, Message(role="assistant", text="Yes."), again)))

    sent = engine.asked[0].body["messages"]
    look, image, here, sound = sent[0]["content"]
    assert (look, here) == ({"type": "text", "text": "Look: "}, {"type": "text", "text": "here"})
    prefix, _, data = image["image_url"]["url"].partition(",")
    assert prefix == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (24, 24)
    assert sound["input_audio"]["format"] == "wav"
    with wave.open(io.BytesIO(base64.b64decode(sound["input_audio"]["data"]))) as wav:
        assert wav.getframerate() == 16_000
    assert sent[2]["content"] == [image]


def test_files_choose_the_adapter(served: Served, cat: Path, bell: Path) -> None:
    """Images, with audio or without, are the vision adapter's, and audio alone is the speech adapter's."""
    model, engine = served(answer("."), adapters=Adapters(vision="v", speech="s"))

    for files in [(), (cat,), (bell,), (cat, bell)]:
        asked(model, ChatRequest(messages=(Message(role="user", text="?", files=files),)))

    assert [each.body["model"] for each in engine.asked] == ["phi-4", "v", "s", "v"]


def test_a_file_that_cannot_be_decoded_is_not_sent(served: Served, tmp_path: Path) -> None:
    """The error names it, and the engine hears nothing."""
    path = tmp_path / "cat.png"
    path.write_bytes(media.square(1, 2, 3)[:40])
    model, engine = served(answer("."))

    error = failed(model, ChatRequest(messages=(Message(role="user", files=(path,)),)))

    assert str(error).startswith("cat.png cannot be decoded")
    assert engine.asked == []


@pytest.mark.parametrize(
    "play",
    [
        refusal(500, {"error": {"message": "image input is not supported - hint: mmproj", "code": 500}}),
        refusal(400, {"error": {"message": "m is not a multimodal model", "code": 400}}),
        refusal(400, {"detail": "At most 0 image(s) may be provided in one prompt."}),
    ],
)
def test_a_model_without_eyes_says_so(served: Served, cat: Path, play: Play) -> None:
    """However an engine refuses files, it is said that its model does not take them."""
    model, _ = served(play)

    error = failed(model, ChatRequest(messages=(Message(role="user", files=(cat,)),)))

    assert type(error) is ValueError
    assert str(error).startswith("The engine's model does not take these files: ")


# --- the model's name


def test_the_only_model_is_asked_for(served: Served) -> None:
    """Without a name, it is the one that the engine lists, its adapters aside."""
    adapters = Adapters(vision="v", speech="s")
    model, engine = served(answer("."), models=("v", "phi-4", "s"), model=None, adapters=adapters)

    asked(model)

    assert [each.path for each in engine.asked] == ["/v1/models", "/v1/chat/completions"]
    assert engine.asked[1].body["model"] == "phi-4"
    assert model.name.startswith("phi-4 at 127.0.0.1:")
    assert "phi-4, run by an engine at 127.0.0.1:" in model.nature


@pytest.mark.parametrize(
    ("models", "text"),
    [
        (("a", "b"), "has these models: 'a', 'b'. Name one with"),
        ((), "With --upstream-model, the Space starts"),
    ],
)
def test_a_name_that_is_not_known_is_an_error(served: Served, models: tuple[str, ...], text: str) -> None:
    """Without a name, the Space does not start where there are several, or no list."""
    with pytest.raises(ModelFailed, match=text):
        served(answer("."), models=models, model=None)


def test_a_name_that_is_given_is_not_looked_up(served: Served) -> None:
    """With a name, the Space starts without the engine."""
    _, engine = served(answer("."), model="mine")

    assert engine.asked == []


@pytest.mark.parametrize("models", [(f"{KEY}-phi",), (f"{KEY}-phi", "b")])
def test_a_name_with_the_key_is_not_shown(served: Served, models: tuple[str, ...]) -> None:
    """Neither on the page nor as the program starts."""
    try:
        shown = served(answer("."), models=models, model=None)[0].name
    except ModelFailed as failure:
        shown = str(failure)

    assert "127.0.0.1" in shown
    assert KEY[:8] not in shown


# --- the key


def test_the_key_is_nowhere_but_in_requests(
    served: Served, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """No log, error, traceback or repr holds it, or a part of it, though the engine repeats it."""
    caplog.set_level(logging.DEBUG)
    echoes = [
        refusal(400, {"error": {"message": f"you sent {KEY}"}}),
        refusal(500, f"Bearer {KEY}"),
        refusal(503, {"detail": f"key {KEY[:12]}..."}),
        refusal(401, {"error": {"message": f"Incorrect API key provided: {KEY[:5]}***{KEY[-4:]}"}}),
        Play([event({"error": {"message": KEY}})]),
        Play([f"data: {KEY}\n\n".encode()]),
    ]
    texts = []
    for play in echoes:
        model, _ = served(play)
        error = failed(model)
        texts += [*traceback.format_exception(error), repr(error), repr(vars(model)), repr(model._settings)]
        texts.append(repr(model._connection.errors))

    shown = "".join([*texts, caplog.text, *capfd.readouterr()])
    assert "127.0.0.1" in shown
    assert not any(KEY[at : at + 8] in shown for at in range(len(KEY) - 7))
    assert KEY[-4:] not in shown


def test_usage_may_be_missing(served: Served) -> None:
    """An engine that counts nothing has no usage."""
    model, _ = served(Play([delta("a"), finish("length"), DONE]))

    assert asked(model) == ("a", End(finish_reason="length"))


def test_counts_may_come_early(served: Served) -> None:
    """Usage in the last chunk with a choice counts as well, and the last one counts."""
    model, _ = served(Play([usage(1, 1), delta("a"), finish(), usage(2, 3)]))

    assert asked(model)[1].usage == Usage(input_tokens=2, output_tokens=3)
