"""The proposals as a sampler of Optuna's kind, which any study can use."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial
from typing_extensions import override

from models.belief import Belief
from search.policies.ensemble.coordinates import Coordinates
from search.policies.ensemble.proposals import SOURCES, Method, Proposals
from search.policies.ensemble.recorded import GIVEN, Recorded
from search.policies.pruners.halving import ladder
from search.policies.samplers import SOURCE
from search.problem.space import Asking
from search.system.optuna_internals import note


class EnsembleSampler(BaseSampler):
    """Decides by what the study knows, and by nothing else: a study that is gone on with goes on alike."""

    def __init__(self, coordinates: Coordinates, rungs: Sequence[int], seed: int, method: Method | None = None) -> None:
        """`rungs`: the epochs after which values are compared, the last of which ends a trial."""
        self._space, self._seed = coordinates, seed
        self._recorded = Recorded(coordinates, rungs, SOURCES)
        self._proposals = Proposals(coordinates, method)
        self._others = RandomSampler(seed=seed)

    @classmethod
    def asking(
        cls, suggest: Asking, *, epochs: int, seed: int = 0, beliefs: Callable[[str], Belief | None] | None = None
    ) -> Self:
        """Return one for what `suggest` asks a trial for, whose values are reported after each of so many epochs.

        `beliefs` tells where good values of a hyperparameter usually lie; without it, nothing is known.
        """
        return cls(Coordinates(suggest, beliefs), ladder(epochs).rungs, seed)

    @override
    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        # What is there already, of a trial that a person gave or that is gone on with, is not to be drawn.
        if GIVEN in trial.system_attrs or trial.params:
            return {}
        return {name: scale.distribution for name, scale in zip(self._space.names, self._space.scales, strict=True)}

    @override
    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if not search_space:
            return {}
        rng = np.random.default_rng((self._seed, trial.number))
        row, source = self._proposals.propose(self._recorded.history(study, trial.number), rng)
        note(study, trial, SOURCE, SOURCES[source])
        drawn = self._space.parameters(row)
        return {name: value for name, value in drawn.items() if name in search_space}

    @override
    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._others.sample_independent(study, trial, param_name, param_distribution)
