"""The folder that is uploaded."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from phi4_server.deploy.failure import DeployFailed
from phi4_server.deploy.folder import PACKAGE, Folder, git_oid, to_folder, write
from phi4_server.deploy.program import OfflineProgram, Program, WeightsProgram

WEIGHTS = WeightsProgram("microsoft/Phi-4-multimodal-instruct")


def folder(program: Program = WEIGHTS, *, secrets: tuple[str, ...] = ()) -> Folder:
    return to_folder(program, space="ada/phi4", hardware="zero-a10g", secrets=secrets)


def head(files: Folder) -> dict[str, object]:
    _, front, _ = files["README.md"].decode().split("---\n", 2)
    loaded = yaml.safe_load(front)
    assert isinstance(loaded, dict)
    return loaded


def test_it_is_a_gradio_space() -> None:
    """Four things: README with front matter, requirements, app, and the package; all versions are strings."""
    files = folder(OfflineProgram())

    assert files.keys() >= {"README.md", "requirements.txt", "app.py", "phi4_server/__init__.py"}
    assert head(files)["sdk"] == "gradio"
    assert head(files)["app_file"] == "app.py"
    assert isinstance(head(files)["sdk_version"], str)
    assert isinstance(head(files)["python_version"], str)


def test_the_front_matter_assigns_no_hardware() -> None:
    """There is no such key; a suggestion is for those who copy the Space."""
    assert "hardware" not in head(folder())
    assert head(folder())["suggested_hardware"] == "zero-a10g"


def test_public_weights_are_fetched_while_it_builds() -> None:
    """Private ones cannot be: they need the token that the program alone has."""
    assert head(folder())["preload_from_hub"] == [WEIGHTS.model]
    assert head(folder())["models"] == [WEIGHTS.model]
    assert "preload_from_hub" not in head(folder(secrets=("HF_TOKEN",)))
    assert "models" not in head(folder(OfflineProgram()))


def test_the_short_description_is_short() -> None:
    """The Hub takes 60 characters."""
    for program in (OfflineProgram(), WEIGHTS):
        assert len(str(head(folder(program))["short_description"])) <= 60


def test_the_package_is_whole() -> None:
    """Its files are byte for byte those of this package, examples too, and no caches."""
    files = folder()

    for path in (*PACKAGE.rglob("*.py"), *PACKAGE.glob("examples/*.*"), PACKAGE / "py.typed"):
        name = f"phi4_server/{path.relative_to(PACKAGE).as_posix()}"
        if "__pycache__" not in name:
            assert files[name] == path.read_bytes()
    assert not [name for name in files if "__pycache__" in name or name.endswith(".pyc")]


def test_what_only_lies_there_stays_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A checkout has notes, data, copies of editors, caches and links; none of them is the package's."""
    package, secret = tmp_path / "phi4_server", tmp_path / "secret.py"
    secret.write_text("KEY = 1")
    strays = (
        ".env",
        "notes.md",
        "data/chats.json",
        "app.py~",
        "#app.py#",
        ".#app.py",
        "app copy.py",
        "a.pyc",
    )
    for name in ("app.py", "py.typed", "examples/hills.png", "examples/mine.png", ".git/x.py", *strays):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).touch()
    (package / "linked.py").symlink_to(secret)
    (package / "folder").symlink_to(tmp_path)
    monkeypatch.setattr("phi4_server.deploy.folder.PACKAGE", package)

    assert {name for name in folder() if "/" in name} == {
        "phi4_server/app.py",
        "phi4_server/py.typed",
        "phi4_server/examples/hills.png",
    }


def test_the_same_program_is_the_same_folder() -> None:
    """Made twice, it has not changed."""
    assert folder() == folder()


def test_it_is_written_as_it_is_uploaded(tmp_path: Path) -> None:
    """Every file, with its bytes."""
    target = tmp_path / "new" / "folder"
    write(folder(), target)

    for name, data in folder().items():
        assert (target / name).read_bytes() == data


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    """Nothing is written among other files."""
    (tmp_path / "mine.txt").touch()
    with pytest.raises(DeployFailed, match="is not empty"):
        write(folder(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """What cannot be written to is named."""
    (tmp_path / "file").touch()
    with pytest.raises(DeployFailed, match="cannot be written"):
        write(folder(), tmp_path / "file")


def test_contents_have_gits_names(tmp_path: Path) -> None:
    """They are compared by these with what the Hub lists."""
    (tmp_path / "file").write_bytes(b"a\0b\n")
    named = subprocess.run(  # noqa: S603 - git itself
        ["git", "hash-object", "--no-filters", str(tmp_path / "file")],  # noqa: S607 - as above
        capture_output=True,
        text=True,
        check=True,
    )

    assert git_oid(b"a\0b\n") == named.stdout.strip()
