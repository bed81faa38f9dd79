"""The Space's page in a real browser: what a person types, attaches, presses and sees."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from PIL import Image
from servers import ROOT, Servers

from phi4_server import embedded_space, running_space

selenium = pytest.importorskip("selenium.webdriver", reason="selenium drives the browser")

from selenium.webdriver import Chrome, ChromeOptions  # noqa: E402  only where selenium is installed
from selenium.webdriver.chrome.service import Service  # noqa: E402  see above
from selenium.webdriver.common.keys import Keys  # noqa: E402  see above

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "window-size=1100,800",
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (CHROMIUM and CHROMEDRIVER), reason="Debian's chromium and chromium-driver are not installed"
    ),
]


class Person:
    """Looks at the page and acts on it."""

    def __init__(self, browser: Chrome) -> None:
        """Has the page open already."""
        self.browser = browser

    def find(self, selector: str) -> Any:
        """The first element there, once it is there."""
        return self.await_that(lambda: self.browser.find_elements("css selector", selector))[0]

    def read(self) -> str:
        """All that the chat shows."""
        return str(self.find("#chat").text)

    def press(self, label: str) -> None:
        """Presses the button of that name."""
        self.find("button")
        next(b for b in self.browser.find_elements("css selector", "button") if b.text == label).click()

    def attach(self, file: Path) -> None:
        """Attaches a picture, and waits until it is uploaded."""
        self.find("#box input[type=file]").send_keys(str(file))
        self.find("#box img")

    def ask(self, text: str) -> None:
        """Types a question and sends it."""
        self.box().send_keys(text, Keys.ENTER)

    def box(self) -> Any:
        """The box, once one may type into it."""
        box = self.find("#box textarea")
        self.await_that(box.is_enabled)
        return box

    def await_that(self, seen: Callable[[], Any], within: float = 15) -> Any:
        """What was looked for, once it is there."""
        deadline = time.monotonic() + within
        while not (found := seen()):
            assert time.monotonic() < deadline, self.read()
            time.sleep(0.05)
        return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    browser = Chrome(options=options, service=Service(str(CHROMEDRIVER)))
    yield browser
    browser.quit()


def log_of(browser: Chrome) -> list[dict[str, Any]]:
    """What the browser did on the network since it was asked last."""
    log: Any = browser
    return [json.loads(entry["message"])["message"] for entry in log.get_log("performance")]


@pytest.fixture
def visit(browser: Chrome, servers: Servers, gradio_python: str) -> Callable[[str], Person]:
    """Opens the page of a kind of Space."""

    def arrive(kind: str) -> Person:
        log_of(browser)  # what earlier pages did
        browser.get(servers.url(kind, gradio_python))
        person = Person(browser)
        person.box()
        return person

    return arrive


def test_question_with_a_picture(visit: Callable[[str], Person], tmp_path: Path) -> None:
    """The page says what answers; one types a question, attaches a picture, and reads what is in it."""
    person = visit("answering")
    assert "offline" in person.find("#title").text.lower()
    Image.new("RGB", (64, 48), "red").save(tmp_path / "square.png")
    person.attach(tmp_path / "square.png")
    person.ask("What is the main colour of this picture?")
    person.await_that(lambda: "red" in person.read().lower().partition("picture?")[2])
    assert person.find("#chat img")
    person.box()


def test_broken_picture(visit: Callable[[str], Person], tmp_path: Path) -> None:
    """A file that is no picture is refused in words, and the next question can be typed."""
    person = visit("answering")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n, and then nothing")
    person.attach(tmp_path / "broken.png")
    person.ask("What is this?")
    person.await_that(lambda: "broken.png cannot be decoded" in person.find("body").text)
    person.box()


@pytest.fixture(name="small")
def small_space(gradio_python: str) -> Iterator[str]:
    """A Space that takes little."""
    with embedded_space(python=gradio_python, options=["--max-text", "100", "--max-turns", "1"]) as url:
        yield url


def test_what_is_too_much_is_told_in_words(browser: Chrome, small: str) -> None:
    """Once, by the page itself; the box is open for what can be sent instead."""
    browser.get(small)
    person = Person(browser)
    person.box()
    person.ask("x" * 150)
    person.await_that(lambda: "may have 100 characters" in person.find("body").text)
    assert "There is no question" not in person.find("body").text
    browser.get(small)
    person.box()
    person.ask("Who are you?")
    person.await_that(lambda: "offline" in person.read())
    person.ask("And now?")
    person.await_that(lambda: "This chat is full" in person.find("body").text)
    person.box()


def test_answer_grows(visit: Callable[[str], Person]) -> None:
    """One watches an answer being written."""
    person = visit("faulty")
    person.ask("SLOW 2")
    seen: list[str] = []

    def finished() -> bool:
        if (now := person.read()) not in seen:
            seen.append(now)
        return "18 19" in now

    person.await_that(finished)
    assert len(seen) > 5


def test_example_and_second_turn(visit: Callable[[str], Person]) -> None:
    """An example fills the box, and the second turn follows the first."""
    person = visit("faulty")
    person.press("Who are you?")
    person.await_that(lambda: person.box().get_attribute("value"))
    person.ask("")
    person.await_that(lambda: "entries: 1" in person.read())
    person.ask("And now?")
    person.await_that(lambda: "And now? (files: 0, entries: 3)" in person.read())


def test_stop(visit: Callable[[str], Person]) -> None:
    """Stop ends an answer under way, and the next question can be typed at once."""
    person = visit("faulty")
    person.ask("SLOW 60")
    person.await_that(lambda: "3 4 5" in person.read())
    person.press("Stop")
    person.box()
    cut = person.read()
    time.sleep(1)
    assert person.read() == cut


def test_new_chat(visit: Callable[[str], Person]) -> None:
    """New chat forgets everything, even while an answer is under way."""
    person = visit("faulty")
    person.ask("SLOW 60")
    person.await_that(lambda: "3 4 5" in person.read())
    person.press("New chat")
    person.await_that(lambda: "SLOW" not in person.read())
    time.sleep(1)
    assert "SLOW" not in person.read()
    person.ask("hello")
    person.await_that(lambda: "hello (files: 0, entries: 1)" in person.read())


def test_no_other_host(visit: Callable[[str], Person]) -> None:
    """The page needs no network: whatever it asks of another host, the browser is forbidden to send."""
    browser = visit("faulty").browser
    asked, refused = set(), set()
    for message in log_of(browser):
        parameters = message["params"]
        if message["method"] == "Network.requestWillBeSent":
            if not parameters["request"]["url"].startswith(
                (browser.current_url, "data:", "blob:", "chrome:")
            ):
                asked.add(parameters["requestId"])
        elif message["method"] == "Network.loadingFailed" and parameters.get("blockedReason") == "csp":
            refused.add(parameters["requestId"])
    assert asked <= refused


HOSTILE = (
    "<script>window.ran = 1</script> <img src=x onerror='window.ran = 2'> "
    "<style onload='window.ran = 3'></style> "
    "<svg onload='window.ran = 4'><a xlink:href='javascript:window.ran = 5'><text y=20>x</text></a></svg> "
    "<iframe srcdoc='<script>parent.ran = 6</script>'></iframe> <a href='javascript:window.ran = 7'>one</a> "
    "[two](javascript:window.ran=8) [three](data:text/html;base64,PHNjcmlwdD5vcGVuZXIucmFuPTk8L3NjcmlwdD4=) "
    '<javascript:window.ran=10> $$\\href{javascript:window.ran=11}{x}$$ ![x](x"onerror="window.ran=12) '
    "<form action='http://127.0.0.1:9'><button formaction='javascript:window.ran = 13'>four</button></form> "
    "<details open ontoggle='window.ran = 14'>five</details> "
    "<math><mtext><style><img src=x onerror='window.ran = 15'></style></mtext></math> "
    "<base href='http://127.0.0.1:9/'><meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'>"
)
"""What would leave a mark on the page if it ran, at once or when it is clicked."""


def send(person: Person, text: str) -> None:
    """Puts a text into the box that has letters which no keyboard types, and sends it."""
    person.box()
    person.browser.execute_script(
        "const box = document.querySelector('#box textarea'); box.value = arguments[0];"
        "box.dispatchEvent(new Event('input', {bubbles: true}))",
        text,
    )
    person.ask("")


def is_shown_twice(person: Person, words: str) -> bool:
    """Whether words stand in the chat as a question and as its answer."""
    return bool(person.find("#chat").text.count(words) > 1)


def test_markup_runs_nothing(visit: Callable[[str], Person]) -> None:
    """Neither what a person typed nor what a model answered is more than text, whatever stands in it."""
    person = visit("faulty")
    there = person.browser.current_url
    for text, seen in ((HOSTILE, "one"), (f"hi {HOSTILE}", "hi"), (f"`{HOSTILE}`", "window.ran = 2")):
        send(person, text)  # a block of HTML, HTML in a paragraph, and code; each comes back as the answer
        person.await_that(partial(is_shown_twice, person, seen))
    clickable = "#chat a, #chat button[formaction], #chat summary, #chat svg text"
    for place in range(len(person.browser.find_elements("css selector", clickable))):
        person.browser.execute_script(
            "document.querySelectorAll(arguments[0])[arguments[1]]"
            ".dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))",
            clickable,
            place,
        )
    time.sleep(0.5)
    assert person.browser.execute_script("return window.ran") is None
    assert person.browser.current_url == there


@pytest.mark.parametrize("word", ["REFUSE", "FAIL"])
def test_an_errors_words_run_nothing(word: str, visit: Callable[[str], Person]) -> None:
    """What a model says that went wrong may be markup as well, and is shown at the page's edge."""
    person = visit("faulty")
    there = person.browser.current_url
    send(person, f"{word} {HOSTILE}")
    person.await_that(lambda: person.browser.find_elements("css selector", ".toast-body"))
    time.sleep(0.5)
    assert person.browser.execute_script("return window.ran") is None
    assert person.browser.current_url == there


def test_a_files_name_runs_nothing(visit: Callable[[str], Person], tmp_path: Path) -> None:
    """A file may be called anything: its name is text, in the chat and in an error."""
    person = visit("answering")
    name = "<img src=x onerror=window.ran=1>.png"
    (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n, and then nothing")
    person.attach(tmp_path / name)
    person.ask("What is this?")
    person.await_that(lambda: "cannot be decoded" in person.find("body").text)
    person.box()
    assert person.browser.execute_script("return window.ran") is None


def test_an_upload_runs_nothing(visit: Callable[[str], Person]) -> None:
    """A picture that is a program runs neither in the chat nor when it is opened by itself."""
    person = visit("faulty")
    program = "<svg xmlns='http://www.w3.org/2000/svg'><script>document.title = 'ran'</script></svg>"
    for name in ("a.svg", "a.html", "a.txt"):
        path = person.browser.execute_async_script(
            "const form = new FormData(); form.append('files', new Blob([arguments[0]]), arguments[1]);"
            "fetch('/gradio_api/upload', {method: 'POST', body: form})"
            ".then(response => response.json()).then(paths => arguments[2](paths[0]))",
            program,
            name,
        )
        person.browser.get(f"{person.browser.current_url.split('/gradio_api')[0]}/gradio_api/file={path}")
        assert person.browser.title != "ran"


class OtherSite(BaseHTTPRequestHandler):
    """A page of somebody else."""

    def do_GET(self) -> None:
        """Shows it."""
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<body>")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def other_site() -> Iterator[str]:
    """Its URL, of which the browser knows that it is another site than 127.0.0.1."""
    with ThreadingHTTPServer(("127.0.0.1", 0), OtherSite) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def test_another_sites_page_reaches_nothing(visit: Callable[[str], Person], other_site: str) -> None:
    """A page of another site can neither read what the Space says, nor send it anything, nor frame it."""
    browser = visit("faulty").browser
    here = browser.current_url.rstrip("/")
    browser.get(other_site)
    log_of(browser)
    read = browser.execute_async_script(
        """
        const [here, done] = arguments;
        const frame = document.createElement('iframe');
        frame.src = here + '/?theirs';
        document.body.append(frame);
        const form = new FormData();
        form.append('files', new Blob(['x']), 'a.png');
        const turn = new Blob(['{"data": [[], {"text": "hi", "files": []}, null], "session_hash": "s"}']);
        const read = (path, options) =>
            fetch(here + path, options).then(response => response.text(), () => 'refused');
        Promise.all([
            read('/config?theirs'),
            read('/gradio_api/upload?theirs', {method: 'POST', body: form}),
            read('/gradio_api/upload?theirs', {method: 'POST', body: form, mode: 'no-cors'}),
            read('/gradio_api/run/process_message?theirs', {method: 'POST', body: turn, mode: 'no-cors'}),
            read('/gradio_api/queue/data?session_hash=s&theirs', {mode: 'no-cors'}),
            new Promise(loaded => { frame.onload = () => loaded('loaded'); }),
        ]).then(done);
        """,
        here,
    )
    log = [(message["method"], message["params"]) for message in log_of(browser)]
    theirs = {
        request["requestId"]
        for method, request in log
        if method == "Network.requestWillBeSent" and "theirs" in request["request"]["url"]
    }
    statuses = [
        answer["statusCode"]
        for method, answer in log
        if method == "Network.responseReceivedExtraInfo" and answer["requestId"] in theirs
    ]
    assert read[:2] == ["refused"] * 2
    assert statuses == [403] * 6


def test_a_login_in_the_browser(browser: Chrome, gradio_python: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --auth, the page asks for the login, and answers once it has it."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    command = [gradio_python, str(ROOT / "tests" / "spaces" / "faulty.py"), "--auth", "ada:love:lace"]
    with running_space(command) as url:
        browser.get(url)
        person = Person(browser)
        person.await_that(lambda: len(browser.find_elements("css selector", "input")) > 1)
        name, password = browser.find_elements("css selector", "input")[:2]
        name.send_keys("ada")
        password.send_keys("love:lace", Keys.ENTER)
        person.box()
        person.ask("hello")
        person.await_that(lambda: "hello (files: 0, entries: 1)" in person.read())
