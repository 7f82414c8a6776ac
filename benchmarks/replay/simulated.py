"""A search by the real driver in memory: nothing is trained, and nothing is written."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState
from typing_extensions import override

from models.family import Resources, Suggest
from search.driver.driver import Driver
from search.driver.trainings import Training, Trainings
from search.policies.answers import Answer, Verdicts
from search.policies.ensemble.recorded import GIVEN
from search.policies.pruners import Pruner
from search.workers.messages import Job, Rejected, Trained
from search.workers.replay import Replay

METRIC = "val_accuracy"
# What is seen beside the truth of a trial of this number, in points at each epoch.
Noise = Callable[[int], NDArray[np.float64]]


class Task(Protocol):
    """What is searched: a space, and the curve of each configuration, in percent."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def epochs(self) -> int:
        """For how many epochs a trial trains."""

    def suggest(self, trial: Suggest) -> object:
        """Ask for a configuration."""

    def curve(self, parameters: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return percent after each epoch."""


@dataclass(frozen=True)
class Seen:
    """An epoch of a trial: when it was seen, in full trainings; its value then, and what it comes to at its end."""

    cost: float
    trial: int
    epoch: int
    value: float
    final: float


@dataclass(frozen=True)
class Terms:
    """Under which a search is made; `budget`: full trainings."""

    workers: int
    budget: float
    noise: Noise


# Epochs, as shares of all, at which noise is drawn; between them it goes on evenly. Its standard deviation, in points.
NOISY = (0.02, 0.04, 0.115, 0.33, 1.0)
NOISE = 0.3


def noise(epochs: int, seed: int) -> Noise:
    """Return what is seen beside the truth: the same for a trial of the same number, whoever drew it."""

    def of(number: int) -> NDArray[np.float64]:
        drawn = np.random.default_rng((seed, number)).normal(0.0, NOISE, len(NOISY))
        return np.interp(np.arange(1, epochs + 1), np.array(NOISY) * epochs, drawn)

    return of


class Over(Exception):
    """The budget is spent."""


@dataclass(frozen=True)
class Searcher:
    """A study in a storage in memory, with its sampler, and what prunes its trials."""

    study: optuna.Study
    storage: InMemoryStorage
    pruner: Pruner


class InMemory(Trainings[Training]):
    """Draws trials from a study without end."""

    def __init__(self, task: Task, searcher: Searcher, noise: Noise, limit: float) -> None:
        super().__init__()
        study, pruner = searcher.study, searcher.pruner
        self._storage, self._id = searcher.storage, searcher.storage.get_study_id_from_name(study.study_name)
        self._task, self._study, self._pruner, self._noise, self._end_of_budget = task, study, pruner, noise, limit
        self.trials: dict[int, optuna.Trial] = {}
        self.seen: list[Seen] = []
        self._curves: dict[int, NDArray[np.float64]] = {}
        self.replay: Replay | None = None

    def curve(self, job: Job) -> Sequence[Mapping[str, float]]:
        """Return what workers tell of a job."""
        # A trial that goes on asks again.
        if job.number not in self._curves:
            self._curves[job.number] = self._task.curve(self.trials[job.number].params)
        told = self._curves[job.number] + self._noise(job.number)
        return [{METRIC: float(value), "seconds": 1.0} for value in told]

    def _id_of(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)

    def _frozen(self, number: int) -> FrozenTrial:
        return self._storage.get_trial(self._id_of(number))

    @property
    @override
    def more(self) -> bool:
        return True

    @override
    def begin(self) -> Training:
        trial = self._study.ask()
        self._task.suggest(trial)
        self.trials[trial.number] = trial
        job = Job(
            number=trial.number,
            key=str(trial.number),
            family="mlp",
            parameters=trial.params,
            images=Path(),
            resources=Resources(Path()),
            epochs=self._task.epochs,
            patience=None,
            seed=0,
            folder=Path("nowhere") / str(trial.number),
        )
        current = Training(name=str(trial.number), run=None, job=job, label="")  # type: ignore[arg-type] # nothing is recorded
        self.begun[trial.number] = current
        return current

    @override
    def waits(self, training: Training) -> bool:
        given = GIVEN in self._frozen(training.number).system_attrs
        return self._pruner.enter(training.number, given=given)

    @override
    def decide(self) -> Verdicts:
        return self._pruner.decide(closed=False)

    @override
    def started(self, training: Training) -> None:
        return

    @override
    def answer(self, training: Training, step: int, metrics: Mapping[str, float]) -> Answer:
        value, frozen = metrics[METRIC], self._frozen(training.number)
        if step not in frozen.intermediate_values:
            self._storage.set_trial_intermediate_value(self._id_of(training.number), step, value)
            assert self.replay
            now = self.replay.clock.now
            if now > self._end_of_budget:
                raise Over
            self.seen.append(Seen(now, training.number, step, value, float(self._curves[training.number][-1])))
            frozen = self._frozen(training.number)
        return self._pruner.report(frozen, step, value)

    @override
    def record(self, training: Training, step: int, metrics: Mapping[str, float]) -> None:
        return

    @override
    def paused(self, training: Training) -> None:
        self._pruner.park(training.number)

    @override
    def complete(self, training: Training, trained: Trained) -> None:
        trial = self.trials[training.number]
        state = TrialState.PRUNED if training.pruned else TrialState.COMPLETE
        values = None if training.pruned else [max(training.history[METRIC])]
        self._study.tell(trial, values, state)
        self._pruner.end(training.number, complete=not training.pruned)
        del self.begun[training.number]

    @override
    def reject(self, training: Training, rejected: Rejected) -> None:
        raise AssertionError("nothing is built")

    @override
    def fail(self, training: Training, reason: str, traceback: str) -> None:
        raise AssertionError(reason)

    @override
    def note(self, text: str) -> None:
        return

    @override
    def stopping(self) -> None:
        return

    @override
    def leave(self) -> None:
        return


def search(task: Task, searcher: Searcher, terms: Terms) -> list[Seen]:
    """Search for so many full trainings' time, and return what was seen, costs in full trainings."""
    scale = terms.workers / task.epochs
    trainings = InMemory(task, searcher, terms.noise, terms.budget / scale)
    trainings.replay = Replay(trainings.curve, terms.workers)
    with suppress(Over):
        Driver(trainings, trainings.replay, Path("nowhere"), clock=trainings.replay.clock).run()
    return [Seen(one.cost * scale, one.trial, one.epoch, one.value, one.final) for one in trainings.seen]
