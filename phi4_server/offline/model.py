"""The offline model as the Space takes it. Knows no skill."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context

from phi4_server.chat_completion import word_count
from phi4_server.media.scope import CURRENT, CancelScope
from phi4_server.model import OPTIONS, ChatRequest, End, Message
from phi4_server.offline.answer import NATURE, reply

_PIECE = re.compile(r"\S+\s*|\s+")
_YIELD_EVERY_S = 1.0
_MOST = 1000
"""In how many pieces an answer comes at most: each costs its reader more than the last."""


class OfflineModel:
    """A model that answers by rule from what it is given, and says what it is."""

    name = "Offline model"
    nature = NATURE
    options = OPTIONS
    """All: what chooses among likely words makes no difference to a model that has one answer."""

    def stream(self, chat: Sequence[Message]) -> Iterator[str]:
        """Yields the answer to the chat's last message word by word, a very long one by several words.

        While files take long to be decoded, empty pieces are yielded, so that whoever left can close it:
        that ends the decoding.

        Args:
            chat: All messages, oldest first; the last is the user's.

        Raises:
            ValueError: A file is not an image or audio that the model takes, or the chat is too long or asks
                for too much; the text says which and why.
        """
        answer = (yield from _awaited(chat)) if any(message.files for message in chat) else reply(chat)
        words = _PIECE.findall(answer)
        several = len(words) // _MOST + 1
        for start in range(0, len(words), several):
            yield "".join(words[start : start + several])

    def complete(self, request: ChatRequest) -> Iterator[str | End]:
        """Yields the answer as `stream` does, and its end; words count as tokens."""
        return word_count.complete(self.stream, request, name="offline model (tokens are words)")


def _awaited(chat: Sequence[Message]) -> Generator[str, None, str]:
    """The answer, made in another thread: a generator cannot be closed while it waits itself."""
    scope = CancelScope()
    context = copy_context()
    context.run(CURRENT.set, scope)
    executor = ThreadPoolExecutor(max_workers=1)
    answer = executor.submit(context.run, reply, chat)
    try:
        while not wait([answer], _YIELD_EVERY_S).done:
            yield ""
    finally:
        scope.cancel()
        executor.shutdown(wait=False)
    return answer.result()
