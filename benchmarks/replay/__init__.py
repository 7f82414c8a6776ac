"""Searches on recorded or modelled curves, under a clock that is simulated: what a search method wastes."""
