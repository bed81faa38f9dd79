"""Other clients' names for our arguments: who they mean, and what to write instead."""

from __future__ import annotations

import pytest

from phi4_space._synonyms import advice, ours

CLIENT = ("space", "token", "proxy", "cookies", "temperature", "max_tokens")
ADAPTER = ("space", "token", "client", "temperature", "max_tokens")
CALL = ("temperature", "max_tokens", "stop")


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("base_url", "space"),
        ("azureEndpoint", "space"),
        ("openai-api-base", "space"),
        ("repo_id", "space"),
        ("hf_token", "token"),
        ("apiKey", "token"),
        ("OPENAI_API_KEY", "token"),
        ("auth_token", "token"),
        ("auth", "cookies"),
        ("login", "cookies"),
        ("proxy_url", "proxy"),
        ("http_client", "client"),
        ("default_headers", "client"),
        ("max_token", None),
        ("tokenizer", None),
        ("curl", None),
        ("", None),
    ],
)
def test_a_name_for_who_is_asked_or_with_what_is_known(name: str, own: str | None) -> None:
    """However it is spelled; a word within another word counts for nothing."""
    assert ours(name) == own


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("base_url", CLIENT, 'Use space=, the name of a Space, "owner/name", or the URL of a running one.'),
        ("api_key", ADAPTER, "Use token=, a Hugging Face token."),
        ("proxies", CLIENT, "Use proxy=, the URL of a proxy."),
        ("proxies", ADAPTER, "Use client=, a SpaceClient, which has its own proxy, cookies and so on."),
        ("headers", CLIENT, None),
        ("base_url", CALL, "Pass space= and token= when you make the client or model, not with a call."),
        ("max_new_tokens", CALL, "Write max_tokens=."),
        ("repeat_penalty", CLIENT, "Write repetition_penalty=."),
        ("stop_sequences", CLIENT, "Write stop=."),
        ("request_timeout", CALL, "Set it when you make the client or model, not with a call."),
        ("request_timeout", ADAPTER, None),
        ("sampling", CALL, "Write its entries as arguments of their own: temperature=0.2."),
        ("max_new_tokens", ("media",), None),
        ("tempratur", CALL, None),
    ],
)
def test_the_advice_is_what_is_accepted_there(
    name: str, known: tuple[str, ...], expected: str | None
) -> None:
    """A client's own argument; where there is none, the client that has it; None where nobody knows."""
    assert advice(name, known) == expected
