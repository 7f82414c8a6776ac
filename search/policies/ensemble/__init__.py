"""Draws from several sources, weighted by what has come of their draws, and chosen among by a model of the curves."""
