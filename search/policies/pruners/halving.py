"""Trials wait after a tenth and a third of the epochs, and the best third goes on from there (successive halving)."""

from optuna import Study

from models.family import Goal
from search.policies.brackets import Brackets, Ladder
from search.policies.pruners import Pruner
from search.problem.settings import Settings

# One in so many goes on from a rung to the next (eta; Li et al. 2018 advise 3 or 4).
FACTOR = 3


def ladder(epochs: int) -> Ladder:
    """Return the rungs: 1, 3 and 10 epochs in brackets of nine, where there are 10 at most."""
    rungs = [epochs]
    while rungs[0] >= FACTOR:
        rungs.insert(0, round(rungs[0] / FACTOR))
    return Ladder(tuple(rungs), FACTOR, FACTOR ** (len(rungs) - 1))


def share(settings: Settings) -> float:
    """Return what the rungs leave of the epochs."""
    return ladder(settings.epochs).share


def create(settings: Settings, goal: Goal, study: Study) -> Pruner:
    """Return brackets."""
    return Brackets(ladder(settings.epochs), goal)
