"""Evenly over the space: a scrambled Sobol sequence."""

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import QMCSampler, RandomSampler

from search.policies.samplers import Drawing
from search.problem.learnt import Learnt
from search.problem.settings import Settings


def create(settings: Settings, seed: int, learnt: Learnt) -> Drawing:
    """Return Optuna's. What its first trial did not have is in no sequence, and is drawn at random."""
    with warnings.catch_warnings():
        # It is years old; what is called experimental is its interface.
        warnings.simplefilter("ignore", ExperimentalWarning)
        # The sequence goes on where it was only with the seed it was begun with.
        return Drawing(
            QMCSampler(
                seed=settings.seed,
                scramble=True,
                independent_sampler=RandomSampler(seed=seed),
                warn_independent_sampling=False,
            )
        )
