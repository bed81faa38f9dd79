"""A model on a Hub: looked up, refused in plain words, fetched, resumed, and found again in the cache."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import checkpoints
import huggingface_hub
import pytest
from huggingface_hub import constants
from model_hub import COMMIT, ModelHub, serving

from phi4_server.model import ModelFailed, Progress
from phi4_server.weights.load import download, hub, loader, machine, memory, plan
from phi4_server.weights.load.settings import WeightsSettings

pytestmark = pytest.mark.loopback
NAME = "ada/phi-4-tiny"
NEEDED = {
    *("config.json", "tokenizer.json", "model.safetensors"),
    *(f"{part}-lora/{file}" for part in ("vision", "speech") for file in (
        "adapter_config.json", "adapter_model.safetensors"
    )),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, and nobody logged in."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.delenv("HF_TOKEN", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole checkpoint, as small as can be, and files that nobody needs."""
    made = checkpoints.write(tmp_path / "phi")
    (made / "modeling_phi4mm.py").write_text("raise SystemExit('remote code was run')")
    (made / "examples").mkdir()
    (made / "examples" / "large.wav").write_bytes(bytes(1000))
    return made


@pytest.fixture
def model_hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHub]:
    """The Hub that has it."""
    with serving(NAME, folder) as running:
        use(running.url, monkeypatch)
        yield running


def use(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the library take the Hub there for its own, as it would with HF_ENDPOINT when it is imported."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    template = f"{url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def make(model: str = NAME, **options: str) -> plan.Plan:
    """The plan for a model on the Hub."""
    return plan.make(WeightsSettings(model=model, device="cpu", **options))  # type: ignore[arg-type]


def fetch(planned: plan.Plan) -> tuple[Path, list[Progress]]:
    """Fetches what a plan has to."""
    assert planned.listing is not None
    reports: list[Progress] = []
    return download.fetch(planned.listing, planned.fetched, reports.append), reports


def test_only_what_is_needed(model_hub: ModelHub) -> None:
    """The plan fetches the config alone; then the rest of the checkpoint comes, no code and no example."""
    planned = make()

    assert model_hub.fetched() == []  # the config was asked for by its branch
    assert planned.fetched.keys() == NEEDED - {"config.json"}
    assert planned.name == "phi-4-tiny"

    found, reports = fetch(planned)

    assert found.name == COMMIT
    assert {path.relative_to(found).as_posix() for path in found.rglob("*") if path.is_file()} == NEEDED
    assert {*model_hub.fetched()} <= NEEDED - {"config.json"}
    assert reports[0].text.startswith(f"Downloading {NAME}: ")
    assert reports[0].fraction is not None


def test_what_is_there_is_not_fetched_again(model_hub: ModelHub) -> None:
    """A second start finds all in the cache, checks it as it would a folder, and fetches nothing."""
    fetch(make())
    model_hub.calls.clear()

    planned = make()

    assert planned.checkpoint is not None
    assert planned.fetched == {}
    assert model_hub.fetched() == []


@pytest.mark.usefixtures("model_hub")
def test_without_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once fetched, it works offline, and when the Hub is down."""
    fetch(make())

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert make().checkpoint is not None
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    use("http://127.0.0.1:9", monkeypatch)
    assert make().checkpoint is not None


def test_offline_without_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said that it is the user's own wish."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    with pytest.raises(ModelFailed, match=f"HF_HUB_OFFLINE is set, and the cache has no copy of {NAME}"):
        make()


def test_a_hub_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said at once, not after the 47 seconds that the library would try."""
    use("http://127.0.0.1:9", monkeypatch)
    began = time.monotonic()

    with pytest.raises(
        ModelFailed, match=r"http://127.0.0.1:9 cannot be reached: .*, and the cache has no copy"
    ):
        make()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("status", "code", "problem"),
    [
        (404, "RepoNotFound", "There is no model at .*/ada/phi-4-tiny, or it is private: .* HF_TOKEN"),
        (401, "", "There is no model at .*, or it is private|does not take your token"),
        (
            403,
            "GatedRepo",
            f"{NAME} is gated: accept its terms at .*/{NAME}, and give your token in HF_TOKEN",
        ),
        (403, "", f"does not let you read {NAME}"),
        (429, "", "answers with HTTP status 429, and the cache has no copy"),
        (503, "", "answers with HTTP status 503, and the cache has no copy"),
    ],
)
def test_what_the_hub_refuses(status: int, code: str, problem: str, model_hub: ModelHub) -> None:
    """Each refusal is a sentence that says what to do."""
    model_hub.refusals["/api/models/"] = status, code

    with pytest.raises(ModelFailed, match=problem):
        make()


@pytest.mark.usefixtures("model_hub")
def test_no_such_revision() -> None:
    """The list of those that there are is named."""
    with pytest.raises(ModelFailed, match=f"--revision v9: {NAME} has no branch, tag or commit .*/commits"):
        make(revision="v9")


def test_a_revision(model_hub: ModelHub) -> None:
    """It is what is looked up, and fetched."""
    make(revision="v1")

    assert any(path.endswith("/revision/v1") for _, path, *_ in model_hub.calls)
    assert hub.cached(NAME, "v1") is not None
    assert hub.cached(NAME, None) is None


@pytest.mark.parametrize(
    "missing", ["tokenizer.json", "speech-lora/adapter_model.safetensors", "config.json"]
)
def test_a_model_that_is_not_whole(missing: str, model_hub: ModelHub) -> None:
    """What is missing is said before anything large is fetched."""
    (model_hub.folder / missing).unlink()

    with pytest.raises(ModelFailed, match=f"{NAME} on the Hub is .* it has no {missing}"):
        make()
    assert model_hub.fetched() == []


def test_another_model(model_hub: ModelHub) -> None:
    """It is refused by its config alone."""
    checkpoints.change_json(model_hub.folder / "config.json", model_type="llama")

    with pytest.raises(ModelFailed, match=f"{NAME} on the Hub is a model of the type 'llama'"):
        make()
    assert model_hub.fetched() == []


@pytest.mark.usefixtures("model_hub")
def test_a_disk_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said how much is missing, and how another disk is used."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 9 * 10**8, 10**8))

    with pytest.raises(ModelFailed, match=r"does not fit on the disk of .*: 0\.1 GB are free; HF_HOME="):
        make()


def test_too_little_memory_for_what_is_on_the_hub(
    model_hub: ModelHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sizes of its files are enough to know; no tensor is fetched."""
    monkeypatch.setattr(machine, "free_memory", lambda _: memory._WORK_ON_CPU)

    with pytest.raises(ModelFailed, match=r"This machine has 0\.2 GB free"):
        make()
    assert model_hub.fetched() == []


def test_a_connection_that_breaks(model_hub: ModelHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The download goes on with the next connection, where the last one broke."""
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    large = model_hub.folder / "model.safetensors"
    checkpoints.write_tensors(large, {**checkpoints.SHAPES, "model.embed_tokens.weight": (1000, 4)})
    model_hub.cut[large.name] = 3000

    found, reports = fetch(make())

    assert (found / large.name).read_bytes() == large.read_bytes()
    assert [
        call[2] for call in model_hub.calls if call[0] == "GET" and call[1].endswith("/model.safetensors")
    ][:2] == [*(None, "bytes=3000-")]
    assert all(report.fraction is not None and report.fraction <= 1 for report in reports)


def test_a_download_that_stops(model_hub: ModelHub) -> None:
    """It ends with a sentence; started again, what has come whole is not fetched again."""
    planned = make()
    model_hub.refusals[f"GET /{NAME}/resolve/{COMMIT}/model.safetensors"] = 500, ""

    with pytest.raises(
        ModelFailed, match=f"The download of {NAME} stopped after .* status 500. Start it again"
    ):
        fetch(planned)
    model_hub.refusals.clear()
    rest = make()

    assert "model.safetensors" in rest.fetched
    assert rest.fetched.keys() < planned.fetched.keys()
    assert {path.name for path in fetch(rest)[0].iterdir()} >= {"model.safetensors", "vision-lora"}


def test_a_download_that_is_interrupted(model_hub: ModelHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends at once, though a file is still on its way."""
    planned = make()
    free = threading.Event()

    def get(*_: object, **__: object) -> Path:
        free.wait(20)
        return Path()

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(hub, "get", get)
    monkeypatch.setattr(Future, "result", interrupt)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        fetch(planned)

    assert time.monotonic() - began < 5
    assert model_hub.fetched() == []
    free.set()


def test_what_came_is_checked(model_hub: ModelHub) -> None:
    """A checkpoint that lacks tensors is refused after the download as a folder is."""
    (model_hub.folder / "model.safetensors").write_bytes(b"<html>")

    with pytest.raises(ModelFailed, match=r"model\.safetensors is cut off|is no safetensors file"):
        loader.load_planned(make(), lambda _: None)


def test_a_token(model_hub: ModelHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token in the environment goes to the Hub, and into no report."""
    monkeypatch.setenv("HF_TOKEN", "hf_sentinel")

    _, reports = fetch(make())

    assert {call[3] for call in model_hub.calls} == {"Bearer hf_sentinel"}
    assert "hf_sentinel" not in str(reports)


def test_how_far_a_download_is() -> None:
    """Bytes, rate and the time that is left, by what is new since the start, not too often."""
    now = [0.0]
    reports: list[Progress] = []
    meter = download._Meter("o/n", 11_000_000_000, reports.append, clock=lambda: now[0])

    bar = meter.bar(total=5, initial=1_000_000_000, desc="x")
    for now[0] in (0.1, 10.0, 10.1, 20.0):
        bar.update(1_000_000_000)
    bar.set_description("anything", refresh=True)

    assert [report.text for report in reports] == [
        "Downloading o/n: 1.0 GB of 11.0 GB",
        "Downloading o/n: 3.0 GB of 11.0 GB, 200.0 MB/s, 40 s left",
        "Downloading o/n: 5.0 GB of 11.0 GB, 200.0 MB/s, 30 s left",
    ]
    assert reports[-1].fraction == pytest.approx(5 / 11)
    assert [download._duration(seconds) for seconds in (0.2, 59, 600, 7200)] == [
        "1 s",
        "59 s",
        "10 min",
        "2.0 h",
    ]


def test_the_version_that_was_tried() -> None:
    """The library is the one that the extra asks for."""
    assert huggingface_hub.__version__.startswith("2.")
