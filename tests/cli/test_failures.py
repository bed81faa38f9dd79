"""What the command returns, for every error there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

import phi4_space as p4
from phi4_space._cli.app import app
from phi4_space._cli.failures import EXITS, exit_code, to_failure

COMMAND_MD = Path(__file__).parents[2] / "docs" / "command.md"
OUR_ERRORS = [kind for kind in vars(p4).values() if isinstance(kind, type) and issubclass(kind, p4.Phi4Error)]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (p4.EmptyPrompt("x"), 2),
        (p4.FileTooLarge("x"), 2),
        (p4.SpaceNotFound("x"), 3),
        (p4.SpaceNotReady("x"), 3),
        (p4.QueueFull("x"), 4),
        (p4.QuotaExceeded("x"), 4),
        (p4.AuthenticationFailed("x"), 5),
        (p4.ContractNotMet("x"), 6),
        (p4.UnexpectedAnswer("x"), 6),
        (p4.ConnectionFailed("x"), 7),
        (p4.StreamLost("x"), 7),
        (p4.DeadlineExceeded("x"), 7),
        (p4.SpaceError("x"), 8),
        (p4.UploadLost("x"), 8),
        (p4.TurnCancelled("x"), 8),
        (KeyboardInterrupt(), 130),
        (ChildProcessError("x"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_exit_codes(error: BaseException, code: int) -> None:
    """Each family of errors has an exit status of its own, and its members share it."""
    assert exit_code(error) == code


def test_no_error_of_a_turn_is_forgotten() -> None:
    """Only the base of all errors, and four that the command cannot run into, have no exit status."""
    unclaimed = {kind.__name__ for kind in OUR_ERRORS if exit_code(kind.__new__(kind)) == 1}
    never = {"ToolChoiceNotMet", "ResponseFormatNotMet", "BlockingCallRefused", "LoopNotSupported"}
    assert unclaimed == {"Phi4Error"} | never


def test_exit_statuses_are_documented() -> None:
    """docs/command.md lists every exit status with the words that `phi4 --help` has for it."""
    documented = COMMAND_MD.read_text(encoding="utf-8")
    for known in EXITS:
        assert f"| {known.code} | {known.meaning} |" in documented


def test_the_options_of_deploy_are_documented() -> None:
    """docs/command.md has a row for each, and for no other."""
    text = COMMAND_MD.read_text(encoding="utf-8").partition("## Deploy")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`--[^|]*)\|", text, re.MULTILINE)
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    options = {
        name
        for parameter in group.commands["deploy"].params
        for name in parameter.opts
        if name.startswith("--")
    }

    assert set(re.findall(r"`(--[\w-]+)`", " ".join(rows))) == options - {"--help"}


@pytest.mark.parametrize(
    ("error", "space", "advice"),
    [
        (p4.AuthenticationFailed("x"), "owner/name", "Set HF_TOKEN"),
        (p4.AuthenticationFailed("x"), "http://127.0.0.1:7860", "asks for a login"),
        (p4.UrlRefused("x"), "owner/name", "--media"),
        (p4.DeadlineExceeded("x", which="total"), "owner/name", "--timeout"),
    ],
)
def test_advice_is_for_the_command(error: p4.Phi4Error, space: str, advice: str) -> None:
    """What to do is said in the command's own options, not in a program's."""
    error.locate(step="post", space=space)
    assert advice in to_failure(error).advice


def test_failure_tells_where() -> None:
    """A failure carries what happened, where, and what to do about it."""
    error = p4.QueueFull("The queue is full", status=503, retry_after=2.0)
    error.locate(step="post", space="owner/name")
    failure = to_failure(error)
    assert (failure.error, failure.what, failure.where) == (
        "QueueFull",
        "The queue is full",
        "owner/name, step post",
    )
    assert (failure.status, failure.retry_after, failure.retryable) == (503, 2.0, True)
    assert failure.advice == error.advice


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (p4.DeadlineExceeded("x", which="total"), "--timeout"),
        (p4.DeadlineExceeded("x", which="queue"), "Timeouts.queue"),
        (p4.AuthenticationFailed("x"), "HF_TOKEN"),
        (p4.InvalidConversation("x"), "/save"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_advice_speaks_of_the_command(error: p4.Phi4Error, word: str) -> None:
    """Where an error's own advice speaks to programs, the command has its own."""
    assert word in to_failure(error).advice
