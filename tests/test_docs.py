"""README.md and docs/ tell the truth: what they show runs, on a Space of our own, and prints what they say.

A `python` block is run; one that begins with a file's name (`# conftest.py`) is written to that file instead.
A `sh` block is typed into a shell, but for what installs, builds or serves. A `text` block is what the block
before it printed, `...` standing for anything. Of a `console` block the lines after `$` are checked.
"""

from __future__ import annotations

import dataclasses
import inspect
import io
import re
import shutil
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, get_args

import llama_index.core
import media
import pytest
from langchain_core.language_models import BaseChatModel
from llama_index.core import Settings
from llama_index.core.base.llms.types import ContentBlock
from llama_index.core.llms.function_calling import FunctionCallingLLM
from servers import ROOT, Servers
from shell import Shell
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

import llama_index_phi4
import phi4_space as p4
from langchain_phi4 import ChatPhi4, _callbacks, _content, _errors
from llama_index_phi4 import Phi4, Phi4Event
from phi4_server import command_line
from phi4_server.model_choice import MODELS
from phi4_space.interop import ALIASES

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
PAGES += sorted((ROOT / "docs").glob("*.md"))
ERRORS = {kind for kind in vars(p4).values() if isinstance(kind, type) and issubclass(kind, p4.Phi4Error)}
_FILE = re.compile(r"# ([\w.]+\.py)\n")
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#([\w-]+))?\)")
NOT_OURS = (
    # LlamaIndex's workflows look at all attributes of an agent, also at those that pydantic is about to drop
    "ignore::pydantic.warnings.PydanticDeprecationWarning:inspect",
    "ignore:There is no current event loop:DeprecationWarning",  # its `asyncio_run` asks for one
)
_TEST = re.compile(r"`(?:tests/)?((?:\w+/)*test_\w+\.py)(?:::(\w+))?")
_PATH = re.compile(r"`((?:phi4_\w+|tests|examples|docs|cassettes|constraints)/[\w./-]+)`")


class Reader:
    """Reads a page and does what its blocks say.

    Args:
        shell: Where files are written, and shell lines are typed.
    """

    def __init__(self, shell: Shell) -> None:
        """Has read nothing yet."""
        self._shell = shell
        self._printed = ""
        self._evaluate = PythonEvaluator()

    def read(self, page: Path) -> None:
        """Does all that the page says, in order.

        Its Python blocks share their names, as one program's; when a program ends, its connections do.
        """
        blocks = {"python": self.python, "text": self.text, "sh": self.sh, "console": self.console}
        document = Sybil([CodeBlockParser(name, act) for name, act in blocks.items()]).parse(page)
        document.namespace["__name__"] = "__main__"
        try:
            for example in document:
                example.evaluate()
        finally:
            for thing in document.namespace.values():
                if inspect.ismethod(close := getattr(thing, "close", None)):  # a client or model
                    close()

    def python(self, example: Example) -> None:
        """Writes the block to the file that it names, or runs it."""
        if named := _FILE.match(example.parsed):
            (self._shell.folder / named[1]).write_text(example.parsed)
            return
        with redirect_stdout(io.StringIO()) as out:
            self._evaluate(example)
        self._printed = out.getvalue()

    def text(self, example: Example) -> None:
        """Compares what was printed with what is shown."""
        shown = re.escape(example.parsed.rstrip()).replace(r"\.\.\.", ".*")
        assert re.fullmatch(shown, self._printed.rstrip(), re.DOTALL), (
            f"line {example.line} printed\n{self._printed}"
        )

    def sh(self, example: Example) -> None:
        """Types the lines."""
        self._printed = self._shell.run(example.parsed)

    def console(self, example: Example) -> None:
        """Checks what stands after the prompts."""
        for line in re.findall(r"^\$ (.*)", example.parsed, re.MULTILINE):
            self._shell.check(line)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, servers: Servers) -> Path:
    """A folder with pictures and a recording, and a Space that PHI4_SPACE names."""
    (tmp_path / "cat.png").write_bytes(media.square(220, 40, 40))
    (tmp_path / "dog.png").write_bytes(media.square(40, 40, 220))
    (tmp_path / "speech.wav").write_bytes(media.tone(440))
    shutil.copy(ROOT / "examples" / "llama_index" / "embeddings.py", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PHI4_SPACE", servers.url("answering"))
    for name in ("_llm", "_embed_model"):  # what pages set for the whole program
        monkeypatch.setattr(Settings, name, None)
    monkeypatch.setattr(llama_index.core, "global_tokenizer", None)
    return tmp_path


@pytest.mark.loopback
@pytest.mark.filterwarnings(*NOT_OURS)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_shows_is_so(page: Path, desk: Path) -> None:
    """Its examples run as they stand and print what they say; what its shell lines name is there."""
    Reader(Shell(desk)).read(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    """What a page links to is there, the heading too; and so are the files that it names."""
    text = page.read_text()
    for target, heading in _LINK.findall(text):
        place = page.parent / target
        assert place.exists(), target
        assert not heading or heading in _headings(place), f"{target}#{heading}"
    for path in _PATH.findall(text):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tests_that_a_page_names_are_there(page: Path) -> None:
    """The file, and in it the function: whoever renames a test finds the pages that lean on it."""
    for path, name in _TEST.findall(page.read_text()):
        place = ROOT / "tests" / path
        assert place.exists(), path
        assert not name or re.search(rf"^(async )?def {name}\(", place.read_text(), re.MULTILINE), name


def _headings(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def _rows(page: str) -> dict[str, list[str]]:
    """The rows of a page's tables whose first cell begins with code, by that code; the first of each."""
    lines = (ROOT / "docs" / page).read_text().splitlines()
    rows = [re.split(r" *(?<!\\)\| *", line.strip("| ")) for line in lines if line.startswith("| `")]
    return {_code(row[0])[0]: row for row in reversed(rows)}


def _code(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", text)


def test_the_page_of_errors_is_the_tree() -> None:
    """Every error has its row: what it is a kind of, what it carries, whether it is tried again."""
    rows = {name: row for name, row in _rows("errors.md").items() if name[0].isupper()}

    assert {kind.__name__ for kind in ERRORS} == rows.keys() | {"Phi4Error"}
    for name, (_, parent, _, carried, again, _) in rows.items():
        kind = getattr(p4, name)
        assert [kind.__mro__[1].__name__] == _code(parent)
        assert set(vars(kind("")).keys() - vars(p4.Phi4Error("")).keys()) <= set(_code(carried))
        assert all(hasattr(kind(""), name) for name in _code(carried))
        assert kind.retryable == again.startswith("yes")


def test_the_page_of_the_own_space_tells_each_option() -> None:
    """Each option of `phi4 serve`, and no other, with its default where it has one."""
    rows = _rows("own-space.md")
    told = {word: row for row in rows.values() for word in _code(row[0]) if word.startswith("--")}
    known = {word: one for one in command_line.parser(MODELS)._actions for word in one.option_strings}

    assert told.keys() == known.keys() - {"-h", "--help"}
    for word, row in told.items():
        default = known[word].default
        assert _code(row[1]) == ([] if default in {None, True, False} else [str(default)])


def test_the_page_of_errors_tells_what_all_carry() -> None:
    """Each attribute of the base is told."""
    told = set(_code((ROOT / "docs" / "errors.md").read_text()))

    assert {*vars(p4.Phi4Error("")), "retryable"} <= told


def test_the_page_of_the_client_names_all_there_is() -> None:
    """Each public name, the two doors' methods and attributes, and the fields of each value."""
    text = (ROOT / "docs" / "client.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    told = set(re.findall(r"\w+", " ".join([*_code(text), *blocks])))
    doors = {name for kind in (p4.SpaceClient, p4.Conversation) for name in vars(kind) if name[0] != "_"}

    values = [kind for kind in vars(p4).values() if isinstance(kind, type) and dataclasses.is_dataclass(kind)]
    fields = {field.name for kind in values for field in dataclasses.fields(kind)}

    assert set() == set(p4.__all__) - {kind.__name__ for kind in ERRORS} - told
    assert set() == doors - told
    assert set() == fields - told


@pytest.mark.parametrize("kind", [p4.Timeouts, p4.FetchPolicy, p4.Limits])
def test_the_tables_of_settings_tell_the_defaults(kind: Any) -> None:
    """Each field has its row, and the default there is the default."""
    rows = _rows("client.md")

    for field in dataclasses.fields(kind):
        assert [repr(field.default)] == _code(rows[field.name][1])


def test_the_table_of_arguments_tells_the_defaults() -> None:
    """Each argument of SpaceClient that users may give has its row, with its default."""
    rows, arguments = _rows("client.md"), inspect.signature(p4.SpaceClient).parameters

    for name in arguments.keys() - {"environment", "unknown"}:
        default = arguments[name].default
        shown = f"{type(default).__name__}()" if dataclasses.is_dataclass(default) else repr(default)
        assert [shown] == _code(rows[name][1])


def test_the_table_of_the_llm_tells_the_defaults() -> None:
    """Each field of Phi4 that LlamaIndex's LLMs do not have anyway has its row, with its default."""
    rows = _rows("llama-index.md")

    for name in Phi4.model_fields.keys() - FunctionCallingLLM.model_fields.keys():
        default = Phi4.model_fields[name].get_default(call_default_factory=True)
        assert [repr(default)] == _code(rows[name][1]), name


@pytest.mark.parametrize("page", ["langchain.md", "llama-index.md"])
def test_the_pages_of_the_models_tell_other_names(page: str) -> None:
    """Each name of other models' classes that is understood, at the parameter that it means."""
    table = (ROOT / "docs" / page).read_text().partition("| here | elsewhere |\n")[2].partition("\n\n")[0]
    rows = [_code(line) for line in table.splitlines()[1:]]

    assert {alias: own for own, *told in rows for alias in told if alias != "/v1"} == ALIASES


def test_the_page_of_the_llm_names_all_there_is() -> None:
    """Each public name, each block of LlamaIndex's, and each event with its fields."""
    text = (ROOT / "docs" / "llama-index.md").read_text()
    told, rows = set(re.findall(r"\w+", " ".join(_code(text)))), _rows("llama-index.md")
    blocks = {kind.__name__ for kind in get_args(get_args(ContentBlock)[0])}

    assert set() == set(llama_index_phi4.__all__) - {"__version__"} - told
    assert set() == blocks - told
    for kind in Phi4Event.__subclasses__():
        fields = set(_code(rows[kind.__name__][2]))
        assert fields == kind.model_fields.keys() - Phi4Event.model_fields.keys()


def test_the_table_of_the_chat_model_tells_the_defaults() -> None:
    """Each field of ChatPhi4 that other chat models do not have has its row, with its default."""
    rows = _rows("langchain.md")

    for name in ChatPhi4.model_fields.keys() - BaseChatModel.model_fields.keys():
        assert [repr(ChatPhi4.model_fields[name].default)] == _code(rows[name][1]), name


def test_the_page_of_the_chat_model_names_what_is_read_and_told() -> None:
    """Each type of content that is read, and each event that is told."""
    told = set(_code((ROOT / "docs" / "langchain.md").read_text()))

    assert set() == _content._READERS.keys() - told
    assert set() == set(_callbacks._NAMES.values()) - told


def test_the_page_of_the_chat_model_tells_the_kinds_of_errors() -> None:
    """Each row of the table of errors is so, and none is left out."""
    rows = {kind: row for kind, row in _rows("langchain.md").items() if kind.endswith(("Error", "Exception"))}
    told = {name: kind for kind, row in rows.items() for name in _code(row[1])}

    assert told.keys() == {ours.__name__ for ours in _errors._KINDS}
    for ours, kind in _errors._KINDS.items():
        assert told[ours.__name__] in {one.__name__ for one in kind.__mro__}
