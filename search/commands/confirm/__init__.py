"""Confirming what a search has found: the best configurations trained again, with several seeds, and judged once."""
