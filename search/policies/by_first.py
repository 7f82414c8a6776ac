"""Pruning, where there may be several objectives: it goes by the first of them.

Optuna itself does not prune then (optuna#3450, #4902), and its TPE raises as soon as a trial was pruned all the same:
it asks the study for the one direction that a pruned trial's last report is ranked by. With that answered, both do what
they do where there is one objective; among its values a pruned trial has none, and ranks behind all that are complete.
"""

from collections.abc import Container
from copy import copy

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from typing_extensions import override

from search.system.optuna_internals import BracketPruner


class ByFirst(optuna.Study):
    """A study by the first of its objectives, whose direction is its own where one is asked for.

    `alone`, as charts want it, it tells neither directions nor values of the others.
    """

    def __init__(
        self,
        name: str,
        storage: BaseStorage,
        sampler: BaseSampler | None = None,
        pruner: BasePruner | None = None,
        *,
        alone: bool = False,
    ) -> None:
        super().__init__(name, storage, sampler, pruner)
        self.storage, self._alone = storage, alone

    @property
    def directions(self) -> list[StudyDirection]:
        """Those of the objectives that it tells of."""
        return super().directions[:1] if self._alone else super().directions

    @property
    def direction(self) -> StudyDirection:
        """That of the first objective, which reports are of."""
        return self.directions[0]

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        """Return the trials in these states."""
        trials = super().get_trials(deepcopy, states)
        return [_by_first(trial) for trial in trials] if self._alone else trials


def _by_first(trial: FrozenTrial) -> FrozenTrial:
    told = copy(trial)
    told.values = trial.values[:1] if trial.values else None
    return told


class Hyperband(BracketPruner):
    """Hyperband, whose brackets go by the first objective as well."""

    @override
    def bracket_study(self, study: optuna.Study, bracket: int) -> optuna.Study:
        return _Bracket(study, self, bracket) if isinstance(study, ByFirst) else super().bracket_study(study, bracket)


class _Bracket(ByFirst):
    """A study as its pruner looks at it: the trials of one bracket."""

    def __init__(self, study: ByFirst, pruner: Hyperband, bracket: int) -> None:
        super().__init__(study.study_name, study.storage, study.sampler, pruner)
        self._hyperband, self._bracket = pruner, bracket

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        trials = super().get_trials(deepcopy, states)
        return [trial for trial in trials if self._hyperband.bracket_of(self, trial) == self._bracket]
