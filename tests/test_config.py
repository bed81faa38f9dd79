"""How a client is set up: defaults, the environment, what is nonsense, and where credentials go."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from phi4_space._address import PUBLIC_SPACE, to_address
from phi4_space._config import MODEL, VERSION, Settings, ambient_token, to_model, to_settings
from phi4_space._errors import InvalidOption, InvalidSpaceName
from phi4_space._limits import Limits
from phi4_space._net.fetch_policy import FetchPolicy
from phi4_space._secret import Secret, SecretLike
from phi4_space._timeouts import Timeouts

HUB_SPACE = "https://owner-name.hf.space"
ELSEWHERE = "https://phi.example"
UNENCRYPTED = "http://phi.example"
LOOPBACK = "http://127.0.0.1:7860"
TOKEN = "hf_s3cret"
SECRETS: dict[str, Any] = {
    "token": TOKEN,
    "zerogpu_token": "zero-s3cret",
    "zerogpu_uuid": "uuid-s3cret",
    "cookies": {"session": "cookie-s3cret"},
    "proxy": "http://user:proxy-s3cret@127.0.0.1:8080",
}


def settings(space: str | None = HUB_SPACE, **arguments: Any) -> Settings:
    """Settings as SpaceClient makes them, with its defaults."""
    defaults: dict[str, Any] = {
        "token": None,
        "token_on_loopback": False,
        "model": MODEL,
        "proxy": None,
        "cookies": None,
        "zerogpu_token": None,
        "zerogpu_uuid": None,
        "prompt_style": "transcript",
        "timeouts": Timeouts(),
        "max_retries": 2,
        "fetch": FetchPolicy(),
        "limits": Limits(),
        "max_files": None,
        "strict": False,
        "sampling": {},
        "stop": None,
    }
    return to_settings(space, **{**defaults, **arguments})


def sent(credentials: Sequence[tuple[str, SecretLike]]) -> dict[str, str]:
    """Credentials as a server sees them."""
    return {name: value.get_secret_value() for name, value in credentials}


def test_the_defaults_reach_the_public_space() -> None:
    """Told nothing, a client is for the public Space, with no credentials at all."""
    plain = settings(None)

    assert plain.address.name == "microsoft/phi-4-multimodal"
    assert plain.model == "phi-4-multimodal"
    assert (plain.token, plain.proxy, dict(plain.cookies), plain.max_retries) == (None, None, {}, 2)
    assert plain.timeouts == Timeouts(
        connect=10, request=60, idle=3 * 15, queue=10 * 60, total=20 * 60, wake=5 * 60
    )
    assert plain.headers() == {
        "User-Agent": f"phi4-space/{VERSION}",
        "Referer": "https://microsoft-phi-4-multimodal.hf.space?__theme=light",
        "X-Gradio-User": "api",
    }
    assert plain.credentials() == plain.job_credentials() == plain.hub_credentials() == ()


def test_the_environment_names_the_space(monkeypatch: pytest.MonkeyPatch) -> None:
    """PHI4_SPACE is the Space when none is named; a name that is given goes first."""
    monkeypatch.setenv("PHI4_SPACE", " owner/name ")

    assert settings(None).address.name == "owner/name"
    assert settings("other/space").address.name == "other/space"


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_environment_is_none(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that are set to nothing, as CI systems do, count as not set."""
    monkeypatch.setenv("PHI4_SPACE", empty)
    monkeypatch.setenv("HF_TOKEN", empty)

    assert settings(None).address.name == "microsoft/phi-4-multimodal"
    assert settings(None).token is None


def test_a_space_named_by_nothing_is_refused() -> None:
    """An empty name, such as a variable nobody filled, is no wish for the public Space."""
    with pytest.raises(InvalidSpaceName):
        settings("")


# (where the token is from, the Space, whether it goes there)
TRAVELS = [
    ("environment", HUB_SPACE, {}, True),
    ("environment", "http://owner-name.hf.space", {}, True),  # asked by https
    ("environment", ELSEWHERE, {}, False),
    ("environment", UNENCRYPTED, {}, False),
    ("environment", LOOPBACK, {}, False),
    ("environment", LOOPBACK, {"token_on_loopback": True}, False),
    ("argument", HUB_SPACE, {}, True),
    ("argument", ELSEWHERE, {}, True),
    ("argument", UNENCRYPTED, {}, False),
    ("argument", UNENCRYPTED, {"token_on_loopback": True}, False),
    ("argument", LOOPBACK, {}, False),
    ("argument", LOOPBACK, {"token_on_loopback": True}, True),
    ("argument", "http://[::1]:7860", {"token_on_loopback": True}, True),
    ("argument", "http://127.0.0.1.example", {"token_on_loopback": True}, False),
]


@pytest.mark.parametrize(("origin", "space", "arguments", "travels"), TRAVELS)
def test_a_token_goes_where_it_may(
    origin: str, space: str, arguments: dict[str, Any], travels: bool, monkeypatch: pytest.MonkeyPatch  # noqa: FBT001 - a table's column
) -> None:  # fmt: skip
    """The environment's token goes to the Hub alone; one passed to its https Space; none in clear text."""
    if origin == "environment":
        monkeypatch.setenv("HF_TOKEN", f" {TOKEN}\n")
    else:
        arguments = {"token": TOKEN, **arguments}

    full = settings(space, **arguments)

    assert sent(full.credentials()) == ({"X-HF-Authorization": f"Bearer {TOKEN}"} if travels else {})
    assert sent(full.hub_credentials()) == {"Authorization": f"Bearer {TOKEN}"}
    assert TOKEN not in f"{full.headers()} {full.credentials()} {full.job_credentials()}"


def test_a_token_handed_in_goes_before_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument wins, as a string or as a secret; False means no token, whatever the environment holds."""
    monkeypatch.setenv("HF_TOKEN", "hf_ambient")

    assert ambient_token() == settings().token == SecretStr("hf_ambient")
    assert settings(token=TOKEN).token == settings(token=SecretStr(TOKEN)).token == SecretStr(TOKEN)
    assert settings(token=f"{TOKEN}\n").token == SecretStr(TOKEN)
    assert settings(token=False).token is settings(token="").token is settings(token=" ").token is None


def test_zerogpu_credentials_go_with_the_work_alone() -> None:
    """They are sent with the calls that make the Space work, and with nothing else."""
    full = settings(zerogpu_token="zero", zerogpu_uuid="[object Object]", token=TOKEN)

    assert sent(full.credentials()) == {"X-HF-Authorization": f"Bearer {TOKEN}"}
    assert sent(full.job_credentials()) == {
        "X-HF-Authorization": f"Bearer {TOKEN}",
        "X-ZeroGPU-Token": "zero",
        "X-ZeroGPU-UUID": "[object Object]",
    }


def test_all_secrets_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody is to see: credentials, and what opens a proxy, passed or the environment's."""
    monkeypatch.setenv("https_proxy", "http://ada:s%20p@proxy.example:8080")
    monkeypatch.setenv("NO_PROXY", "localhost")

    arguments = {secret.get_secret_value() for secret in settings(**SECRETS).secrets()}

    assert arguments == {
        *(TOKEN, "zero-s3cret", "uuid-s3cret", "cookie-s3cret"),
        *("user", "proxy-s3cret", "ada", "s%20p", "s p"),
    }
    monkeypatch.delenv("https_proxy")
    assert settings(None, proxy="http://proxy.example/a:b@c").secrets() == ()


def test_no_credential_shows() -> None:
    """What is printed or logged holds no credential, in any form."""
    full = settings(**SECRETS)

    assert "s3cret" not in repr(full) + str(full) + f"{full}"


def test_no_credential_is_written_down() -> None:
    """Settings without their credentials pickle to bytes that hold none of them, and keep all else."""
    full = settings(**SECRETS, max_retries=7, timeouts=9)

    bare = full.without_credentials()

    assert b"s3cret" not in pickle.dumps(bare)
    assert (bare.max_retries, bare.timeouts, bare.address) == (7, Timeouts(total=9), full.address)
    assert pickle.loads(pickle.dumps(bare)) == bare  # noqa: S301 - written a moment ago, right here
    assert full.token == SecretStr(TOKEN)


@pytest.mark.parametrize(("token", "found"), [(None, "hf_there"), (TOKEN, "hf_there"), (False, None)])
def test_where_settings_are_read_the_environments_token_will_do(
    token: Any, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another process its own HF_TOKEN takes the token's place, but not where there was to be none."""
    monkeypatch.setenv("HF_TOKEN", "hf_here")
    bare = settings(token=token).without_credentials()
    monkeypatch.setenv("HF_TOKEN", "hf_there")

    read = bare.with_ambient_token()

    assert read.token == (None if found is None else SecretStr(found))
    assert not found or read.token_is_ambient


def test_settings_are_values() -> None:
    """Equal when told the same, different otherwise, and copies are equal."""
    full = settings(**SECRETS)

    assert full == settings(**SECRETS)
    assert full == copy.copy(full) == copy.deepcopy(full)
    assert full != settings(**{**SECRETS, "token": "hf_other"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        full.max_retries = 3  # type: ignore[misc]


def test_settings_do_not_hang_on_the_callers_dict() -> None:
    """Cookies changed by the caller afterwards are not changed here."""
    cookies = {"a": "1"}
    full = settings(cookies=cookies)

    cookies["a"] = "2"

    assert full.cookies == {"a": "1"}


@pytest.mark.parametrize(("timeouts", "total"), [(None, None), (5, 5), (2.5, 2.5), (Timeouts(total=7), 7)])
def test_a_number_bounds_the_whole_turn(timeouts: Any, total: float | None) -> None:
    """A number of seconds is the total; the other timeouts keep their defaults."""
    assert settings(timeouts=timeouts).timeouts == Timeouts(total=total)


NONSENSE: list[tuple[dict[str, Any], str]] = [
    ({"strict": 1}, "strict"),
    ({"max_files": -1}, "max_files"),
    ({"max_files": True}, "max_files"),
    ({"max_files": "2"}, "max_files"),
    ({"max_retries": -1}, "max_retries"),
    ({"max_retries": 1.5}, "max_retries"),
    ({"max_retries": True}, "max_retries"),
    ({"max_retries": "2"}, "max_retries"),
    ({"max_retries": None}, "max_retries"),
    ({"prompt_style": "chat"}, "prompt_style"),
    ({"prompt_style": []}, "prompt_style"),
    ({"timeouts": "5"}, "timeouts"),
    ({"timeouts": True}, "timeouts"),
    ({"timeouts": -5}, "total"),
    ({"timeouts": math.nan}, "total"),
    ({"fetch": None}, "fetch"),
    ({"fetch": True}, "fetch"),
    ({"space": PUBLIC_SPACE, "model": "gpt-4"}, "phi-4-multimodal, phi-4"),
    ({"model": None}, "model"),
    ({"model": []}, "model"),
    ({"token": 5}, "token"),
    ({"token": True}, "token"),
    ({"token": b"hf_s3cret"}, "token"),
    ({"token": "hf_s3cret\r\nX-Evil: 1"}, "token"),
    ({"token": "hf_s3crét"}, "token"),
    ({"token": SecretStr("s3cret\0")}, "token"),
    ({"token_on_loopback": "no"}, "token_on_loopback"),
    ({"zerogpu_token": "s3cret\n1"}, "zerogpu_token"),
    ({"zerogpu_uuid": "s3cret\n1"}, "zerogpu_uuid"),
    ({"zerogpu_uuid": 7}, "zerogpu_uuid"),
    ({"proxy": 8080}, "proxy"),
    ({"proxy": b"http://user:s3cret@127.0.0.1"}, "proxy"),
    ({"cookies": "a=s3cret"}, "cookies"),
    ({"cookies": ["s3cret"]}, "cookies"),
    ({"cookies": {"a": 1}}, "cookie"),
    ({"cookies": {1: "s3cret"}}, "cookie"),
    ({"cookies": {"a": "s3cret\n"}}, "cookie"),
    ({"cookies": {"a": "s3cret; b=2"}}, "cookie"),
    ({"cookies": {"s3cret;": ""}}, "cookie"),
]


@pytest.mark.parametrize(("arguments", "word"), NONSENSE)
def test_nonsense_is_refused_by_name_and_not_repeated(arguments: dict[str, Any], word: str) -> None:
    """An argument of a wrong type or value is refused, and what may be secret is not told."""
    with pytest.raises(InvalidOption, match=word) as refused:
        settings(**arguments)

    assert "s3cr" not in str(refused.value)


def test_a_broken_token_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal says that it was the environment's token, without repeating it."""
    monkeypatch.setenv("HF_TOKEN", "hf_s3crét")

    with pytest.raises(InvalidOption, match="HF_TOKEN") as refused:
        settings()

    assert "s3cr" not in str(refused.value)


@given(st.text(), st.text(), st.text())
def test_what_is_taken_can_be_sent(token: str, uuid: str, cookie: str) -> None:
    """Whatever credentials are taken are printable ASCII, so that no header is split by them."""
    try:
        full = settings(token=token, zerogpu_uuid=uuid, cookies={"a": cookie})
    except InvalidOption:
        return

    for value in (*sent(full.job_credentials()).values(), *full.cookies.values()):
        assert value.isascii()
        assert value.isprintable()


def test_the_public_spaces_model_has_one_name_and_an_alias() -> None:
    """The alias means the model, and another model's name says which there are."""
    public = to_address(PUBLIC_SPACE)

    assert to_model("phi-4", public) == to_model(MODEL, public) == MODEL
    with pytest.raises(InvalidOption) as refused:
        to_model("phi-3", public)

    assert refused.value.advice == "Use one of: phi-4-multimodal, phi-4."


def test_another_space_may_serve_any_model() -> None:
    """Its name is the caller's to know; what cannot be printed, or shown at all, is none."""
    other = to_address("ada/chat")

    assert [to_model(name, other) for name in ("phi-4", "Qwen/Qwen 2.5")] == [MODEL, "Qwen/Qwen 2.5"]
    for name in ("", " ", "a\nb", "x" * 201):
        with pytest.raises(InvalidOption, match="at most 200 characters"):
            to_model(name, other)


def test_extra_inputs_are_json_by_label() -> None:
    """They are kept as a copy; what is no mapping, or holds what JSON cannot, is refused by name."""
    switches = {"Web search": [False]}
    given = settings(extra_inputs=switches).extra_inputs
    switches["Web search"].append(True)

    assert given == {"Web search": [False]}
    values: list[Any] = [[], {1: 2}, {"a": object()}, {"a": math.nan}, {"a": b""}]
    for value in values:
        with pytest.raises(InvalidOption, match="extra_inputs"):
            settings(extra_inputs=value)
    with pytest.raises(InvalidOption, match="prompt_prefix"):
        settings(prompt_prefix=1)


def test_equal_credentials_are_one() -> None:
    """Credentials are values: equal ones are the same in sets, of whichever kind they are."""
    assert {Secret("s3cret"), Secret("s3cret")} == {Secret("s3cret")}
    assert Secret("s3cret") == SecretStr("s3cret") != Secret("other")
