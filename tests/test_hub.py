"""The Hub's response on a Space, and who gets to see the token on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_space._address import to_address
from phi4_space._config import MODEL, Settings, to_settings
from phi4_space._errors import (
    ConnectionFailed,
    Phi4Error,
    RateLimited,
    SpaceBroken,
    SpaceBusy,
    SpaceNotFound,
    SpaceNotReady,
    SpacePaused,
    UnexpectedAnswer,
)
from phi4_space._hub import Hub, SpaceRuntime
from phi4_space._limits import Limits
from phi4_space._net.fetch_policy import FetchPolicy
from phi4_space._status import Quota
from phi4_space._timeouts import Timeouts

T = TypeVar("T")
SPACE = to_address("owner/name")
RUNTIME = "/api/spaces/owner/name/runtime"
# As the Hub was heard to answer.
RUNNING = {
    "stage": "RUNNING",
    "hardware": {"current": "zero-a10g", "requested": "zero-a10g"},
    "gcTimeout": None,
    "replicas": {"current": 1, "requested": 1},
}
STAGES: dict[str, type[Phi4Error] | None] = {
    "RUNNING": None,
    "RUNNING_BUILDING": None,
    "RUNNING_APP_STARTING": None,
    "BUILDING": SpaceNotReady,
    "APP_STARTING": SpaceNotReady,
    "SLEEPING": SpaceNotReady,
    "STOPPED": SpaceNotReady,
    "SOME_STAGE_OF_NEXT_YEAR": SpaceNotReady,
    "": SpaceNotReady,
    "PAUSED": SpacePaused,
    "RUNTIME_ERROR": SpaceBroken,
    "BUILD_ERROR": SpaceBroken,
    "CONFIG_ERROR": SpaceBroken,
    "NO_APP_FILE": SpaceBroken,
    "DELETING": SpaceBroken,
}


def settings(space: str = "owner/name", *, token: Any = False) -> Settings:
    """A client's settings."""
    return to_settings(
        space,
        token=token,
        token_on_loopback=False,
        model=MODEL,
        proxy=None,
        cookies={"space": "cookie"},
        zerogpu_token="zero",
        zerogpu_uuid="uuid",
        prompt_style="transcript",
        timeouts=Timeouts(),
        max_retries=2,
        fetch=FetchPolicy(),
        limits=Limits(),
        max_files=None,
        strict=False,
        sampling={},
        stop=None,
    )


class Answers:
    """A Hub in memory: JSON, a response or a failure by path; keeps the requests."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        """Remembers the answers."""
        self.answers = answers
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """The answer at a path."""
        self.requests.append(request)
        answer = self.answers[request.url.path]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def ask(self, question: Callable[[Hub], Awaitable[T]], *, token: Any = False) -> T:
        """Asks a Hub that answers so."""

        async def main() -> T:
            hub = Hub(settings(token=token), lambda: httpx.AsyncClient(transport=httpx.MockTransport(self)))
            answer = await question(hub)
            await hub.aclose()
            return answer

        return asyncio.run(main())


def runtime(answer: Any) -> SpaceRuntime:
    """The Space's runtime as the Hub answers so."""
    return Answers({RUNTIME: answer}).ask(lambda hub: hub.runtime(SPACE))


def test_a_running_space_has_no_problem() -> None:
    """Stage and hardware are read from the Hub's answer; fields nobody needs are passed over."""
    report = runtime(RUNNING)

    assert (report.stage, report.hardware, report.is_up, report.problem()) == (
        "RUNNING",
        "zero-a10g",
        True,
        None,
    )


@pytest.mark.parametrize(("stage", "kind"), STAGES.items())
def test_each_stage_means_something(stage: str, kind: type[Phi4Error] | None) -> None:
    """A stage is up, paused, broken, or, known or not, one that waiting helps with."""
    report = runtime({"stage": stage})
    problem = report.problem()

    assert report.is_up == (kind is None)
    assert type(problem) is (kind or type(None))
    assert problem is None or getattr(problem, "stage", None) == stage
    assert problem is None or f"({stage})" in problem.what or stage == "PAUSED"


def test_a_space_asleep_is_told_so() -> None:
    """Asleep and starting are different news to a person, if not to the program."""
    assert "is asleep" in str(runtime({"stage": "SLEEPING"}).problem())
    assert "not up yet (BUILDING)" in str(runtime({"stage": "BUILDING"}).problem())


@pytest.mark.parametrize("stage", ["RUNTIME_ERROR", "PAUSED", "BUILDING"])
def test_the_hubs_own_words_are_passed_on(stage: str) -> None:
    """What the Hub says of the failure is in the error, as text that one can show."""
    report = runtime({"stage": stage, "errorMessage": "Scheduling failure: <b>unable</b> to schedule"})

    assert "Scheduling failure: unable to schedule" in str(report.problem())


@given(st.text())
def test_a_stage_is_up_only_if_it_is_known_to_be(stage: str) -> None:
    """No stage that this client does not know is taken for up."""
    report = SpaceRuntime(stage=stage)

    assert (report.problem() is None) == report.is_up == (STAGES.get(stage, SpaceNotReady) is None)


@pytest.mark.parametrize(
    ("hardware", "name"),
    [
        ({"current": "t4-small", "requested": "a10g-small"}, "t4-small"),
        ({"current": None, "requested": "cpu-basic"}, "cpu-basic"),
        ({"current": None, "requested": None}, None),
        ({}, None),
        (None, None),
        ("cpu-basic", None),
    ],
)
def test_hardware_is_what_it_runs_on_or_asked_for(hardware: Any, name: str | None) -> None:
    """A Space that sleeps runs on nothing, and then what it asked for is told."""
    assert runtime({"stage": "RUNNING", "hardware": hardware}).hardware == name


def test_a_space_known_by_its_url_is_found_by_subdomain() -> None:
    """The Hub tells the name that belongs to a host, and is then asked by name."""
    hub = Answers(
        {
            "/api/spaces/by-subdomain/own-er-na-me": {"id": "Own.er/na_me"},
            "/api/spaces/Own.er/na_me/runtime": RUNNING,
        }
    )

    report = hub.ask(lambda hub: hub.runtime(to_address("https://own-er-na-me.hf.space")))

    assert report.stage == "RUNNING"
    assert len(hub.requests) == 2


def test_a_space_found_by_subdomain_tells_its_stage_at_once() -> None:
    """The Hub's answer holds both, so that it is asked once."""
    hub = Answers({"/api/spaces/by-subdomain/owner-name": {"id": "owner/name", "runtime": RUNNING}})

    report = hub.ask(lambda hub: hub.runtime(to_address("https://owner-name.hf.space")))

    assert (report.stage, report.hardware) == ("RUNNING", "zero-a10g")
    assert len(hub.requests) == 1


NOT_SHOWN = [
    httpx.Response(401, json={"error": "Invalid username or password."}),
    httpx.Response(403, json={"error": "Forbidden"}),
    httpx.Response(404, json={"error": "Repository not found"}),
]


@pytest.mark.parametrize("answer", NOT_SHOWN)
@pytest.mark.parametrize("space", ["owner/name", "https://owner-name.hf.space"])
def test_a_space_that_the_hub_does_not_show_is_not_found(answer: httpx.Response, space: str) -> None:
    """Missing and private look the same from outside; the error says both, and to pass a token."""
    hub = Answers({RUNTIME: answer, "/api/spaces/by-subdomain/owner-name": answer})

    with pytest.raises(SpaceNotFound) as failure:
        hub.ask(lambda hub: hub.runtime(to_address(space)))

    assert failure.value.status == answer.status_code
    assert (failure.value.step, failure.value.space) == ("status", space)
    assert "token" in failure.value.advice


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(429, headers={"Retry-After": "55", "RateLimit": '"api";r=0;t=55'}), RateLimited),
        (httpx.Response(502, html="<html>"), SpaceBusy),
        (httpx.Response(500, text="oops"), UnexpectedAnswer),
        (httpx.Response(307, headers={"Location": "/api/spaces/new/name/runtime"}), UnexpectedAnswer),
        (httpx.Response(200, html="<html>"), UnexpectedAnswer),
        (httpx.ConnectError("no route"), ConnectionFailed),
        ({"hardware": {}}, UnexpectedAnswer),
        ({"stage": 7}, UnexpectedAnswer),
        ({"stage": "RUNNING", "hardware": {"current": []}}, UnexpectedAnswer),
        ([], UnexpectedAnswer),
        (None, UnexpectedAnswer),
    ],
)
def test_a_hub_in_trouble_is_no_verdict_on_the_space(answer: Any, kind: type[Phi4Error]) -> None:
    """The Hub's own failures are told as the Hub's; they never mean that a Space is missing."""
    with pytest.raises(kind) as failure:
        runtime(answer)

    assert type(failure.value) is kind
    assert (failure.value.step, failure.value.space) == ("status", "https://huggingface.co")


def test_the_quota_is_the_accounts() -> None:
    """What is left of the account's GPU seconds is asked with the token."""
    hub = Answers(
        {
            "/api/spaces/zero-gpu/quota": {
                "base": 2400,
                "current": 2345.5,
                "resetsAt": "2026-10-01T00:00:00Z",
                "overquotaUsed": 0,
            }
        }
    )

    assert hub.ask(lambda hub: hub.quota(), token="hf_s3cret") == Quota(2400, 2345.5, "2026-10-01T00:00:00Z")


def test_without_a_token_no_quota_is_asked_for() -> None:
    """Nobody's quota is not asked for."""
    hub = Answers({})

    assert hub.ask(lambda hub: hub.quota()) is None
    assert hub.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"base": "much"},
        {"base": "NaN", "current": 1},
        {"base": 1, "current": "inf"},
        httpx.Response(404, json={"error": "Not found"}),
    ],
)
def test_a_quota_that_cannot_be_read_is_an_error_of_ours(answer: Any) -> None:
    """The Hub documents no shape for it, so another shape is expected to come, and has a name."""
    with pytest.raises(UnexpectedAnswer):
        Answers({"/api/spaces/zero-gpu/quota": answer}).ask(lambda hub: hub.quota(), token="hf_s3cret")


def test_the_token_goes_to_the_hub_as_its_bearer_and_nothing_else_does() -> None:
    """The Hub gets the token in its own way; the Space's cookies and ZeroGPU credentials are not its own."""
    hub = Answers({RUNTIME: RUNNING})

    hub.ask(lambda hub: hub.runtime(SPACE), token="hf_s3cret")

    (request,) = hub.requests
    assert (request.url.scheme, request.url.host) == ("https", "huggingface.co")
    assert request.headers["Authorization"] == "Bearer hf_s3cret"
    assert not {"cookie", "x-hf-authorization", "x-zerogpu-token", "x-zerogpu-uuid"} & set(request.headers)


def test_a_closed_hub_holds_no_connection() -> None:
    """Closing closes the client that was opened for the Hub."""
    clients: list[httpx.AsyncClient] = []

    def open_client() -> httpx.AsyncClient:
        clients.append(httpx.AsyncClient(transport=httpx.MockTransport(Answers({RUNTIME: RUNNING}))))
        return clients[-1]

    async def main() -> list[bool]:
        hub = Hub(settings(), open_client)
        await hub.runtime(SPACE)
        await hub.aclose()
        return [client.is_closed for client in clients]

    assert asyncio.run(main()) == [True]


def test_without_a_token_nothing_is_authorized() -> None:
    """A public Space's stage needs no token."""
    hub = Answers({RUNTIME: RUNNING})

    hub.ask(lambda hub: hub.runtime(SPACE))

    assert "authorization" not in hub.requests[0].headers
