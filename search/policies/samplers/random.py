"""At random, each hyperparameter over its whole range."""

from optuna.samplers import RandomSampler

from search.policies.samplers import Drawing
from search.problem.learnt import Learnt
from search.problem.settings import Settings


def create(settings: Settings, seed: int, learnt: Learnt) -> Drawing:
    """Return Optuna's."""
    return Drawing(RandomSampler(seed=seed))
