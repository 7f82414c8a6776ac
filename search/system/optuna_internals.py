"""All that Optuna has no public name for, and that cannot be done without: nothing else here touches what is private.

For each there is a test in `tests/search/system/test_optuna_internals.py` that fails once it is not needed any more.
"""

from collections.abc import Container
from pathlib import Path

import optuna
from alembic.script import ScriptDirectory
from optuna.pruners import HyperbandPruner
from optuna.storages import BaseStorage, RDBStorage

# What Optuna itself puts before a database, in a function for its own use.
from optuna.storages._cached_storage import _CachedStorage

# The tables, and what Optuna makes of their columns.
from optuna.storages._rdb import models as tables
from optuna.trial import FrozenTrial, TrialState
from typing_extensions import override

__all__ = ["BracketPruner", "ReadAtOnce", "cached", "migrations", "note", "tables"]


def migrations() -> ScriptDirectory:
    """Return the versions of the tables, which Optuna tells once it has opened a file, and written to it."""
    return ScriptDirectory(str(Path(tables.__file__).parent / "alembic"))


def cached(storage: RDBStorage) -> BaseStorage:
    """Return what studies read a database by, and remember what is over: those that are given the same one share it."""
    return _CachedStorage(storage)


def note(study: optuna.Study, trial: FrozenTrial, name: str, value: object) -> None:
    """Give a trial a user attribute where only what is frozen of it is at hand, as a sampler has it."""
    study._storage.set_trial_user_attr(trial._trial_id, name, value)  # noqa: SLF001 - as Optuna's own samplers do


class ReadAtOnce(RDBStorage):
    """A database from which all trials of a study are read in another way than Optuna's, which still reads a few."""

    def read_all(self, study_id: int) -> list[FrozenTrial]:
        """Return all trials of a study, in the order of their numbers."""
        raise NotImplementedError

    @override
    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        if trial_id_greater_than >= 0:
            return super()._get_trials(study_id, states, included_trial_ids, trial_id_greater_than)
        return [trial for trial in self.read_all(study_id) if states is None or trial.state in states]


class BracketPruner(HyperbandPruner):
    """Hyperband, of whose brackets other studies can be made than Optuna's, which know of one objective alone."""

    def bracket_study(self, study: optuna.Study, bracket: int) -> optuna.Study:
        """Return a study of the trials in this bracket."""
        return super()._create_bracket_study(study, bracket)

    def bracket_of(self, study: optuna.Study, trial: FrozenTrial) -> int:
        """Return the bracket of a trial, for which its number and the study's name decide."""
        return self._get_bracket_id(study, trial)

    @override
    def _create_bracket_study(self, study: optuna.Study, bracket_id: int) -> optuna.Study:
        return self.bracket_study(study, bracket_id)
