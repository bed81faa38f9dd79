"""What a plan says, and what it never does."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from phi4_server.deploy.failure import DeployFailed
from phi4_server.deploy.folder import git_oid
from phi4_server.deploy.hardware import HARDWARE
from phi4_server.deploy.hub_answer import Existing, Runtime
from phi4_server.deploy.plan import Plan, to_plan

FOLDER = {"app.py": b"1", "phi4_server/__init__.py": b"2"}
RUNNING = Runtime(stage="RUNNING", commit="c1", hardware="cpu-basic", requested="cpu-basic")


def existing(runtime: Runtime = RUNNING, **changes: Any) -> Existing:
    files = {path: git_oid(data) for path, data in FOLDER.items()}
    values: dict[str, Any] = {"commit": "c1", "is_private": False, "sdk": "gradio", "url": "", "files": files}
    return Existing(runtime=runtime, **values | changes)


def plan(
    there: Existing | None, *, private: bool = False, hardware: str = "cpu-basic", **secrets: str
) -> Plan:
    return to_plan(
        "ada/x",
        FOLDER,
        existing=there,
        hardware=HARDWARE[hardware],
        wants_private=private,
        secrets=secrets,
    )


def said(one: Plan) -> str:
    return "\n".join(one.sentences())


def test_a_new_space_is_created_whole() -> None:
    """It says where, as what, with which secrets and how much is uploaded."""
    assert said(plan(None, private=True, KEY="s3cret")).splitlines() == [
        "Create the private Space ada/x on cpu-basic.",
        "Set the secret KEY, from the environment variable of that name.",
        "Upload 2 files (0 kB).",
    ]


def test_nothing_changed_is_said() -> None:
    """A Space that is as it should be is not touched."""
    assert plan(existing()).is_empty
    assert said(plan(existing())) == "Nothing has changed: ada/x is as it should be."


def test_only_what_changed_is_uploaded() -> None:
    """What is no longer there goes, and is named."""
    files = {"app.py": "0" * 40, "phi4_server/__init__.py": git_oid(b"2"), "old.py": "1" * 40}
    one = plan(existing(files=files))

    assert one.changed == ("app.py",)
    assert one.removed == ("old.py",)
    assert "Upload 1 file (0 kB) and remove 1 file (old.py)." in said(one)


def test_files_in_large_storage_are_compared_too() -> None:
    """There the Hub names a content by its SHA-256."""
    files = {path: hashlib.sha256(data).hexdigest() for path, data in FOLDER.items()}
    assert plan(existing(files=files)).is_empty


def test_a_private_space_stays_private() -> None:
    """Without --private as well: nothing makes it public."""
    one = plan(existing(is_private=True, files={"phi4_server/__init__.py": "0" * 40}))

    assert one.is_private
    assert not one.hides
    assert "stays private" in said(one)


def test_a_public_space_becomes_private_where_that_is_asked_for() -> None:
    """It is said what that means, and done first."""
    one = plan(existing(), private=True)

    assert one.hides
    assert said(one).startswith("Make ada/x private, before anything else: it is public now")


def test_hardware_is_asked_for_where_it_differs() -> None:
    """Requested hardware counts, though the Space does not run on it yet."""
    moving = Runtime(stage="BUILDING", hardware="cpu-basic", requested="l4x1")

    assert "Move it from cpu-basic to l4x1." in said(plan(existing(), hardware="l4x1"))
    assert plan(existing(moving), hardware="l4x1").is_empty


@pytest.mark.parametrize("stage", ["PAUSED", "STOPPED", "BUILD_ERROR", "RUNTIME_ERROR"])
def test_a_space_that_does_not_run_is_built_again(stage: str) -> None:
    """Also if nothing else has changed: what failed may have been the network."""
    assert said(plan(existing(Runtime(stage=stage, requested="cpu-basic")))).endswith(
        "Build and start it again."
    )


def test_an_upload_alone_ends_a_failure() -> None:
    """The Hub builds by itself then; one that is paused it does not."""
    files = {"phi4_server/__init__.py": "0" * 40}
    failed, paused = (Runtime(stage=stage, requested="cpu-basic") for stage in ("BUILD_ERROR", "PAUSED"))

    assert not plan(existing(failed, files=files)).restarts
    assert plan(existing(paused, files=files)).restarts


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {"app.py": "1" * 40, "model.bin": "2" * 40}},
        {"sdk": "docker", "files": {"phi4_server/__init__.py": "1" * 40}},
        {"sdk": "static", "files": {"README.md": "1" * 40}},
    ],
    ids=["other files", "docker", "static"],
)
def test_somebodys_space_is_not_overwritten(changes: dict[str, Any]) -> None:
    """A Space that this command did not fill is refused, though the token could."""
    with pytest.raises(DeployFailed, match="would be overwritten"):
        plan(existing(**changes))


def test_a_space_that_is_as_good_as_new_is_filled() -> None:
    """So a run that was cut short after creating it can go on."""
    assert plan(existing(files={"README.md": "1" * 40}, is_new=True)).uploads


def test_a_readme_that_somebody_wrote_is_theirs() -> None:
    """A Space that holds nothing else, but was changed since it was created, is left as it is."""
    with pytest.raises(DeployFailed, match="would be overwritten"):
        plan(existing(files={"README.md": "1" * 40}))


def test_no_secret_is_in_a_text() -> None:
    """Its name is said, its value is not."""
    assert "s3cret" not in said(plan(None, KEY="s3cret"))
    assert "s3cret" not in repr(plan(None, KEY="s3cret"))
