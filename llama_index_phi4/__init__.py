"""Phi-4-multimodal from a Hugging Face Space as a LlamaIndex LLM."""
