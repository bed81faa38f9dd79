"""What users lean on: the public names, and what importing them does and does not do."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import inspect
import subprocess
import sys
import typing

import pytest

import phi4_space.session
from phi4_space import _turns

EVENTS: tuple[type, ...] = typing.get_args(phi4_space.Event)
NEVER_BY_ITSELF = {
    *("gradio", "gradio_client", "typer", "rich", "click", "PIL", "numpy", "langchain", "langchain_core"),
    *("llama_index", "fastapi", "uvicorn", "phi4_server", "langchain_phi4", "llama_index_phi4"),
}


def error_classes(kind: type[phi4_space.Phi4Error]) -> list[type[phi4_space.Phi4Error]]:
    """A class of errors and all of the client's below it."""
    children = [child for child in kind.__subclasses__() if child.__module__.startswith("phi4_space.")]
    return [kind, *(found for child in children for found in error_classes(child))]


def order(name: str) -> tuple[int, str]:
    """Constants first, then classes, then the rest, each by the alphabet."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def test_the_public_names_are_sorted_and_told_once() -> None:
    """The list of public names reads like an index."""
    assert phi4_space.__all__ == sorted(set(phi4_space.__all__), key=order)


@pytest.mark.parametrize("name", phi4_space.__all__)
def test_each_public_name_is_there(name: str) -> None:
    """What is promised can be imported, and a class or function says what it is."""
    value = getattr(phi4_space, name)

    assert not inspect.isclass(value) or inspect.getdoc(value)


def test_nothing_public_is_untold() -> None:
    """What the front door shows without an underscore is on the list."""
    names = {name for name in vars(phi4_space) if not name.startswith("_")}

    assert (names - {"interop", "session"}) | {"__version__"} == set(phi4_space.__all__)  # of their own


@pytest.mark.parametrize("name", phi4_space.session.__all__)
def test_each_name_of_the_low_level_is_there(name: str) -> None:
    """The session and its wire events stand in a module of their own, each class saying what it is."""
    value = getattr(phi4_space.session, name)

    assert not inspect.isclass(value) or inspect.getdoc(value)
    assert name not in phi4_space.__all__


@pytest.mark.parametrize("kind", error_classes(phi4_space.Phi4Error))
def test_every_error_can_be_caught_by_name(kind: type[phi4_space.Phi4Error]) -> None:
    """Whatever this package raises is importable from its front door."""
    assert getattr(phi4_space, kind.__name__) is kind


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_can_be_matched_by_name(kind: type) -> None:
    """Whatever a stream yields is importable from its front door."""
    assert getattr(phi4_space, kind.__name__) is kind


def test_what_values_are_made_of_can_be_named() -> None:
    """Every value of the vocabulary is public, but for files and their bytes: rooms alone hand them on."""
    values = {
        name
        for name, value in vars(_turns).items()
        if inspect.isclass(value) and value.__module__ == _turns.__name__
    }

    assert values - {"File", "StoredBytes"} <= set(phi4_space.__all__)


@pytest.mark.parametrize("package", ["phi4_space", "phi4_server", "langchain_phi4", "llama_index_phi4"])
def test_types_are_shipped(package: str) -> None:
    """The marker that has type checkers read the annotations lies in the installed package."""
    assert importlib.resources.files(package).joinpath("py.typed").is_file()


def test_the_version_is_the_installed_one() -> None:
    """The version in the code is the distribution's."""
    try:
        installed = importlib.metadata.version("phi4-space")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package is used from its source, uninstalled")

    assert phi4_space.__version__ == installed


def test_importing_loads_no_framework_and_starts_nothing() -> None:
    """The import adds no server, command, picture or framework library to its needs, and no thread."""
    program = """
import anyio, filetype, httpx, pydantic, stamina  # httpx loads rich where it is installed
import sys, threading
before = set(sys.modules)
import phi4_space
print(threading.active_count(), *{name.partition(".")[0] for name in set(sys.modules) - before})
"""

    count, *packages = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, check=True
    ).stdout.split()

    assert count == "1"
    assert "phi4_space" in packages
    assert set(packages) & NEVER_BY_ITSELF == set()


METHODS = {
    "astream": "stream",
    "areply": "reply",
    "astatus": "status",
    "await_ready": "wait_ready",
    "aclose": "close",
}


@pytest.mark.parametrize("kind", [phi4_space.SpaceClient, phi4_space.Conversation])
@pytest.mark.parametrize(("asynchronous", "synchronous"), METHODS.items())
def test_synchronous_methods_take_what_asynchronous_ones_take(
    kind: type, asynchronous: str, synchronous: str
) -> None:
    """Who changes from one to the other changes the name, and nothing else."""
    assert hasattr(kind, asynchronous) == hasattr(kind, synchronous)
    if hasattr(kind, asynchronous):
        signatures = [inspect.signature(getattr(kind, name)) for name in (asynchronous, synchronous)]
        assert signatures[0].parameters == signatures[1].parameters


@pytest.mark.parametrize("kind", [phi4_space.SpaceClient, phi4_space.Conversation])
def test_after_the_first_argument_all_go_by_name(kind: type) -> None:
    """Calls read without counting commas, and arguments can be added without breaking any."""
    members = inspect.getmembers(kind, inspect.isfunction)
    public = {name: member for name, member in members if not name.startswith("_") or name == "__init__"}

    for name, member in public.items():
        _, *rest = inspect.signature(member).parameters.values()
        by_position = [part for part in rest if part.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        assert len(by_position) <= 1, name
