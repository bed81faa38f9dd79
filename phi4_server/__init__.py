"""A Phi-4-multimodal Space of one's own: the public Space's contract, and the model behind it."""
