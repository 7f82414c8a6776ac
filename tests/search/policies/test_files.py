"""What every sampler and every pruner promises: each file of the folders, whichever there are."""

from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState

import models
from models.family import Goal
from search.policies import pruners, samplers
from search.policies.answers import Answer
from search.problem import space
from search.problem.settings import Settings
from search.store.study import Study
from search.system import library_output

Settle = Callable[..., Settings]
Open = Callable[..., Study]
# Few enough points for a grid.
FIX = ("depth=1", "optimizer=adam", "learning_rate=0.001", "l1=0.0", "l2=0.0", "dropout=0.0", "schedule=constant")


@pytest.fixture(autouse=True)
def quiet() -> None:
    """Optuna tells of every study."""
    library_output.libraries()


@pytest.fixture(params=samplers.names())
def sampler(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=pruners.names())
def pruner(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_is_drawn_lies_in_the_space_with_what_is_pinned(settle: Settle, open_study: Open, sampler: str) -> None:
    study = open_study(settle(sampler=sampler, fix=FIX))
    family = models.family("mlp")
    pinned, whole = dict(space.parse(family, FIX)), space.of(family.suggest)
    for _ in range(4):
        trial = study.ask()
        assert trial is not None
        drawn = study.suggest(trial)
        assert pinned.items() <= drawn.items()
        assert all(space.describe(trial.distributions[name]) == space.describe(whole[name]) for name in drawn)
        study.tell(trial, TrialState.COMPLETE, 0.5)


def test_a_seed_draws_the_same_in_one_call_and_other_points_in_the_next(
    settle: Settle, open_study: Open, sampler: str
) -> None:
    def drawn(study: Study, count: int) -> list[dict[str, object]]:
        found = []
        for _ in range(count):
            trial = study.ask()
            assert trial is not None
            found.append(dict(study.suggest(trial)))
            study.tell(trial, TrialState.COMPLETE, len(found) / 10)
        return found

    one, other = (settle(f"mlp-{name}", family="mlp", sampler=sampler, fix=FIX) for name in ("a", "b"))
    first = drawn(open_study(one), 3)
    assert drawn(open_study(other), 3) == first
    again = drawn(open_study(one), 3)
    assert [point for point in again if point in first] == []


class Training:
    """Trials of an Optuna study that are trained one after the other, as a pruner says."""

    def __init__(self, name: str, epochs: int, value: Callable[[int], float]) -> None:
        self.study = optuna.create_study(direction="maximize")
        chosen = Settings(Path(), "sqlite:///x", "memory:", study="mlp", family="mlp", epochs=epochs, pruner=name)
        self.pruner = pruners.create(chosen, Goal("val_accuracy", "maximize"), self.study)
        self.share, self.epochs, self.value = pruners.share(chosen), epochs, value
        self.trials: list[optuna.Trial] = []
        self.able: list[int] = []
        self.done: list[int] = []

    def train(self, trials: int) -> int:
        """Train until nobody is left who can; return how many trials are over then."""
        over = 0
        while True:
            verdicts = self.pruner.decide(closed=len(self.trials) == trials)
            self.able += verdicts.promoted
            for number, done in verdicts.dropped.items():
                assert done == self.done[number]
                over += self._end(number)
            if not self.able and len(self.trials) < trials:
                self._begin()
            if not self.able:
                return over
            over += self._epoch(self.able[0])

    def _begin(self) -> None:
        self.trials.append(self.study.ask())
        self.done.append(0)
        number = len(self.trials) - 1
        assert not self.pruner.enter(number), "it has nothing to be compared by"
        self.able.append(number)

    def _epoch(self, number: int) -> bool:
        """Train a trial for an epoch; return whether it is over."""
        self.done[number] += 1
        self.trials[number].report(self.value(number), self.done[number])
        answer = self.pruner.report(self.study.trials[number], self.done[number], self.value(number))
        if self.done[number] == self.epochs or answer == Answer.STOP:
            self.able.remove(number)
            return self._end(number)
        if answer == Answer.PAUSE:
            self.able.remove(number)
            self.pruner.park(number)
        return False

    def _end(self, number: int) -> bool:
        complete = self.done[number] == self.epochs
        self.pruner.end(number, complete=complete)
        state = TrialState.COMPLETE if complete else TrialState.PRUNED
        self.study.tell(self.trials[number], self.value(number) if complete else None, state)
        return True


@pytest.mark.parametrize("name", pruners.names())
@settings(max_examples=15)
@given(trials=st.integers(1, 12), epochs=st.integers(1, 10), seed=st.integers(0, 99))
def test_every_trial_comes_to_an_end_within_its_epochs(name: str, trials: int, epochs: int, seed: int) -> None:
    training = Training(name, epochs, lambda number: (number * 7919 + seed) % 97 / 97)
    assert training.train(trials) == trials
    assert all(1 <= done <= epochs for done in training.done)
    assert max(training.done) == epochs
    assert 0 < training.share <= 1


def test_a_baseline_is_never_stopped(settle: Settle, open_study: Open, pruner: str) -> None:
    study = open_study(settle(pruner=pruner, epochs=5, baselines="best"))
    trial = study.ask()
    assert trial is not None
    study.suggest(trial)
    assert {study.report(trial, step, -1.0) for step in range(1, 5)} == {Answer.GO_ON}
