"""The Space's page in a real browser: what a person types, attaches, presses and sees."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from phi4_server import embedded_space

selenium = pytest.importorskip("selenium.webdriver", reason="selenium drives the browser")

from selenium.webdriver import Chrome, ChromeOptions  # noqa: E402  only where selenium is installed
from selenium.webdriver.chrome.service import Service  # noqa: E402  see above
from selenium.webdriver.common.keys import Keys  # noqa: E402  see above

PYTHON = os.environ.get("PHI4_SPACE_PYTHON", sys.executable)
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
    pytest.mark.loopback,
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
def url() -> Iterator[str]:
    with embedded_space(python=PYTHON, options=["--words-per-second", "8"]) as url:
        yield url


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
def person(browser: Chrome, url: str) -> Person:
    """A person who has just opened the page."""
    log_of(browser)  # what earlier pages did
    browser.get(url)
    person = Person(browser)
    person.box()
    return person


def test_question_with_a_picture(person: Person, tmp_path: Path) -> None:
    """One types a question, attaches a picture, and watches the answer grow."""
    Image.new("RGB", (64, 48), "red").save(tmp_path / "square.png")
    person.find("#box input[type=file]").send_keys(str(tmp_path / "square.png"))
    person.find("#box img")
    person.box().send_keys("What is the main colour of this picture?", Keys.ENTER)
    seen: list[str] = []

    def grown() -> bool:
        if (now := person.read()) not in seen:
            seen.append(now)
        return "red" in now.lower().partition("picture?")[2] and person.find("#box textarea").is_enabled()

    person.await_that(grown)
    assert len(seen) > 3
    assert person.find("#chat img")


def test_nature_is_told(person: Person) -> None:
    """The page says what answers there."""
    assert "rehearsal" in person.find("#title").text.lower()


def test_example_and_new_chat(person: Person) -> None:
    """An example fills the box, a second turn follows, and New chat forgets both, even during an answer."""
    person.press("Who are you?")
    box = person.await_that(lambda: person.box().get_attribute("value") and person.box())
    box.send_keys(Keys.ENTER)
    person.await_that(lambda: "Who are you?" in person.read())
    person.box().send_keys("And now?", Keys.ENTER)
    person.await_that(lambda: "And now?" in person.read())
    person.press("New chat")
    person.await_that(lambda: "Who are you?" not in person.read())
    time.sleep(1)
    assert "now" not in person.read()


def test_stop(person: Person) -> None:
    """Stop ends an answer under way, and the next question can be typed at once."""
    person.box().send_keys("Who are you?", Keys.ENTER)
    person.await_that(lambda: "".join(person.read().partition("you?")[2:]).strip())
    person.press("Stop")
    person.await_that(person.find("#box textarea").is_enabled)
    cut = person.read()
    time.sleep(1)
    assert person.read() == cut


def test_broken_picture(person: Person, tmp_path: Path) -> None:
    """A file that is no picture is refused in words, and the next question can be typed."""
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n, and then nothing")
    person.find("#box input[type=file]").send_keys(str(tmp_path / "broken.png"))
    person.find("#box img")
    person.box().send_keys("What is this?", Keys.ENTER)
    person.await_that(lambda: "broken.png cannot be seen" in person.find("body").text)
    person.box()


def test_no_other_host(person: Person, url: str) -> None:
    """The page needs no network: whatever it asks of another host, the browser is forbidden to send."""
    person.read()
    asked, refused = set(), set()
    for message in log_of(person.browser):
        parameters = message["params"]
        if message["method"] == "Network.requestWillBeSent":
            if not parameters["request"]["url"].startswith((url, "data:", "blob:", "chrome:")):
                asked.add(parameters["requestId"])
        elif message["method"] == "Network.loadingFailed" and parameters.get("blockedReason") == "csp":
            refused.add(parameters["requestId"])
    assert asked <= refused
