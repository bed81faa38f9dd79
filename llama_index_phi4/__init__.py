"""Phi-4-multimodal from a Hugging Face Space as a LlamaIndex LLM."""

from llama_index_phi4._callbacks import (
    Phi4Event,
    Phi4NoticeEvent,
    Phi4ProgressEvent,
    Phi4QueuedEvent,
    Phi4StartedEvent,
    Phi4WakingEvent,
)
from llama_index_phi4._errors import PromptRefused
from llama_index_phi4.base import Phi4
from phi4_space import __version__

__all__ = [
    "Phi4",
    "Phi4Event",
    "Phi4NoticeEvent",
    "Phi4ProgressEvent",
    "Phi4QueuedEvent",
    "Phi4StartedEvent",
    "Phi4WakingEvent",
    "PromptRefused",
    "__version__",
]
