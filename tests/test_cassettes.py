"""The cassettes: complete, clean, played to their end, and written the same way each time."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from media import square
from servers import KINDS, Servers
from sessions import Sessions, in_order
from stage import CASSETTES, VERSIONS, Stage, Venue, staged, venues
from tape import playing, recording, source_of
from tidy import HOME, Tidy, files_of
from vcr.request import Request

import phi4_space as p4

pytestmark = pytest.mark.anyio

HERE = Path(__file__).parent
ALL = sorted(CASSETTES.rglob("*.yaml"))
GROWING = CASSETTES / VERSIONS[-1] / "growing.yaml"
PRIVATE = re.compile(
    r"/(tmp|root|work|home|Users|var)/|\bhf_|bearer|cookie|authorization|token(?!s\b)", re.IGNORECASE
)


def scenarios() -> set[str]:
    """The names of the tests that have a cassette: those that take a Space."""
    modules = [HERE / f"test_{name}.py" for name in ("contract", "completions", "any_space")]
    tests = [test for module in modules for test in ast.parse(module.read_text(encoding="utf-8")).body]
    functions = [test for test in tests if isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef)]
    spaces = {*KINDS, "plain"}
    taking = [test.name for test in functions if spaces & {argument.arg for argument in test.args.args}]
    return {name.removeprefix("test_") for name in taking if name.startswith("test_")}


# --- what lies in the folder ----------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_set_is_complete(version: str) -> None:
    """Each test of the contract has a cassette of each Gradio, and no cassette is left over."""
    assert {path.stem for path in (CASSETTES / version).glob("*.yaml")} == scenarios()


def test_the_frameworks_cassettes_are_their_tests() -> None:
    """Each cassette of a framework is named for a module of its tests, and is of the newest Gradio."""
    folders = {path for path in CASSETTES.glob("*/*") if path.is_dir() and path.parent.name != "live"}
    assert {folder.parent.name for folder in folders} <= {VERSIONS[-1]}
    for folder in folders:
        modules = {path.stem.removeprefix("test_") for path in (HERE / folder.name).glob("test_*.py")}
        assert {path.name.partition("-")[0] for path in folder.iterdir()} <= modules


@pytest.mark.parametrize("path", ALL, ids=lambda path: str(path.relative_to(CASSETTES)))
def test_cassette_is_clean(path: Path) -> None:
    """A cassette names its source, is small, and holds no path, credential or cookie of who recorded it."""
    text, source = path.read_text(encoding="utf-8"), source_of(path)
    assert text.startswith("source:")
    assert source.keys() == {"space", "server", "recorded", "gradio"}
    assert path.relative_to(CASSETTES).parts[0] in {source["gradio"], "live"}
    assert PRIVATE.findall(text) == []
    assert len(text.encode()) < 200_000


def test_cassettes_are_few_enough_to_keep() -> None:
    """All cassettes together stay under 5.5 MB."""
    assert sum(path.stat().st_size for path in ALL) < 5_500_000


# --- how they play --------------------------------------------------------------------------------------


async def test_partly_played() -> None:
    """A test that does not ask for all that its cassette holds fails, and is told what was left."""
    left = r"only partly played.*run/predict.*queue/join.*queue/data"
    with pytest.raises(AssertionError, match=left), playing(GROWING):
        async with Stage(HOME, plays=True).client() as space, space.asession():
            pass


async def test_nothing_is_recorded_by_accident() -> None:
    """What a cassette does not hold is neither sent nor added to it."""
    before = GROWING.read_bytes()
    with pytest.raises(pytest.fail.Exception, match="No match for the request"), playing(GROWING):
        async with Stage(HOME, plays=True).client() as space:
            await space.areply("another question")
    assert GROWING.read_bytes() == before


def test_cassette_that_is_not_there(tmp_path: Path) -> None:
    """A cassette that was never recorded is an error that says how to record it."""
    with pytest.raises(FileNotFoundError, match=r"docs/recording\.md"), playing(tmp_path / "none.yaml"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_asking_without_a_cassette(tmp_path: Path) -> None:
    """Who asks nothing needs no cassette; who asks is told how to record one."""
    place = staged(Venue("none", tmp_path), kind="answering", tape="none", servers=Servers, token=None)
    told = r"none\.yaml was never recorded; docs/recording\.md"
    with place as stage, stage.client() as space, pytest.raises(pytest.fail.Exception, match=told):
        space.reply("hi")


# --- how they are written -------------------------------------------------------------------------------


async def one_turn(stage: Stage, **options: Any) -> str:
    async with stage.client(**options) as space:
        return (await space.areply("look", media=[p4.Media(square(0, 0, 0), "black.png")])).text


@pytest.mark.loopback
async def test_recording(servers: Servers, tmp_path: Path) -> None:
    """What is recorded plays again, without credentials; recording it again gives the same file."""
    url, texts = servers.url("faulty"), []
    secrets = {
        "token_on_loopback": True,
        "cookies": {"login": "sentinel"},
        "zerogpu_token": "sentinel",
        "zerogpu_uuid": "sentinel",
    }
    for name in ("first.yaml", "second.yaml"):
        stage = Stage(url, token="hf_sentinel")
        with recording(tmp_path / name, space=url, server="ours", command="a test"):
            answer = await one_turn(stage, **secrets)
        texts.append((tmp_path / name).read_text(encoding="utf-8"))

    headers = stage.listener.heard[-2].headers
    assert {"cookie", "x-hf-authorization", "x-zerogpu-token", "x-zerogpu-uuid"} <= headers.keys()
    assert "sentinel" not in texts[0]
    assert PRIVATE.findall(texts[0]) == []
    assert texts[0] == texts[1]
    with playing(tmp_path / "first.yaml"):
        assert await one_turn(Stage(HOME, plays=True)) == answer == "look (files: 1, entries: 1)"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"app_id": 2**63 - 1}, {"app_id": 7}),
        ({"event_id": "ab", "then": {"event_id": "ab"}}, {"event_id": "cd", "then": {"event_id": "cd"}}),
        ({"rank_eta": None, "eta": 0.25}, {"rank_eta": 1.5, "eta": None}),
        ({"duration": 0.02, "average_duration": 0.5}, {"duration": 0.03, "average_duration": 0.25}),
        ({"path": f"/a/b/{'0' * 64}/x.png"}, {"path": f"/c/{'f' * 64}/x.png"}),
        ({"url": "http://127.0.0.1:1/file=/x/x.png"}, {"url": "http://localhost:2/file=/x/x.png"}),
    ],
)
def test_what_may_differ(one: object, other: object) -> None:
    """Ids, times, ports and folders are the same in all cassettes, and tidying again changes nothing."""
    assert Tidy().json(one) == Tidy().json(other) == Tidy().json(Tidy().json(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([{"event_id": "ab"}, {"event_id": "ab"}], [{"event_id": "ab"}, {"event_id": "cd"}]),
        ([{"session_hash": "ab"}, {"session_hash": "ab"}], [{"session_hash": "ab"}, {"session_hash": "cd"}]),
        ({"duration": 7}, {"duration": 10}),
        ({"url": "http://127.0.0.1:1/"}, {"url": "http://space.test:1/"}),
    ],
)
def test_what_may_not_differ(one: object, other: object) -> None:
    """Two jobs or sessions stay two, and what a Space says stays as it is."""
    assert Tidy().json(one) != Tidy().json(other)


@given(data=st.binary(), boundaries=st.tuples(*[st.from_regex(r"[0-9a-f]{32}", fullmatch=True)] * 2))
def test_uploads_are_told_by_their_content(data: bytes, boundaries: tuple[str, str]) -> None:
    """An upload is described by its files' names, types and bytes, whatever the random boundary is."""
    files = [("files", ("a.png", data, "image/png")), ("files", ("b c.wav", b"", "audio/wav"))]

    def described(boundary: str) -> list[dict[str, Any]]:
        kind = f"multipart/form-data; boundary={boundary}"
        return files_of(httpx.Request("POST", HOME, files=files, headers={"content-type": kind}).read(), kind)

    first, second = described(boundaries[0])
    assert [first, second] == described(boundaries[1])
    assert (first["sha256"], first["size"]) == (hashlib.sha256(data).hexdigest(), len(data))
    assert (second["field"], second["name"], second["type"]) == ("files", "b c.wav", "audio/wav")


def on_session(name: str, text: str | None = None) -> Request:
    """A request on a session: a turn that is filed, or one that listens."""
    if text is None:
        return Request("GET", f"{HOME}/queue/data?session_hash={name}", None, {})
    body = json.dumps({"data": [[], {"text": text}], "session_hash": name})
    return Request("POST", f"{HOME}/run/predict", body, {"content-type": "application/json"})


def test_sessions_are_named_by_what_is_asked() -> None:
    """Whoever asks first: the same question has the same session, asked twice it has two; names stay."""
    one, other = Sessions(), Sessions()
    first = [one.rename(on_session(name, text)) for name, text in (("a", "x"), ("b", "y"), ("c", "x"))]
    second = [other.rename(on_session(name, text)) for name, text in (("d", "y"), ("e", "x"), ("f", "x"))]

    assert [first[0].body, first[1].body] == [second[1].body, second[0].body]
    assert len({request.body for request in first}) == 3
    assert one.rename(on_session("a")).uri == other.rename(on_session("e")).uri
    assert Sessions().rename(first[0]).body == first[0].body


def recorded(name: str, step: str) -> dict[str, Any]:
    """A recorded request, of which only what is about its session counts; without a name, of none."""
    request = on_session(name, step) if step == "predict" else on_session(name)
    return {"request": {"uri": request.uri if name else f"{HOME}/{step}", "body": request.body}, "step": step}


def test_turns_taken_at_the_same_time_have_one_order() -> None:
    """Whoever came first: by session; those taken one after the other stay so."""
    one, other, config = "session-aaaaaaaa-1", "session-bbbbbbbb-1", recorded("", "config")
    mine, theirs = ([recorded(name, step) for step in ("predict", "data")] for name in (one, other))
    mixed = [[mine[0], *theirs, mine[1]], [theirs[0], mine[0], theirs[1], mine[1]]]

    assert [in_order([config, *parts]) for parts in mixed] == [[config, *mine, *theirs]] * 2
    assert in_order([*theirs, config, *mine]) == [*theirs, config, *mine]


# --- where tests run ------------------------------------------------------------------------------------


def test_places() -> None:
    """Tests play all versions and ask a live Space; recording asks instead of playing; a foreign Space is
    asked only what holds for any; where the newest will do, it alone is recorded.
    """
    gradios = ["5.20.1=python5", "6.31.0=python6"]

    def names(**options: Any) -> list[str]:
        told = {"gradios": gradios, "record": False, "space": None, "anywhere": False, **options}
        return [venue.name for venue in venues(told.pop("gradios"), **told)]

    assert names(gradios=[]) == [*VERSIONS, "live-own"]
    assert names() == [*VERSIONS, "live-5.20.1", "live-6.31.0"]
    assert names(record=True) == ["5.20.1", "6.31.0"]
    assert names(gradios=[], newest=True) == [VERSIONS[-1]]
    assert names(newest=True) == [VERSIONS[-1], "live-5.20.1", "live-6.31.0"]
    assert names(newest=True, record=True) == [VERSIONS[-1]]
    assert names(record=True, space="ada/phi-4") == []
    (foreign,) = venues([], record=True, space="ada/phi-4", anywhere=True)
    assert (foreign.cassettes, foreign.plays) == (CASSETTES / "live" / "ada--phi-4", False)
