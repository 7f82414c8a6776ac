"""Who waits, who goes on and who does not, in every order in which trials may come."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState

from models.family import Goal
from search.policies.answers import Answer
from search.policies.brackets import Brackets, Ladder
from search.policies.pruners import halving, screening
from search.problem.settings import Settings
from search.store.study import Study
from search.workers.messages import Built, EpochDone, Failed, Job, Message, Paused
from tests.search.driver.test_driver import Script, enqueue
from tracking.engines.memory import MemoryTracker

Settle = Callable[..., Settings]
Search = Callable[..., tuple[Study, MemoryTracker]]
GOAL = Goal("val_accuracy", "maximize")


@pytest.mark.parametrize(
    ("epochs", "rungs", "size"),
    [(1, (1,), 1), (2, (2,), 1), (3, (1, 3), 3), (10, (1, 3, 10), 9), (20, (2, 7, 20), 9), (30, (1, 3, 10, 30), 27)],
)
def test_each_rung_is_a_third_of_the_next(epochs: int, rungs: tuple[int, ...], size: int) -> None:
    assert halving.ladder(epochs) == Ladder(rungs, 3, size)


@given(st.integers(1, 500))
def test_ladders_climb_to_the_last_epoch(epochs: int) -> None:
    for ladder in (halving.ladder(epochs), screening.ladder(epochs)):
        assert ladder.rungs[-1] == epochs
        assert list(ladder.rungs) == sorted(set(ladder.rungs))
        assert 0 < ladder.share <= 1


def report(brackets: Brackets, number: int, step: int, value: float) -> bool:
    """Report a value, and return whether the trial has to wait."""
    now = datetime.now()
    trial = FrozenTrial(number, TrialState.RUNNING, None, now, None, {}, {}, {}, {}, {}, number)
    answer = brackets.report(trial, step, value)
    if answer == Answer.PAUSE:
        brackets.park(number)
    return answer == Answer.PAUSE


def trained(ladder: Ladder, values: list[float], order: Callable[[list[int]], int], fails: set[int]) -> dict[int, int]:
    """Return how many epochs each trial trains if the trial that is to train next is any of those that can."""
    brackets = Brackets(ladder, GOAL)
    epochs, over, begun = dict.fromkeys(range(len(values)), 0), set[int](), 0
    allowed: set[int] = set()
    while len(over) < len(values):
        verdicts = brackets.decide(closed=begun == len(values))
        allowed |= set(verdicts.promoted)
        for number in verdicts.dropped:
            brackets.end(number, complete=False)
            over.add(number)
        able = sorted(allowed - over) + ([begun] if begun < len(values) else [])
        if not able:
            assert len(over) == len(values), "somebody waits for ever"
            break
        number = order(able)
        if number == begun:
            brackets.enter(number)
            allowed.add(number)
            begun += 1
        epochs[number] += 1
        waits = report(brackets, number, epochs[number], values[number])
        if number in fails or epochs[number] == ladder.rungs[-1]:
            brackets.end(number, complete=number not in fails)
            over.add(number)
        elif waits:
            allowed.discard(number)
    return epochs


@given(data=st.data(), count=st.integers(1, 40), epochs=st.integers(1, 12), whole=st.booleans())
def test_nobody_waits_for_ever_whatever_the_order(data: st.DataObject, count: int, epochs: int, whole: bool) -> None:
    ladder = screening.ladder(epochs) if whole else halving.ladder(epochs)
    values = data.draw(st.lists(st.floats(0, 1), min_size=count, max_size=count))
    fails = data.draw(st.sets(st.integers(0, count - 1)))
    done = trained(ladder, values, lambda able: data.draw(st.sampled_from(able)), fails)
    assert set(done.values()) <= {*ladder.rungs, 1}


@given(data=st.data())
def test_the_order_of_training_does_not_matter_to_who_goes_on(data: st.DataObject) -> None:
    values = data.draw(st.lists(st.floats(0, 1), min_size=9, max_size=9, unique=True))
    done = trained(halving.ladder(9), values, lambda able: data.draw(st.sampled_from(able)), set())
    ranked = sorted(range(9), key=lambda number: -values[number])
    assert [done[number] for number in ranked] == [9, 3, 3, 1, 1, 1, 1, 1, 1]


def test_the_best_of_all_go_on_after_one_epoch_of_screening() -> None:
    done = trained(screening.ladder(5), [number / 100 for number in range(30)], min, set())
    assert done == {number: 5 if number >= 27 else 1 for number in range(30)}


def test_each_verdict_is_given_once() -> None:
    brackets = Brackets(halving.ladder(3), GOAL)
    for number in range(3):
        brackets.enter(number)
        report(brackets, number, 1, number / 10)
    assert brackets.decide(closed=False).promoted == (2,)
    assert brackets.decide(closed=False) == brackets.decide(closed=True)
    assert brackets.decide(closed=True).promoted == ()


def test_what_was_decided_follows_from_the_values_alone() -> None:
    """As when a driver is killed: the one that had gone on keeps its place, and nobody else takes it."""
    recalled = Brackets(halving.ladder(3), GOAL)
    for number in range(3):
        recalled.enter(number)
        report(recalled, number, 1, number / 10)
    report(recalled, 0, 2, 0.9)
    verdicts = recalled.decide(closed=False)
    assert (verdicts.promoted, set(verdicts.dropped)) == ((), {1, 2})


def test_a_lower_loss_is_better() -> None:
    brackets = Brackets(halving.ladder(3), Goal("val_loss", "minimize"))
    for number, loss in enumerate((0.3, 0.1, 0.2)):
        brackets.enter(number)
        report(brackets, number, 1, loss)
    assert brackets.decide(closed=False).promoted == (1,)


class Trainings(Script):
    """An engine whose trials are as good as their numbers say, and that can be paused and gone on with."""

    def __init__(self, values: Callable[[int], float], workers: int = 2, judged: Callable[[Job], None] | None = None):
        super().__init__(lambda job, attempt: [], workers)
        self.values, self.judged = values, judged
        self.done: dict[int, int] = {}
        self.trained: list[tuple[int, int]] = []
        self.jobs: dict[int, Job] = {}
        self.told: dict[int, int] = {}
        self.asked: dict[int, Any] = {}

    def start(self, job: Job) -> None:  # type: ignore[override]  # trials alone
        self.jobs[job.number], self.told[job.number], self.asked[job.number] = job, 0, None
        self.ahead[job.number] = [Built(1)]

    def receive(self, timeout: float) -> tuple[int, Message] | None:
        number = next(iter(self.ahead))
        message = self.ahead.pop(number).pop(0)
        if isinstance(message, Built | EpochDone):
            self.ahead[number] = []
        return number, message

    def answer(self, number: int, answer: Any) -> None:
        job = self.jobs[number]
        if answer.value == "pause":
            self.ahead[number] = [Paused()]
        elif answer.value == "stop" or self.told[number] == job.epochs:
            self.ahead[number] = [Failed("it is over")]
        else:
            self.told[number] += 1
            if self.told[number] > self.done.get(number, 0):
                self.done[number] = self.told[number]
                self.trained.append((number, self.told[number]))
            value = self.values(number)
            metrics = {"val_accuracy": value, "val_loss": 1 - value, "loss": 1.0, "accuracy": value, "seconds": 0.1}
            self.ahead[number] = [EpochDone(self.told[number] - 1, metrics)]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_paused_trials_go_on_where_they_were_and_no_epoch_is_trained_twice(
    settle: Settle, search: Search, workers: int
) -> None:
    engine = Trainings(lambda number: number / 100, workers)
    study, _ = search(settle(trials=9, epochs=9, pruner="halving", sampler="random"), engine=engine)
    assert len(engine.trained) == len(set(engine.trained)) == 9 + 3 * 2 + 6
    assert engine.done == {number: {8: 9, 7: 3, 6: 3}.get(number, 1) for number in range(9)}
    for trial in study.trials():
        assert sorted(trial.intermediate_values) == list(range(1, engine.done[trial.number] + 1))


def test_screening_gives_each_trial_an_epoch_and_the_best_tenth_the_rest(settle: Settle, search: Search) -> None:
    engine = Trainings(lambda number: 1 - number / 100)
    search(settle(trials=20, epochs=4, pruner="screening", sampler="random"), engine=engine)
    assert engine.done == {number: 4 if number < 2 else 1 for number in range(20)}


def test_what_waits_at_a_rung_is_not_tried_by_another_one_meanwhile(
    settle: Settle, search: Search, open_study: Callable[[Settings], Study]
) -> None:
    settings = settle(trials=9, epochs=9, pruner="halving", sampler="random")
    enqueue(open_study(settings), "relu", "relu")
    engine = Trainings(lambda number: 1 - number / 100)
    search(settings, engine=engine)
    first, second = ([at for at, (trial, _) in enumerate(engine.trained) if trial == number] for number in (0, 1))
    assert len(first) == 9
    assert max(first) < min(second)


def test_baselines_never_wait(settle: Settle, search: Search) -> None:
    engine = Trainings(lambda number: 0.0 if number == 0 else 0.5)
    search(settle(trials=4, epochs=3, pruner="halving", baselines="best", sampler="random"), engine=engine)
    assert engine.done[0] == 3


def test_a_search_that_is_stopped_while_trials_wait_goes_on_to_the_same_end(settle: Settle, search: Search) -> None:
    settings = settle(trials=9, epochs=9, pruner="halving", sampler="random")

    def stop_at(epochs: int) -> Trainings:
        engine = Trainings(lambda number: number / 100)
        usual = engine.receive

        def receive(timeout: float) -> tuple[int, Message] | None:
            if len(engine.trained) >= epochs:
                raise KeyboardInterrupt
            return usual(timeout)

        engine.receive = receive  # type: ignore[method-assign]  # stops
        return engine

    done: dict[int, int] = {}
    for epochs in (1, 4, 5, 100):
        engine = stop_at(epochs)
        engine.done |= done
        with suppress(KeyboardInterrupt):
            study, _ = search(settings, engine=engine)
        done = engine.done
    assert done == {number: {8: 9, 7: 3, 6: 3}.get(number, 1) for number in range(9)}
    assert all(trial.state.is_finished() for trial in study.trials())


@pytest.mark.slow
def test_real_trainings_that_waited_give_what_they_would_have_given_at_once(settle: Settle, search: Search) -> None:
    settings = settle(
        trials=9, epochs=9, pruner="halving", sampler="random", fix=("batch_size=32", "augmentation=none")
    )
    study, tracker = search(settings)
    states = [trial.state for trial in study.trials()]
    assert states.count(TrialState.COMPLETE) == 1
    assert states.count(TrialState.PRUNED) == 8
    best = study.trials()[states.index(TrialState.COMPLETE)]
    other = settle("mlp-2", family="mlp", trials=9, epochs=9, pruner="none", sampler="random", fix=settings.fix)
    same, _ = search(other)
    assert best.intermediate_values == same.trials()[best.number].intermediate_values
    for run in tracker.records("mlp"):
        assert run.status == "FINISHED"
        assert "confusion/test.json" in run.artifacts
