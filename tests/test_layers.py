"""What import-linter cannot say of the installed packages; the layers stand in pyproject.toml.

Every import counts, wherever it stands: inside functions, and for type checkers alone.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import phi4_space
from phi4_space import interop

OWN_NEEDS = {
    *("anyio", "filetype", "httpx", "jsonschema", "pydantic", "pydantic_core", "referencing", "stamina"),
    "typing_extensions",
}  # pydantic_core comes with pydantic
COMMAND_NEEDS = {"rich", "typer"}
SERVER_NEEDS = {
    "anyio",
    "av",
    "gradio",
    "httpx",
    "httpx_sse",
    "jsonschema",
    "numpy",
    "PIL",
    "snowballstemmer",
    "stamina",
    "fastapi",
    "pydantic",
    "starlette",
    "uvicorn",
}  # the first and the last four come with gradio
WEIGHTS_NEED = {
    "accelerate",
    "bitsandbytes",
    "gradio",
    "huggingface_hub",
    "numpy",
    "peft",
    "PIL",
    "psutil",
    "pydantic",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
}
DEPLOY_NEEDS = {"huggingface_hub"}
ADAPTERS = {
    "langchain_phi4": {"langchain_core", "pydantic", "pydantic_core"},
    "llama_index_phi4": {"llama_index", "pydantic", "pydantic_core"},
}
"""The frameworks' packages, and what each may need."""
PUBLIC = (phi4_space, interop)


def sources(package: str) -> dict[str, ast.Module]:
    """The modules of an installed package, by their names below it; none where it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return {}
    (root,) = map(Path, spec.submodule_search_locations)
    return {
        ".".join(path.relative_to(root).with_suffix("").parts): ast.parse(path.read_text("utf-8"))
        for path in sorted(root.rglob("*.py"))
    }


def imports(package: str, name: str, tree: ast.Module) -> Iterator[str]:
    """The full dotted names of what a module imports, anywhere in it."""
    parents = [package, *name.split(".")][:-1]
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                start = [*parents[: len(parents) - node.level + 1]] if node.level else []
                base = ".".join([*start, *filter(None, [node.module])])
                yield from (f"{base}.{alias.name}" for alias in node.names)
            case ast.Call(args=[ast.Constant(value=str(target)), *_]) if called(node) in {
                "import_module",
                "importlib.import_module",
                "__import__",
            }:
                yield target


def called(node: ast.Call) -> str:
    """What a call calls, as it is written."""
    return ast.unparse(node.func)


def top(name: str) -> str:
    """The package that a full name is in."""
    return name.partition(".")[0]


CLIENT = sources("phi4_space")
SERVER = sources("phi4_server")
COMMAND = {name for name in CLIENT if name == "__main__" or name.startswith("_cli.")}


NETWORK = {"_net.certificates", "_net.proxies"}
"""What httpx would read of the environment by itself, without a word where it cannot."""


@pytest.mark.parametrize("name", sorted(set(CLIENT) - COMMAND - NETWORK - {"_config"}))
def test_one_room_reads_the_environment(name: str) -> None:
    """Defaults come from one place: no other room of the client looks at environment variables."""
    names = {
        ast.unparse(node) for node in ast.walk(CLIENT[name]) if isinstance(node, ast.Attribute | ast.Name)
    }

    assert not names & {"os.environ", "os.environb", "os.getenv", "environ", "getenv"}


def test_the_client_needs_what_it_says_it_needs() -> None:
    """No room imports a library that its installation does not bring, the command's come with its extra."""
    wrong = [
        f"{name} imports {found}"
        for name, tree in CLIENT.items()
        for found in imports("phi4_space", name, tree)
        if top(found) not in allowed(name)
    ]

    assert wrong == []


def allowed(name: str) -> set[str]:
    """The packages that a room of the client may import."""
    command = COMMAND_NEEDS | {"phi4_server"} if name in COMMAND else set()
    return {*sys.stdlib_module_names, "phi4_space", *OWN_NEEDS, *command}


def test_the_server_knows_nothing_of_the_client() -> None:
    """The server's folder can be uploaded as a Space by itself: what a room imports comes with its extra."""
    extras = {"weights": WEIGHTS_NEED, "deploy": DEPLOY_NEEDS}
    wrong = [
        f"{name} imports {found}"
        for name, tree in SERVER.items()
        for found in imports("phi4_server", name, tree)
        if top(found)
        not in {
            *sys.stdlib_module_names,
            "phi4_server",
            *extras.get(name.partition(".")[0], SERVER_NEEDS),
        }
    ]

    assert SERVER
    assert wrong == []


@pytest.mark.parametrize("package", ADAPTERS)
def test_adapters_use_public_names_alone(package: str) -> None:
    """A framework's package stands on what everybody may use, and on no other framework's package."""
    trees = sources(package)
    found = {
        f"{name} imports {item}": item
        for name, tree in trees.items()
        for item in imports(package, name, tree)
    }
    public = {f"{module.__name__}.{name}" for module in PUBLIC for name in module.__all__}
    public |= {module.__name__ for module in PUBLIC}
    strangers = {"phi4_server", *ADAPTERS} - {package}

    assert trees
    assert [told for told, item in found.items() if top(item) == "phi4_space" and item not in public] == []
    assert [told for told, item in found.items() if top(item) in strangers] == []
    assert [
        f"{name} reads {ast.unparse(node)}"
        for name, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node.value) == "phi4_space"
        and node.attr not in phi4_space.__all__
    ] == []


@pytest.mark.parametrize("package", ADAPTERS)
def test_adapters_need_what_they_say_they_need(package: str) -> None:
    """A framework's package imports that framework, and no library that its extra does not bring."""
    allowed = {*sys.stdlib_module_names, "phi4_space", package, *ADAPTERS[package]}
    wrong = [
        f"{name} imports {found}"
        for name, tree in sources(package).items()
        for found in imports(package, name, tree)
        if top(found) not in allowed
    ]

    assert wrong == []


ROOMS = {
    f"{package}.{name}": tree
    for package in ("phi4_space", *ADAPTERS)
    for name, tree in sources(package).items()
    if name.rpartition(".")[2] != "__init__"
}


@pytest.mark.parametrize("name", ROOMS)
def test_each_room_says_at_the_door_what_it_knows(name: str) -> None:
    """The first lines of a room tell its one noun and what it knows, and so what it may not."""
    door = (ast.get_docstring(ROOMS[name]) or "").partition("\n\n")
    opening = " ".join((door[0] + " " + door[2].partition("\n\n")[0]).split())

    assert "Knows " in opening


CHANGING = {
    "_prompt.call_block.CallBlock",  # follows a text as it grows
    "_json.JsonEnd",  # as above
    "_turn.state.SessionState",  # how far a conversation has come on the Space
}


@pytest.mark.parametrize("name", sorted(CLIENT))
def test_values_are_frozen(name: str) -> None:
    """What travels between the rooms is never changed on its way, and its class says so."""
    loose = [
        node.name
        for node in ast.walk(CLIENT[name])
        if isinstance(node, ast.ClassDef) and f"{name}.{node.name}" not in CHANGING
        for decorator in node.decorator_list
        if "dataclass" in ast.unparse(decorator)
        and not {"frozen=True", "slots=True"}
        <= set(ast.unparse(decorator).strip(")").split("(")[-1].split(", "))
    ]

    assert loose == []


PLANTED = """
import a, b.c as d
from e import f
from . import _turns
from ._queue import Snapshot
from .. import above
def lazy():
    from g.h import i
    importlib.import_module("j.k")
    __import__("l")
if TYPE_CHECKING:
    import m
"""


def test_no_import_goes_unseen() -> None:
    """The reader of imports sees relative ones, lazy ones and those for type checkers alone."""
    found = set(imports("phi4_space", "_inner._room", ast.parse(PLANTED)))

    assert found == {
        *("a", "b.c", "e.f", "g.h.i", "j.k", "l", "m"),
        *("phi4_space._inner._turns", "phi4_space._inner._queue.Snapshot", "phi4_space.above"),
    }
