"""At random, each hyperparameter over its whole range."""

from optuna.samplers import RandomSampler

from search.policies.samplers import Drawing
from search.problem.settings import Settings


def create(settings: Settings, seed: int) -> Drawing:
    """Return Optuna's."""
    return Drawing(RandomSampler(seed=seed))
