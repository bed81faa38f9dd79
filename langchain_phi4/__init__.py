"""Phi-4-multimodal on a Hugging Face Space as a LangChain chat model."""

from langchain_phi4.chat_models import ChatPhi4
from phi4_space import __version__

__all__ = ["ChatPhi4", "__version__"]
