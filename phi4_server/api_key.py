"""The APIs for other programs, and the key that they ask for. Knows no Gradio and no HTTP."""

from __future__ import annotations

import argparse
import os
import re

_KEY = re.compile(r"[!-~]{1,1000}")
"""What a header carries: ASCII without blanks."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--openai-api`, `--mcp` and `--api-key-env`."""
    group = parser.add_argument_group("other programs", "The same model, for programs that know no Space.")
    group.add_argument(
        "--openai-api", action="store_true", help="answer OpenAI's chat completions too, at /v1"
    )
    group.add_argument(
        "--mcp", action="store_true", help="be an MCP server with one tool too, at /gradio_api/mcp/"
    )
    group.add_argument(
        "--api-key-env",
        metavar="NAME",
        help="require the key that this environment variable holds of those who use these two",
    )


def api_key(options: argparse.Namespace) -> str | None:
    """The key that was asked for, if any; its environment variable is gone afterwards.

    Raises:
        argparse.ArgumentTypeError: The variable holds none, or there is nothing that it would guard.
    """
    if options.api_key_env is None:
        return None
    if not (options.openai_api or options.mcp):
        raise argparse.ArgumentTypeError("guards --openai-api and --mcp, and neither is given")
    key = os.environ.pop(options.api_key_env, None)
    if key is None:
        raise argparse.ArgumentTypeError("is not set in the environment")
    if not _KEY.fullmatch(key):
        raise argparse.ArgumentTypeError("must be up to 1,000 characters of ASCII without blanks")
    return key


def is_open_behind_a_login(options: argparse.Namespace) -> bool:
    """Whether the page has a login that these APIs would let everybody pass by.

    Args:
        options: With `auth`, the login, and `api_key`, the key, as they were read.
    """
    return bool(options.auth and (options.openai_api or options.mcp) and options.api_key is None)
