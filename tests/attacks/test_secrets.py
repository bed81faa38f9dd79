"""Credentials show nowhere: in no error, cause, local, repr, pickle, notice, status or log line of ours."""

from __future__ import annotations

import asyncio
import base64
import copy
import html
import io
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from types import FrameType
from typing import Any
from urllib.parse import quote, quote_plus

import httpx
import pytest
from hostile import Answer, Asked, for_ever, head, hostile, once, response
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from rich.console import Console
from rich.traceback import Traceback
from scripted import ESTIMATION, ScriptedSpace, config, events, failed, generating, job

import phi4_space as p4
from phi4_space._environment import Environment
from phi4_space._net.credentials import Proxy
from phi4_space._net.redaction import REDACTED, Redaction
from phi4_space.session import Session

TOKEN = "hf_T0kenOfAdasAbcdefgh0123456789"
COOKIE = "Login+C00kie/OfHers=="
ZERO = "zer0gpu.sess1on"
UUID = "5e55-10n5-uu1d-0123"
PROXY_PASSWORD = "Pr0xy%2FPassw0rd"
SECRETS: dict[str, Any] = {
    "token": TOKEN,
    "cookies": {"session": COOKIE},
    "zerogpu_token": ZERO,
    "zerogpu_uuid": UUID,
}
ALL = (TOKEN, COOKIE, ZERO, UUID, PROXY_PASSWORD, "Pr0xy/Passw0rd")
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 32
EVENTS = "text/event-stream"


def spellings(secret: str) -> Iterator[str]:
    """A credential as it might be found in a text, whole."""
    yield from (
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        html.escape(secret),
        json.dumps(secret)[1:-1],
    )
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + secret.encode()).decode().rstrip("=")
        yield encoded[2 * shift : -2]
        yield encoded[2 * shift : -2].replace("+", "-").replace("/", "_")


def found(text: str) -> list[str]:
    """The credentials in a text, however they are written, and their beginnings."""
    whole = [secret for secret in ALL for form in spellings(secret) if form in text]
    return [*whole, *(secret for secret in ALL if secret[:12] in text)]


def tellings(error: BaseException) -> Iterator[str]:
    """All that tools make of an error and its causes: texts, attributes, and tracebacks with locals."""
    seen, waiting = set(), [error]
    while waiting:
        one = waiting.pop()
        seen.add(id(one))
        assert getattr(one, "_request", None) is None
        frames = ((frame, line) for frame, line in traceback.walk_tb(one.__traceback__) if ours(frame))
        yield f"{one} {one!r} {one.args} {pprint.pformat(vars(one))}"
        yield "".join(traceback.StackSummary.extract(frames, capture_locals=True).format())
        waiting += [other for other in (one.__cause__, one.__context__) if other and id(other) not in seen]


def ours(frame: FrameType) -> bool:
    """Whether a frame is no test's, whose locals hold what they are about."""
    return "/tests/" not in frame.f_code.co_filename


def clean(error: BaseException) -> BaseException:
    """The error, which tells nothing."""
    for text in tellings(error):
        assert found(text) == [], text
    return error


async def turn(space: p4.SpaceClient) -> object:
    """A turn with a file."""
    return await space.areply("hi", media=[PNG])


async def stream(space: p4.SpaceClient) -> object:
    """A turn, as it comes."""
    async with aclosing(space.astream("hi")) as happening:
        return [event async for event in happening]


async def by_hand(space: p4.SpaceClient) -> object:
    """The calls of a turn."""
    async with space.asession() as session:
        event_id = await session.post(await session.predict("hi", files=await space.aupload([PNG])))
        return [event async for event in session.get(event_id)]


def trusted(url: str, **options: Any) -> p4.SpaceClient:
    """A client that sends all it has to a server on this machine."""
    timeouts = p4.Timeouts(connect=5, request=1, idle=1, total=20)
    return p4.SpaceClient(
        url, **{**SECRETS, "token_on_loopback": True, "max_retries": 0, "timeouts": timeouts, **options}
    )


def failure(
    ask: Callable[[p4.SpaceClient], Any], answers: dict[str, Answer], **options: Any
) -> BaseException:
    """The error of a call to a server that answers so; the server was sent all credentials."""

    async def main() -> BaseException:
        async with hostile(**answers) as server, trusted(server.url, **options) as space:
            try:
                await asyncio.wait_for(ask(space), 60)
            except p4.Phi4Error as exc:
                error = exc
            else:
                pytest.fail("it went well")
            assert TOKEN in server.asked[0].head
            assert COOKIE in server.asked[0].head
        return error

    return asyncio.run(main())


# --- failures on the way --------------------------------------------------------------------------------


def cut_off(_asked: Asked) -> AsyncIterator[bytes]:
    """Closes the connection without a word."""

    async def answer() -> AsyncIterator[bytes]:
        raise ConnectionResetError
        yield b""

    return answer()


FAILURES: dict[str, Answer] = {
    "a connection that ends": cut_off,
    "half an answer": once(head("Content-Length: 100"), b"{"),
    "no answer": for_ever(b"", b"", every=1),
    "half a head": for_ever(b"HTTP/1.1 200 OK\r\nX-Filler: ", b"", every=1),
    "no HTTP": once(b"220 smtp.example ESMTP\r\n"),
    "a wrong length": once(b"HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n"),
    "no JSON": once(response(b"hello")),
    "another shape": once(response(b'{"data": 7, "event_id": 7}')),
    "a redirect": once(response(b"", "Location: https://evil.example/", status="307 Temporary Redirect")),
    "a redirect to nowhere": once(response(b"", "Location: https://[", status="307 Temporary Redirect")),
    "too much": for_ever(head(), b"a" * 100_000),
    "compressed": once(response(b"", "Content-Encoding: gzip")),
    "a refusal": once(response(b'{"detail": "no"}', status="401 Unauthorized")),
    "a failure": once(response(b'{"error": null}', status="500 Internal Server Error")),
}


@pytest.mark.loopback
@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("step", ["config", "predict", "join", "data"])
def test_no_failure_shows_what_was_sent(step: str, answer: Answer) -> None:
    """Tracebacks with locals, along the whole chain of causes, hold no credential that was sent."""
    limits = p4.Limits(body=50_000)

    clean(failure(by_hand, {step: answer}, limits=limits))


@pytest.mark.loopback
@pytest.mark.parametrize("ask", [turn, stream], ids=["areply", "astream"])
@pytest.mark.parametrize("name", ["half an answer", "no answer", "no JSON"])
def test_no_door_shows_it(ask: Callable[..., Any], name: str) -> None:
    """Whichever way one asks."""
    clean(failure(ask, {"upload": FAILURES[name], "predict": FAILURES[name]}))


@pytest.mark.loopback
def test_rich_shows_nothing_either() -> None:
    """It follows causes, and looks into the values of locals."""
    error = failure(turn, {"predict": FAILURES["no answer"]})
    console = Console(file=io.StringIO(), width=400)
    console.print(Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True))

    assert isinstance(console.file, io.StringIO)
    assert "locals" in console.file.getvalue()
    assert found(console.file.getvalue()) == []


@pytest.mark.loopback
def test_synchronous_doors_show_nothing_either() -> None:
    """The error comes from another thread's task."""

    async def main() -> p4.Phi4Error:
        async with hostile(predict=FAILURES["no answer"]) as server:
            with pytest.raises(p4.DeadlineExceeded) as caught:
                await asyncio.to_thread(trusted(server.url).reply, "hi")
        return caught.value

    clean(asyncio.run(main()))


@pytest.mark.loopback
@pytest.mark.parametrize("step", ["config", "predict", "data"])
def test_time_outs_of_the_callers_own_show_nothing(step: str) -> None:
    """`asyncio.timeout` has a cancellation for its cause, whose frames lead down into the network's."""

    async def main() -> TimeoutError:
        answers = {step: FAILURES["no answer"]}
        async with hostile(**answers) as server, trusted(server.url, timeouts=p4.Timeouts()) as space:
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(0.5):
                    await turn(space)
        return caught.value

    error = asyncio.run(main())

    assert isinstance(error.__cause__ or error.__context__, asyncio.CancelledError)
    clean(error)


def test_what_the_caller_was_handling_stays_the_callers() -> None:
    """An error that somebody handles while asking keeps its locals, its words and its causes."""

    def broken(mine: str) -> None:
        raise ValueError(mine)

    async def main() -> BaseException:
        one = p4.SpaceClient(
            "http://space.test", token=TOKEN, max_retries=0, environment=Environment(transport=space)
        )
        try:
            broken(f"mine: {TOKEN}")
        except ValueError:
            try:
                await one.areply("hi")
            except p4.Phi4Error as exc:
                return exc
        raise AssertionError

    space = ScriptedSpace({"config": [httpx.Response(401, text="no")]})
    error: BaseException | None = asyncio.run(main())
    while not isinstance(error, ValueError):
        assert error is not None
        error = error.__context__

    assert str(error) == f"mine: {TOKEN}"
    assert error.__traceback__ is not None
    assert error.__traceback__.tb_next is not None
    assert error.__traceback__.tb_next.tb_frame.f_locals == {"mine": f"mine: {TOKEN}"}


# --- servers that repeat what they were sent -------------------------------------------------------------


def fields_of(asked: Asked) -> str:
    """What a server might repeat: all header fields."""
    return asked.head.partition("\r\n")[2]


ECHOES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "quoted": lambda text: quote(text, safe=""),
    "quoted in small letters": lambda text: quote(text, safe="").lower(),
    "quoted as a form": quote_plus,
    "as HTML": html.escape,
    "as a string": repr,
    "as JSON in JSON": json.dumps,
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64 for URLs": lambda text: base64.urlsafe_b64encode(f"x{text}".encode()).decode(),
    "cut off": lambda text: "a" * (590 - text.index(TOKEN)) + text,
    "cut off within": lambda text: "a" * (580 - text.index(COOKIE)) + text,
    "in the middle of much": lambda text: "<p>" * 50 + text + "a" * 5_000,
}


def echoing(write: Callable[[str], str], status: str, form: str) -> Answer:
    """Repeats a request's header in an answer."""

    async def answer(asked: Asked) -> AsyncIterator[bytes]:
        text = write(fields_of(asked))
        if form == "reason":
            yield response(b"no", status=f"{status[:3]} {' '.join(text.split())[:2000]}", kind="text/plain")
        elif form == "header":
            yield response(
                b"", f"X-Error-Message: {' '.join(text.split())[:8000]}", status=status, kind="text/html"
            )
        elif form == "location":
            place = quote(text, safe="")
            yield response(b"", f"Location: https://{place[:60]}.example/{place}", status="307 Moved")
        elif form == "kind":
            yield response(b"no", status=status, kind="".join(text.split())[:8000])
        elif form == "text":
            yield response(text.encode(), status=status, kind="text/plain")
        else:
            yield response(json.dumps({form: text, "title": text}).encode(), status=status)

    return answer


@pytest.mark.loopback
@pytest.mark.parametrize("write", ECHOES.values(), ids=ECHOES)
@pytest.mark.parametrize("step", ["config", "predict"])
def test_no_echo_becomes_an_error(step: str, write: Callable[[str], str]) -> None:
    """A server that repeats the header it was sent, in whatever form and place, puts it into no error."""
    for status, form in (
        *(("500 Internal Server Error", form) for form in ("detail", "error", "text", "header")),
        *(("200 OK", form) for form in ("kind", "version", "data")),
        *(("401 Unauthorized", form) for form in ("detail", "reason")),
        ("307 Temporary Redirect", "location"),
        ("503 Service Unavailable", "text"),
    ):
        clean(failure(turn, {step: echoing(write, status, form)}))


def speaking(make: Callable[[str], dict[str, Any]]) -> Answer:
    """Repeats a request's header in the queue's messages."""

    async def answer(asked: Asked) -> AsyncIterator[bytes]:
        text = fields_of(asked)
        yield head(kind=EVENTS)
        for message in (ESTIMATION, make(text)):
            yield f"data: {json.dumps(message)}\n\n".encode()

    return answer


MESSAGES: dict[str, Callable[[str], dict[str, Any]]] = {
    "a failure": failed,
    "a failure's title": lambda text: failed("no", text),
    "a lost session": lambda text: {"msg": "unexpected_error", "event_id": None, "message": text},
    "a message of a wrong shape": lambda text: job(msg="estimation", rank=text),
    "a message of a wrong shape, in few words": lambda _: job(msg="estimation", rank=TOKEN),
    "a message of a wrong shape, deep within": lambda text: job(msg="log", log=[{text: text}]),
    "a kind nobody knows": lambda text: {"msg": text},
}


@pytest.mark.loopback
@pytest.mark.parametrize("make", MESSAGES.values(), ids=MESSAGES)
@pytest.mark.parametrize("ask", [turn, stream])
def test_no_echo_in_the_queue_becomes_an_error(make: Callable[[str], Any], ask: Callable[..., Any]) -> None:
    """The queue's messages are a server's words as well."""
    clean(failure(ask, {"data": speaking(make)}))


def test_no_echo_becomes_a_notice() -> None:
    """Notices and progress reports are shown to people; the answer is the caller's and stays as it is."""
    space = ScriptedSpace(
        {
            "data": [
                events(
                    job(msg="log", log=f"got {TOKEN}", level=TOKEN, title=f"for {COOKIE}"),
                    job(msg="progress", progress_data=[{"unit": ZERO, "desc": f"with {UUID}"}]),
                    generating(f"It is {TOKEN}."),
                    job(msg="process_completed", output={"data": [[
                        {"role": "user", "content": "hi"},
                        {"role": "assistant", "content": f"It is {TOKEN}."}], None]}, success=True),
                )
            ]
        }
    )  # fmt: skip
    one = p4.SpaceClient("https://phi.example", **SECRETS, environment=Environment(transport=space))

    async def ask() -> list[p4.Event]:
        async with one, aclosing(one.astream("hi")) as happening:
            return [event async for event in happening]

    *others, reply = asyncio.run(ask())

    assert p4.Notice(f"got {REDACTED}", "info", f"for {REDACTED}") in others
    assert p4.Progress(None, None, REDACTED, None, f"with {REDACTED}") in others
    assert isinstance(reply, p4.Reply)
    assert reply.text == f"It is {TOKEN}."


@pytest.mark.parametrize("known", [True, False])
def test_no_echo_becomes_a_status(*, known: bool) -> None:
    """What a Space or the Hub says of itself is shown to people, too."""
    payload = {**config(), "version": TOKEN} if known else {"dependencies": TOKEN}
    space = ScriptedSpace(
        {
            "config": [httpx.Response(200, json=payload)],
            "runtime": [httpx.Response(200, json={"stage": TOKEN, "hardware": {"current": TOKEN}})],
            "quota": [httpx.Response(200, json={"base": 1, "current": 1, "resetsAt": TOKEN})],
        }
    )

    status = p4.SpaceClient("ada/phi", **SECRETS, environment=Environment(transport=space)).status()

    assert found(repr(status)) == []
    assert status.ready is known


def test_no_echo_becomes_a_part_of_a_reply() -> None:
    """The Space's version stands beside its answer."""
    space = ScriptedSpace(config=config(version=f"6 {TOKEN}"))
    one = p4.SpaceClient("https://phi.example", **SECRETS, environment=Environment(transport=space))

    assert one.reply("hi").gradio_version == f"6 {REDACTED}"


def test_no_echo_becomes_a_url() -> None:
    """A prefix that repeats a credential would put it into the log lines of each request."""
    space = ScriptedSpace(config=config(api_prefix=f"/{TOKEN}"))
    one = p4.SpaceClient(
        "https://phi.example", **SECRETS, max_retries=0, environment=Environment(transport=space)
    )

    with pytest.raises(p4.UnexpectedAnswer, match="repeats a credential") as caught:
        asyncio.run(turn(one))

    clean(caught.value)
    assert space.steps() == ["config"]


@given(
    st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=200),
    st.text(max_size=50),
    st.text(max_size=50),
)
def test_no_run_of_a_credential_is_left(secret: str, before: str, after: str) -> None:
    """Whatever a credential is, and wherever it stands, eight characters of it in a row do not."""
    redaction = Redaction([SecretStr(secret)])

    for text in (f"{before}{secret}{after}", f"{before}{secret[3:]}", f"{secret[:-3]}{after}"):
        redacted = redaction.text(text).replace(REDACTED, "\0")
        assert not [at for at in range(len(secret) - 7) if secret[at : at + 8] in redacted]
        assert redaction.text(redaction.text(text)) == redaction.text(text) or set(secret) & set("[]")


class Stubborn(Exception):
    """An error whose words do not change."""

    def __str__(self) -> str:
        """Its words."""
        return f"got {TOKEN}"


def test_causes_whose_words_cannot_be_changed_are_dropped() -> None:
    """Those of extension modules, as pydantic's are; causes beside them stay, in clean words."""

    def fail(cause: Exception) -> p4.Phi4Error:
        error = p4.UnexpectedAnswer(f"It said {TOKEN}")
        error.__cause__ = ValueError(f"got {TOKEN}", TOKEN.encode())
        error.__cause__.__context__ = cause
        Redaction([SecretStr(TOKEN)]).error(error)
        return error

    stubborn, plain = fail(Stubborn()), fail(KeyError(f"no {TOKEN}"))

    assert (stubborn.what, stubborn.args) == (f"It said {REDACTED}", (f"It said {REDACTED}",))
    assert repr(plain.__cause__) == f"ValueError('got {REDACTED}', '{len(TOKEN)} bytes')"
    assert plain.__cause__ is not None
    assert stubborn.__cause__ is not None
    assert repr(plain.__cause__.__context__) == f"KeyError('no {REDACTED}')"
    assert stubborn.__cause__.__context__ is None


@pytest.mark.parametrize("secret", ["", "a", "abc", "true", "en-US"])
def test_what_could_be_any_word_is_left(secret: str) -> None:
    """A cookie of five characters guards nothing, and would cut words out of every text."""
    text = f"It is {secret} that this is true, abc en-US."

    assert Redaction([SecretStr(secret)]).text(text) == text


@pytest.mark.parametrize("secret", ["sesame", "sesame1"])
def test_short_credentials_are_cut_out_whole(secret: str) -> None:
    """Those of six or seven characters have no runs of eight."""
    assert Redaction([SecretStr(secret)]).text(f"open {secret}!") == f"open {REDACTED}!"


def test_much_text_is_no_more_than_an_errors_words() -> None:
    """Redaction takes time, so it takes no more text than anybody would read."""
    assert len(Redaction(()).text("a" * 1_000_000)) == 10_001


# --- the objects themselves -------------------------------------------------------------------------------


class Everything:
    """Each object that people hold, with credentials in it."""

    def __init__(self) -> None:
        """Makes them."""
        proxy = f"http://ada:{PROXY_PASSWORD}@proxy.example:8080"
        self.client = p4.SpaceClient("https://phi.example", **SECRETS, proxy=proxy)
        self.conversation = self.client.conversation(system="Be kind")
        self.environment = Environment()
        self.runtime = self.client._runtime
        self.settings = self.runtime.settings
        self.server = self.runtime.parts.server
        self.host = self.server.host
        self.credentials = self.settings.job_credentials()

    def __iter__(self) -> Iterator[object]:
        """One after the other."""
        return iter(vars(self).values())


def test_no_object_shows_them() -> None:
    """In repr, str, format and pretty-printing, and in those of what they are made of."""
    for one in Everything():
        console = Console(file=io.StringIO(), width=400)
        console.print(one)
        assert isinstance(console.file, io.StringIO)
        texts = [repr(one), str(one), f"{one}", pprint.pformat(one), console.file.getvalue()]
        texts += [repr(vars(one))] if hasattr(one, "__dict__") else []
        assert found(" ".join(texts)) == []


def test_no_pickle_or_saved_conversation_holds_them() -> None:
    """Pickles lie about in files and queues."""
    every = Everything()

    for one in (every.client, every.conversation, copy.deepcopy(every.client), every.client.conversation()):
        assert found(pickle.dumps(one).decode("latin-1")) == []
    assert found(every.conversation.to_json()) == []


def adapters() -> list[Any]:
    """The frameworks' models, imported here since that takes a while."""
    from langchain_phi4 import ChatPhi4  # noqa: PLC0415
    from llama_index_phi4 import Phi4  # noqa: PLC0415

    return [ChatPhi4, Phi4]


def test_no_adapter_shows_them() -> None:
    """Neither what they print as, nor what they are dumped, saved and pickled as."""
    for kind in adapters():
        model = kind(space="ada/phi", token=TOKEN)
        texts = [
            repr(model),
            str(model),
            repr(model.model_dump()),
            model.model_dump_json(),
            repr(vars(model)),
        ]
        texts += [pprint.pformat(model), str(model.to_json()), pickle.dumps(model).decode("latin-1")]
        assert found(" ".join(texts)) == []
        assert repr(kind.__new__(kind))


@pytest.mark.parametrize("kind", [Environment, Session])
def test_what_is_made_of_little_can_be_shown(kind: Any) -> None:
    """Even before it is made."""
    assert kind.__name__ in repr(kind.__new__(kind))


@pytest.mark.parametrize("kind", [p4.SpaceClient, p4.Conversation])
def test_what_is_half_made_can_be_shown(kind: Any) -> None:
    """A traceback shows objects whose constructor failed, and debuggers those that are being unpickled."""
    assert repr(kind.__new__(kind)) == f"<{kind.__name__}, not made yet>"


WRONG: list[dict[str, Any]] = [
    {"max_retries": -1},
    {"tokn": TOKEN},
    {"apikey": {"x": TOKEN}},
    {"model": f"{TOKEN}\n"},
    {"space": "no name"},
    {"space": f"https://ada:{TOKEN}@phi.example"},
    {"token": f"{TOKEN}\n\n{TOKEN}"},
    {"cookies": {"session": f"{COOKIE}; other={COOKIE}"}},
    {"cookies": [COOKIE]},
    {"zerogpu_uuid": f"{UUID}\0"},
    {"zerogpu_token": [ZERO]},
    {"proxy": [f"http://ada:{PROXY_PASSWORD}@proxy.example"]},
    {"timeouts": -1},
    {"limits": 7},
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: str(*wrong))
def test_a_constructor_that_fails_shows_nothing(wrong: dict[str, Any]) -> None:
    """The arguments stand in its frames, and not in what a traceback shows of them."""
    with pytest.raises(p4.InvalidInput) as caught:
        p4.SpaceClient(**{"space": "https://phi.example", **SECRETS, "proxy": None, **wrong})

    clean(caught.value)


# --- proxies ----------------------------------------------------------------------------------------------

PROXIES = [
    f"http://ada:{PROXY_PASSWORD}@",
    f"http://ada:{PROXY_PASSWORD}@127.0.0.1:port",
    f"http://ada:{PROXY_PASSWORD}@127.0.0.1:99999",
    f"http://ada:{PROXY_PASSWORD}@[::1",
    f"gopher://ada:{PROXY_PASSWORD}@127.0.0.1:9",
    f"//ada:{PROXY_PASSWORD}@127.0.0.1:9",
    f"ada:{PROXY_PASSWORD}@127.0.0.1:9",
    f"socks5://ada:{PROXY_PASSWORD}@127.0.0.1:9",
    f"http://ada:{PROXY_PASSWORD}@127.0.0.1:9",
    f"http://{PROXY_PASSWORD}@127.0.0.1:9",
    f"http://ada:{PROXY_PASSWORD}@127.0.0.1:9\x00",
]


@pytest.mark.loopback
@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxy_that_cannot_be_used_shows_no_password(proxy: str) -> None:
    """Whatever is wrong with a proxy's URL, or with the proxy."""
    one = p4.SpaceClient("https://phi.example", **SECRETS, proxy=proxy, max_retries=0)

    with pytest.raises(p4.Phi4Error) as caught:
        asyncio.run(turn(one))

    clean(caught.value)
    assert found(repr(one.status())) == []


@pytest.mark.loopback
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy"])
def test_nor_does_one_of_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its password is as secret as one that was passed, also where the proxy repeats it."""
    for proxy in PROXIES:
        if "\0" not in proxy:
            monkeypatch.setenv(name, proxy)
            one = p4.SpaceClient("https://phi.example", **SECRETS, max_retries=0)

            with pytest.raises(p4.Phi4Error) as caught:
                asyncio.run(turn(one))

            clean(caught.value)


@pytest.mark.loopback
@pytest.mark.parametrize("handed_in", [True, False])
def test_a_proxy_that_repeats_its_password_puts_it_nowhere(
    *, handed_in: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason for a refusal is a proxy's own words."""

    async def refuse(asked: Asked) -> AsyncIterator[bytes]:
        text = " ".join(fields_of(asked).split())
        yield response(b"", status=f"407 {text} {PROXY_PASSWORD}", kind="text/plain")

    async def main() -> p4.Phi4Error:
        async with hostile(**{"*": refuse}) as server:
            url = server.url.replace("http://", f"http://ada:{PROXY_PASSWORD}@")
            if not handed_in:
                monkeypatch.setenv("HTTPS_PROXY", url)
            space = trusted("https://phi.example", proxy=url if handed_in else None)
            with pytest.raises(p4.ConnectionFailed) as caught:
                await turn(space)
            assert "Proxy-Authorization" in server.asked[0].head
        return caught.value

    clean(asyncio.run(main()))


@pytest.mark.loopback
@pytest.mark.parametrize("seconds", [0.5, 20])
def test_a_proxy_that_hangs_shows_nothing(seconds: float) -> None:
    """Until it answers, a local of httpcore holds all header fields, the proxy's and the Space's."""

    async def main() -> BaseException:
        async with hostile(**{"*": FAILURES["no answer"]}) as server:
            proxy = server.url.replace("http://", f"http://ada:{PROXY_PASSWORD}@")
            space = trusted("http://127.0.0.1:9", proxy=proxy)
            with pytest.raises(TimeoutError) as caught:
                async with asyncio.timeout(seconds), space:
                    await turn(space)
            assert TOKEN in server.asked[0].head
            assert "Proxy-Authorization" in server.asked[0].head
        return caught.value

    clean(asyncio.run(main()))


@pytest.mark.loopback
@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_the_environments_proxy_does_not_see_this_machine(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Space on loopback is asked directly: its token, prompts and files do not leave the machine."""

    async def main() -> tuple[int, int]:
        async with hostile() as server, hostile() as proxy:
            monkeypatch.setenv(name, proxy.url)
            async with trusted(server.url) as space:
                assert (await space.astatus()).ready
            return len(server.asked), len(proxy.asked)

    assert asyncio.run(main()) == (2, 0)


def test_what_opens_a_socks_proxy_does_not_show() -> None:
    """At DEBUG, httpcore logs it with the arguments of what it does."""
    auth = Proxy(f"socks5://ada:{PROXY_PASSWORD}@127.0.0.1:9").raw_auth

    assert auth == (b"ada", b"Pr0xy/Passw0rd")
    assert found(f"{auth} {[auth]}") == []
    assert Proxy("socks5://127.0.0.1:9").raw_auth is None


# --- logs -------------------------------------------------------------------------------------------------


@pytest.mark.loopback
def test_no_log_line_holds_them(caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG httpx, httpcore and asyncio log, and stamina each retry; nothing of it holds a credential."""
    caplog.set_level(logging.DEBUG)
    answers = {
        "data": once(head(kind=EVENTS), b"data: " + json.dumps(failed("No GPU", "x")).encode() + b"\n\n"),
    }

    async def main() -> None:
        async with hostile(**answers) as server, trusted(server.url, max_retries=1) as space:
            for ask in (turn, stream, by_hand):
                try:
                    await ask(space)
                except p4.Phi4Error:
                    logging.getLogger("app").exception("It failed")

    asyncio.run(main(), debug=True)

    assert len(caplog.records) > 100
    assert {"httpx", "asyncio", "httpcore.http11", "httpcore.connection"} <= {r.name for r in caplog.records}
    assert found(caplog.text) == []


@pytest.mark.loopback
def test_no_retry_logs_an_echo(caplog: pytest.LogCaptureFixture) -> None:
    """For each, stamina logs the repr of what made it try again; a `Notice` tells the caller."""
    busy = echoing(str, "503 Service Unavailable", "text")

    async def main() -> list[str]:
        async with hostile(predict=busy) as server, trusted(server.url, max_retries=1) as space:
            events: list[str] = []
            try:
                async for event in space.astream("hi"):
                    events.append(repr(event))  # noqa: PERF401 - it ends with an error
            except p4.SpaceBusy:
                return events
        raise AssertionError

    events = asyncio.run(main())

    assert any("trying again" in event for event in events)
    assert any(record.name == "stamina" for record in caplog.records)
    assert found(caplog.text + " ".join(events)) == []


# --- where they go ----------------------------------------------------------------------------------------

LOOK_ALIKES = [
    "https://evil-hf.space",
    "https://hf.space.evil.example",
    "https://x.hf.space.evil.example",
    "https://x.hf.spaces",
    "https://x-hf.space",
    "https://xhf.space",
    "https://hf.space",
    "https://x.hf.space.",
    "https://x.hf.space:8443.evil.example",
    "https://huggingface.co.evil.example",
    "https://x.hf\uff0espace",
    "http://x.hf.space.evil.example",
    "http://127.0.0.1:9",
    "http://localhost:9",
    "http://localhost.evil.example",
]


@pytest.mark.parametrize("url", LOOK_ALIKES)
def test_the_environments_token_goes_to_no_look_alike(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that only looks like the Hub's is asked without it, or refused by name."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    space = ScriptedSpace()

    try:
        one = p4.SpaceClient(url, environment=Environment(transport=space))
        asyncio.run(turn(one))
    except p4.InvalidInput:
        pass

    for _, request in space.asked:
        assert found(f"{request.url} {request.headers.raw}") == []


@pytest.mark.parametrize("name", ["ada/phi", "https://ada-phi.hf.space", "HTTP://ADA-PHI.HF.SPACE"])
def test_it_goes_to_the_hub_by_https(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Hub's own hosts get it, encrypted."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    space = ScriptedSpace()

    asyncio.run(turn(p4.SpaceClient(name, environment=Environment(transport=space))))

    assert {str(request.url.copy_with(path="/", query=None)) for _, request in space.asked} == {
        "https://ada-phi.hf.space/"
    }
    assert all(request.headers["x-hf-authorization"] == f"Bearer {TOKEN}" for _, request in space.asked)
