"""A Phi-4-multimodal Space of one's own: the public Space's contract, and the model behind it."""

from phi4_server.embedded import embedded_space, running_space
from phi4_server.model import Model, Said

__all__ = ["Model", "Said", "embedded_space", "running_space"]
