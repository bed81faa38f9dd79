"""The one form in which models are given files: PNG and WAV, made by a decoder. Knows no model and no codec.

So no bytes that a stranger chose reach a model's own decoders, nor what else a file may hold: names, places.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from phi4_server.media.decoder import Decoder
from phi4_server.media.formats import MediaKind, container
from phi4_server.media.limits import MIB, DecodeLimits

_IMAGE = "phi4_server.media.image:to_png"
_AUDIO = "phi4_server.media.audio:to_wav"


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalFile:
    """A file as models are given it.

    Attributes:
        kind: What it is.
        data: A PNG of RGB pixels, or a WAV of 16-bit samples, 16,000 a second, one channel.
    """

    kind: MediaKind
    data: bytes


class Normalizer:
    """Brings files into that form, in child processes. Safe to use from several threads."""

    def __init__(self, *, side: int = 1792, seconds: float = 600.0) -> None:
        """Starts nothing yet.

        Args:
            side: The longest side of an image, in pixels: larger ones are scaled down.
            seconds: How long audio may be.
        """
        self._side, self._seconds = side, seconds
        # Twelve bytes a pixel are a bound that no PNG of RGB comes near.
        reply = max(12 * side * side, int(seconds * 32_000) + MIB)
        self._decoder = Decoder(_IMAGE, _AUDIO, limits=DecodeLimits(reply=reply))

    def normalize(self, path: Path) -> NormalFile:
        """The file in that form, in the time that the turn has (`phi4_server.media.scope`).

        Raises:
            ValueError: It is no image or audio of a kind taken, is broken, or too large; the text names it.
            ChildProcessError: No child process can be started.
        """
        kind, name = container(path)
        if kind == "image":
            _, data = self._decoder.decode(_IMAGE, path, str(self._side))
        else:
            _, data = self._decoder.decode(_AUDIO, path, name, str(self._seconds))
        return NormalFile(kind=kind, data=data)

    def close(self) -> None:
        """Ends the child processes that are idle."""
        self._decoder.close()
