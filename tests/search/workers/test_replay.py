"""Searches over recorded curves: the study, driver and policies of a real search, and a clock of their own."""

from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState
from rich.console import Console

from benchmarks.replay.tables import Tables
from models.data import Images
from search.driver.attempt import Attempt
from search.driver.driver import Driver
from search.driver.trials import Trials
from search.output.progress import Progress
from search.policies import pruners
from search.policies.answers import Answer
from search.problem.settings import Settings
from search.recording.artifacts import Outcome
from search.recording.trial_runs import TrialRuns
from search.store.attributes import BASELINE, START
from search.store.study import Study
from search.workers.messages import Built, EpochDone, Job, Paused, Trained
from search.workers.replay import Epochs, Replay
from tests.support import PLAN, job_of
from tracking.engines.memory import MemoryTracker
from tracking.relay import Relay
from tracking.spool import Spool

EPOCHS = 6
Settle = Callable[..., Settings]
Open = Callable[..., Study]


def recorded(job: Job) -> Epochs:
    """Return how a network of the job's hyperparameters would learn Fashion-MNIST, a second an epoch."""
    percent = Tables().task("mlp-fashion-mnist-6000").curve(job.parameters)
    return [{"val_accuracy": float(value) / 100, "seconds": 1.0} for value in percent]


class Bare(Trials):
    """Trials whose runs have numbers alone: pictures and models would take longer than all the rest."""

    def complete(self, training: Attempt, trained: Trained) -> None:
        state = TrialState.PRUNED if training.pruned else TrialState.COMPLETE
        self._end(training, Outcome(state, (trained.validation.metrics["accuracy"],)))


@pytest.fixture
def replay(bars: Images, open_study: Open) -> Callable[..., tuple[Study, Replay]]:
    def replay(settings: Settings, workers: int = 1) -> tuple[Study, Replay]:
        study, engine = open_study(settings), Replay(recorded, workers)
        relay = Relay(Spool(settings.spool), MemoryTracker())
        console = Console(file=StringIO())
        progress = Progress(console, settings.study, study.goal, settings.trials, 60.0)
        trials = Bare(study, TrialRuns(study, relay), progress, bars, settings.home / "images.npy", PLAN)
        Driver(trials, engine, settings.home / "checkpoints", clock=engine.clock).run()
        relay.settle(10)
        relay.close()
        return study, engine

    return replay


def outcome(study: Study) -> list[tuple[Mapping[str, Any], str, Mapping[int, float]]]:
    return [(trial.params, trial.state.name, trial.intermediate_values) for trial in study.trials()]


@pytest.mark.parametrize("pruner", pruners.names())
def test_the_same_seed_searches_alike_and_pruners_spare_epochs(
    settle: Settle, replay: Callable[..., tuple[Study, Replay]], pruner: str
) -> None:
    settings = [
        settle(f"mlp-{name}", family="mlp", trials=12, epochs=EPOCHS, pruner=pruner, sampler="random") for name in "aa"
    ]
    study, engine = replay(settings[0])
    assert len(study.trials()) == 12
    assert all(trial.state.is_finished() for trial in study.trials())
    assert engine.epochs == sum(len(trial.intermediate_values) for trial in study.trials())
    assert (engine.epochs == 12 * EPOCHS) == (pruner == "none")
    # What is gone on with has nothing left to do.
    again, idle = replay(settings[1])
    assert (outcome(again), idle.epochs) == (outcome(study), 0)


def test_a_search_by_the_ensemble_that_is_gone_on_with_is_the_one_that_was_not_interrupted(
    settle: Settle, replay: Callable[..., tuple[Study, Replay]]
) -> None:
    """What it draws follows from what the study knows, whichever call asks."""
    flags: dict[str, Any] = {"family": "mlp", "epochs": EPOCHS, "pruner": "none", "sampler": "ensemble"}
    whole, _ = replay(settle("mlp-1", trials=16, **flags))
    replay(settle("mlp-2", trials=7, **flags))
    halves, _ = replay(settle("mlp-2", trials=16, **flags))
    assert outcome(halves) == outcome(whole)
    assert {trial.user_attrs["source"] for trial in whole.trials()} <= {"random", "leaders", "shared"}


def test_what_a_search_begins_with_never_waits_for_others_while_they_do(
    settle: Settle, replay: Callable[..., tuple[Study, Replay]]
) -> None:
    flags: dict[str, Any] = {"family": "mlp", "epochs": EPOCHS, "pruner": "asha", "sampler": "ensemble"}
    study, engine = replay(settle("mlp-1", trials=20, baselines="best", **flags))
    baseline, start, *drawn = study.trials()
    assert BASELINE in baseline.user_attrs
    assert START in start.user_attrs
    assert {trial.state for trial in (baseline, start)} == {TrialState.COMPLETE}
    assert {trial.last_step for trial in drawn} == {2, EPOCHS}
    assert all(trial.state == TrialState.PRUNED for trial in drawn if trial.last_step == 2)
    assert "beginnings" in {trial.user_attrs["source"] for trial in drawn}
    assert engine.epochs < 20 * EPOCHS


def test_two_workers_need_half_of_the_time(settle: Settle, replay: Callable[..., tuple[Study, Replay]]) -> None:
    flags = {"family": "mlp", "trials": 8, "epochs": EPOCHS, "pruner": "none", "sampler": "random"}
    (one, alone), (two, both) = replay(settle("mlp-1", **flags)), replay(settle("mlp-2", **flags), workers=2)
    assert outcome(one) == outcome(two)
    assert 0.5 <= both.clock.seconds() / alone.clock.seconds() < 0.75


def test_a_timeout_is_by_the_clock_of_the_curves(settle: Settle, replay: Callable[..., tuple[Study, Replay]]) -> None:
    study, engine = replay(settle(trials=None, timeout=100.0, epochs=EPOCHS, pruner="none", sampler="random"))
    ends = engine.clock.seconds()
    assert len(study.trials()) > 4
    # What was drawn trains on.
    assert 100 <= ends < 100 + 2 * EPOCHS


@pytest.fixture
def job(bars: Images, tmp_path: Path) -> Job:
    return job_of("mlp", bars, tmp_path, epochs=4)


def played(engine: Replay, job: Job, *answers: Answer) -> list[object]:
    engine.start(job)
    told: list[object] = []
    for answer in (*answers, None):
        received = engine.receive(0)
        assert received is not None
        told.append(received[1])
        if answer:
            engine.answer(job.number, answer)
    return told


def test_what_was_trained_before_a_pause_takes_no_time_again(job: Job) -> None:
    engine = Replay(lambda job: [{"val_accuracy": 0.5, "seconds": 3.0}] * job.epochs, 1)
    told = played(engine, job, Answer.GO_ON, Answer.GO_ON, Answer.PAUSE)
    assert [type(message) for message in told] == [Built, EpochDone, EpochDone, Paused]
    assert (engine.clock.seconds(), engine.free) == (6.0, 1)
    told = played(engine, job, *[Answer.GO_ON] * 5)
    assert [type(message) for message in told] == [Built, *[EpochDone] * 4, Trained]
    assert (engine.clock.seconds(), engine.epochs) == (12.0, 4)


def test_a_job_that_is_stopped_has_its_best_epoch(job: Job) -> None:
    values = (0.2, 0.7, 0.6, 0.9)
    engine = Replay(lambda job: [{"val_accuracy": value, "seconds": 1.0} for value in values], 1)
    trained = played(engine, job, Answer.GO_ON, Answer.GO_ON, Answer.GO_ON, Answer.STOP)[-1]
    assert isinstance(trained, Trained)
    assert (trained.best_epoch, trained.validation.metrics) == (1, {"accuracy": 0.7})
