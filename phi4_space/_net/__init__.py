"""HTTP as the client uses it. Its clients are used by `_gradio` and `_hub`."""
