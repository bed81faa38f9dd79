"""The key that other programs need: where it comes from, and when there must be one."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace

import pytest

from phi4_server import api_key
from phi4_server.__main__ import main


def checked(*arguments: str, auth: tuple[str, str] | None = None) -> Namespace:
    parser = ArgumentParser()
    api_key.add_options(parser)
    options = parser.parse_args(arguments)
    options.auth = auth
    api_key.check(parser, options)
    return options


def test_a_key_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is gone afterwards, so that no child of the server has it."""
    monkeypatch.setenv("PHI4_KEY", "sk-1")
    assert checked("--openai-api", "--api-key-env", "PHI4_KEY").api_key == "sk-1"
    assert "PHI4_KEY" not in os.environ
    assert checked("--openai-api").api_key is None
    assert checked().api_key is None


@pytest.mark.parametrize("api", ["--openai-api", "--mcp"])
def test_a_login_is_not_passed_by(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the page has a login, there must be a key."""
    monkeypatch.setenv("PHI4_KEY", "sk-1")
    with pytest.raises(SystemExit):
        checked(api, auth=("ada", "secret"))
    assert checked(api, "--api-key-env", "PHI4_KEY", auth=("ada", "secret")).api_key == "sk-1"


@pytest.mark.parametrize(
    ("arguments", "key", "complaint"),
    [
        (["--openai-api", "--api-key-env", "PHI4_KEY"], None, "PHI4_KEY is not set in the environment"),
        (["--openai-api", "--api-key-env", "PHI4_KEY"], "", "PHI4_KEY must be up to 1,000 characters"),
        (["--openai-api", "--api-key-env", "PHI4_KEY"], "se cret", "PHI4_KEY must be"),
        (["--openai-api", "--api-key-env", "PHI4_KEY"], "secret\n", "PHI4_KEY must be"),
        (["--openai-api", "--api-key-env", "PHI4_KEY"], "secr\u00e9t", "PHI4_KEY must be"),
        (["--api-key-env", "PHI4_KEY"], "secret", "guards --openai-api and --mcp, and neither is given"),
        (["--openai-api", "--auth", "ada:secret"], None, "beside one, they need --api-key-env"),
        (["--mcp", "--auth", "ada:secret"], None, "beside one, they need --api-key-env"),
    ],
)
def test_what_is_wrong(
    arguments: list[str],
    key: str | None,
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command ends with 2 and says what to do; a key is not repeated."""
    if key is not None:
        monkeypatch.setenv("PHI4_KEY", key)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    complained = capsys.readouterr().err
    assert complaint in complained
    assert "secr" not in complained
    assert "se cret" not in complained
