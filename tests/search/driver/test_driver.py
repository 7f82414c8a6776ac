"""The loop between Optuna, the workers and the tracker."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState

from models.watch import Watch
from search.driver import driver
from search.output import progress
from search.policies.answers import Answer
from search.problem.settings import Settings
from search.store import results, storage
from search.store.attributes import REPEAT_OF
from search.store.study import Study
from search.system.errors import SearchError
from search.workers.messages import Blocked, Built, Died, EpochDone, Failed, Job, Message, Paused, Rejected
from tests.support import parameters
from tracking import Status, TrackingError
from tracking.engines.memory import MemoryTracker
from tracking.spool import SpooledRun

Settle = Callable[..., Settings]
Search = Callable[..., tuple[Study, MemoryTracker]]


class Script:
    """An engine that trains nothing and tells what the test has written down, trial by trial."""

    def __init__(self, tell: Callable[[Job, int], list[Message]], workers: int = 1) -> None:
        self.tell, self.workers = tell, workers
        self.attempts: dict[int, int] = {}
        self.ahead: dict[int, list[Message]] = {}
        self.most_at_once = 0

    @property
    def free(self) -> int:
        return self.workers - len(self.ahead)

    def start(self, job: Job) -> None:
        self.attempts[job.number] = self.attempts.get(job.number, 0) + 1
        self.ahead[job.number] = list(self.tell(job, self.attempts[job.number]))
        self.most_at_once = max(self.most_at_once, len(self.ahead))

    def receive(self, timeout: float) -> tuple[int, Message] | None:
        number = next(iter(self.ahead))
        message = self.ahead[number].pop(0)
        if not self.ahead[number]:
            del self.ahead[number]
        return number, message

    def answer(self, number: int, answer: Answer) -> None:
        return

    def kill(self, number: int) -> None:
        self.ahead[number] = [Died("killed")]

    def close(self) -> None:
        self.ahead.clear()


def enqueue(study: Study, *activations: str) -> None:
    """Have small networks tried next, with these activations."""
    for activation in activations:
        study._study.enqueue_trial(dict(parameters(activation=activation)))


def epochs(count: int, value: float = 0.5) -> list[Message]:
    metrics = {"val_accuracy": value, "val_loss": 1.0, "loss": 1.0, "accuracy": value, "seconds": 0.1}
    return [Built(10), *(EpochDone(epoch, metrics) for epoch in range(count))]


@pytest.mark.slow
def test_every_trial_has_one_finished_run_with_all_that_was_promised(settle: Settle, search: Search) -> None:
    study, tracker = search(settle(trials=3))
    runs = tracker.records("mlp")
    assert [run.tags["search.trial"] for run in runs] == ["0", "1", "2"]
    for trial, run in zip(study.trials(), runs, strict=True):
        assert trial.user_attrs["mlflow_run_id"] == run.id
        assert run.tags["search.key"] == f"{study.uuid}/{trial.number}"
        assert run.name == f"mlp-{trial.number:04d}"
        assert run.status == "FINISHED"
        assert (run.tags["execution.precision"], run.tags["execution.workers"]) == ("float32", "1")
        assert {name: str(value) for name, value in trial.params.items()}.items() <= run.parameters.items()
        assert {"confusion/test.png", "confusion/validation.json", "report/test.csv", "curves.png"} <= set(
            run.artifacts
        )
        assert {"predictions/samples.png", "predictions/mistakes.png", "predictions/test.csv"} <= set(run.artifacts)
        assert {"test_accuracy", "test_f1_macro", "test_f1.class 3", "parameters", "training_seconds"} <= set(
            run.metrics
        )


@pytest.mark.slow
def test_the_value_told_is_the_best_epochs_in_both_stores_to_the_last_bit(settle: Settle, search: Search) -> None:
    study, tracker = search(settle(trials=2, epochs=3, pruner="none"))
    for trial, run in zip(study.trials(), tracker.records("mlp"), strict=True):
        assert trial.value == max(trial.intermediate_values.values()) == run.metrics["best_val_accuracy"]
        steps = list(trial.intermediate_values.values())
        assert run.metrics["best_epoch"] == 1 + int(np.argmax(steps))


def test_a_siamese_search_goes_by_its_own_goal_and_shows_nearest_images(settle: Settle, search: Search) -> None:
    study, tracker = search(settle("siamese", trials=1))
    (run,) = tracker.records("siamese")
    assert study.trials()[0].value == run.metrics["best_val_recall_at_1"]
    assert "nearest.png" in run.artifacts
    assert {"test_accuracy", "test_pair_f1", "test_pair_roc_auc", "best_val_pair_accuracy_at_best"} <= set(run.metrics)


@pytest.mark.parametrize("workers", [1, 3])
def test_exactly_so_many_trials_are_finished_whatever_the_workers(settle: Settle, search: Search, workers: int) -> None:
    engine = Script(lambda job, attempt: [Built(1), Failed("diverged at epoch 1")], workers)
    study, _ = search(settle(trials=7), engine=engine)
    assert study.standing().finished == len(study.trials()) == 7
    assert engine.most_at_once == workers


def test_a_finished_study_goes_on_when_more_trials_are_asked_for(settle: Settle, search: Search) -> None:
    tracker = MemoryTracker()
    for trials in (2, 2, 5):
        study, _ = search(settle(trials=trials), tracker, Script(lambda job, attempt: [Failed("too small")]))
        assert len(study.trials()) == trials
    assert len(tracker.records("mlp")) == 5


def test_a_trial_whose_worker_died_goes_on_before_the_next_one_begins(settle: Settle, search: Search) -> None:
    begun: list[int] = []

    def tell(job: Job, attempt: int) -> list[Message]:
        begun.append(job.number)
        return [Died("killed")] if attempt == 1 else [Failed("no room")]

    search(settle(trials=3), engine=Script(tell))
    assert begun == [0, 0, 1, 1, 2, 2]


def test_a_trial_is_never_pruned_after_its_last_epoch(settle: Settle, search: Search) -> None:
    engine = Script(lambda job, attempt: [*epochs(1, value=1 - job.number / 10), Failed("told all the same")])
    told: list[Answer] = []
    engine.answer = lambda number, answer: told.append(answer)  # type: ignore[method-assign]  # listens
    search(settle(trials=9, epochs=1, pruner="hyperband"), engine=engine)
    assert told == [Answer.GO_ON] * 18


def test_a_trial_that_does_badly_is_pruned_after_an_epoch(settle: Settle, search: Search) -> None:
    engine = Script(lambda job, attempt: [*epochs(1, value=1 - job.number / 10), Failed("told all the same")])
    told: list[Answer] = []
    engine.answer = lambda number, answer: told.append(answer)  # type: ignore[method-assign]  # listens
    search(settle(trials=9, epochs=3, pruner="hyperband"), engine=engine)
    assert Answer.STOP in told


def test_an_infeasible_trial_costs_no_epoch_and_is_a_constraint_to_the_sampler(settle: Settle, search: Search) -> None:
    engine = Script(lambda job, attempt: [*epochs(1), Failed("told")] if job.number else [Rejected("no room")])
    study, tracker = search(settle(trials=1), engine=engine)
    trial, run = study.trials()[0], tracker.records("mlp")[0]
    assert trial.state == TrialState.PRUNED
    assert trial.constraints == {"feasible": 1.0}
    assert trial.user_attrs["reason"] == run.tags["search.reason"] == "infeasible: no room"


def test_what_cannot_be_trained_is_none_of_the_trials_asked_for_and_is_told_once(
    settle: Settle, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(progress, "say", lambda _, text: told.append(text))
    engine = Script(lambda job, attempt: [*epochs(1), Failed("told")] if job.number % 2 else [Rejected("no room")])
    study, _ = search(settle(trials=3), engine=engine)
    assert [trial.state.name for trial in study.trials()] == ["PRUNED", "FAIL"] * 3
    assert (study.standing().finished, study.standing().infeasible) == (3, 3)
    assert "\n".join(told).count("no room") == 1


def test_a_space_of_which_nothing_can_be_trained_ends_the_search_and_what_it_advises_helps(
    settle: Settle, search: Search
) -> None:
    def train(job: Job, attempt: int) -> list[Message]:
        return [Rejected("no room")] if job.parameters["depth"] != 1 else [*epochs(1), Failed("told")]

    depths = ("depth=2",)
    with pytest.raises(SearchError, match="100 configurations in a row could not be trained, the last since no room"):
        search(settle(trials=1, fix=depths), engine=Script(train))
    study, _ = search(settle("mlp-2", family="mlp", trials=1, fix=("depth=1",)), engine=Script(train))
    assert (study.standing().finished, study.standing().infeasible) == (1, 0)


def test_a_diverged_trial_fails_in_both_stores_with_its_reason_and_its_curve(settle: Settle, search: Search) -> None:
    engine = Script(lambda job, attempt: [*epochs(2), Failed("diverged at epoch 3")])
    study, tracker = search(settle(trials=1, epochs=5, pruner="none"), engine=engine)
    (trial,), (run,) = study.trials(), tracker.records("mlp")
    assert trial.state == TrialState.FAIL
    assert run.status == "FAILED"
    assert trial.user_attrs["reason"] == run.tags["search.reason"] == "diverged at epoch 3"
    assert len(trial.intermediate_values) == 2
    assert run.artifacts == ["curves.png"]
    assert run.metrics["parameters"] == 10


def test_a_trial_whose_worker_died_begins_again_as_the_same_trial_and_run(settle: Settle, search: Search) -> None:
    def tell(job: Job, attempt: int) -> list[Message]:
        return [*epochs(1), Died("killed")] if attempt <= 2 else [*epochs(2), Failed("diverged at epoch 3")]

    study, tracker = search(settle(trials=1, pruner="none"), engine=Script(tell))
    (trial,) = study.trials()
    assert len(tracker.records("mlp")) == 1
    assert len(trial.intermediate_values) == 2
    assert trial.user_attrs["reason"] == "diverged at epoch 3"


def test_a_trial_that_kills_every_worker_fails_and_the_search_goes_on(settle: Settle, search: Search) -> None:
    def tell(job: Job, attempt: int) -> list[Message]:
        return [Died("worker killed by SIGKILL")] if job.number == 0 else [Failed("no room")]

    engine = Script(tell)
    study, _ = search(settle(trials=2), engine=engine)
    assert engine.attempts == {0: 4, 1: 1}
    assert study.trials()[0].state == TrialState.FAIL
    assert "worker killed by SIGKILL" in study.trials()[0].user_attrs["reason"]


def test_three_errors_in_the_code_in_a_row_stop_the_search(settle: Settle, search: Search) -> None:
    with pytest.raises(SearchError, match="3 trials in a row failed by an error in the code, the last by KeyError"):
        search(settle(trials=20), engine=Script(lambda job, attempt: [Failed("KeyError: 'x'", "Traceback ...")]))


def test_what_stops_a_search_leaves_its_trial_open_for_the_next_call(
    settle: Settle, search: Search, open_study: Callable[[Settings], Study]
) -> None:
    tracker = MemoryTracker()
    with pytest.raises(SearchError, match="no weights"):
        search(settle(trials=1), tracker, Script(lambda job, attempt: [Blocked("no weights here")]))
    assert [run.status for run in tracker.records("mlp")] == ["SCHEDULED"]
    study, _ = search(settle(trials=1), tracker, Script(lambda job, attempt: [Failed("no room")]))
    assert [trial.state for trial in study.trials()] == [TrialState.FAIL]
    assert [run.status for run in tracker.records("mlp")] == ["FAILED"]


def test_a_search_for_a_time_goes_on_until_it_is_over(
    settle: Settle, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    class Clock(Watch):
        def seconds(self) -> float:
            return now

    monkeypatch.setattr(driver, "Watch", Clock)

    def tell(job: Job, attempt: int) -> list[Message]:
        nonlocal now
        now = 3600.0 if job.number == 29 else now
        return [Failed("no room")]

    study, _ = search(settle(trials=None, timeout=1800.0), engine=Script(tell))
    assert study.standing().finished == 30


def test_no_trial_begins_after_the_timeout(settle: Settle, search: Search) -> None:
    study, _ = search(settle(trials=5, timeout=1e-9), engine=Script(lambda job, attempt: [Failed("no room")]))
    assert study.trials() == []


def test_baselines_run_with_the_epochs_of_the_report_and_the_others_with_the_studys(
    settle: Settle, search: Search
) -> None:
    seen: list[tuple[Any, ...]] = []

    def tell(job: Job, attempt: int) -> list[Message]:
        seen.append((job.epochs, job.patience))
        return [Failed("no room")]

    search(settle(trials=22, baselines="all", epochs=2), engine=Script(tell))
    assert seen[0] == (20, None)
    assert seen[15] == (20, 5)
    assert seen[21] == (2, None)


def test_random_weights_are_said_to_be_no_transfer_learning_in_both_stores(settle: Settle, search: Search) -> None:
    study, tracker = search(settle(trials=1, weights="none"), engine=Script(lambda job, attempt: [Failed("no room")]))
    (trial,), (run,) = study.trials(), tracker.records("mlp")
    assert trial.user_attrs["caveat"] == run.tags["search.caveat"] == "random weights: no transfer learning"


def test_a_trial_over_its_time_ends_and_its_best_epoch_counts(settle: Settle, search: Search) -> None:
    study, tracker = search(settle(trials=1, epochs=5, pruner="none", trial_timeout=1e-9))
    (trial,), (run,) = study.trials(), tracker.records("mlp")
    assert trial.state == TrialState.COMPLETE
    assert list(trial.intermediate_values) == [1]
    assert trial.value == run.metrics["best_val_accuracy"]
    assert trial.user_attrs["reason"] == run.tags["search.reason"]
    assert "stopped by --trial-timeout of 0 s after 1 of 5 epochs" in trial.user_attrs["reason"]


class Hangs(Script):
    """Trains one epoch less than it is asked for, and says nothing any more."""

    def __init__(self, done: int) -> None:
        super().__init__(lambda job, attempt: [Built(10), *epochs(done)[1:]])
        self.asked: list[int] = []

    def start(self, job: Job) -> None:
        self.asked.append(job.epochs)
        super().start(job)
        if len(self.asked) > 1:
            self.ahead[job.number].append(Failed("was judged"))
        self.number = job.number

    def receive(self, timeout: float) -> tuple[int, Message] | None:
        ahead = self.ahead.setdefault(self.number, [])
        message = ahead.pop(0) if ahead else None
        if message is None:
            time.sleep(0.02)
        if isinstance(message, Died | Failed):
            del self.ahead[self.number]
        return (self.number, message) if message else None


def test_a_trial_that_hangs_is_ended_and_what_it_has_is_judged(
    settle: Settle, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.driver.driver.HANGING", 0.0)
    engine = Hangs(done=2)
    study, _ = search(settle(trials=1, epochs=5, pruner="none", trial_timeout=0.3), engine=engine)
    assert engine.asked == [5, 2]
    assert study.trials()[0].user_attrs["reason"] == "was judged"


def test_without_a_timeout_a_worker_that_hangs_is_replaced_and_the_trial_goes_on(
    settle: Settle, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.driver.driver.EPOCHS_OF_SILENCE", 2.0)
    monkeypatch.setattr("search.driver.driver.SECONDS_OF_SILENCE", 0.0)
    engine = Hangs(done=2)
    study, _ = search(settle(trials=1, epochs=5, pruner="none"), engine=engine)
    assert engine.asked == [5, 5]
    assert study.trials()[0].user_attrs["reason"] == "was judged"


class Waits(Script):
    """Trains an epoch, and is left at its rung until the next trial has trained for longer than anybody may be silent.

    Once it goes on, its worker needs a while for the network.
    """

    def __init__(self) -> None:
        super().__init__(lambda job, attempt: [*epochs(1, 0.9 - job.number / 10), Paused()])
        self.killed = 0

    def start(self, job: Job) -> None:
        super().start(job)
        if self.attempts[job.number] > 1:
            self.ahead[job.number] = [*epochs(2), Failed("was judged")]

    def receive(self, timeout: float) -> tuple[int, Message] | None:
        time.sleep(0.15)
        return super().receive(timeout)

    def kill(self, number: int) -> None:
        self.killed += 1
        super().kill(number)


def test_the_time_for_which_a_trial_waits_for_others_is_no_silence_of_its_worker(
    settle: Settle, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.driver.driver.HANGING", 0.3)
    engine = Waits()
    search(settle(trials=3, epochs=3, pruner="halving", trial_timeout=0.21), engine=engine)
    assert engine.killed == 0


class HoldsUp(Script):
    """Keeps the driver busy with every answer, for longer than a trial may take."""

    def answer(self, number: int, answer: Answer) -> None:
        time.sleep(0.4)


def test_a_worker_that_waits_for_a_driver_that_was_held_up_does_not_hang(
    settle: Settle, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.driver.driver.HANGING", 0.0)
    engine = HoldsUp(lambda job, attempt: [*epochs(2), Failed("was judged")])
    study, _ = search(settle(trials=1, epochs=5, pruner="none", trial_timeout=0.3), engine=engine)
    assert engine.attempts == {0: 1}
    assert study.trials()[0].user_attrs["reason"] == "was judged"


def test_a_trial_that_hangs_in_its_first_epoch_fails_with_that_reason(
    settle: Settle, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.driver.driver.HANGING", 0.0)
    study, _ = search(settle(trials=1, epochs=5, pruner="none", trial_timeout=0.3), engine=Hangs(done=0))
    (trial,) = study.trials()
    assert trial.state == TrialState.FAIL
    assert trial.user_attrs["reason"] == "no epoch was done within --trial-timeout of 0 s"


def test_an_error_in_the_code_is_kept_with_the_trial_and_as_an_artifact(settle: Settle, search: Search) -> None:
    study, tracker = search(settle(trials=1), engine=Script(lambda job, attempt: [Failed("KeyError: 'x'", "Trace\n")]))
    (trial,), (run,) = study.trials(), tracker.records("mlp")
    assert trial.user_attrs["traceback"] == "Trace\n"
    assert tracker.read(run.id, "traceback.txt") == b"Trace\n"


def test_each_run_that_is_left_open_is_to_be_gone_on_with_whatever_becomes_of_the_others(
    settle: Settle, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a disk is full for one of them, and no longer for the next."""
    settings, tracker, finish = settle(trials=3), MemoryTracker(), SpooledRun.finish

    def interrupted(job: Job, attempt: int) -> list[Message]:
        return [Built(10), Blocked("a file is missing")] if job.number == 2 else epochs(1)

    def full_once(run: SpooledRun, status: Status, **how: Any) -> None:
        monkeypatch.setattr(SpooledRun, "finish", finish)
        raise TrackingError("no space left on device")

    monkeypatch.setattr(SpooledRun, "finish", full_once)
    with pytest.raises(SearchError, match="a file is missing"):
        search(settings, tracker, Script(interrupted, workers=3))
    assert sorted(record.status for record in tracker.records("mlp")) == ["RUNNING", "SCHEDULED", "SCHEDULED"]


def test_a_run_that_could_not_be_begun_as_a_whole_is_to_be_gone_on_with(
    settle: Settle, search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(run: SpooledRun, parameters: object) -> None:
        raise TrackingError("no space left on device")

    tracker = MemoryTracker()
    with monkeypatch.context() as patched:
        patched.setattr(SpooledRun, "log_parameters", full)
        with pytest.raises(TrackingError):
            search(settle(trials=1), tracker, Script(lambda job, attempt: epochs(1)))
    assert [record.status for record in tracker.records("mlp")] == ["SCHEDULED"]
    search(settle(trials=1), tracker, Script(lambda job, attempt: [Failed("was judged")]))
    assert [record.status for record in tracker.records("mlp")] == ["FAILED"]


def test_a_worker_does_not_wait_for_what_another_one_trains(
    settle: Settle, search: Search, open_study: Callable[[Settings], Study]
) -> None:
    settings, order = settle(trials=4), list[int]()
    enqueue(open_study(settings), "relu", "relu", "tanh", "gelu")

    def answers(job: Job, attempt: int) -> list[Message]:
        order.append(job.number)
        return [*epochs(1), Failed("diverged at epoch 2")]

    search(settings, engine=Script(answers, workers=2))
    assert order[:2] == [0, 2]
    assert sorted(order) == [0, 1, 2, 3], "what failed is tried again"


@pytest.mark.slow
def test_a_trial_has_taken_as_long_as_it_trained_and_not_as_it_waited_for_others(
    settle: Settle, search: Search
) -> None:
    study, tracker = search(settle(trials=3, epochs=3, pruner="asha"))
    runs = tracker.records("mlp")
    for told, trial, run in zip(results.everything(study._study)[1], study.trials(), runs, strict=True):
        assert told.seconds == run.metrics["training_seconds"]
        assert trial.duration is not None
        assert told.seconds < trial.duration.total_seconds()


@pytest.mark.slow
def test_a_space_with_hardly_anything_in_it_comes_to_its_end(settle: Settle, search: Search) -> None:
    """All that waits is let go on, though more is asked for than there is."""
    fixed = tuple(f"{name}={value}" for name, value in parameters().items())
    study, _ = search(settle(trials=12, epochs=9, pruner="halving", fix=fixed))
    assert [REPEAT_OF in trial.user_attrs for trial in study.trials()] == [False] + [True] * 11


def test_a_killed_search_goes_on_until_as_many_were_trained_as_were_asked_for(settle: Settle, search: Search) -> None:
    """What is read of a study at first, without its attributes, counts as the search does."""
    engine = Script(lambda job, attempt: [*epochs(1), Failed("told")] if job.number > 1 else [Rejected("no room")])
    wanted = settle(trials=2)
    search(wanted, engine=engine)
    with storage.reading(wanted.storage) as store:
        found = storage.load(store, wanted.study)
        assert results.finished(store, wanted.study) == results.everything(found)[0].standing.finished == 2
        assert results.summary(found).standing.infeasible == 2
