"""The proposals as a sampler of Optuna's kind, which any study can use."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from typing_extensions import override

from search.policies.ensemble.coordinates import Array, Coordinates
from search.policies.ensemble.history import History
from search.policies.ensemble.proposals import SOURCES, Method, Proposals
from search.system.optuna_internals import note

# What Optuna calls the hyperparameters of a trial that was enqueued.
GIVEN = "fixed_params"
# The attribute of a trial by which its source is known.
SOURCE = "source"


class EnsembleSampler(BaseSampler):
    """Decides by what the study knows, and by nothing else: a study that is gone on with goes on alike."""

    def __init__(self, coordinates: Coordinates, rungs: Sequence[int], seed: int, method: Method | None = None) -> None:
        """`rungs`: the epochs after which values are compared, the last of which ends a trial."""
        self._space, self._rungs, self._seed = coordinates, tuple(rungs), seed
        self._proposals = Proposals(coordinates, method)
        self._others = RandomSampler(seed=seed)
        self._over: dict[int, tuple[Array, Array]] = {}

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
        row, source = self._proposals.propose(self._history(study, trial), rng)
        note(study, trial, SOURCE, SOURCES[source])
        drawn = self._space.parameters(row)
        return {name: value for name, value in drawn.items() if name in search_space}

    @override
    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._others.sample_independent(study, trial, param_name, param_distribution)

    def _history(self, study: optuna.Study, asking: FrozenTrial) -> History:
        trials = [
            trial
            for trial in study.get_trials(deepcopy=False)
            if trial.number != asking.number and trial.state != TrialState.WAITING and trial.params
        ]
        sign = 1.0 if study.directions[0] == StudyDirection.MAXIMIZE else -1.0
        known = [self._known(trial, sign) for trial in trials]
        names = {name: place for place, name in enumerate(SOURCES)}
        return History(
            np.array([point for point, _ in known]).reshape(-1, len(self._space.names)),
            np.array([values for _, values in known]).reshape(-1, len(self._rungs)),
            np.array([names.get(trial.user_attrs.get(SOURCE, ""), -1) for trial in trials], np.int64),
            np.array([GIVEN in trial.system_attrs for trial in trials], bool),
            self._rungs,
        )

    def _known(self, trial: FrozenTrial, sign: float) -> tuple[Array, Array]:
        if trial.number in self._over:
            return self._over[trial.number]
        found = self._space.point(trial.params), self._values(trial, sign)
        if trial.state.is_finished():
            self._over[trial.number] = found
        return found

    def _values(self, trial: FrozenTrial, sign: float) -> Array:
        values = np.full(len(self._rungs), np.nan)
        reports = {step: sign * value for step, value in trial.intermediate_values.items() if np.isfinite(value)}
        done = max(reports, default=0)
        over_limits = any(violation > 0 for violation in trial.constraints.values())
        hopeless = trial.state.is_finished() and not reports and trial.state != TrialState.COMPLETE
        if over_limits or hopeless:
            values[0] = -np.inf
            return values
        for place, rung in enumerate(self._rungs):
            if rung <= done:
                values[place] = max(value for step, value in reports.items() if step <= rung)
        if trial.state == TrialState.COMPLETE and trial.values:
            # It may have ended before the last rung, and then is worth what it came to.
            values[np.isnan(values)] = max([sign * trial.values[0], *reports.values()])
        return values
