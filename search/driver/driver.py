"""The loop that hands out, listens, answers and has recorded: the one writer of both stores."""

from collections import deque
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Generic, Protocol

from models.watch import Watch
from search.driver.trainings import Kind, Trainings
from search.output.progress import duration
from search.policies.answers import Answer
from search.system import failpoints
from search.system.errors import SearchError
from search.system.signals import Stop
from search.workers.engines import Engine
from search.workers.messages import (
    Blocked,
    Built,
    Died,
    EpochDone,
    Failed,
    Message,
    Paused,
    Rejected,
    Trained,
)
from tracking.removal import remove

# A worker that is killed under a training this often is taken to be killed by it.
RESTARTS = 3
# Seconds beyond --trial-timeout for which a worker may say nothing before it is taken to hang.
HANGING = 30.0
# The same where there is no --trial-timeout: so many times the longest epoch, and so many seconds. Judging a network
# and writing it to disk are in that.
EPOCHS_OF_SILENCE = 20.0
SECONDS_OF_SILENCE = 300.0


class Clock(AbstractContextManager["Clock"], Protocol):
    """What tells the time in which the process ran."""

    def seconds(self) -> float:
        """Return a time whose differences are seconds."""


class Driver(Generic[Kind]):
    """Trains what there is to train, on workers that somebody else has started."""

    def __init__(
        self,
        trainings: Trainings[Kind],
        engine: Engine,
        checkpoints: Path,
        stop: Stop | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`checkpoints`: the folder of those of all studies."""
        self._trainings, self._engine, self._checkpoints = trainings, engine, checkpoints
        self._stop = stop or Stop()
        self._clock = clock or Watch()
        # Seconds for which workers were listened to: what holds up the driver, as a store may, is no silence of theirs.
        self._listened = 0.0
        # Those with a worker, those that wait for others, and those that wait for a worker, first come first served.
        self._open: dict[int, Kind] = {}
        self._waiting: dict[int, Kind] = {}
        self._queue: deque[Kind] = deque()

    def run(self) -> None:
        """Train until nothing is left. Raises `SearchError`.

        However this ends, open trainings are left as ones that the next call goes on with.
        """
        self._stop.announce = self._trainings.stopping
        with self._stop.held():
            self._trainings.take_up(self._clock.seconds)
        try:
            with self._clock:
                self._train()
        finally:
            self._trainings.leave()

    def _train(self) -> None:
        while self._fill():
            listening = self._clock.seconds()
            received = self._engine.receive(timeout=1.0)
            self._listened += self._clock.seconds() - listening
            with self._stop.held():
                if received:
                    self._start_another(*received)
                    self._take(*received)
                self._end_hanging()
                self._trainings.tend()

    def _fill(self) -> bool:
        """Give every free worker something to train, and have one more at hand; return whether any is under way."""
        more = True
        while more:
            with self._stop.held():
                self._decide()
                # It is begun while others train.
                more = self._start_next() if self._queue else self._begin()
        return bool(self._open)

    def _start_next(self) -> bool:
        """Give what is at hand to a worker that is free; return whether that was done."""
        if not (self._engine.free and self._queue):
            return False
        current = self._queue.popleft()
        self._open[current.number] = current
        self._trainings.started(current)
        self._start(current)
        return True

    def _start(self, current: Kind) -> None:
        # It tells again of the epochs that it has behind it; until it speaks, it may be built, or prepare images.
        current.history.clear()
        current.heard = None
        self._engine.start(current.job)

    def _begin(self) -> bool:
        """Begin one more; return whether there was any to begin."""
        if not self._trainings.more:
            return False
        current = self._trainings.begin()
        if current and self._trainings.waits(current):
            self._waiting[current.number] = current
        elif current:
            self._queue.append(current)
        return True

    def _decide(self) -> None:
        """Let some of those that wait go on, and others be judged by what they have learnt."""
        verdicts = self._trainings.decide()
        for number, epochs in verdicts.dropped.items():
            current = self._waiting.pop(number)
            current.pruned = True
            current.job = replace(current.job, epochs=epochs)
            self._queue.appendleft(current)
        for number in verdicts.promoted:
            self._queue.appendleft(self._waiting.pop(number))

    def _start_another(self, number: int, message: Message) -> None:
        """Let a worker that is done train on while it is recorded what it has done."""
        if isinstance(message, Trained | Rejected | Failed | Blocked):
            self._trainings.trained(self._open[number])
        # That of one which died belongs to its training.
        if not isinstance(message, Died):
            self._start_next()

    def _take(self, number: int, message: Message) -> None:
        current = self._open[number]
        current.heard = self._listened
        match message:
            case Trained() | Rejected() | Failed():
                self._end(current, message)
            case Built(parameters):
                current.parameters = parameters
                self._engine.answer(number, Answer.GO_ON)
            case EpochDone():
                self._report(current, message)
            case Paused():
                self._waiting[number] = self._open.pop(number)
                self._trainings.paused(current)
            case Died(reason):
                self._restart(current, reason)
            case Blocked(reason):
                raise SearchError(reason)

    def _end(self, current: Kind, message: Trained | Rejected | Failed) -> None:
        """Have the end recorded; its checkpoints are not needed any more."""
        match message:
            case Trained():
                self._trainings.complete(current, message)
            case Rejected():
                self._trainings.reject(current, message)
            case Failed(reason, traceback):
                self._trainings.fail(current, reason, traceback)
        del self._open[current.number]
        remove(current.job.folder, self._checkpoints)

    def _report(self, current: Kind, done: EpochDone) -> None:
        """Let the worker go on first: nothing that is written may hold it up.

        A step is the number of epochs done, in both stores: what people count, and what pruners take for a resource.
        """
        step = done.epoch + 1
        for name, number in done.metrics.items():
            current.history[name].append(number)
        answer = self._trainings.answer(current, step, done.metrics)
        failpoints.point("after_report")
        if step == current.job.last:
            # It has cost what it can, and is complete, whatever the pruner thinks of it.
            answer = Answer.GO_ON
        else:
            current.pruned = current.pruned or answer == Answer.STOP
            current.overtime = current.overtime or self._is_over(current)
            answer = Answer.STOP if current.pruned or current.overtime else answer
        self._engine.answer(current.number, answer)
        self._trainings.record(current, step, done.metrics)

    def _is_over(self, current: Kind) -> bool:
        limit = self._trainings.limit
        return limit is not None and current.seconds >= limit

    def _restart(self, current: Kind, reason: str) -> None:
        """Let another worker go on with the same training, unless it has taken too many of them with it."""
        current.restarts += 1
        done = len(current.history["loss"])
        if current.hanging:
            current.hanging, reason = False, "its worker said nothing for too long, and was ended"
        if current.overtime and not done:
            limit = duration(self._trainings.limit or 0)
            self._end(current, Failed(f"no epoch was done within --trial-timeout of {limit}"))
        elif current.restarts > RESTARTS:
            self._end(current, Failed(f"{reason}, for the {current.restarts}th time"))
        else:
            if current.overtime:
                # What it has is to be judged, and nothing more is to be trained.
                current.job = replace(current.job, epochs=done)
                reason = "over --trial-timeout, in an epoch that does not end; what it has is judged"
            else:
                reason += "; it goes on from its last epoch"
            self._trainings.note(f"{current.name}: {reason}")
            self._start(current)

    def _end_hanging(self) -> None:
        """Take the workers from what is in the middle of an epoch that does not end."""
        limit = self._trainings.limit
        for current in self._open.values():
            silence = self._silence(current)
            if current.heard is None or silence is None or self._listened - current.heard <= silence:
                continue
            current.heard, current.overtime, current.hanging = None, limit is not None, limit is None
            self._engine.kill(current.number)

    def _silence(self, current: Kind) -> float | None:
        """Return the seconds for which a worker may say nothing; None: nobody knows how long its epochs take."""
        if (limit := self._trainings.limit) is not None:
            return max(limit - current.seconds, current.longest) + HANGING
        return EPOCHS_OF_SILENCE * current.longest + SECONDS_OF_SILENCE if current.longest else None
