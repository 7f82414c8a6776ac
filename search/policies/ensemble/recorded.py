"""A study's trials as a history."""

from collections.abc import Sequence

import numpy as np
import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.policies.ensemble.coordinates import Coordinates
from search.policies.ensemble.history import History
from search.policies.samplers import SOURCE
from search.problem.scale import Array

# What Optuna calls the hyperparameters of a trial that was enqueued.
GIVEN = "fixed_params"


class Recorded:
    """Reads a study; it remembers where trials are, and what those that are over came to."""

    def __init__(self, coordinates: Coordinates, rungs: Sequence[int], sources: Sequence[str]) -> None:
        """`rungs`: the epochs after which values are compared, the last of which ends a trial."""
        self._space, self._rungs = coordinates, tuple(rungs)
        self._sources = {name: place for place, name in enumerate(sources)}
        self._over: dict[int, tuple[Array, Array]] = {}
        # By trial and how many of its hyperparameters there are: an interrupted one may be asked for more.
        self._points: dict[tuple[int, int], Array] = {}

    def history(self, study: optuna.Study, asking: int | None = None) -> History:
        """Return what is known of all trials but the one that asks."""
        trials = [
            trial
            for trial in study.get_trials(deepcopy=False)
            if trial.number != asking and trial.state != TrialState.WAITING and trial.params
        ]
        sign = 1.0 if study.directions[0] == StudyDirection.MAXIMIZE else -1.0
        known = [self._known(trial, sign) for trial in trials]
        return History(
            np.array([point for point, _ in known]).reshape(-1, len(self._space.names)),
            np.array([values for _, values in known]).reshape(-1, len(self._rungs)),
            np.array([self._sources.get(trial.user_attrs.get(SOURCE, ""), -1) for trial in trials], np.int64),
            np.array([GIVEN in trial.system_attrs for trial in trials], bool),
            self._rungs,
        )

    def _known(self, trial: FrozenTrial, sign: float) -> tuple[Array, Array]:
        if trial.number in self._over:
            return self._over[trial.number]
        place = trial.number, len(trial.params)
        if place not in self._points:
            self._points[place] = self._space.point(trial.params)
        found = self._points[place], self._values(trial, sign)
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
