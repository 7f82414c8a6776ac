"""From beliefs, around the best, and by what those share, as each has paid, and as a model of the curves advises."""

import models
from search.policies.ensemble.coordinates import Coordinates
from search.policies.ensemble.sampler import EnsembleSampler
from search.policies.pruners.halving import ladder
from search.policies.samplers import Drawing
from search.problem import space
from search.problem.learnt import Learnt
from search.problem.settings import Settings


def coordinates(settings: Settings, learnt: Learnt) -> Coordinates:
    """Return the family's space, and what is believed of it."""
    family = models.family(settings.family)
    return Coordinates(family.suggest, learnt.beliefs(settings.family), space.parse(family, settings.fix))


def create(settings: Settings, seed: int, learnt: Learnt) -> Drawing:
    """Return the sampler. What it draws follows from the study alone, so that one seed does for every call."""
    return Drawing(EnsembleSampler(coordinates(settings, learnt), ladder(settings.epochs).rungs, settings.seed))
