"""The chat: lines in, answers out, and what begins with a slash. Knows no options of the command."""

from __future__ import annotations

import errno
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from phi4_space import Conversation, InvalidConversation, InvalidInput, Notice, Phi4Error, SpaceClient
from phi4_space._cli.failures import to_failure
from phi4_space._cli.output import Narration
from phi4_space._cli.reach import to_media

HELP = """\
/media PATH ...  attach pictures or recordings to the next question; alone: list them
/save FILE       write the conversation down; keep it as private as what was said
/load FILE       go on with a conversation that was saved
/new             begin a new conversation
/help            this
/quit            end; so do Ctrl-D, and Ctrl-C at the prompt
Ctrl-C during an answer cancels that answer. Two slashes begin a question with one."""


class Chat:
    """A conversation at a terminal, or one that is read from a pipe.

    At a terminal a failed turn is shown and the chat goes on; in a pipe, where nobody reacts, it ends there.

    Args:
        space: The Space to talk with.
        narration: Shows it.
        system: What the model is told about its part, in each new conversation.
    """

    def __init__(self, space: SpaceClient, narration: Narration, *, system: str | None = None) -> None:
        self._space = space
        self._narration = narration
        self._system = system
        self._attached: list[str | Path] = []
        self._at_terminal = sys.stdin.isatty()
        self._ended = False
        self._commands: dict[str, Callable[[str], None]] = {
            "media": self._attach,
            "save": self._save,
            "load": self.load,
            "new": self._begin,
            "help": lambda _: self._note(HELP),
            "quit": self._end,
        }
        self._conversation = space.conversation(system=system)

    def run(self) -> None:
        """Talks until the end of the input.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed at the prompt.
            Phi4Error: A turn failed, or a slash command did, in a pipe.
        """
        if self._at_terminal:
            self._note(f"Talking with {self._space.space}. /help lists what else can be done.")
        for line in self._lines():
            try:
                self._take(line)
            except Phi4Error as exc:
                if not self._at_terminal:
                    raise
                self._narration.fail(to_failure(exc))

    def load(self, file: str) -> None:
        """Goes on with a saved conversation.

        Raises:
            InvalidInput: The file cannot be read, or holds no conversation.
        """
        self._conversation = read_conversation(file, space=self._space)
        self._attached.clear()
        self._note(f"Going on with {file}: {len(self._conversation.turns)} turns.")

    def _lines(self) -> Iterator[str]:
        if self._at_terminal:
            with suppress(ImportError):  # it lends input() its arrow keys; Windows has them without
                import readline  # noqa: F401, PLC0415 - its import is all it takes
        prompt = "> " if self._at_terminal and sys.stdout.isatty() else ""
        while not self._ended:
            try:
                line = input(prompt).strip()
            except EOFError:
                if prompt:
                    print()  # noqa: T201 - the shell's prompt begins on a line of its own
                return
            if line:
                yield line

    def _take(self, line: str) -> None:
        if line.startswith("/") and not line.startswith("//"):
            word, _, rest = line[1:].partition(" ")
            if word not in self._commands:
                raise InvalidInput(f"There is no /{word}", advice="/help lists what there is.")
            self._commands[word](rest.strip())
        else:
            self._ask(line.removeprefix("/") if line.startswith("//") else line)

    def _ask(self, question: str) -> None:
        """Asks; what was attached stays so when the turn fails for a reason that may pass."""
        self._narration.say(f"Asking {self._space.space}")
        try:
            with closing(self._conversation.stream(question, media=list(self._attached))) as events:
                for event in events:
                    self._narration.tell(event)
        except InvalidInput:
            self._attached.clear()
            raise
        except KeyboardInterrupt:
            if not self._at_terminal:
                raise
            self._note("Cancelled, here and on the Space.", "warning")
        else:
            self._attached.clear()

    def _attach(self, rest: str) -> None:
        for argument in [rest] if Path(rest).is_file() else _split(rest):
            media = to_media(argument)
            if isinstance(media, Path) and not media.is_file():
                raise InvalidInput(f"There is no file {argument!r}")
            self._attached.append(media)
        names = [media.name if isinstance(media, Path) else media[:60] for media in self._attached]
        told = " ".join(", ".join(names).split())  # a name may have line breaks
        self._note(f"Attached to the next question: {told or 'nothing'}.")

    def _save(self, file: str) -> None:
        try:
            write_privately(Path(file).expanduser(), self._conversation.to_json())
        except (OSError, RuntimeError, ValueError) as exc:  # no such user's home; a null in the name
            raise InvalidInput(f"{file!r} cannot be written: {_words(exc)}") from exc
        self._note(f"Saved {len(self._conversation.turns)} turns in {file}.")

    def _begin(self, _rest: str) -> None:
        self._conversation = self._space.conversation(system=self._system)
        self._attached.clear()
        self._note("A new conversation.")

    def _end(self, _rest: str) -> None:
        self._ended = True

    def _note(self, text: str, level: str = "info") -> None:
        self._narration.close()
        self._narration.note(Notice(text, level))


def read_conversation(file: str, *, space: SpaceClient | None = None) -> Conversation:
    """Reads a conversation that /save wrote.

    Args:
        file: The file's path.
        space: The client to go on with; one for the Space that it was with when left out.

    Raises:
        InvalidInput: The file cannot be read, or holds no conversation.
    """
    try:
        text = Path(file).expanduser().read_bytes()
    except (OSError, RuntimeError, ValueError) as exc:
        raise InvalidInput(f"{file!r} cannot be read: {_words(exc)}") from exc
    try:
        return Conversation.from_json(text, space=space)
    except InvalidConversation as exc:
        raise InvalidConversation(f"{file!r} holds no conversation: {exc.what}") from exc


def _words(exc: Exception) -> str:
    return str(getattr(exc, "strerror", None) or exc)


def write_privately(path: Path, text: str) -> None:
    """Writes a file that its owner alone can read, all of it or nothing; whoever could read it before.

    Raises:
        OSError: It cannot be written, or is a directory, a pipe or a device.
    """
    path = path.resolve()  # a link stays one
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "it is no regular file")
    # Made with mode 0600, under a name that nobody else has, and then put into the other's place.
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=".phi4-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise


def _split(rest: str) -> list[str]:
    """Paths as a shell would take them, since terminals quote what is dropped on them."""
    try:
        return shlex.split(rest, posix=os.name == "posix")
    except ValueError:  # a quote that nothing closes is part of a name
        return [rest]
