"""From beliefs, around the best, and by what those share, as each has paid, and as a model of the curves advises."""

from functools import partial

import models
from models import space as shared
from search.policies.ensemble.coordinates import Coordinates
from search.policies.ensemble.sampler import EnsembleSampler
from search.policies.pruners.halving import ladder
from search.policies.samplers import Drawing
from search.problem import space
from search.problem.settings import Settings


def create(settings: Settings, seed: int) -> Drawing:
    """Return the sampler. What it draws follows from the study alone, so that one seed does for every call."""
    family = models.family(settings.family)
    fixed = space.parse(family, settings.fix)
    coordinates = Coordinates(partial(space.ask, family), space.of(family, fixed), shared.belief, fixed)
    return Drawing(EnsembleSampler(coordinates, ladder(settings.epochs).rungs, settings.seed))
