"""The command `phi4`."""
