"""The Space's page in a real browser: what a person types, attaches, presses and sees."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from servers import Servers

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
    assert "rehearsal" in person.find("#title").text.lower()
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
