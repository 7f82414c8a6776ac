"""By what good trials have in common and bad ones do not (tree of Parzen estimators; Bergstra et al. 2011)."""

from optuna.samplers import TPESampler

from search.policies.samplers import Drawing
from search.problem.learnt import Learnt
from search.problem.settings import Settings


def create(settings: Settings, seed: int, learnt: Learnt) -> Drawing:
    """Return Optuna's, which draws ten trials at random first."""
    return Drawing(TPESampler(seed=seed))
