"""The chat: its input, its answers and its slash commands. Knows no options of the command."""

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
from phi4_space._cli.arguments import to_media
from phi4_space._cli.failures import to_failure
from phi4_space._cli.output import TextDisplay

HELP = """\
/media PATH ...  attach images or audio to the next question; without a path, list them
/save FILE       save the conversation; keep the file as private as its content
/load FILE       continue a saved conversation
/new             start a new conversation
/help            show this help
/quit            end the chat; so do Ctrl-D, and Ctrl-C at the prompt
Ctrl-C during an answer cancels that answer. Start a line with // for a question that begins with a slash."""


class Chat:
    """A conversation at a terminal, or one whose questions come from a pipe.

    At a terminal an error is shown and the chat continues; in a pipe the first error ends the chat.

    Args:
        space: The client for the Space.
        display: Shows the conversation.
        system: Instructions for the model, in each new conversation.
    """

    def __init__(self, space: SpaceClient, display: TextDisplay, *, system: str | None = None) -> None:
        self._space = space
        self._display = display
        self._system = system
        self._attached: list[str | Path] = []
        self._at_terminal = sys.stdin.isatty()
        self._ended = False
        self._commands: dict[str, Callable[[str], None]] = {
            "media": self._attach,
            "save": self._save,
            "load": self.load,
            "new": self._start,
            "help": lambda _: self._show(HELP),
            "quit": self._end,
        }
        self._conversation = space.conversation(system=system)

    def run(self) -> None:
        """Runs until the input ends.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed at the prompt.
            Phi4Error: A turn or a slash command failed, in a pipe.
        """
        if self._at_terminal:
            self._show(f"Connected to {self._space.space}. /help lists the commands.")
        for line in self._lines():
            try:
                self._handle(line)
            except Phi4Error as exc:
                if not self._at_terminal:
                    raise
                self._display.show_failure(to_failure(exc))

    def load(self, file: str) -> None:
        """Continues a saved conversation.

        Raises:
            InvalidInput: The file cannot be read, or is not a saved conversation.
        """
        self._conversation = read_conversation(file, space=self._space)
        self._attached.clear()
        self._show(f"Continuing {file}, with {len(self._conversation.turns)} turns.")

    def _lines(self) -> Iterator[str]:
        if self._at_terminal:
            with suppress(ImportError):  # gives input() line editing; Windows has that already
                import readline  # noqa: F401, PLC0415 - importing it is enough
        prompt = "> " if self._at_terminal and sys.stdout.isatty() else ""
        while not self._ended:
            try:
                line = input(prompt).strip()
            except EOFError:
                if prompt:
                    print()  # noqa: T201 - so that the shell's prompt starts on a new line
                return
            if line:
                yield line

    def _handle(self, line: str) -> None:
        if line.startswith("/") and not line.startswith("//"):
            name, _, argument = line[1:].partition(" ")
            if name not in self._commands:
                raise InvalidInput(f"There is no command /{name}", advice="/help lists the commands.")
            self._commands[name](argument.strip())
        else:
            self._ask(line.removeprefix("/") if line.startswith("//") else line)

    def _ask(self, question: str) -> None:
        """Sends a question. Its media stay attached if the turn fails for a reason that may be temporary."""
        self._display.show_status(f"Asking {self._space.space}")
        try:
            with closing(self._conversation.stream(question, media=list(self._attached))) as events:
                for event in events:
                    self._display.show_event(event)
        except InvalidInput:
            self._attached.clear()
            raise
        except KeyboardInterrupt:
            if not self._at_terminal:
                raise
            self._show("Cancelled, here and on the Space.", "warning")
        else:
            self._attached.clear()

    def _attach(self, paths: str) -> None:
        for path in [paths] if Path(paths).is_file() else _split(paths):
            media = to_media(path)
            if isinstance(media, Path) and not media.is_file():
                raise InvalidInput(f"There is no file {path!r}")
            self._attached.append(media)
        names = [media.name if isinstance(media, Path) else media[:60] for media in self._attached]
        listing = " ".join(", ".join(names).split())  # a name may contain line breaks
        self._show(f"Attached to the next question: {listing or 'nothing'}.")

    def _save(self, file: str) -> None:
        if not file:
            raise InvalidInput("/save needs the name of a file", advice="Type /save FILE.")
        try:
            write_privately(Path(file).expanduser(), self._conversation.to_json())
        except (OSError, RuntimeError, ValueError) as exc:  # no home for ~user; a null in the name
            raise InvalidInput(f"{file!r} cannot be written: {_reason(exc)}") from exc
        self._show(f"Saved {len(self._conversation.turns)} turns to {file}.")

    def _start(self, _argument: str) -> None:
        self._conversation = self._space.conversation(system=self._system)
        self._attached.clear()
        self._show("Started a new conversation.")

    def _end(self, _argument: str) -> None:
        self._ended = True

    def _show(self, text: str, level: str = "info") -> None:
        self._display.close()
        self._display.show_notice(Notice(text, level))


def read_conversation(file: str, *, space: SpaceClient | None = None) -> Conversation:
    """Reads a conversation that /save wrote.

    Args:
        file: The path of the file.
        space: The client to continue it with; None for one for the Space that the file names.

    Raises:
        InvalidInput: The file cannot be read, or is not a saved conversation.
    """
    try:
        text = Path(file).expanduser().read_bytes()
    except (OSError, RuntimeError, ValueError) as exc:
        raise InvalidInput(f"{file!r} cannot be read: {_reason(exc)}") from exc
    try:
        return Conversation.from_json(text, space=space)
    except InvalidConversation as exc:
        raise InvalidConversation(f"{file!r} is not a saved conversation: {exc.what}") from exc


def _reason(exc: Exception) -> str:
    return str(getattr(exc, "strerror", None) or exc)


def write_privately(path: Path, text: str) -> None:
    """Writes a file, completely or not at all, that only its owner can read, even if others could read it
    before.

    Raises:
        OSError: It cannot be written, or is a directory, a pipe or a device.
    """
    path = path.resolve()  # so that a symbolic link remains one
    if path.exists() and not path.is_file():
        raise FileExistsError(errno.EEXIST, "it is not a regular file")
    # Created with mode 0600 under a unique name, and then moved to its place.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".phi4-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _split(paths: str) -> list[str]:
    """Splits paths as a shell does, since terminals quote the paths of files that are dropped on them."""
    try:
        return shlex.split(paths, posix=os.name == "posix")
    except ValueError:  # an unbalanced quote is part of a name
        return [paths]
