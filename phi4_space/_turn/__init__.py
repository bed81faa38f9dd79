"""One turn: what is asked, when it is tried again, what the answer is held to, and when it must be over."""
