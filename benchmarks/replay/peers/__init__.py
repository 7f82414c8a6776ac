"""Searches by other tools, each in an environment of its own, by ask and tell."""
