"""Every trial trains to its end."""

from optuna import Study
from optuna.pruners import NopPruner

from models.family import Goal
from search.policies.pruners import Judging, Pruner
from search.problem.settings import Settings


def share(settings: Settings) -> float:
    """Return that all epochs are trained."""
    return 1.0


def create(settings: Settings, goal: Goal, study: Study) -> Pruner:
    """Return Optuna's that never prunes."""
    return Judging(NopPruner(), study)
