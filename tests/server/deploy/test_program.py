"""What answers on a Space, and the files that follow from it."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from servers import ROOT

from phi4_server.deploy import program
from phi4_server.deploy.failure import DeployFailed
from phi4_server.deploy.program import (
    OfflineProgram,
    Program,
    UpstreamProgram,
    WeightsProgram,
    app_py,
    requirements,
    to_model,
)

WEIGHTS = "microsoft/Phi-4-multimodal-instruct"
PROGRAMS: list[Program] = [
    OfflineProgram(),
    WeightsProgram(WEIGHTS),
    UpstreamProgram(url="https://engine.example/v1?api-version=1", model="phi'4", key="ENGINE_KEY"),
]
every_program = pytest.mark.parametrize("one", PROGRAMS, ids=lambda one: type(one).__name__)


def pins(one: Program) -> dict[str, Requirement]:
    lines = map(Requirement, requirements(one).splitlines())
    return {line.name: line for line in lines}


@every_program
def test_spaces_comes_first(one: Program) -> None:
    """Of all that is not Python's own, `spaces` is imported first, and something is decorated by it."""
    imported = [
        node.names[0].name if isinstance(node, ast.Import) else node.module
        for node in ast.parse(app_py(one)).body
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert next(name for name in imported if name != "argparse") == "spaces"
    assert "@spaces.GPU" in app_py(one)


@every_program
def test_it_ends_in_gradios_launch(one: Program) -> None:
    """The last statement is the launch that ZeroGPU waits for, at the top level; ours has no part in it."""
    last = ast.parse(app_py(one)).body[-1]

    assert ast.unparse(last) == "demo.launch(**ON_THE_HUB)"
    assert "phi4_server.server" not in app_py(one)


def test_the_weights_are_loaded_at_the_top_level() -> None:
    """So is the decorated generator: it is pickled by its name."""
    tree = ast.parse(app_py(WeightsProgram(WEIGHTS)))
    names = {ast.unparse(node.targets[0]) for node in tree.body if isinstance(node, ast.Assign)}
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]

    assert "WEIGHTS" in names
    assert [ast.unparse(one.decorator_list[0]) for one in functions] == [
        "spaces.GPU(duration=zero_gpu.duration)"
    ]


def test_the_upstreams_options_are_those_of_serve() -> None:
    """What is asked for stands in the app, the key by its variable alone."""
    text = app_py(PROGRAMS[2])

    assert "--upstream=https://engine.example/v1?api-version=1" in text
    assert "--upstream-model=phi'4" in text
    assert "--upstream-key-env=ENGINE_KEY" in text


@every_program
def test_the_pins_fit_the_extras(one: Program) -> None:
    """Each package has one version, in the range that the extra allows."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    ranges = {
        found.name: found
        for extra in ("server", "model")
        for found in map(Requirement, extras.get(extra, ()))
        if not found.url
    }
    for name, pin in pins(one).items():
        if name in ranges:
            assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), name
            assert str(pin.specifier)[2:] in ranges[name].specifier, name


def test_nothing_of_the_server_is_left_out() -> None:
    """What the extra needs is in requirements.txt, comes with Gradio, or is for an engine alone."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    needed = {Requirement(line).name for line in extras["server"]}
    for_weights = {Requirement(line).name for line in extras["model"]} - {"phi4-space"}

    assert pins(WeightsProgram(WEIGHTS)).keys() - pins(OfflineProgram()).keys() == for_weights
    assert pins(PROGRAMS[2]).keys() - {"spaces"} == needed - {"gradio", "pydantic"}
    assert pins(PROGRAMS[2]).keys() - {"httpx", "httpx-sse", "stamina"} == pins(OfflineProgram()).keys()


def test_the_pins_are_what_is_tested() -> None:
    """They are CI's own versions, Gradio's as well."""
    lines = [line for name in ("ci", "model") for line in _constraints(name) if "==" in line]
    tested = {line.partition("==")[0].replace("-", "_"): line.partition("==")[2] for line in lines}

    assert tested["gradio"] == program.GRADIO
    assert tested["spaces"] in pins(OfflineProgram())["spaces"].specifier
    for one in PROGRAMS:
        for name, pin in pins(one).items():
            assert name == "spaces" or str(pin.specifier) == f"=={tested[name.replace('-', '_')]}"


def _constraints(name: str) -> list[str]:
    return (ROOT / "constraints" / f"{name}.txt").read_text().splitlines()


def test_offline_is_a_model() -> None:
    """So is a repository's name."""
    assert to_model("offline") == OfflineProgram()
    assert to_model(WEIGHTS) == WeightsProgram(WEIGHTS)


@pytest.mark.parametrize("text", ["ofline", "a/b/c", "https://huggingface.co/a/b", "a/b'); import os", ""])
def test_other_words_are_none(text: str) -> None:
    """What names no repository is refused, and so never gets into a program."""
    with pytest.raises(DeployFailed, match="OWNER/NAME"):
        to_model(text)


def test_a_folder_cannot_go_along(tmp_path: Path) -> None:
    """A Space does not see this machine's folders; what to do is said."""
    with pytest.raises(DeployFailed, match="hf upload"):
        to_model(str(tmp_path))
