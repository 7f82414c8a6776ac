"""What is worse than the median of all trials after as many epochs ends, from the sixth trial and second epoch on."""

from optuna import Study
from optuna.pruners import MedianPruner

from models.family import Goal
from search.policies.pruners import Judging, Pruner
from search.problem.settings import Settings

# Seen in searches of this project.
SHARE = 0.6


def share(settings: Settings) -> float:
    """Return what was seen."""
    return SHARE


def create(settings: Settings, goal: Goal, study: Study) -> Pruner:
    """Return Optuna's."""
    # Steps count from 1, and Optuna spares those *below* the number: a first epoch is judged by nobody.
    return Judging(MedianPruner(n_startup_trials=5, n_warmup_steps=2), study)
