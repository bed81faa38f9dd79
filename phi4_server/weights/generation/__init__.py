"""From a chat to tokens, and from tokens to the text of an answer."""
