"""With two objectives trials are pruned as with one, and what was pruned does not stop the sampler."""

from collections.abc import Callable

import optuna
import pytest
from optuna.pruners import MedianPruner
from optuna.trial import TrialState

from search.policies.answers import Answer
from search.problem.settings import Settings
from search.store.study import Study

Settle = Callable[..., Settings]
Open = Callable[..., Study]
EPOCHS = 9
BOTH = "val_accuracy,parameters"


def verdicts(study: Study, trials: int) -> list[int]:
    """Search with made up values, the worse the later; return after how many epochs each trial has ended."""
    ended = []
    for number in range(trials):
        trial = study.ask()
        assert trial is not None
        study.suggest(trial)
        steps = (step for step in range(1, EPOCHS) if study.report(trial, step, step / 20 - number / 30) == Answer.STOP)
        step = next(steps, None)
        values = [0.5, 1000.0][: len(study.goals)]
        study.tell(trial, *((TrialState.COMPLETE, *values) if step is None else (TrialState.PRUNED,)))
        ended.append(step or EPOCHS)
    return ended


@pytest.mark.parametrize("pruner", ["hyperband", "median"])
def test_a_hopeless_trial_is_pruned_as_it_is_with_one_objective(settle: Settle, open_study: Open, pruner: str) -> None:
    """Of the same name, for that decides about Hyperband's brackets; the values alone decide about the rest."""
    one = settle(epochs=EPOCHS, pruner=pruner, sampler="random")
    both = settle(epochs=EPOCHS, pruner=pruner, sampler="random", objective=BOTH)
    both = Settings(**{**vars(both), "storage": f"sqlite:///{both.home / 'other.db'}"})
    expected = verdicts(open_study(one), 20)
    assert min(expected) < EPOCHS
    assert verdicts(open_study(both), 20) == expected


def test_brackets_are_optunas(settle: Settle, open_study: Open) -> None:
    """The trials that one trial is compared with are those with which Optuna's own Hyperband compares it."""
    study = open_study(settle(epochs=EPOCHS, sampler="random", pruner="hyperband"))
    verdicts(study, 12)
    ours, theirs = study._study.pruner, optuna.pruners.HyperbandPruner(min_resource=1, max_resource=EPOCHS)
    theirs.prune(study._study, study.trials()[0])
    for bracket in range(theirs._n_brackets or 0):
        found = [made._create_bracket_study(study._study, bracket).get_trials() for made in (ours, theirs)]
        assert [trial.number for trial in found[0]] == [trial.number for trial in found[1]]


@pytest.mark.parametrize("pruner", ["hyperband", "median"])
def test_tpe_draws_on_after_trials_were_pruned(settle: Settle, open_study: Open, pruner: str) -> None:
    study = open_study(settle(epochs=EPOCHS, pruner=pruner, objective=BOTH, fix=("depth=1",)))
    assert len(verdicts(study, 16)) == 16
    assert {trial.state for trial in study.trials()} == {TrialState.COMPLETE, TrialState.PRUNED}
    assert all(trial.values is None for trial in study.trials([TrialState.PRUNED]))


def ended(study: Study, curve: Callable[[int, int], float], trials: int, epochs: int) -> list[int]:
    """Return after how many epochs each trial is ended, if its value is `curve` of its number and the epoch."""
    found = []
    for number in range(trials):
        trial = study.ask()
        assert trial is not None
        study.suggest(trial)
        step = next(
            (step for step in range(1, epochs + 1) if study.report(trial, step, curve(number, step)) == Answer.STOP),
            epochs,
        )
        study.tell(trial, *((TrialState.PRUNED,) if step < epochs else (TrialState.COMPLETE, curve(number, epochs))))
        found.append(step)
    return found


def test_by_the_median_nobody_is_judged_by_a_first_epoch(settle: Settle, open_study: Open) -> None:
    study = open_study(settle(epochs=5, pruner="median", sampler="random"))
    # The last one begins worst of all, and is the best from its second epoch on; the one before it never comes up.
    curves = {8: lambda step: -1.0, 9: lambda step: -1.0 if step == 1 else 1.0}
    found = ended(study, lambda number, step: curves.get(number, lambda _: number / 100)(step), 10, 5)
    assert found[8:] == [2, 5]


@pytest.mark.parametrize(("epochs", "rungs"), [(9, {1, 3, 9}), (10, {1, 3, 9, 10}), (27, {1, 3, 9, 27})])
def test_hyperband_ends_trials_at_its_rungs_alone(
    settle: Settle, open_study: Open, epochs: int, rungs: set[int]
) -> None:
    """Steps are epochs done: one epoch is its least resource. What it says of a last epoch, the driver passes over."""
    study = open_study(settle(epochs=epochs, pruner="hyperband", sampler="random"))
    found = ended(study, lambda number, step: step / 100 - number, 30, epochs)
    assert set(found) <= rungs
    assert len(set(found)) > 2


def test_optuna_alone_cannot(settle: Settle) -> None:
    """When this fails, `search.policies.by_first` is not needed any more."""
    study = optuna.create_study(directions=["maximize", "minimize"], pruner=MedianPruner())
    trial = study.ask()
    with pytest.raises(NotImplementedError):
        trial.report(0.5, 1)
    with pytest.raises(RuntimeError, match="A single direction cannot be retrieved"):
        _ = study.direction
