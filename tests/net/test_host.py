"""One request to a server: what is sent, and what becomes of what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from foreign import FOREIGN, made

from phi4_space._client import SpaceClient
from phi4_space._errors import InvalidOption, Phi4Error, RateLimited, UnexpectedAnswer
from phi4_space._limits import Limits
from phi4_space._net.form import Form
from phi4_space._net.host import to_httpx
from phi4_space._timeouts import Timeouts
from phi4_space._turns import File

TIMEOUTS = Timeouts(connect=1, request=2, idle=3)
LIMITS = Limits(body=1000)
TOKEN = "hf_s3cret"


def test_the_timeouts_are_httpxs() -> None:
    """Connecting and waiting for the pool share one; reading and writing have the request's own."""
    assert to_httpx(TIMEOUTS, read=3).as_dict() == {"connect": 1, "read": 3, "write": 3, "pool": 1}
    assert to_httpx(Timeouts(connect=None), read=None).as_dict() == {
        "connect": None,
        "read": None,
        "write": None,
        "pool": None,
    }


class Answering(httpx.AsyncBaseTransport):
    """Answers with one response, and keeps the requests."""

    def __init__(self, answer: httpx.Response | Exception) -> None:
        """Remembers the answer."""
        self.answer = answer
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer."""
        await request.aread()
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def ask(answering: Answering, method: str = "GET", **options: Any) -> Any:
    """Sends a request, with errors translated."""
    space = SpaceClient("https://phi.example", token=TOKEN, timeouts=TIMEOUTS, limits=LIMITS)
    server = space._runtime.connection.host

    async def main() -> Any:
        async with server.client(
            lambda: httpx.AsyncClient(transport=answering, follow_redirects=True)
        ) as client:
            with server.translate_errors("connect"):
                return await server.ask(client, method, "/config", **options)

    return asyncio.run(main())


def test_an_answer_in_json_is_read() -> None:
    """The JSON of a success is returned; numbers beyond 2^53 stay exact."""
    server = Answering(httpx.Response(200, text='{"app_id": 18446744073709551557}'))

    assert ask(server) == {"app_id": 18446744073709551557}
    (request,) = server.requests
    assert request.extensions["timeout"] == to_httpx(TIMEOUTS, read=2).as_dict()
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["x-hf-authorization"] == f"Bearer {TOKEN}"


def test_json_and_files_are_sent() -> None:
    """A body goes out as JSON, files as one multipart form."""
    called, uploaded = Answering(httpx.Response(200, json={})), Answering(httpx.Response(200, json=[]))

    ask(called, "POST", json={"data": ["ü"]})
    files = [File("a.png", "image/png", b"1"), File("b.wav", "audio/wav", b"2")]
    ask(uploaded, "POST", form=Form("files", files))

    assert (called.requests[0].method, called.requests[0].read()) == ("POST", '{"data":["ü"]}'.encode())
    form = uploaded.requests[0].read()
    assert [form.count(part) for part in (b'name="files"', b'"a.png"', b"image/png", b'"b.wav"')] == [
        2,
        1,
        1,
        1,
    ]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            httpx.Response(200, html="<html>Preparing Space</html>"),
            "answered with text/html; charset=utf-8, not JSON",
        ),
        (httpx.Response(200, content=b""), "answered with a response without a content type, not JSON"),
        (httpx.Response(200, content=b"\xff"), "not JSON"),
        (httpx.Response(200, text="[" * 1_000), "nested deeper than 100 levels"),
        (
            httpx.Response(200, content=b"", headers={"Content-Type": "x" * 90_000}),
            "answered with x{600}…, not",
        ),
        (httpx.Response(404, json={"detail": "Not Found"}), "404: Not Found"),
    ],
)
def test_what_is_no_json_is_an_error(answer: httpx.Response, message: str) -> None:
    """A web page where JSON was due, as hosts show while a Space starts, is told as such, with its status."""
    with pytest.raises(UnexpectedAnswer, match=message) as failure:
        ask(Answering(answer))

    assert failure.value.status == answer.status_code
    assert failure.value.step == "connect"


def test_a_failed_answer_is_what_its_status_means() -> None:
    """A status other than a success becomes its error, with what the server says on when to return."""
    with pytest.raises(RateLimited) as failure:
        ask(Answering(httpx.Response(429, headers={"Retry-After": "55"}, text="slow down")))

    assert (failure.value.status, failure.value.retry_after) == (429, 55.0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "target"),
    {
        "https://evil.example/take?it=1": "https://evil.example",
        "http://phi.example:8080/": "http://phi.example:8080",
        "//evil.example/": "https://evil.example",
        "/login": "https://phi.example",
        "https://user:pw@evil.example/": "https://evil.example",
    }.items(),
)
def test_redirects_are_refused(status: int, location: str, target: str) -> None:
    """No redirect is followed, for the token's header would go along; the error says where it led."""
    server = Answering(httpx.Response(status, headers={"Location": location}))

    with pytest.raises(UnexpectedAnswer, match=f"redirects to {target}") as failure:
        ask(server)

    assert len(server.requests) == 1
    assert failure.value.status == status
    assert "If you trust that URL" in failure.value.advice


def foreign_answers() -> Iterator[httpx.Response | Exception]:
    """Everything that can go wrong with one request."""
    yield from (made(kind) for kind in FOREIGN)
    yield httpx.LocalProtocolError(f"Illegal header value b'Bearer {TOKEN}\\n'")
    yield from (
        httpx.Response(status, text="no") for status in (400, 401, 403, 404, 413, 422, 429, 500, 502, 503)
    )
    yield httpx.Response(307, headers={"Location": "https://evil.example"})
    yield httpx.Response(200, text="not JSON")


@pytest.mark.parametrize("answer", list(foreign_answers()), ids=repr)
def test_no_failure_tells_the_token(answer: httpx.Response | Exception) -> None:
    """Whatever fails, no text, attribute or repr of the error holds the token that was sent."""
    with pytest.raises(Phi4Error) as failure:
        ask(Answering(answer))

    assert TOKEN not in f"{failure.value!s} {failure.value!r} {vars(failure.value)}"


@pytest.mark.parametrize(
    "json", [{"data": [object()]}, {"data": [b"bytes"]}, {"data": ["\ud800"]}, [float("nan")], [float("inf")]]
)
def test_what_cannot_be_written_as_json_is_the_callers(json: Any) -> None:
    """A payload that JSON has no words for is refused by name before anything is sent."""
    server = Answering(httpx.Response(200, json={}))

    with pytest.raises(InvalidOption, match="cannot be written as JSON") as failure:
        ask(server, "POST", json=json)

    assert server.requests == []
    assert failure.value.__cause__ is None


def test_a_payload_that_holds_itself_is_refused() -> None:
    """A list in itself has no end."""
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(InvalidOption, match="cannot be written as JSON"):
        ask(Answering(httpx.Response(200, json={})), "POST", json=endless)
