"""The command that runs a Space, and the Space in a child process."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import httpx
import pytest
from servers import ROOT

from phi4_server import embedded_space, running_space
from phi4_server.__main__ import _listen, _notes, main

FAULTY = str(ROOT / "tests" / "spaces" / "faulty.py")
loopback = pytest.mark.loopback

GUARD = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"phi4_space", "httpx_sse", "stamina", "filetype"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

def watch(event, arguments):
    host = None
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    if host not in (None, "127.0.0.1", "localhost"):
        print("OUTBOUND", event, host, flush=True)

sys.meta_path.insert(0, Absent())
sys.addaudithook(watch)
sys.argv[0] = program = sys.argv.pop(1)
exec(compile(open(program).read(), program, "exec"), {"__name__": "__main__"})
"""


def start(*command: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}  # for interpreters without phi4_server
    return subprocess.Popen(  # noqa: S603  commands of this file
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


@pytest.mark.parametrize("word", ["SLOW 60", "WAIT 60"])
def test_stops_at_once(word: str, gradio_python: str) -> None:
    """It runs without the client's dependencies and calls no other host; SIGTERM ends it with 0, soon, though
    a stream is open, and even though a model's thread can't be interrupted.
    """
    with start(gradio_python, "-c", GUARD, FAULTY, "--port", "0") as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert " is ready at http://127.0.0.1:" in ready
        with httpx.Client(base_url=f"{ready.split()[-1]}/gradio_api", trust_env=False) as http:
            join(http, word)
            with http.stream("GET", "/queue/data?session_hash=s") as stream:
                assert any("process_starts" in line for line in stream.iter_lines())
                asked_to_stop = time.monotonic()
                process.send_signal(signal.SIGTERM)
                assert process.wait(10) == 0
                assert time.monotonic() - asked_to_stop < 8  # of 60
        assert process.stdout.read() == ""


def join(http: httpx.Client, text: str) -> None:
    message = {"text": text, "files": []}
    turn: dict[str, Any] = {"data": ([], message, None), "session_hash": "s"}
    history = http.post("/run/process_message", json=turn).json()["data"][0]
    job = {"data": [history, None], "fn_index": 11, "session_hash": "s"}
    http.post("/queue/join", json=job).raise_for_status()


@loopback
def test_does_not_outlive_its_parent() -> None:
    """A Space whose parent was killed ends by itself."""
    parent = f"""
import time
from phi4_server import running_space
with running_space([{sys.executable!r}, {FAULTY!r}]) as url:
    print(url, flush=True)
    time.sleep(60)
"""
    with start(sys.executable, "-c", parent) as process:
        assert process.stdout is not None
        host, port = process.stdout.readline().strip().removeprefix("http://").split(":")
        process.kill()
    deadline = time.monotonic() + 10
    while _answers(host, int(port)):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


@loopback
def test_embedded_space() -> None:
    """The Space of the offline model is there within the block, and gone after it."""
    with embedded_space() as url:
        assert httpx.get(f"{url}/config", trust_env=False).json()["title"] == "Phi-4-multimodal"
    host, port = url.removeprefix("http://").split(":")
    assert not _answers(host, int(port))


def test_embedded_space_that_does_not_start() -> None:
    """What the child printed is in the error."""
    with pytest.raises(ChildProcessError, match=r"(?s)ended with 2.*no-such-model"):  # noqa: SIM117  one statement
        with embedded_space(model="no-such-model"):
            pass


def test_embedded_space_that_is_not_ready_in_time() -> None:
    """A child that does not get ready is ended, and the error says so."""
    slow = [sys.executable, "-c", "import time; print('hm', flush=True); time.sleep(60)"]
    with pytest.raises(ChildProcessError, match=r"(?s)not ready within 1 s.*hm"):  # noqa: SIM117  one statement
        with running_space(slow, timeout=1):
            pass


SECRETS = {
    "HF_TOKEN": "hf_secret",
    "HUGGING_FACE_HUB_TOKEN": "hf_secret",
    "OPENAI_API_KEY": "sk-secret",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "GITHUB_PAT": "ghp_secret",
    "PGPASSWORD": "secret",
    "DATABASE_URL": "postgres://ada:secret@db/x",
    "HTTPS_PROXY": "http://ada:secret@proxy:3128",
    "NETRC": "/home/ada/secret",
    "ANYTHING_ELSE": "secret",
}
SHOW = "import os; print(*(f'{name}={value}' for name, value in os.environ.items()), sep=chr(10))"


def environment_of_a_child(*variables: str) -> list[str]:
    with (
        pytest.raises(ChildProcessError) as failed,
        running_space([sys.executable, "-c", SHOW], variables=variables),
    ):
        pass
    return str(failed.value).splitlines()[1:]


def test_a_child_is_handed_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, key or password of this process is in the environment of a Space that it starts."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    printed = environment_of_a_child()
    assert "secret" not in "\n".join(printed)
    assert {"CUDA_VISIBLE_DEVICES=1", "GRADIO_ANALYTICS_ENABLED=False"} <= set(printed)
    assert f"PATH={os.environ['PATH']}" in printed


def test_a_child_is_handed_what_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who wants a variable in a Space's environment says its name; one that is not set is left out."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    printed = environment_of_a_child("OPENAI_API_KEY", "NOT_SET")
    assert [line for line in printed if "secret" in line or "NOT_SET" in line] == ["OPENAI_API_KEY=sk-secret"]


@loopback
def test_port_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """A port in use is named, before anything else is done."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert main(["--port", str(port)]) == 1
    assert capsys.readouterr().err == (
        f"phi4_server: cannot listen on 127.0.0.1, port {port}: Address already in use; "
        "--port 0 picks a free one\n"
    )


@loopback
@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no such host"])
def test_host_of_another_machine(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The option that helps is named, and the address once."""
    assert main(["--host", host, "--port", "0"]) == 1

    said = capsys.readouterr().err
    assert said.endswith("; --host has to be an address of this machine, such as 127.0.0.1\n")
    assert said.count(host) == 1


def test_gradio_missing() -> None:
    """Without Gradio the command says what to install."""
    command = (
        "import sys; sys.modules['gradio'] = None;"
        "from phi4_server.__main__ import _listen, _notes, main; sys.exit(main(['--port=0']))"
    )
    with start(sys.executable, "-c", command) as process:
        output, _ = process.communicate()
    assert process.returncode == 1
    assert output == "phi4_server: gradio is not installed; it comes with: pip install 'phi4-space[server]'\n"


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("--model=gpt", "no model 'gpt'"),
        ("--port=70000", "from 0 to 65535"),
        ("--port=x", "from 0 to 65535"),
        ("--max-queue=0", "more than 0"),
        ("--words-per-second=-1", "more than 0"),
        ("--max-file-size=big", "such as 20mb"),
        ("--mode=offline", "unrecognized option: --mode, did you mean --model?"),
        ("--Port=80", "did you mean --port?"),
        ("--quantise=4bit", "did you mean --quantize?"),
        ("--xyzzy", "unrecognized option: --xyzzy\n"),
        ("offline", "unrecognized arguments: offline"),
    ],
)
def test_wrong_calls(argument: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong argument ends the command with 2 and says what is right."""
    with pytest.raises(SystemExit) as ended:
        main([argument])
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_wrong_call_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    """What is wrong, under the name that the command was started by, and where the options are listed."""
    with pytest.raises(SystemExit):
        main(["--device", "gpu"], program="phi4 serve")

    wrong, more = capsys.readouterr().err.splitlines()
    assert wrong.startswith("phi4 serve: error: argument --device: invalid choice: 'gpu'")
    assert more == "phi4 serve --help lists the options."


def test_the_value_of_a_wrong_option_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """It may be a password."""
    for words in (["--atuh", "ada:secret"], ["--atuh=ada:secret"]):
        with pytest.raises(SystemExit):
            main(words)

    assert "secret" not in capsys.readouterr().err


def test_import_is_cheap() -> None:
    """The package itself needs no Gradio."""
    with start(sys.executable, "-c", "import phi4_server, sys; sys.exit('gradio' in sys.modules)") as process:
        process.communicate()
    assert process.returncode == 0


@loopback
def test_connections_send_at_once() -> None:
    """An answer in several writes does not wait for the other side's delayed acknowledgement of the first."""
    with _listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@loopback
def test_what_can_be_asked_is_said() -> None:
    """What one has to paste elsewhere is printed before the last line, for which programs wait."""
    options = argparse.Namespace(openai_api=True, mcp=True, auth=("ada", "x"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        notes = [*_notes(options, listener)]
        bare = [*_notes(argparse.Namespace(openai_api=False, mcp=False, auth=None), listener)]

    assert notes == [
        f"OpenAI's API is at http://127.0.0.1:{port}/v1",
        f"The MCP server is at http://127.0.0.1:{port}/gradio_api/mcp/",
    ]
    assert bare == []
