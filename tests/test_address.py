"""Where a Space is: names and URLs are read as a person means them, and all else is refused by name."""

from __future__ import annotations

import traceback

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi4_space._address import Address, to_address
from phi4_space._errors import InvalidSpaceName

NAMES = {
    "microsoft/phi-4-multimodal": "https://microsoft-phi-4-multimodal.hf.space",
    "  microsoft/phi-4-multimodal\n": "https://microsoft-phi-4-multimodal.hf.space",
    "Some_One/My.Space__v1.5": "https://some-one-my-space-v1-5.hf.space",
    "a/trailing-": "https://a-trailing.hf.space",
}
PAGES = [
    "https://huggingface.co/spaces/microsoft/phi-4-multimodal",
    "https://huggingface.co/spaces/microsoft/phi-4-multimodal/",
    "https://huggingface.co/spaces/microsoft/phi-4-multimodal/tree/main",
    "https://huggingface.co/spaces/microsoft/phi-4-multimodal?logs=build#top",
    "http://www.huggingface.co/spaces/microsoft/phi-4-multimodal",
    "HTTPS://HuggingFace.co/spaces/microsoft/phi-4-multimodal",
    "huggingface.co/spaces/microsoft/phi-4-multimodal",
    "https://hf.co/spaces/microsoft/phi-4-multimodal",
]
URLS = {
    "http://127.0.0.1:7860": "http://127.0.0.1:7860",
    "http://127.0.0.1:7860/": "http://127.0.0.1:7860",
    "http://[::1]:7860/": "http://[::1]:7860",
    "https://Phi.Example/spaces/mine/": "https://phi.example/spaces/mine",
    "https://owner-name.hf.space": "https://owner-name.hf.space",
    "http://owner-name.hf.space/": "https://owner-name.hf.space",
    "http://bücher.example": "http://bücher.example",
    "owner-name.hf.space": "https://owner-name.hf.space",
    "Owner-Name.hf.space/": "https://owner-name.hf.space",
    "owner-name.hf.space/?__theme=dark": "https://owner-name.hf.space",
    "https://owner-name.hf.space/?__theme=dark": "https://owner-name.hf.space",
    "https://owner-name.hf.space?view=api": "https://owner-name.hf.space",
    "https://owner-name.hf.space/?__theme=light&view=api#top": "https://owner-name.hf.space",
    "http://127.0.0.1:7860/?__theme=dark": "http://127.0.0.1:7860",
    "http://127.0.0.1:7860/?": "http://127.0.0.1:7860",
}
NO_SPACES = [
    "",
    "phi-4",
    "a/b/c",
    "../etc",
    "a/..",
    "a b/c",
    "ownér/name",
    "https://huggingface.co/spaces/",
    "https://huggingface.co/spaces/microsoft",
    "https://huggingface.co/microsoft/Phi-4-multimodal-instruct",
    "ftp://phi.example",
    "file:///etc/passwd",
    "https://",
    "https:///path",
    "http://phi.example:port",
    "http://phi.example:99999",
    "http://[::1",
    "http://phi example",
    "http://phi.example/a path",
    "http://phi.example/\x00",
    "http://evil.example\\.hf.space",
    "http://evil%2eexample",
]
WITH_CREDENTIALS = [
    "https://user:s3cret@phi.example",
    "https://s3cret@phi.example",
    "https://user:s3 cret@phi.example",
    "https://user:s3cret@phi.example:port",
    "ftp://user:s3cret@phi.example",
    "https://phi.example/?token=s3cret",
    "https://phi.example/#s3cret",
    "https://owner-name.hf.space/?__sign=s3cret",
    "owner-name.hf.space/?__theme=dark&__sign=s3cret",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_leads_to_its_host_on_the_hub(name: str) -> None:
    """A name is kept as it is written, and its server is the one that the Hub makes for it."""
    address = to_address(name)

    assert address == Address(name=name.strip(), api_url=NAMES[name])
    assert address.url == f"https://huggingface.co/spaces/{name.strip()}"
    assert str(address) == name.strip()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_on_the_hub_is_its_spaces_name(page: str) -> None:
    """What a browser's address line holds on a Space's page, or one of its tabs, is as good as the name."""
    assert to_address(page) == to_address("microsoft/phi-4-multimodal")


@pytest.mark.parametrize("url", URLS)
def test_a_url_is_a_running_server(url: str) -> None:
    """Any other URL is the root of a Space's server; one of the Hub's is always asked by https."""
    address = to_address(url)

    assert address == Address(name=None, api_url=URLS[url])
    assert address.url == str(address) == URLS[url]


@pytest.mark.parametrize("text", NO_SPACES)
def test_what_is_no_space_is_refused(text: str) -> None:
    """What is neither name nor URL is refused before anything is sent, and the error says what to write."""
    with pytest.raises(InvalidSpaceName) as refused:
        to_address(text)

    assert "owner/name" in refused.value.advice


@pytest.mark.parametrize("url", WITH_CREDENTIALS)
def test_credentials_in_a_url_are_refused_and_not_repeated(url: str) -> None:
    """A URL with a password, or with anything that may hold one, is refused without being quoted."""
    with pytest.raises(InvalidSpaceName) as refused:
        to_address(url)

    assert "s3" not in str(refused.value)
    assert "cret" not in repr(refused.value)
    assert "token=..." in refused.value.advice


def test_a_static_space_is_refused() -> None:
    """Its files are all that it has: there is nobody to ask."""
    with pytest.raises(InvalidSpaceName, match=r"owner-name\.static\.hf\.space is a static Space"):
        to_address("https://owner-name.static.hf.space/index.html")


def test_a_name_that_is_no_string_is_refused() -> None:
    """A mistyped argument is told by its type."""
    with pytest.raises(InvalidSpaceName, match="a string, not int"):
        to_address(4)  # type: ignore[arg-type]


def test_a_name_too_long_for_a_host_is_one_that_the_hub_shortens() -> None:
    """Longer names get a host that only the Hub knows; names that the Hub cannot have are none."""
    assert to_address(f"owner/{'x' * 58}").is_shortened
    assert not to_address(f"owner/{'x' * 57}").is_shortened
    assert to_address(f"owner/{'x' * 57}").api_url == f"https://owner-{'x' * 57}.hf.space"
    with pytest.raises(InvalidSpaceName):
        to_address(f"owner/{'x' * 200}")


@pytest.mark.parametrize(
    ("space", "subdomain"),
    {
        "owner/name": "owner-name",
        "https://owner-name.hf.space": "owner-name",
        "https://hf.space": None,
        "https://owner-name.hf.space.example": None,
        "https://nothf.space": None,
        "http://127.0.0.1:7860": None,
    }.items(),
)
def test_the_hub_knows_its_own_hosts_by_subdomain(space: str, subdomain: str | None) -> None:
    """Only a host below hf.space is the Hub's; its label is what the Hub finds the name by."""
    address = to_address(space)

    assert address.subdomain == subdomain
    assert address.on_hub == (subdomain is not None)


@pytest.mark.parametrize(
    ("url", "is_loopback"),
    {
        "http://127.0.0.1:7860": True,
        "http://127.9.9.9": True,
        "http://[::1]:7860": True,
        "http://[::ffff:127.0.0.1]:7860": True,
        "http://[::ffff:192.168.0.4]:7860": False,
        "http://localhost:7860": True,
        "http://phi.localhost": True,
        "http://0.0.0.0:7860": False,
        "http://192.168.0.4": False,
        "http://localhost.example": False,
        "http://notlocalhost": False,
    }.items(),
)
def test_loopback_is_this_machine_alone(url: str, is_loopback: bool) -> None:  # noqa: FBT001 - a table's column
    """Only what never leaves this machine counts as loopback."""
    assert to_address(url).is_loopback == is_loopback


def test_the_referer_is_a_browsers() -> None:
    """Requests name the page that a browser on the Space would be on."""
    assert to_address("owner/name").referer == "https://owner-name.hf.space?__theme=light"


@given(
    st.text()
    | st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["http://", "https://", "HTTP:/", "//", ""]),
        st.text(alphabet="aZ09é.-_:[]%\\@/ \t", max_size=20) | st.ip_addresses().map(str),
        st.sampled_from(["", ".hf.space", ":80", ":"]),
        st.sampled_from(["", "/", "/a/", "\\x", "?q", "/%2f"]),
    )
)
def test_httpx_reads_the_same_url(text: str) -> None:
    """Whatever is taken for a Space leads httpx to the very host that the token's rules were applied to."""
    try:
        address = to_address(text)
    except InvalidSpaceName:
        return
    try:
        url = httpx.URL(address.api_url)
    except httpx.InvalidURL:
        return  # refused when it is asked, then

    assert url.scheme == ("https" if address.is_https else "http")
    assert url.host == address.host or not address.host.isascii()
    assert url.raw_host.endswith(b".hf.space") == address.on_hub
    assert url.userinfo + url.query + url.fragment.encode() == b""


@pytest.mark.parametrize(
    "space",
    ["u:hf_SEKRET@h/x", "hf_SEKRET@h", "http://h:hf_SEKRET/x", "https://hf_SEKRET@h", "http://[hf_SEKRET"],
)
def test_a_credential_in_what_is_refused_is_not_repeated(space: str) -> None:
    """Neither in the error nor in what it was raised from."""
    with pytest.raises(InvalidSpaceName) as refused:
        to_address(space)

    assert "SEKRET" not in "".join(traceback.format_exception(refused.value, limit=0))


@pytest.mark.parametrize("space", ["127.0.0.1/gradio", "LocalHost/x", "example.com/space", "hf.co/x"])
def test_what_begins_like_a_host_is_told_how_to_name_a_server(space: str) -> None:
    """It would otherwise be a Space of the Hub's, which gets the token."""
    with pytest.raises(InvalidSpaceName, match=f"pass its URL, such as http://{space}"):
        to_address(space)
