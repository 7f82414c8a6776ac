"""Pruning, where there may be several objectives: it goes by the first of them.

Optuna itself does not prune then (optuna#3450, #4902), and its TPE raises as soon as a trial was pruned all the same:
it asks the study for the one direction that a pruned trial's last report is ranked by. With that answered, both do what
they do where there is one objective; among its values a pruned trial has none, and ranks behind all that are complete.
"""

from collections.abc import Container

import optuna
from optuna.pruners import HyperbandPruner
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState


class ByFirst(optuna.Study):
    """A study whose direction, where one is asked for, is that of its first objective."""

    @property
    def direction(self) -> StudyDirection:
        """That of the first objective, which reports are of."""
        return self.directions[0]


class Hyperband(HyperbandPruner):
    """Hyperband, whose brackets go by the first objective as well."""

    def _create_bracket_study(self, study: optuna.Study, bracket_id: int) -> optuna.Study:
        return _Bracket(study, self, bracket_id)

    def of_bracket(self, study: optuna.Study, trial: FrozenTrial) -> int:
        """Return the bracket of a trial, for which its number and the study's name decide."""
        return self._get_bracket_id(study, trial)


class _Bracket(ByFirst):
    """A study as its pruner looks at it: the trials of one bracket."""

    def __init__(self, study: optuna.Study, pruner: Hyperband, bracket: int) -> None:
        super().__init__(study.study_name, study._storage, study.sampler, pruner)  # noqa: SLF001  # no public way
        self._hyperband, self._bracket = pruner, bracket

    def get_trials(self, deepcopy: bool = True, states: Container[TrialState] | None = None) -> list[FrozenTrial]:
        trials = super().get_trials(deepcopy, states)
        return [trial for trial in trials if self._hyperband.of_bracket(self, trial) == self._bracket]
