"""Files of an answer: where they are read, and where not; in memory and on each Gradio."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from scripted import URL, ScriptedSpace, config
from servers import Servers

import phi4_space as p4
from phi4_space._gradio.reply_file import file_path
from phi4_space._net.origin import Origin
from phi4_space.session import Finished

PREFIX = "/gradio_api"
OWN = f"{URL}/gradio_api/file="


def client(space: ScriptedSpace, **options: Any) -> p4.SpaceClient:
    return p4.SpaceClient(URL, environment=p4.Environment(transport=space), **options)


def keeping(answer: Any) -> ScriptedSpace:
    """A Space that answers requests for `cat.png` so."""
    return ScriptedSpace({"cat.png": [answer]})


def read(answer: Any, path: str = "/srv/cat.png", **options: Any) -> bytes:
    """What reading one file gives."""
    with client(keeping(answer), **options) as space:
        return space.read_file(p4.ReplyFile(path, "cat.png"))


@pytest.mark.parametrize(
    ("path", "requested"),
    [
        ("/srv/gradio/cat.png", "/file=/srv/gradio/cat.png"),
        ("pictures/cat.png", "/file=pictures/cat.png"),
        ("C:\\pictures\\cat.png", "/file=C:\\pictures\\cat.png"),
        ("/srv/a..b.png", "/file=/srv/a..b.png"),
        (f"{PREFIX}/file=/srv/cat.png", "/file=/srv/cat.png"),
        (f"{OWN}/srv/cat.png", "/file=/srv/cat.png"),
        (f"{OWN}/srv/two words.png", "/file=/srv/two words.png"),
        (f"{OWN}/srv/two%20words%23.png", "/file=/srv/two words#.png"),
    ],
)
def test_a_file_is_requested_by_its_path(path: str, requested: str) -> None:
    """Whether the Space says its path or its URL, the request is for the same."""
    file = p4.ReplyFile(path, "cat.png")

    assert file_path(file, Origin(URL), PREFIX) == f"{PREFIX}{requested}"


@pytest.mark.parametrize(
    "path",
    [
        "https://example.org/gradio_api/file=/srv/cat.png",
        "https://space.test/gradio_api/file=/srv/cat.png",
        "http://space.test:81/gradio_api/file=/srv/cat.png",
        "http://ada:secret@space.test/gradio_api/file=/srv/cat.png",
        f"{URL}/elsewhere/cat.png",
        f"{OWN}/srv/cat.png?size=2",
        f"{OWN}/srv/cat.png#top",
        "file:///srv/cat.png",
        "data:image/png;base64,AAAA",
        "http://[",
        "http://space.test:port/cat.png",
        "/srv/../etc/passwd",
        "../cat.png",
        "/srv//cat.png",
        "",
    ],
)
def test_a_file_elsewhere_is_refused_by_name(path: str) -> None:
    """Nothing but the Space's own files is requested, whatever an answer says."""
    space = ScriptedSpace()

    with pytest.raises(p4.UrlRefused, match=r"The file cat\.png is not on the Space's own server") as caught:
        client(space).read_file(p4.ReplyFile(path, "cat.png"))

    assert space.steps() == ["config"]
    assert (caught.value.step, caught.value.space) == ("fetch", URL)


def test_a_space_in_a_folder_has_its_files_there() -> None:
    """A Space that is mounted under a path is asked under that path."""
    root = Origin(f"{URL}/chat")
    file = p4.ReplyFile(f"{URL}/chat/gradio_api/file=/srv/cat.png", "cat.png")

    assert file_path(file, root, PREFIX) == f"{PREFIX}/file=/srv/cat.png"
    with pytest.raises(p4.UrlRefused):
        file_path(p4.ReplyFile(f"{OWN}/srv/cat.png", "cat.png"), root, PREFIX)


def test_the_bytes_come_as_they_are() -> None:
    """One request, quoted, with the credentials of all others, and no other request than for the contract."""
    space = ScriptedSpace({"größe 1.png": [httpx.Response(200, content=b"\x00PNG")]})

    data = client(space, cookies={"login": "ada"}).read_file(p4.ReplyFile("/srv/größe 1.png", "x"))

    assert data == b"\x00PNG"
    assert space.steps() == ["config", "größe 1.png"]
    request = space.asked[-1][1]
    assert request.url.raw_path == b"/gradio_api/file%3D/srv/gr%C3%B6%C3%9Fe%201.png"
    assert (request.method, request.headers["cookie"]) == ("GET", "login=ada")
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("status", [403, 404])
def test_a_file_that_is_gone_is_refused_by_name(status: int) -> None:
    """A Space forgets files when it restarts; the error says so, and not that a login failed."""
    with pytest.raises(p4.UrlRefused, match=r"cat\.png is not on the Space any more") as caught:
        read(httpx.Response(status, json={"detail": "File not allowed"}))

    assert "soon after the answer" in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(401, json={"detail": "Not authenticated"}), p4.AuthenticationFailed),
        (httpx.Response(500), p4.UnexpectedAnswer),
        (httpx.Response(302, headers={"location": "https://example.org/cat.png"}), p4.UnexpectedAnswer),
        (httpx.Response(200, content=b"x" * 1001), p4.LimitExceeded),
        (httpx.Response(200, headers={"content-encoding": "gzip"}), p4.UnexpectedAnswer),
        (httpx.ConnectError("no"), p4.ConnectionFailed),
        (httpx.ReadTimeout("late"), p4.DeadlineExceeded),
    ],
)
def test_what_fails_is_an_error_as_elsewhere(answer: Any, kind: type[p4.Phi4Error]) -> None:
    """Limits, redirects, logins, deadlines: as for every request to the Space."""
    with pytest.raises(kind) as caught:
        read(answer, limits=p4.Limits(body=1000))

    assert type(caught.value) is kind
    assert (caught.value.step, caught.value.space) == ("fetch", URL)


def test_an_error_shows_no_credential() -> None:
    """A Space that names a file by the token it got does not have it shown."""
    token = "hf_abcdefghijklmnop"
    space = ScriptedSpace(config=config())
    file = p4.ReplyFile("https://example.org/x", f"{token}.png")

    with pytest.raises(p4.UrlRefused) as caught:
        client(space, cookies={"login": token}).read_file(file)

    assert token not in str(caught.value)


def test_only_a_reply_file_is_read() -> None:
    """A path alone is refused before anything is sent."""
    space = ScriptedSpace()

    with pytest.raises(p4.InvalidOption, match="ReplyFile"):
        client(space).read_file("/srv/cat.png")  # type: ignore[arg-type]

    assert space.steps() == []


NAMES = [
    "plain.txt",
    "two words.txt",
    "größe 日本.txt",
    "a..b.txt",
    "50%25 & #1 ?x=1.txt",
    "semi;colon+plus.txt",
]


def written(content: Any) -> dict[str, Any]:
    """The file in an entry of a chat, as Gradio 5 or 6 writes it."""
    content = content[0] if isinstance(content, list) else content
    file: dict[str, Any] = content.get("file", content)
    return file


@pytest.mark.anyio
async def test_files_of_real_spaces_are_read(gradio_python: str, servers: Servers) -> None:
    """Names with blanks, letters of any script and signs of URLs, by path and by URL; what is not a file of
    the Space's answers stays unread.
    """
    async with p4.SpaceClient(servers.url("ordinary", gradio_python)) as space, space.asession() as session:
        pending = await session.predict("\n".join(["FILES", *NAMES]))
        happened = [event async for event in session.get(await session.post(pending))]
        assert isinstance(happened[-1], Finished)
        files = [written(entry["content"]) for entry in happened[-1].data[0][1:]]
        for name, file in zip(NAMES, files, strict=True):
            for path in (file["path"], file["url"]):
                assert await space.aread_file(p4.ReplyFile(path, name)) == f"This is {name}.".encode()
        with pytest.raises(p4.UrlRefused, match="must not be read"):
            await space.aread_file(p4.ReplyFile("/etc/passwd", "passwd"))
