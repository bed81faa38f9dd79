"""A Phi-4-multimodal Space of one's own: the public Space's contract, and the model behind it."""

from phi4_server.embedded import embedded_space, running_space
from phi4_server.model import ChatModel, ChatRequest, End, Message, Model, ModelBusy, ModelFailed, Usage
from phi4_server.scripted import Call, Script, ScriptedModel, ScriptEntry, ScriptError

__all__ = [
    "Call",
    "ChatModel",
    "ChatRequest",
    "End",
    "Message",
    "Model",
    "ModelBusy",
    "ModelFailed",
    "Script",
    "ScriptEntry",
    "ScriptError",
    "ScriptedModel",
    "Usage",
    "embedded_space",
    "running_space",
]
