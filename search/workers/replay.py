"""Recorded curves instead of training, under a clock of their own: what a search method wastes is seen in seconds.

No value of `--engine`, since it needs curves. Study, driver and policies are those of a real search.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np

import models
from models.family import Evaluation
from search.policies.answers import Answer
from search.workers.messages import Built, EpochDone, Job, Message, ModelFile, Paused, Probe, Trained

Epochs = Sequence[Mapping[str, float]]


class Curves(Protocol):
    """Where curves come from: a table, or a model of one."""

    def __call__(self, job: Job) -> Epochs:
        """Return the metrics of each epoch, `seconds` among them, of a network with the job's hyperparameters."""


class Clock:
    """A time that passes when somebody trains, and only then."""

    def __init__(self) -> None:
        self.now = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def seconds(self) -> float:
        """Return the time since the first training began."""
        return self.now


@dataclass(eq=False)
class _Playing:
    """A job and its curve: so many epochs are told, and the next message comes at a time; None: after an answer."""

    job: Job
    curve: Epochs
    due: float | None
    message: Message
    told: int = 0


class Replay:
    """Workers that tell what was recorded. Pausing costs nothing, and what was trained before is not trained again."""

    def __init__(self, curves: Curves, workers: int) -> None:
        self.clock = Clock()
        self.epochs = 0
        self._curves, self._workers = curves, workers
        self._playing: dict[int, _Playing] = {}
        # How far each training has come, as its checkpoint would say.
        self._done: dict[str, int] = {}

    @property
    def free(self) -> int:
        """How many jobs can be started now."""
        return self._workers - len(self._playing)

    def start(self, job: Job | Probe) -> None:
        """Begin to tell of a job."""
        assert isinstance(job, Job), "there is nothing to probe"
        self._playing[job.number] = _Playing(job, self._curves(job), self.clock.now, Built(0))

    def receive(self, timeout: float) -> tuple[int, Message] | None:
        """Return the message that comes first, and let the time pass until then."""
        due = {number: one.due for number, one in self._playing.items() if one.due is not None}
        if not due:
            return None
        number = min(due, key=lambda number: due[number])
        one, self.clock.now = self._playing[number], due[number]
        one.due = None
        if isinstance(one.message, Paused | Trained):
            del self._playing[number]
        return number, one.message

    def answer(self, number: int, answer: Answer) -> None:
        """Go on with the next epoch, or end."""
        one = self._playing[number]
        if answer == Answer.PAUSE:
            one.message, one.due = Paused(), self.clock.now
        elif answer == Answer.STOP or one.told == one.job.last:
            one.message, one.due = _trained(one), self.clock.now
        else:
            self._train(one)

    def _train(self, one: _Playing) -> None:
        # Of a network that trains on beyond its curve nothing more is known than how that ended.
        metrics = one.curve[min(one.told, len(one.curve) - 1)]
        new = one.told >= self._done.get(one.job.key, 0)
        one.message, one.due = EpochDone(one.told, metrics), self.clock.now + (metrics["seconds"] if new else 0.0)
        one.told += 1
        self.epochs += new
        self._done[one.job.key] = max(one.told, self._done.get(one.job.key, 0))

    def kill(self, number: int) -> None:
        """Do nothing: nobody hangs."""

    def close(self) -> None:
        """Forget the jobs."""
        self._playing.clear()


def _trained(one: _Playing) -> Trained:
    """Return what is left of a training of which only the curve is known."""
    goal = models.family(one.job.family).goal
    told = one.curve[: one.told]
    best = goal.best([metrics[goal.metric] for metrics in told])
    nothing = Evaluation({}, np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    judged = Evaluation(
        {name.removeprefix("val_"): value for name, value in told[best].items() if name.startswith("val_")},
        *(nothing.labels, nothing.predictions, nothing.confidence),
    )
    return Trained(best, None, judged, nothing, ModelFile(Path(), 0, (), ()))
