"""Trials wait after one epoch, and the best tenth of them goes on to the end."""

from optuna import Study

from models.family import Goal
from search.policies.brackets import Brackets, Ladder
from search.policies.pruners import Pruner
from search.problem.settings import Settings

# One in so many goes on after the first epoch.
FACTOR = 10


def ladder(epochs: int) -> Ladder:
    """Return the rungs, of one bracket that holds all trials."""
    return Ladder((1, epochs) if epochs > 1 else (epochs,), FACTOR, None)


def share(settings: Settings) -> float:
    """Return what the rungs leave of the epochs."""
    return ladder(settings.epochs).share


def create(settings: Settings, goal: Goal, study: Study) -> Pruner:
    """Return a bracket."""
    return Brackets(ladder(settings.epochs), goal)
