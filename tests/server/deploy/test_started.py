"""The folder that is uploaded, started as the Hub starts it: its own app.py, Gradio's own launch."""

from __future__ import annotations

import os
import subprocess
import venv
from pathlib import Path

import media
import pytest
from started import started
from upstream import answer, running_upstream

from phi4_server.deploy.folder import to_folder, write
from phi4_server.deploy.program import GRADIO, OfflineProgram, UpstreamProgram
from phi4_space import Media, SpaceClient

pytestmark = pytest.mark.loopback


def test_the_offline_space_answers(tmp_path: Path) -> None:
    """Its package is the folder's own, and a file can be sent."""
    folder = tmp_path / "space"
    write(to_folder(OfflineProgram(), space="ada/phi4", hardware="cpu-basic"), folder)

    with started(folder) as url, SpaceClient(url) as space:
        assert space.status().ready
        assert "offline model" in space.reply("Who are you?").text
        picture = Media(media.square(220, 40, 40), "red.png")
        assert "red" in space.reply("What colour is it?", media=[picture]).text


def test_the_space_of_an_upstream_passes_questions_on(tmp_path: Path) -> None:
    """With the key that its secret holds."""
    folder = tmp_path / "space"
    with running_upstream(answer("Hello", " there")) as engine:
        program = UpstreamProgram(url=engine.url, model="phi-4", key="ENGINE_KEY")
        write(to_folder(program, space="ada/phi4", hardware="cpu-basic"), folder)
        with started(folder, ENGINE_KEY="s3cret") as url, SpaceClient(url) as space:
            assert space.reply("Who are you?").text == "Hello there"

    assert engine.asked[0].headers["authorization"] == "Bearer s3cret"


@pytest.mark.model
@pytest.mark.timeout(1200)
def test_it_is_installed_from_its_own_requirements(tmp_path: Path) -> None:
    """In an environment of its own, with the Gradio that its README names; `spaces` is the real one."""
    folder, place = tmp_path / "space", tmp_path / "environment"
    write(to_folder(OfflineProgram(), space="ada/phi4", hardware="zero-a10g"), folder)
    venv.create(place, with_pip=True)
    python = str(place / ("Scripts" if os.name == "nt" else "bin") / "python")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    subprocess.run([*pip, f"gradio=={GRADIO}", "-r", "requirements.txt"], cwd=folder, check=True)  # noqa: S603 - our own

    with started(folder, python=python, patience=180) as url, SpaceClient(url) as space:
        assert space.status().gradio_version == GRADIO
        assert "offline model" in space.reply("Who are you?").text
