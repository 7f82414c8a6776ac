"""Every point of a grid once, in an order that the seed decides."""

import numpy as np
from optuna.samplers import RandomSampler

import models
from models.family import Choice
from search.policies.samplers import Drawing
from search.problem import space
from search.problem.learnt import Learnt
from search.problem.settings import Settings
from search.system.errors import UsageError

LIMIT = 10_000


def create(settings: Settings, seed: int, learnt: Learnt) -> Drawing:
    """Return the points. Raises `UsageError` where there are too many."""
    return Drawing(RandomSampler(seed=seed), iter(points(settings)))


def points(settings: Settings) -> list[dict[str, Choice]]:
    """Return the points that `--fix` leaves. Raises `UsageError` where there are too many."""
    family = models.family(settings.family)
    found: list[dict[str, Choice]] = []
    for point in space.grid(family.suggest, space.parse(family, settings.fix)):
        found.append(point)
        if len(found) > LIMIT:
            raise UsageError(
                f"--sampler grid: over {LIMIT:,} points; pin hyperparameters with --fix NAME=VALUE until fewer "
                "are left, or choose --sampler qmc"
            )
    order = np.random.default_rng(settings.seed).permutation(len(found))
    return [found[index] for index in order]
