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


def check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Sets `options.api_key` to the key that was asked for, or None; its environment variable is gone then.

    Args:
        parser: Ends the command if the key is none, or a login could be passed by without one.
        options: As they were parsed, with `auth` set to the login that the page asks for, if any.
    """
    try:
        options.api_key = None if options.api_key_env is None else _key(options)
    except ValueError as wrong:
        parser.error(f"argument --api-key-env: {options.api_key_env} {wrong}")
    if options.auth and _is_asked_for(options) and options.api_key is None:
        parser.error("--openai-api and --mcp know no login: beside one, they need --api-key-env")


def _is_asked_for(options: argparse.Namespace) -> bool:
    return bool(options.openai_api or options.mcp)


def _key(options: argparse.Namespace) -> str:
    if not _is_asked_for(options):
        raise ValueError("guards --openai-api and --mcp, and neither is given")
    key = os.environ.pop(options.api_key_env, None)
    if key is None:
        raise ValueError("is not set in the environment")
    if not _KEY.fullmatch(key):
        raise ValueError("must be up to 1,000 characters of ASCII without blanks")
    return key
