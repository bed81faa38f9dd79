"""Phi-4-multimodal on a Hugging Face Space as a LangChain chat model."""
