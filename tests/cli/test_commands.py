"""The command, against real Spaces on this machine."""

from __future__ import annotations

import json
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers import Servers
from typer.testing import CliRunner, Result

from phi4_space import __version__
from phi4_space._cli.app import app
from phi4_space._cli.failures import EXITS

FAULTY = str(Path(__file__).parents[1] / "spaces" / "faulty.py")
Run = Callable[..., Result]

loopback = pytest.mark.loopback


@pytest.fixture
def url(servers: Servers) -> str:
    """A Space that fails on demand, and takes no file over 100 kB."""
    return servers.url("faulty")


@pytest.fixture
def phi4(url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in this process; PHI4_SPACE names the faulty Space."""
    monkeypatch.setenv("PHI4_SPACE", url)

    def run(*arguments: str, stdin: str | bytes = "") -> Result:
        return CliRunner().invoke(app, arguments, input=stdin, prog_name="phi4")

    return run


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """The smallest GIF there is."""
    path = tmp_path / "a dot.gif"
    path.write_bytes(b"GIF89a\1\0\1\0\0\0\0!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\1\0;")
    return path


def events(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_help_lists_every_exit_status() -> None:
    """`phi4 --help` tells what each exit status means."""
    output = CliRunner().invoke(app, ["--help"]).stdout
    for known in EXITS:
        assert f"{known.code}  {known.meaning}\n" in output


def test_version() -> None:
    """`phi4 --version` prints the version alone."""
    assert CliRunner().invoke(app, ["--version"]).stdout == f"{__version__}\n"


@loopback
def test_ask(phi4: Run) -> None:
    """The answer alone goes to standard output; what happens meanwhile goes to standard error."""
    result = phi4("ask", "Hello there")
    assert (result.exit_code, result.stdout) == (0, "Hello there (files: 0, entries: 1)\n")
    assert result.stderr.splitlines()[1:] == ["In the queue: next, 1 in all", "The Space is working"]


@loopback
def test_ask_says_what_the_space_says(phi4: Run) -> None:
    """The Space's progress and notices go to standard error."""
    assert "Looking: 1 of 3 steps\n" in phi4("ask", "PROGRESS").stderr
    notices = phi4("ask", "NOTICE")
    assert "ZeroGPU queue: Waiting for a GPU to become available\n" in notices.stderr
    assert notices.stdout == "Noticed.\n"


@loopback
@pytest.mark.parametrize("arguments", [(), ("-",)], ids=["none", "dash"])
def test_ask_from_standard_input(phi4: Run, arguments: tuple[str, ...]) -> None:
    """A dash, or no question at all, reads the question from standard input, without its last line end."""
    assert phi4("ask", *arguments, stdin="a\n  b\n").stdout == "a\n  b (files: 0, entries: 1)\n"


@loopback
def test_ask_about_files(phi4: Run, picture: Path) -> None:
    """--media takes paths and data URIs, as often as wanted, also without a question."""
    uri = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEAAAAALAAAAAABAAEAAAICAQA7AA=="
    assert "(files: 2," in phi4("ask", "Look", "--media", str(picture), "-m", uri).stdout
    assert "(files: 1," in phi4("ask", "-m", str(picture)).stdout


@loopback
def test_ask_in_other_ways(phi4: Run) -> None:
    """--system goes before the question, in the style asked for; --raw sends the text and nothing else."""
    endpoint = ("--endpoint", "process_message")
    prompts = [
        events(phi4("ask", "--json", "Hi", *endpoint, *options))[-1]["sent"]["prompt"]
        for options in (("--system", "Be kind"), ("-s", "Be kind", "--prompt-style", "template"), ("--raw",))
    ]
    assert prompts[0] == "System: Be kind\nUser: Hi\nAssistant:"
    assert prompts[1].startswith("<|system|>Be kind<|end|><|user|>Hi")
    assert prompts[2] == "Hi"


@loopback
def test_ask_for_programs(phi4: Run) -> None:
    """With --json every event is a line, the reply is the last one, and standard error stays empty."""
    result = phi4("ask", "--json", "PROGRESS")
    output = events(result)
    kinds = [one["event"] for one in output]
    assert kinds[:2] == ["queued", "started"]
    assert kinds[-2:] == ["delta", "reply"]
    assert set(kinds[2:-2]) == {"progress"}
    assert output[-1]["text"] == "Looked."
    assert output[-1]["timing"]["done"] > output[-1]["timing"]["first_text"] > 0
    assert result.stderr == ""


@loopback
def test_a_failure_for_programs(phi4: Run) -> None:
    """With --json a failure is the last line, with its exit status and what had arrived."""
    result = phi4("ask", "--json", "BREAK")
    last = events(result)[-1]
    assert result.exit_code == last["exit_code"] == 8
    assert (last["event"], last["error"]) == ("error", "SpaceError")
    assert (last["step"], last["partial_text"]) == ("get", "Half an answer")
    assert result.stderr == ""


@loopback
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["QUOTA"], 4, "exceeded your GPU quota"),
        (["FAIL"], 8, "the weights are gone"),
        (["WAIT 1", "--timeout", "0.5"], 7, "--timeout"),
        (["Hi", "--space", "no name"], 2, "not the name of a Space"),
        (["Hi", "--space", "http://127.0.0.1:1"], 7, "phi4 doctor --space http://127.0.0.1:1"),
        (["Hi", "--embedded", "--space", "own/er"], 2, "--embedded"),
        (["Hi", "--media", "missing.png"], 2, "missing.png"),
        (["Hi", "--media", FAULTY], 2, "faulty.py"),
        (["Hi", "--media", "http://127.0.0.1/cat.png"], 2, "127.0.0.1"),
        (["Hi", "--raw", "--system", "Be kind"], 2, "system"),
        ([" "], 2, "nothing to send"),
        (["What is this?", "cat.png"], 2, "name files with --media"),
        (["Hi", "--timeout", "soon"], 2, "--timeout"),
        (["Hi", "--tiemout", "1"], 2, "--tiemout"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else None,
)
def test_failures(phi4: Run, arguments: list[str], code: int, message: str) -> None:
    """A failure has its family's exit status and a plain sentence on standard error, and no traceback."""
    result = phi4("ask", *arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@loopback
def test_what_had_arrived(phi4: Run) -> None:
    """An answer that breaks off is shown as far as it came, on a line that ends."""
    result = phi4("ask", "BREAK")
    assert (result.exit_code, result.stdout) == (8, "Half an answer\n")
    assert "Error: The Space says: the weights are gone." in result.stderr


@loopback
def test_files_of_no_use(phi4: Run, tmp_path: Path) -> None:
    """A file that is larger than the Space takes, and a question that is no text, are bad input."""
    large = tmp_path / "large.gif"
    large.write_bytes(b"GIF89a" + bytes(200_000))
    assert phi4("ask", "Hi", "--media", str(large)).exit_code == 2
    result = phi4("ask", stdin=b"\x89PNG\xff")
    assert (result.exit_code, "--media" in result.stderr) == (2, True)


@loopback
def test_chat_remembers(phi4: Run, picture: Path) -> None:
    """In a pipe each line is a turn of one conversation, and what is attached goes with the next one."""
    lines = f"one\n\n/media {picture}\n/media\ntwo\n//three\n/new\nfour\n/quit\nfive\n"
    result = phi4("chat", stdin=lines)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "one (files: 0, entries: 1)",
        "two (files: 1, entries: 3)",
        "/three (files: 0, entries: 5)",
        "four (files: 0, entries: 1)",
    ]
    assert result.stderr.count(f"Attached to the next question: {picture.name}.") == 2


@loopback
def test_chat_can_be_saved(phi4: Run, tmp_path: Path) -> None:
    """A conversation that was saved goes on after --resume, and after /load; others cannot read the file."""
    file = tmp_path / "chat.json"
    output = phi4("chat", stdin=f"one\n/save {file}\n/new\n/load {file}\ntwo\n/save {file}\n")
    assert "Saved 2 turns" in output.stderr
    assert output.stdout.endswith("two (files: 0, entries: 3)\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert phi4("chat", "--resume", str(file), stdin="three\n").stdout == "three (files: 0, entries: 5)\n"


@loopback
def test_chat_resumes_where_it_was(
    phi4: Run, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--resume goes to the Space that the conversation was with, whatever PHI4_SPACE says."""
    file = tmp_path / "chat.json"
    phi4("chat", stdin=f"one\n/save {file}\n")
    monkeypatch.setenv("PHI4_SPACE", "http://127.0.0.1:1")
    assert phi4("chat", "--resume", str(file), stdin="two\n").stdout == "two (files: 0, entries: 3)\n"
    assert phi4("chat", "--resume", str(file), "--space", url, stdin="three\n").exit_code == 0


@loopback
@pytest.mark.parametrize(
    ("lines", "code", "message"),
    [
        ("/nope\n", 2, "/help"),
        ("/load missing.json\n", 2, "missing.json"),
        (f"/load {FAULTY}\n", 2, "not a saved conversation"),
        ("/media missing.png\n", 2, "missing.png"),
        ("/media 'quote.png\n", 2, "'quote.png"),
        ("/save nowhere/at/all.json\n", 2, "cannot be written"),
        ("/save\n", 2, "/save FILE"),
        (f"/media {FAULTY}\nLook\n", 2, "faulty.py"),
        ("QUOTA\nHi\n", 4, "GPU quota"),
    ],
)
def test_chat_in_a_pipe_ends_at_a_failure(phi4: Run, lines: str, code: int, message: str) -> None:
    """Where nobody can react, the first failure ends the chat with its exit status."""
    result = phi4("chat", stdin=f"{lines}Still there?\n")
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr


def test_a_saved_chat_has_its_own_instructions() -> None:
    """`--system` is refused with `--resume`, where it would not reach the model."""
    result = CliRunner().invoke(app, ["chat", "--resume", "saved.json", "--system", "Be kind"])
    assert result.exit_code == 2
    assert "Leave out --system or --resume" in result.stderr


@loopback
def test_chat_help(phi4: Run) -> None:
    """/help lists every slash command."""
    output = phi4("chat", stdin="/help\n").stderr
    assert all(word in output for word in ("/media", "/save", "/load", "/new", "/help", "/quit"))


@loopback
def test_doctor(phi4: Run, url: str) -> None:
    """A Space that is well has one line for each thing looked at, and exit status 0."""
    result = phi4("doctor")
    assert result.exit_code == 0
    rows = [line.split(maxsplit=2) for line in result.stdout.splitlines()[:-1]]
    assert [row[1] for row in rows] == [
        "version", "token", "space", "stage", "gradio", "contract", "files", "queue"
    ]  # fmt: skip
    assert rows[2][2] == f"{url} (PHI4_SPACE)"
    assert result.stdout.endswith("A turn can be sent.\n")


@loopback
def test_doctor_for_programs(phi4: Run, url: str) -> None:
    """With --json the doctor writes one object."""
    output = json.loads(phi4("doctor", "--json").stdout)
    assert output["ready"] is True
    assert output["status"]["endpoints"] == ["chat_completion"]
    assert {"name": "stage", "verdict": "ok", "found": "RUNNING", "advice": ""} in output["checks"]
    assert output["status"]["space"] == url


@loopback
def test_doctor_of_another_endpoint(phi4: Run) -> None:
    """--endpoint names the contract that is asked; one that is not there is a problem with a name."""
    output = json.loads(phi4("doctor", "--json", "--endpoint", "process_message").stdout)
    assert output["status"]["endpoints"] == ["process_message", "bot_response"]
    assert "answers at chat_completion" in phi4("doctor", "--endpoint", "chat").stdout


@loopback
def test_doctor_finds_nobody(phi4: Run) -> None:
    """Of a Space that does not answer, the doctor says so, with advice, also after having waited for it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    result = phi4("doctor", "--space", f"http://127.0.0.1:{port}", "--wake", "0.1")
    assert result.exit_code == 3
    assert "problem stage    UNREACHABLE: " in result.stdout
    assert "Check the address" in result.stdout
    assert result.stdout.endswith("No turn can be sent now.\n")


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_doctor_of_a_bad_name(form: list[str]) -> None:
    """A name that no Space can have is told as such, and is bad input."""
    result = CliRunner().invoke(app, ["doctor", "--space", "no name", *form])
    assert result.exit_code == 2
    assert "not the name of a Space" in result.stdout


@loopback
def test_serve_takes_the_servers_options(capfd: pytest.CaptureFixture[str]) -> None:
    """`phi4 serve` hands its options on, --help included, and returns the server's exit status."""
    assert CliRunner().invoke(app, ["serve", "--help"]).exit_code == 0
    assert CliRunner().invoke(app, ["serve", "--port", "none"]).exit_code == 2
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = CliRunner().invoke(
            app, ["serve", "--model", "offline", "--port", f"{taken.getsockname()[1]}"]
        )
    assert result.exit_code == 1
    assert "cannot listen" in result.stderr + capfd.readouterr().err
