"""A study in Optuna's storage: what it takes up again, and what it refuses."""

from collections.abc import Callable

import pytest
from optuna.trial import FixedTrial, TrialState

import models
from search.policies.answers import Answer
from search.problem import beginnings
from search.problem.settings import Settings
from search.store.attributes import DELETING, RENAMING, RUN_ID, START, run_of
from search.store.study import Study
from search.system.errors import UsageError

Settle = Callable[..., Settings]
Open = Callable[..., Study]


def test_each_baseline_stands_once_however_often_a_study_is_opened(settle: Settle, open_study: Open) -> None:
    for _ in range(3):
        study = open_study(settle(baselines="all", trials=21))
    names = [trial.user_attrs["baseline"] for trial in study.trials()]
    assert len(names) == len(set(names)) == 21


def test_the_best_baseline_under_the_studys_epochs_is_another_than_that_of_the_report(
    settle: Settle, open_study: Open
) -> None:
    open_study(settle(baselines="best"))
    study = open_study(settle(baselines="all"))
    epochs = [t.user_attrs["epochs"] for t in study.trials() if t.user_attrs.get("baseline") == "garments-2024/B4/20"]
    assert sorted(epochs) == [2, 20]


def test_a_baseline_is_tried_first_with_the_reports_own_values(settle: Settle, open_study: Open) -> None:
    study = open_study(settle(baselines="best"))
    trial = study.ask()
    assert study.suggest(trial)["optimizer"] == "nadam"
    assert trial.user_attrs["baseline"] == "garments-2024/B4/20"


def test_what_textbooks_advise_is_tried_after_the_reports_best_and_once(settle: Settle, open_study: Open) -> None:
    for _ in range(2):
        study = open_study(settle("cnn", baselines="best", fix=("batch_size=32", "depth=4")))
    baseline, start = (study.ask() for _ in range(2))
    assert "baseline" in baseline.user_attrs
    assert start.user_attrs == {START: beginnings.of("cnn")[0].label}
    drawn = study.suggest(start)
    assert (drawn["batch_norm"], drawn["schedule"]) == (True, "cosine")
    assert (drawn["batch_size"], drawn["depth"]) == (32, 4), "what a person pins stands"
    assert START not in study.ask().user_attrs


@pytest.mark.parametrize("baselines", ["none", "all"])
def test_who_asks_for_nothing_or_for_the_reports_alone_gets_no_other_configuration(
    baselines: str, settle: Settle, open_study: Open
) -> None:
    study = open_study(settle(baselines=baselines))
    assert not any(START in trial.user_attrs for trial in study.trials())


@pytest.mark.parametrize("name", models.names())
def test_what_textbooks_advise_lies_in_the_space_and_says_all_of_it(name: str) -> None:
    for start in beginnings.of(name):
        drawn = FixedTrial(dict(start.parameters))
        models.family(name).suggest(drawn)
        assert drawn.params == dict(start.parameters)


def test_a_baseline_is_never_pruned(settle: Settle, open_study: Open) -> None:
    study = open_study(settle(baselines="best", pruner="median", epochs=5))
    trial = study.ask()
    study.suggest(trial)
    assert {study.report(trial, step, 0.0) for step in range(1, 6)} == {Answer.GO_ON}


def test_other_images_are_refused_with_both_digests(settle: Settle, open_study: Open) -> None:
    open_study(settle(), "a" * 32)
    with pytest.raises(UsageError, match="images are others.*bbbbbbbbbbbb, was aaaaaaaaaaaa.*--study mlp-2"):
        open_study(settle(), "b" * 32)


def test_another_space_is_refused_with_what_changed(
    settle: Settle, open_study: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_study(settle())
    monkeypatch.setattr("models.space.ACTIVATIONS", ("relu", "tanh"))
    with pytest.raises(UsageError, match="activation: relu, tanh, sigmoid, elu, gelu became relu, tanh"):
        open_study(settle())


@pytest.mark.parametrize(
    ("attribute", "value", "way"),
    [(DELETING, "", "being deleted; `.* delete mlp"), (RENAMING, ["mlp", "big"], "being renamed; `.* rename mlp big")],
)
def test_a_study_that_was_half_deleted_or_renamed_is_not_gone_on_with(
    settle: Settle, open_study: Open, attribute: str, value: object, way: str
) -> None:
    open_study(settle()).note(attribute, value)
    with pytest.raises(UsageError, match=f"study mlp was {way}"):
        open_study(settle())


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_pinned_hyperparameters_are_drawn_by_no_sampler(settle: Settle, open_study: Open, sampler: str) -> None:
    study = open_study(settle(sampler=sampler, fix=("activation=tanh", "depth=2"), trials=12))
    for _ in range(12):
        trial = study.ask()
        drawn = study.suggest(trial)
        study.tell(trial, TrialState.COMPLETE, 0.5)
        assert (drawn["activation"], drawn["depth"]) == ("tanh", 2)


@pytest.mark.parametrize("pins", [(), ("depth=4", "activation=tanh")])
@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_a_study_continued_a_call_a_trial_draws_no_hyperparameter_over_and_over(
    settle: Settle, open_study: Open, sampler: str, pins: tuple[str, ...]
) -> None:
    """Neither those that every trial has, nor those that the first one did not have."""
    drawn = []
    for _ in range(16):
        study = open_study(settle(sampler=sampler, fix=pins, trials=16))
        trial = study.ask()
        assert trial is not None
        drawn.append(study.suggest(trial))
        study.tell(trial, TrialState.COMPLETE, 0.5)
    for name in ("learning_rate", "units_1", "units_2", "units_3", "units_4"):
        values = [parameters[name] for parameters in drawn if name in parameters]
        assert len(set(values)) > len(values) / 2, name


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_the_same_seed_draws_the_same_and_a_continued_study_nothing_twice(
    settle: Settle, open_study: Open, sampler: str
) -> None:
    def draw(study: str, calls: int) -> list[dict]:
        drawn = []
        for _ in range(calls):
            opened = open_study(settle(study, family="mlp", sampler=sampler))
            for _ in range(6 // calls):
                trial = opened.ask()
                drawn.append(opened.suggest(trial))
                opened.tell(trial, TrialState.COMPLETE, 0.5)
        return drawn

    assert draw("one", 1) == draw("two", 1)
    continued = draw("three", 3)
    assert all(continued.count(parameters) == 1 for parameters in continued)


def test_a_grid_is_walked_to_its_end_and_no_further(settle: Settle, open_study: Open) -> None:
    pins = ("depth=1", "units_1=64", "l1=0", "l2=0", "batch_norm=false", "augmentation=none", "dropout=0")
    more = ("learning_rate=0.01", "schedule=constant", "batch_size=32", "activation=relu")
    study = open_study(settle(sampler="grid", fix=pins + more))
    tried = []
    while (trial := study.ask()) is not None:
        tried.append(study.suggest(trial)["optimizer"])
        study.tell(trial, TrialState.COMPLETE, 0.5)
    assert sorted(tried) == ["adadelta", "adagrad", "adam", "adamw", "nadam", "rmsprop", "sgd"]


def test_a_grid_that_is_too_large_says_how_to_make_it_smaller(settle: Settle, open_study: Open) -> None:
    with pytest.raises(UsageError, match="over 10,000 points; pin hyperparameters with --fix"):
        open_study(settle(sampler="grid"))


def test_a_trial_left_open_is_given_back_with_its_parameters_and_reports(settle: Settle, open_study: Open) -> None:
    study = open_study(settle(pruner="none"))
    trial = study.ask()
    drawn = study.suggest(trial)
    study.report(trial, 1, 0.25)
    (again,) = open_study(settle()).interrupted()
    assert again.number == trial.number
    assert open_study(settle()).suggest(again) == drawn


def test_an_epoch_reported_before_is_not_reported_again(settle: Settle, open_study: Open) -> None:
    study = open_study(settle(pruner="none"))
    trial = study.ask()
    study.suggest(trial)
    study.report(trial, 1, 0.25)
    study.report(trial, 1, 0.75)
    assert study.trials()[0].intermediate_values == {1: 0.25}


def test_a_trial_has_the_same_seed_however_often_it_is_begun(settle: Settle, open_study: Open) -> None:
    one, other = open_study(settle()), open_study(settle())
    assert one.seed(3) == other.seed(3) != one.seed(4)


def test_the_next_point_of_a_grid_is_found_without_reading_all_trials(
    settle: Settle, open_study: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = ("depth=1", "units_1=64", "l1=0", "l2=0", "batch_norm=false", "augmentation=none", "dropout=0")
    more = ("learning_rate=0.01", "schedule=constant", "batch_size=32", "optimizer=adam")
    grid = settle(sampler="grid", fix=pins + more)
    before = open_study(grid)
    drawn = [before.suggest(before.ask())["activation"]]
    study = open_study(grid)
    trials = study.trials
    monkeypatch.setattr(study, "trials", lambda states=None: trials(states) if states else pytest.fail("all were read"))
    while (trial := study.ask()) is not None:
        drawn.append(study.suggest(trial)["activation"])
    assert sorted(drawn) == ["elu", "gelu", "relu", "sigmoid", "tanh"]


def test_a_trial_is_linked_without_reading_the_others(
    settle: Settle, open_study: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under way, it says itself what its run is called; once it is over, the study says it."""
    study = open_study(settle())
    trials = [study.ask() for _ in range(2)]
    study.tell(trials[0], TrialState.FAIL)
    with monkeypatch.context() as patch:
        patch.setattr(study, "trials", lambda *_: pytest.fail("all were read"))
        for trial in trials:
            study.link(trial.number, f"run {trial.number}")
    assert [run_of(trial, study.attributes) for trial in study.trials()] == ["run 0", "run 1"]
    assert [RUN_ID in trial.user_attrs for trial in study.trials()] == [False, True]
