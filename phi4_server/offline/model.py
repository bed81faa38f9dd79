"""The rehearsal model as the Space takes it. Knows the skills by the one door to them, and no skill."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from phi4_server.model import Said
from phi4_server.offline.answering import NATURE, reply

_PIECE = re.compile(r"\S+\s*|\s+")


class OfflineModel:
    """A model that answers by rule from what it is given, and says what it is.

    Attributes:
        name: What the page calls it.
        nature: One sentence for the page on what it is and is not.
    """

    name = "Rehearsal model"
    nature = NATURE

    def stream(self, chat: Sequence[Said]) -> Iterator[str]:
        """Yields the answer to the chat's last entry word by word; joined, they are the whole answer.

        Args:
            chat: All that was said, oldest first; the last entry is the user's.

        Raises:
            ValueError: A file is no picture or sound that the model takes; the text says which and why.
        """
        yield from _PIECE.findall(reply(chat))
