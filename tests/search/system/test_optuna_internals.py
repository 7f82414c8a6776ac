"""What of Optuna is used though it is private. A test that fails here names what can be used instead from then on."""

from collections.abc import Iterable
from pathlib import Path

import optuna
from optuna import storages
from optuna.distributions import FloatDistribution
from optuna.pruners import HyperbandPruner
from optuna.storages import RDBStorage
from optuna.trial import create_trial

from search.system import optuna_internals


def public(names: Iterable[str]) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def test_optuna_has_no_public_name_for_what_it_puts_before_a_database() -> None:
    found = {name for name in public(dir(storages)) if "cach" in name.lower()}
    assert not found, f"`optuna_internals.cached` is not needed any more: use `optuna.storages.{found}`"


def test_studies_that_are_given_a_database_share_nothing_by_themselves(tmp_path: Path) -> None:
    """Each would read all trials anew; the pruner makes a study whenever it looks at a trial."""
    read: list[int] = []

    class Counted(optuna_internals.ReadAtOnce):
        def read_all(self, study_id: int) -> list[optuna.trial.FrozenTrial]:
            read.append(study_id)
            return []

    store = Counted(f"sqlite:///{tmp_path / 'optuna.db'}")
    optuna.create_study(storage=store, study_name="one")
    read.clear()
    for _ in range(2):
        optuna.load_study(storage=store, study_name="one").get_trials()
    assert len(read) == 2, "`optuna_internals.cached` is not needed any more: give studies the storage itself"
    shared = optuna_internals.cached(store)
    assert optuna_internals.cached(store) is not shared
    assert optuna.Study("one", shared).get_trials() == optuna.Study("one", shared).get_trials() == []


def test_optuna_has_no_public_name_for_its_tables() -> None:
    found = {name for name in public(dir(storages)) if name.endswith("Model")}
    assert not found, f"`optuna_internals.tables` is not needed any more: use `optuna.storages.{found}`"
    found = {name for name in public(dir(storages)) if name in ("rdb", "models", "tables", "migrations", "alembic")}
    assert not found, (
        f"`optuna_internals` need not lead to tables and migrations any more: use `optuna.storages.{found}`"
    )


def test_optuna_tells_the_version_of_tables_only_once_it_has_opened_them() -> None:
    told = {name for name in public(vars(RDBStorage)) if "version" in name}
    assert told == {"get_all_versions", "get_current_version", "get_head_version"}
    found = {name for name in told if isinstance(vars(RDBStorage)[name], (staticmethod, classmethod))}
    assert not found, f"`optuna_internals.migrations` is not needed any more: use `RDBStorage.{found}`"
    assert RDBStorage("sqlite://").get_head_version() in optuna_internals.migrations().get_heads()


def test_optuna_reads_all_trials_of_a_database_past_its_public_methods(tmp_path: Path) -> None:
    asked: list[int] = []

    class Public(RDBStorage):
        def get_all_trials(self, study_id: int, *others: object, **named: object) -> list[optuna.trial.FrozenTrial]:
            asked.append(study_id)
            return super().get_all_trials(study_id)

    study = optuna.create_study(storage=Public(f"sqlite:///{tmp_path / 'optuna.db'}"))
    study.add_trial(create_trial(value=0.0, params={"x": 0.5}, distributions={"x": FloatDistribution(0, 1)}))
    assert len(study.get_trials()) == 1
    assert not asked, "`optuna_internals.ReadAtOnce` is not needed any more: `get_all_trials` can be overridden"


def test_optunas_hyperband_can_be_told_nothing_of_its_brackets() -> None:
    found = public(vars(HyperbandPruner)) - {"prune"}
    assert not found, f"`optuna_internals.BracketPruner` is not needed any more: use `HyperbandPruner.{found}`"


def test_a_sampler_has_no_public_way_to_note_something_of_the_trial_that_it_draws(tmp_path: Path) -> None:
    """It is given the study and a frozen trial, whose attributes nobody else sees."""

    class Noting(optuna.samplers.RandomSampler):
        def before_trial(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
            trial.set_user_attr("kept", False)
            optuna_internals.note(study, trial, "noted", True)

    study = optuna.create_study(storage=f"sqlite:///{tmp_path / 'optuna.db'}", sampler=Noting())
    study.ask()
    (trial,) = study.trials
    assert trial.user_attrs == {"noted": True}, "`optuna_internals.note` is not needed any more: set it on the trial"
