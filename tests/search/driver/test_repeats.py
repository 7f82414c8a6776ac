"""A configuration that was run before is told as it came out then, and is not trained again."""

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import tracking
from models.family import Choice
from search.cli import call
from search.problem.settings import Settings
from search.store import storage
from search.store.attributes import REPEAT_OF
from search.store.study import Study
from search.workers.messages import Built, Failed, Job, Message, Rejected
from tests.search.conftest import Searched
from tests.search.driver.test_driver import Script
from tests.support import parameters
from tracking.databases import address_of

pytestmark = pytest.mark.slow

Search = Callable[..., Searched]
Open = Callable[..., Study]


@pytest.fixture
def searched(search: Search, open_study: Open) -> Callable[..., Searched]:
    def searched(settings: Settings, *wanted: Mapping[str, Choice], attributes: Mapping[str, Any] | None = None) -> Any:
        study = open_study(settings)
        for one in wanted:
            study._study.enqueue_trial(dict(one), user_attrs=dict(attributes or {}))
        return search(settings)

    return searched


def test_a_repeat_has_the_earlier_value_and_no_training(
    settle: Callable[..., Settings], searched: Callable[..., Searched]
) -> None:
    once, other = parameters(), parameters(activation="tanh")
    study, tracker = searched(settle(trials=4), once, other, once, once)
    first, second, third, fourth = study.trials()
    assert first.value == third.value == fourth.value != second.value
    assert third.user_attrs[REPEAT_OF] == fourth.user_attrs[REPEAT_OF] == 0
    assert third.user_attrs["reason"] == "repeats trial 0"
    assert third.intermediate_values == {}
    run = tracker.find("mlp", study.key(2))
    assert run is not None
    assert run.tags["search.repeat_of"] == "0"
    assert run.metrics == {"best_val_accuracy": first.value}
    assert run.artifacts == []


def test_a_repeat_that_is_wanted_is_trained(settle: Callable[..., Settings], searched: Callable[..., Searched]) -> None:
    once = parameters()
    study, _ = searched(settle(trials=2, repeats=True), once, once)
    assert all(len(trial.intermediate_values) == 2 and REPEAT_OF not in trial.user_attrs for trial in study.trials())


def test_another_budget_is_no_repeat(settle: Callable[..., Settings], searched: Callable[..., Searched]) -> None:
    once = parameters()
    searched(settle(trials=1), once)
    study, _ = searched(settle(trials=2), once, attributes={"epochs": 1})
    assert [len(trial.intermediate_values) for trial in study.trials()] == [2, 1]


@pytest.mark.parametrize(("ending", "trained"), [(Failed("diverged at epoch 3"), [0, 1]), (Rejected("no room"), [0])])
def test_what_failed_is_tried_again_and_what_cannot_be_built_is_not(
    ending: Message, trained: list[int], settle: Callable[..., Settings], open_study: Open, search: Search
) -> None:
    settings, begun = settle(trials=2), []
    study = open_study(settings)
    for _ in range(2):
        study._study.enqueue_trial(dict(parameters()))

    def answers(job: Job, attempt: int) -> list[Message]:
        begun.append(job.number)
        return [Built(10), ending if job.number < 2 else Failed("told all the same")]

    study, _ = search(settings, engine=Script(answers))
    # What cannot be built is none of the two that were asked for.
    assert [number for number in begun if number < 2] == trained
    first, second, *_ = study.trials()
    assert first.state == second.state
    assert first.user_attrs["reason"] == second.user_attrs["reason"]


def test_repeats_are_counted_and_stand_up_to_the_doctor(
    bars_file: Path, tmp_path: Path, tensorflow: None, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--study", "mlp", "--data", str(bars_file), "--home", str(tmp_path), "--engine", "inline"]
    pinned = [word for name, value in parameters().items() for word in ("--fix", f"{name}={value}")]
    run = ["run", *words, *pinned, "--epochs", "1", "--baselines", "none", "--trials"]
    assert call([*run, "3"]) == 0
    assert "3 trials, 3 complete, 0 pruned, 0 failed; 2 of them repeats, not trained again" in capfd.readouterr().out
    assert call(["doctor", "--home", str(tmp_path)]) == 0
    assert call([*run, "4", "--repeats"]) == 0
    with storage.reading(address_of(tmp_path / "optuna.db")) as store:
        trials = storage.load(store, "mlp").trials
    assert [REPEAT_OF in trial.user_attrs for trial in trials] == [False, True, True, False]
    tracker = tracking.open_existing(address_of(tmp_path / "mlflow.db"))
    assert tracker is not None
    with closing(tracker):
        assert len([run for run in tracker.records("mlp") if "search.model" in run.tags]) == 2
