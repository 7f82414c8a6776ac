"""Successive halving under several numbers of first epochs, which nobody waits for (Li et al. 2018; Optuna's)."""

from optuna import Study

from models.family import Goal
from search.policies.by_first import Hyperband
from search.policies.pruners import Judging, Pruner
from search.problem.settings import Settings

# Seen in searches of this project.
SHARE = 0.5


def share(settings: Settings) -> float:
    """Return what was seen."""
    return SHARE


def create(settings: Settings, goal: Goal, study: Study) -> Pruner:
    """Return Optuna's, which goes by the first objective where there are two."""
    return Judging(Hyperband(min_resource=1, max_resource=settings.epochs), study)
