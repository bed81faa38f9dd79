"""A turn as it is sent to a session that knows the turns before, or not. Knows prompts; no Space, no I/O."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from phi4_space._prompt.chat_body import to_chat_body
from phi4_space._prompt.compose import compose, compose_system
from phi4_space._prompt.response_format import ResponseFormat
from phi4_space._turn.request import LoadedTurn, Request
from phi4_space._turn.state import Payload, PreparedTurn
from phi4_space._turns import File, PromptStyle, Turn


def to_prepared(
    history: Sequence[LoadedTurn],
    new_turns: Sequence[LoadedTurn],
    request: Request,
    *,
    style: PromptStyle,
    prefix: str = "",
) -> PreparedTurn:
    """What to send, to a session that knows nothing and to one that knows the turns before.

    Args:
        history: The turns before, files included.
        new_turns: The turns that are new.
        request: What is asked for.
        style: How several turns become one prompt.
        prefix: What stands before each prompt, and before each user's turn where turns keep their roles.
    """
    writer = _Writer(tuple(history), tuple(new_turns), request, style, prefix)
    return PreparedTurn(
        full=writer.prompt(remembered=False),
        incremental=partial(writer.prompt, remembered=True),
        instructed=writer.instructed,
        chat=writer.chat,
        tools=tuple(tool.name for tool in request.tools),
        stop=request.stop,
        sampling=request.sampling,
        caller=request.caller,
    )


@dataclass(frozen=True, slots=True)
class _Writer:
    history: tuple[LoadedTurn, ...]
    new_turns: tuple[LoadedTurn, ...]
    request: Request
    style: PromptStyle
    prefix: str

    def prompt(self, *, remembered: bool) -> Payload:
        """All of it as one prompt."""
        if self.request.verbatim is not None:
            return self._verbatim(self.request.verbatim)
        turns = self._turns(remembered=remembered)
        prompt = compose(
            _instructed([one.turn for one in turns], self.request.response_format),
            tools=self.request.tools,
            tool_choice=self.request.tool_choice,
            style=self.style,
            kinds=[file.kind for file in _files(turns)],
            remembered=remembered,
        )
        return Payload(self.prefix + prompt, _files(turns))

    def instructed(self, *, remembered: bool) -> Payload:
        """The prompt, and beside it the text of all system turns so far, with what is wanted of the answer.

        It is one prompt as ever where that has the model's own tokens, or would hold nothing else.
        """
        system = [one.turn for one in (*self.history, *self.new_turns) if _is_system(one)]
        if self.request.verbatim is not None:
            return replace(self._verbatim(self.request.verbatim), system=compose_system(system))
        turns = [one for one in self._turns(remembered=remembered) if not _is_system(one)]
        if self.style == "template" or not turns:
            return self.prompt(remembered=remembered)
        kinds = [file.kind for file in _files(turns)]
        prompt = compose([one.turn for one in turns], style=self.style, kinds=kinds, remembered=remembered)
        text = compose_system(
            _instructed(system, self.request.response_format),
            tools=self.request.tools,
            tool_choice=self.request.tool_choice,
        )
        return Payload(self.prefix + prompt, _files(turns), system=text)

    def chat(self) -> Payload:
        """All turns with their roles, as JSON, each file once."""
        if self.request.verbatim is not None:
            return self._verbatim(self.request.verbatim)
        turns = self._turns(remembered=False)
        unique: dict[str, File] = {}
        for file in _files(turns):
            unique.setdefault(file.digest, file)
        numbers = {digest: number for number, digest in enumerate(unique)}
        body = to_chat_body(
            [self._prefixed(one.turn) for one in turns],
            [(file.kind, numbers[file.digest]) for file in _files(turns)],
            tools=self.request.tools,
            tool_choice=self.request.tool_choice,
            response_format=self.request.response_format,
            stop=self.request.stop,
        )
        return Payload(json.dumps(body, ensure_ascii=False), tuple(unique.values()), body)

    def _turns(self, *, remembered: bool) -> tuple[LoadedTurn, ...]:
        return self.new_turns if remembered else (*self.history, *self.new_turns)

    def _prefixed(self, turn: Turn) -> Turn:
        """A user's turn with the prefix before its text; media that stand before that stay there."""
        if turn.role != "user":
            return turn
        offsets = tuple(at and at + len(self.prefix) for at in turn.offsets)
        return replace(turn, text=self.prefix + turn.text, offsets=offsets)

    def _verbatim(self, prompt: str) -> Payload:
        return Payload(self.prefix + prompt, _files(self.new_turns))


def _files(turns: Sequence[LoadedTurn]) -> tuple[File, ...]:
    return tuple(file for turn in turns for file in turn.files)


def _is_system(one: LoadedTurn) -> bool:
    return one.turn.role == "system" and not one.files


def _instructed(turns: Sequence[Turn], wanted: ResponseFormat | None) -> list[Turn]:
    """The turns, the first system turns being followed by what the answer is to be."""
    start = next((at for at, turn in enumerate(turns) if turn.role != "system"), len(turns))
    instruction = [] if wanted is None else [Turn(role="system", text=wanted.instruction)]
    return [*turns[:start], *instruction, *turns[start:]]
