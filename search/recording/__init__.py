"""The runs of trials: what they hold, how they are tied to their trials, and which models stay."""
