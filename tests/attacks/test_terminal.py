"""Nothing that a Space, a file or a name holds commands the terminal; what is saved is its owner's alone."""

from __future__ import annotations

import io
import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import ScriptedSpace, events, generating, job, more, whole
from typer.testing import CliRunner

import phi4_space as p4
from phi4_space import Environment, SpaceClient
from phi4_space._cli import connection
from phi4_space._cli.app import app
from phi4_space._cli.chat import Chat, write_privately
from phi4_space._cli.doctor import Check, Findings
from phi4_space._cli.failures import to_failure
from phi4_space._cli.output import TextDisplay, visible

posix = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
COMMANDS = {
    "colour": "\x1b[31m",
    "title": "\x1b]0;gotcha\x07",
    "clipboard": "\x1b]52;c;Z290Y2hh\x07",
    "link": "\x1b]8;;https://evil.example\x1b\\",
    "answerback": "\x05",
    "device status": "\x1b[6n",
    "clear": "\x1b[2J\x1b[H",
    "one byte CSI": "\x9b31m",
    "one byte OSC": "\x9d0;gotcha\x9c",
    "DCS": "\x1bP$q\x1b\\",
    "over the line": "\rgotcha",
    "back": "a\x08b\x7f",
    "bell": "\x07",
    "shift out": "\x0e\x0f",
    "form feed": "\x0b\x0c",
    "null": "\x00",
    "right to left": "\u202egpj.exe\u202c",
    "isolate": "\u2066\u2067\u2068\u2069",
    "marks": "\u200e\u200f\u061c",
    "embedding": "\u202a\u202b\u202d",
    "lines": "\u2028\u2029\x85",
    "obsolete": "\u206a\u206f\ufff9\ufffb",
    "half a character": "\ud800\udfff",
}
EVIL = "".join(COMMANDS.values())
OBEYED = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff]"
)


class Screen(io.StringIO):
    """What a terminal is sent."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that rich itself sends no commands: all that come are somebody else's."""
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "500")


def screens(do: Callable[[], object]) -> list[str]:
    """What a terminal and a pipe of standard error get of it."""
    outputs = []
    for kind in (Screen, io.StringIO):
        out, err = Screen(), kind()
        with redirect_stdout(out), redirect_stderr(err):
            do()
        outputs += [out.getvalue(), err.getvalue()]
    return outputs


def reply(text: str) -> p4.Reply:
    return p4.Reply(text=text, sent=p4.Sent("hi"), space=text, model="m")


def show_events(*events: p4.Event) -> None:
    display = TextDisplay()
    for event in events:
        display.show_event(event)
    display.close()


def fail(error: BaseException) -> None:
    TextDisplay().show_failure(to_failure(error))


def located(error: p4.Phi4Error, text: str) -> p4.Phi4Error:
    error.locate(step="get", space=text)
    error.partial_text = text
    return error


SHOWN: Mapping[str, Callable[[str], object]] = {
    "an answer": lambda text: show_events(p4.Delta(text), reply(text)),
    "an answer in pieces": lambda text: show_events(*map(p4.Delta, text), reply(text)),
    "an answer anew": lambda text: show_events(p4.Delta("a"), p4.Rewritten(text), reply(text)),
    "a thought": lambda text: show_events(p4.Thought(text, title=text), p4.Thought(text)),
    "a thought anew": lambda text: show_events(p4.Thought("a"), p4.Thought(text, rewritten=True)),
    "a file": lambda text: show_events(replace(reply("a"), files=(p4.ReplyFile(text, text, text),))),
    "a notice": lambda text: show_events(p4.Notice(text, level=text, title=text)),
    "progress": lambda text: show_events(p4.Progress(1, 2, unit=text, description=text)),
    "a stage": lambda text: show_events(p4.Waking(text, 1.0)),
    "an error": lambda text: fail(located(p4.SpaceError(text, title=text, advice=text), text)),
    "an error of another kind": lambda text: fail(ChildProcessError(text)),
    "a doing": lambda text: TextDisplay().show_status(text),
    "a finding": lambda text: Findings((Check("stage", "problem", text, text),)).print(),
}


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("command", [*COMMANDS.values(), EVIL], ids=[*COMMANDS, "all"])
def test_no_command_reaches_the_terminal(show: Callable[[str], object], command: str) -> None:
    """Neither on standard output nor on standard error; the words around it do."""
    outputs = screens(lambda: show(f"before{command}after"))

    assert [OBEYED.findall(text) for text in outputs] == [[]] * 4
    assert "after" in "".join(outputs)


@given(st.text())
def test_what_is_shown_holds_no_command(text: str) -> None:
    """Whatever the text; and what commands nothing is shown as it is."""
    result = visible(text)

    assert not OBEYED.search(result)
    assert result == OBEYED.sub("", text)
    assert visible("Größe\u200d 👩\u200d🔬\tthere\n") == "Größe\u200d 👩\u200d🔬\tthere\n"


@pytest.mark.usefixtures("plain")
def test_what_happens_stays_on_its_line() -> None:
    """A Space's word for what it does cannot look like a line of ours."""
    for text in screens(lambda: TextDisplay().show_status("Working\nError: pay here\n")):
        assert len(text.splitlines()) <= 1


@pytest.fixture
def phi4(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs the command against a scripted Space."""

    def run(space: ScriptedSpace, *arguments: str, stdin: str = "") -> Any:
        def made(*args: Any, **options: Any) -> SpaceClient:
            return SpaceClient(*args, **options, environment=Environment(transport=space))

        monkeypatch.setattr(connection, "SpaceClient", made)
        return CliRunner().invoke(app, arguments, input=stdin)

    return run


def test_no_command_reaches_standard_error_in_a_pipe(phi4: Callable[..., Any]) -> None:
    """Notices, progress and errors of a hostile Space, as a whole; --json writes ASCII."""
    notice = job(msg="log", log=EVIL[:-2], level="warning", title=EVIL[:-2])
    progress = job(
        msg="progress",
        progress_data=[{"index": 1, "length": 2, "unit": EVIL[:-2], "desc": EVIL[:-2], "progress": None}],
    )
    script = [notice, progress, generating("an"), more(" answer"), *whole(f"an answer{EVIL[:-2]}")]

    for arguments in (["ask", "hi"], ["ask", "hi", "--json"]):
        done = phi4(ScriptedSpace({"data": [events(*script)]}), *arguments, "--space", "http://space.test")
        assert done.exit_code == 0
        assert not OBEYED.search(done.stderr)
        if "--json" in arguments:
            assert done.stdout.isascii()
            assert not OBEYED.search(done.stdout)


@pytest.mark.parametrize("name", [f"evil{command}x" for command in COMMANDS.values()])
def test_no_name_of_a_space_commands_the_terminal(phi4: Callable[..., Any], name: str) -> None:
    """One that no Space can have is refused, and shown without it."""
    for arguments in (["ask", "hi"], ["doctor"], ["chat"]):
        for space in (name, f"owner/{name}", f"http://{name}.test", f"http://127.0.0.1/{name}"):
            done = phi4(ScriptedSpace(), *arguments, "--space", space)
            assert done.exit_code == 2
            assert not OBEYED.search(done.stdout + done.stderr)


@posix
def test_no_name_of_a_file_commands_the_terminal(tmp_path: Path) -> None:
    """What is attached, saved and loaded is named without it, on its line."""
    name = f"cat{EVIL[:-2]}".replace("\0", "").replace("/", "") + "\nError: pay here.png"
    (tmp_path / name).write_bytes(b"GIF89a\1\0\1\0\0\0\0!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\1\0;")
    (tmp_path / "chat.json").write_text("{}")
    space = SpaceClient("http://space.test", environment=Environment(transport=ScriptedSpace()))
    with redirect_stderr(io.StringIO()) as stderr:
        chat = Chat(space, TextDisplay())
        chat._attach(str(tmp_path / name))
        for command in (chat._save, chat.load):
            with pytest.raises(p4.InvalidInput) as refused:
                command(f"nowhere/{name}/x")
            fail(refused.value)

    assert not OBEYED.search(stderr.getvalue())
    assert "\nError: pay here" not in stderr.getvalue()


def test_no_saved_conversation_commands_the_terminal(phi4: Callable[..., Any], tmp_path: Path) -> None:
    """Whatever it holds in each of its fields."""
    turn = {"role": "user", "text": EVIL[:-2], "name": EVIL[:-2]}
    whole_one = {"format": "phi4-space conversation 1", "space": "http://space.test", "turns": [turn]}
    for changes in (
        {},
        {"space": EVIL[:-2]},
        {"format": EVIL[:-2]},
        {"turns": [{**turn, "role": EVIL[:-2]}]},
        {"turns": [{**turn, "files": [{"name": EVIL[:-2], "mime_type": EVIL[:-2], "data": "AAAA"}]}]},
        {EVIL[:-2]: EVIL[:-2]},
    ):
        (tmp_path / "chat.json").write_text(json.dumps({**whole_one, **changes}))
        for arguments, stdin in (
            (["chat", "--resume", str(tmp_path / "chat.json")], "hi\n"),
            (["chat", "--space", "http://space.test"], f"/load {tmp_path / 'chat.json'}\n"),
        ):
            done = phi4(ScriptedSpace(), *arguments, stdin=stdin)
            assert not OBEYED.search(done.stdout + done.stderr), changes


# --- what is saved --------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("mode", [None, 0o600, 0o644, 0o666, 0o777, 0o400])
def test_a_saved_conversation_is_its_owners_alone(tmp_path: Path, mode: int | None) -> None:
    """Also where there was a file that others could read, and whatever the umask is."""
    file = tmp_path / "chat.json"
    if mode is not None:
        file.write_text("an older one")
        file.chmod(mode)
    before = os.umask(0)
    try:
        write_privately(file, "secret")
    finally:
        os.umask(before)

    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("secret", 0o600)
    assert [*tmp_path.iterdir()] == [file]


@posix
def test_who_reads_the_older_file_sees_nothing_new(tmp_path: Path) -> None:
    """A file that another process holds open stays as it was: the new one takes its place."""
    file = tmp_path / "chat.json"
    file.write_text("an older one")
    with file.open() as held:
        write_privately(file, "secret")

        assert held.read() == "an older one"


@posix
def test_a_link_is_kept_and_what_it_leads_to_written(tmp_path: Path) -> None:
    """As before; a link that leads nowhere makes the file."""
    (tmp_path / "link.json").symlink_to(tmp_path / "chat.json")

    write_privately(tmp_path / "link.json", "secret")

    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "chat.json").read_text() == "secret"


@posix
def test_what_fails_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it is written, or nothing."""
    file = tmp_path / "chat.json"
    file.write_text("an older one")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("no room")))

    with pytest.raises(OSError, match="no room"):
        write_privately(file, "secret")

    assert [path.read_text() for path in tmp_path.iterdir()] == ["an older one"]


@posix
def test_a_device_is_no_place_to_save(tmp_path: Path, phi4: Callable[..., Any]) -> None:
    """Nothing takes its place, not even where one may do that."""
    os.mkfifo(tmp_path / "pipe")
    for place in ("/dev/null", str(tmp_path), str(tmp_path / "pipe"), "."):
        done = phi4(ScriptedSpace(), "chat", "--space", "http://space.test", stdin=f"hi\n/save {place}\n")
        assert (done.exit_code, "not a regular file" in done.stderr) == (2, True)

    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("name", ["~nobody-of-that-name/chat.json", "a\0b", "x" * 5000])
def test_a_name_that_no_file_can_have_is_refused(phi4: Callable[..., Any], name: str) -> None:
    """By an error of ours, and no traceback."""
    for command in ("save", "load"):
        done = phi4(ScriptedSpace(), "chat", "--space", "http://space.test", stdin=f"/{command} {name}\n")
        assert (done.exit_code, type(done.exception)) == (2, SystemExit)
        assert not OBEYED.search(done.stderr)


# --- files in a saved conversation ----------------------------------------------------------------------

GIF = "R0lGODlhAQABAAAAACH5BAEAAAAALAAAAAABAAEAAAICAQA7AA=="
MP4 = "AAAAIGZ0eXBpc29tAAACAGlzb21pc28yYXZjMW1wNDE="


def with_file(**fields: str) -> str:
    file = {"name": "cat.gif", "mime_type": "image/gif", "data": GIF, **fields}
    turn = {"role": "user", "text": "hi", "files": [file]}
    return json.dumps({"format": "phi4-space conversation 1", "space": "ada/phi", "turns": [turn]})


@pytest.mark.parametrize(
    "mime_type", ["image/gif", "text/html", "audio/wav", "image/svg+xml", "", "x/y\r\nEvil: 1"]
)
@pytest.mark.parametrize(
    "name", ["cat.gif", "cat.html", "../../cat.gif", "cat", "c\0a\nt.exe", "x" * 999, ""]
)
def test_a_saved_file_is_what_its_bytes_say(mime_type: str, name: str) -> None:
    """Neither its type nor its name is believed."""
    conversation = p4.Conversation.from_json(with_file(mime_type=mime_type, name=name))

    (loaded,) = conversation._history
    (file,) = loaded.files
    assert (file.mime_type, file.kind, file.name.rpartition(".")[2]) == ("image/gif", "image", "gif")
    assert "/" not in file.name
    assert file.name.isprintable()
    assert len(file.name) < 200


@pytest.mark.parametrize("data", ["", "AAAA", MP4, "JVBERi0xLjc=", "PGh0bWw+"])
def test_a_saved_file_that_phi4_does_not_take_is_refused(data: str) -> None:
    """A video by the name of a picture is none."""
    with pytest.raises(p4.InvalidConversation, match="A file of the saved conversation cannot be sent"):
        p4.Conversation.from_json(with_file(data=data))
