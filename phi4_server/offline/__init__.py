"""The rehearsal model: deterministic and extractive, without weights. Knows neither Gradio nor Phi-4.

It exists so that chains, agents and retrieval can be run end to end on a laptop, in CI, with no network and
no quota. Nothing is downloaded. `prompt` reads what arrives, `answering` chooses the skill, and each skill
has a room: `calling` tools, `filling` JSON, `reading` passages, `seeing` pictures, `hearing` sounds,
`remembering` what was said. The others serve these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from phi4_server.model import Said
from phi4_server.offline.answering import NATURE, reply

__all__ = ["OfflineModel"]

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
