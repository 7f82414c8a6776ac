"""Trials read as rows: what Optuna reads, and with no more statements for many trials than for few."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial
from sqlalchemy import Engine, event

from search.problem.settings import Settings
from search.store import reproductions, results, storage
from search.store.attributes import standing
from search.store.rows import RowStorage
from search.store.study import Study


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'optuna.db'}"


def fill(study: optuna.Study, trials: int) -> None:
    """Add trials with something of everything that a trial can hold."""
    spaces = {
        "rate": optuna.distributions.FloatDistribution(1e-5, 0.1, log=True),
        "depth": optuna.distributions.IntDistribution(1, 4),
        "kind": optuna.distributions.CategoricalDistribution(("one", None, 3, True)),
    }
    for number in range(trials):
        study.add_trial(
            create_trial(
                state=(TrialState.COMPLETE, TrialState.PRUNED)[number % 2],
                value=(0.5, float("inf"), -float("inf"))[number % 3],
                params={"rate": 0.01, "depth": 1 + number % 4, "kind": ("one", None, 3, True)[number % 4]},
                distributions=spaces,
                user_attrs={"reason": "quote ' and ü", "best_epoch": 3.0, "nothing": None},
                system_attrs={"list": [1, 2]},
                intermediate_values={3: 0.1, 1: float("inf"), 2: -float("inf")},
            )
        )


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """Note what is said to a database."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield said
    event.remove(engine, "before_cursor_execute", note)


def test_trials_are_those_that_optuna_reads(address: str) -> None:
    store = storage.connect(address)
    assert isinstance(store, RowStorage)
    study = storage.begun(store, "mlp", [StudyDirection.MINIMIZE])
    # Of another study nothing is taken along.
    fill(storage.begun(store, "other", [StudyDirection.MINIMIZE]), 3)
    fill(study, 7)
    for state in (TrialState.RUNNING, TrialState.FAIL):
        trial = study.ask({"late": optuna.distributions.FloatDistribution(0, 1)})
        trial.report(float("nan"), 1)
        if state.is_finished():
            study.tell(trial, state=state)
    study.enqueue_trial({"depth": 2}, user_attrs={"baseline": "B1"})
    plain = RDBStorage(address)
    read, expected = (found.get_all_trials(study._study_id) for found in (store, plain))
    assert list(map(repr, read)) == list(map(repr, expected))
    assert [list(trial.params) for trial in read] == [list(trial.params) for trial in expected]
    (open_one,) = store.get_all_trials(study._study_id, states=(TrialState.RUNNING,))
    assert open_one.number == 7
    store.engine.dispose()
    plain.engine.dispose()


def test_a_study_that_is_gone_is_told_as_optuna_tells_it(address: str) -> None:
    store = storage.connect(address)
    with pytest.raises(KeyError, match="Record does not exist"):
        store.get_all_trials(7)
    store.engine.dispose()


@pytest.mark.slow
def test_many_trials_are_read_with_as_many_statements_as_few(address: str) -> None:
    """Optuna's own reading takes more for every 500."""
    store = storage.connect(address)
    study = storage.begun(store, "mlp", [StudyDirection.MINIMIZE])
    counts = []
    for trials in (10, 1000):
        fill(study, trials)
        with statements(store.engine) as said:
            assert len(store.get_all_trials(study._study_id)) >= trials
        counts.append(len(said))
    assert counts[0] == counts[1]
    store.engine.dispose()


def test_the_study_of_a_search_reads_its_trials_as_rows(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Optuna calls what is overridden by its own name for it: another version may have another."""
    fill(storage.begun(storage.connect(address), "mlp", [StudyDirection.MINIMIZE]), 3)
    used: list[int] = []
    monkeypatch.setattr("search.store.rows._trials", lambda connection, study: used.append(study) or [])
    with storage.reading(address) as store:
        storage.load(store, "mlp").get_trials()
    assert len(used) == 1


def test_what_is_asked_of_a_study_or_of_a_few_trials_reads_no_others(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that `list`, `best`, `compare` and `show STUDY/N` ask."""
    study = storage.begun(storage.connect(address), "mlp", [StudyDirection.MAXIMIZE])
    study.set_user_attr("settings", {"family": "mlp", "data": "fashion-mnist", "trials": 9})
    fill(study, 7)
    study.enqueue_trial({"depth": 2}, user_attrs={"baseline": "garments-2024/B4/20"})
    every = study.get_trials()
    monkeypatch.setattr(optuna.Study, "get_trials", lambda *_, **__: pytest.fail("all trials were read"))
    with storage.reading(address) as store:
        (summary,) = results.summaries(store, pytest.fail)
        assert summary.standing == standing(every)
        assert summary.best is not None
        assert summary.best == results.one(store, "mlp/4") == results.result("mlp", every[4], study.user_attrs)
        assert storage.remembered(store, "mlp")["trials"] == 9
        assert reproductions.of(storage.load(store, "mlp")) == []
        assert [t.number for t in storage.marked(storage.load(store, "mlp"), "baseline")] == [7]


@pytest.mark.slow
def test_the_cost_of_a_trial_does_not_grow_with_the_study(
    settle: Callable[..., Settings], open_study: Callable[[Settings], Study]
) -> None:
    """As far as the database is asked, and once a study is opened."""
    study = open_study(settle(sampler="random", pruner="none"))
    store = study._study._storage._backend
    counts = []
    for trials in (10, 1200):
        fill(study._study, trials)
        study.standing()
        with statements(store.engine) as said:
            trial = study.ask()
            study.suggest(trial)
            study.report(trial, 1, 0.5)
            study.link(trial.number, "run")
            study.tell(trial, TrialState.COMPLETE, 0.5)
            study.standing()
        counts.append(len(said))
    # Hyperparameters that no trial had before are looked up once.
    assert counts[1] <= counts[0]
