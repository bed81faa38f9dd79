"""A Phi-4-multimodal Space of one's own: the public Space's contract, and the model behind it."""

from phi4_server.embedded import embedded_space, running_space
from phi4_server.model import Message, Model
from phi4_server.scripted import Call, Script, ScriptedModel, ScriptEntry, ScriptError

__all__ = [
    "Call",
    "Message",
    "Model",
    "Script",
    "ScriptEntry",
    "ScriptError",
    "ScriptedModel",
    "embedded_space",
    "running_space",
]
