"""What all tests share: the network is off, 127.0.0.1 open to tests with servers, and where they run."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import stamina
from hypothesis import settings
from servers import KINDS, Servers
from stage import Stage, Venue, staged, venues

# No deadline: on a busy machine an example may take any time, whatever the code does. In CI the same
# examples run every time, so that only a change can make a test fail; elsewhere new ones are tried.
settings.register_profile("local", deadline=None, print_blob=True)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if "CI" in os.environ else "local")

HERE = Path(__file__).parent
STAGES = {kind: kind for kind in KINDS} | {"own_space": "answering", "plain": "words"}
"""The fixtures that are Spaces, recorded or running, and of which kind; the marker `app` names another."""
FRAMEWORKS = ("langchain", "llama_index")
TOKEN = pytest.StashKey[str | None]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the contract tests run; see docs/recording.md."""
    group = parser.getgroup("Spaces")
    gradio = (
        "run the live tests, or record, on a Space served by this interpreter; may be given several times"
    )
    group.addoption("--gradio", action="append", default=[], metavar="VERSION=PYTHON", help=gradio)
    group.addoption(
        "--record", action="store_true", help="write the cassettes again, instead of playing them"
    )
    group.addoption("--space", metavar="SPACE", help="with --record: record from this Space, a name or a URL")


def pytest_configure(config: pytest.Config) -> None:
    """Takes the token for `--space` before the tests' environment is cleared.

    Raises:
        pytest.UsageError: The options do not say what to record, or a Space that is not to be recorded.
    """
    record, space, gradio = (config.getoption(name) for name in ("record", "space", "gradio"))
    if record != bool(space or gradio) and (record or space):
        raise pytest.UsageError("--record goes with --gradio or --space, and --space with --record")
    config.stash[TOKEN] = os.environ.get("HF_TOKEN")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs the tests of the contract on each stage, and those that need a live Space on each Gradio."""
    option = metafunc.config.getoption
    gradios, record, space = option("gradio"), option("record"), option("space")
    framework = metafunc.definition.path.parent.name in FRAMEWORKS
    for name in sorted(STAGES.keys() & set(metafunc.fixturenames)):  # alike in each process
        anywhere, newest = name == "answering", framework or name == "own_space"
        places = venues(gradios, record=record, space=space, anywhere=anywhere, newest=newest)
        values = [pytest.param(place, id=place.name, marks=_network(place)) for place in places]
        metafunc.parametrize(name, values, indirect=True)
    if "gradio_python" in metafunc.fixturenames:
        pythons = [choice.partition("=") for choice in gradios] or [("own", "", sys.executable)]
        values = [pytest.param(path, id=name, marks=pytest.mark.loopback) for name, _, path in pythons]
        metafunc.parametrize("gradio_python", values)


def _network(venue: Venue) -> list[pytest.MarkDecorator]:
    if venue.plays:
        return []
    return [pytest.mark.loopback if venue.space is None else pytest.mark.enable_socket]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Opens 127.0.0.1 to the tests that say they need it; `--disable-socket` closes all else.

    When recording, the tests that have no cassette are left out.
    """
    if config.getoption("record"):
        items[:] = [item for item in items if STAGES.keys() & set(getattr(item, "fixturenames", ()))]
    for item in items:
        if item.get_closest_marker("loopback") or item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.allow_hosts(["127.0.0.1", "localhost", "::1"]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what tests measured, in whichever process they ran."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    if lines := [value for report in reports for name, value in report.user_properties if name == "measured"]:
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.line(line)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's Space or token."""
    monkeypatch.delenv("PHI4_SPACE", raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)


@pytest.fixture
def no_waiting() -> Iterator[None]:
    """Turns are tried again at once."""
    stamina.set_testing(True, attempts=9, cap=True)
    yield
    stamina.set_testing(False)


@pytest.fixture
def anyio_backend() -> str:
    """The loop of tests that are coroutines."""
    return "asyncio"


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Spaces of our own, each started when first asked for."""
    running = Servers()
    yield running
    running.close()


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Notes a line for the summary."""
    return partial(record_property, "measured")


def _stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A Space of the kind that the fixture is named for, recorded or running."""
    assert isinstance(request.node, pytest.Function)
    app = request.node.get_closest_marker("app")
    with staged(
        request.param,
        kind=app.args[0] if app else STAGES[str(request.fixturename)],
        tape=_tape(request.node, request.param),
        servers=lambda: request.getfixturevalue("servers"),
        token=request.config.stash[TOKEN],
    ) as stage:
        if request.fixturename in {"own_space", "plain"}:
            stage.endpoint = None  # they are asked as their users do
        yield stage


def _tape(test: pytest.Function, venue: Venue) -> str:
    """A cassette's name: its test's, in folders as the tests are; for a class and parameters, theirs too."""
    folder = test.path.parent.relative_to(HERE)
    if folder == Path():
        return test.originalname.removeprefix("test_")
    words = [test.path.stem.removeprefix("test_"), test.originalname.removeprefix("test_")]
    parameters = test.callspec.id.replace(venue.name, "")
    words += re.findall(r"\w+", parameters)
    return str(folder / "-".join(words))


answering = pytest.fixture(name="answering")(_stage)
faulty = pytest.fixture(name="faulty")(_stage)
whole = pytest.fixture(name="whole")(_stage)
own_space = pytest.fixture(name="own_space")(_stage)
plain = pytest.fixture(name="plain")(_stage)
