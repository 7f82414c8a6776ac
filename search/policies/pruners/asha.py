"""Trials go on as soon as they are among the best third of those that have come as far (ASHA, by promotion)."""

from optuna import Study

from models.family import Goal
from search.policies.promotion import Promotion
from search.policies.pruners import Pruner
from search.policies.pruners.halving import FACTOR, ladder
from search.problem.settings import Settings


def share(settings: Settings) -> float:
    """Return what the rungs leave of the epochs."""
    return ladder(settings.epochs).share


def create(settings: Settings, goal: Goal, study: Study) -> Pruner:
    """Return what promotes on the rungs of `halving`."""
    return Promotion(ladder(settings.epochs).rungs, FACTOR, goal)
