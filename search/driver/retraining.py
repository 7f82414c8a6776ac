"""Configurations that are known, trained once more: no trials, but runs of the study, recorded like those of trials."""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from models.data import Images
from search.driver.driver import RESTARTS
from search.output.progress import STOPPING, duration, say
from search.recording import artifacts
from search.recording.trial_runs import TrialRuns
from search.store.attributes import REASON_TAG
from search.system.errors import SearchError
from search.system.signals import Stop
from search.workers.engines import Engine
from search.workers.messages import Answer, Blocked, Built, Died, EpochDone, Failed, Job, Message, Rejected, Trained
from tracking import Recorder, Status, TrackingError
from tracking.removal import remove


@dataclass(frozen=True)
class Task:
    """One training: its job, what its run is called and tagged with, and whether its network is kept.

    `validated` where validation images were not trained on, so that they judge it as they do a trial.
    """

    job: Job
    name: str
    label: str
    tags: Mapping[str, str]
    model: bool
    validated: bool = False


@dataclass(frozen=True)
class Unfit:
    """A training without a result."""

    reason: str


@dataclass(eq=False)
class _Open:
    task: Task
    run: Recorder
    shown: TaskID
    history: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    recorded: int = 0
    restarts: int = 0


class Retraining:
    """Trains tasks side by side, on workers that somebody else has started."""

    def __init__(self, engine: Engine, trial_runs: TrialRuns, images: Images, console: Console, stop: Stop) -> None:
        """`images` are those that the tasks train on."""
        self._engine, self._trial_runs, self._images, self._console, self._stop = (
            engine,
            trial_runs,
            images,
            console,
            stop,
        )
        self._open: dict[int, _Open] = {}
        self._ended: dict[str, Trained | Unfit] = {}

    def run(self, tasks: Sequence[Task]) -> Mapping[str, Trained | Unfit]:
        """Train them all, and return what came of each by its key. Raises `SearchError` where none can be trained.

        However this ends, what was begun goes on from its last epoch when it is asked for again.
        """
        waiting = deque(tasks)
        self._ended = {}
        with _board(self._console) as board:
            self._stop.announce = partial(_stopping, board)
            try:
                while waiting or self._open:
                    while waiting and self._engine.free:
                        with self._stop.held():
                            self._begin(waiting.popleft(), board)
                    received = self._engine.receive(timeout=1.0)
                    if received:
                        with self._stop.held():
                            self._handle(*received, board)
            finally:
                for left in self._open.values():
                    # A full disk may be what has ended it.
                    with suppress(TrackingError):
                        left.run.finish(Status.SCHEDULED)
                self._open = {}
        return self._ended

    def _begin(self, task: Task, board: Progress) -> None:
        job = task.job
        run = self._trial_runs.extra_run(job.key, task.name, {**task.tags, **artifacts.origin()})
        run.log_parameters({**job.parameters, "family": job.family, "epochs": job.epochs, "seed": job.seed})
        if job.until:
            run.log_parameters({"until_epoch": job.until})
        run.log_dataset(artifacts.dataset(self._images))
        shown = board.add_task(task.label, total=job.until or job.epochs)
        self._open[job.number] = _Open(task, run, shown)
        self._engine.start(job)

    def _handle(self, number: int, message: Message, board: Progress) -> None:
        current = self._open[number]
        match message:
            case Built():
                self._engine.answer(number, Answer.GO_ON)
            case EpochDone(epoch, metrics):
                self._engine.answer(number, Answer.GO_ON)
                self._record_epoch(current, epoch + 1, metrics)
                board.update(current.shown, completed=epoch + 1)
            case Trained():
                self._record(current, message)
                took = duration(sum(current.history["seconds"]))
                said = f"test_accuracy {message.test.metrics['accuracy']:.4f}, {took}"
                self._end(current, message, Status.FINISHED, said, board)
            case Rejected() | Failed():
                self._fail(current, message, board)
            case Died(reason):
                self._restart(current, reason, board)
            case Blocked(reason):
                raise SearchError(reason)

    def _record(self, current: _Open, trained: Trained) -> None:
        task = current.task
        recorded = (current.run, task.name, trained, current.history, self._images)
        if task.validated:
            current.run.log_metrics(artifacts.measured(trained, current.history))
            artifacts.record(*recorded, family=task.job.family)
        else:
            artifacts.record_final(*recorded, family=task.job.family, model=task.model)

    def _record_epoch(self, current: _Open, step: int, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            current.history[name].append(value)
        if step > current.recorded:
            seen = () if current.task.validated else artifacts.SEEN
            known = {name: value for name, value in metrics.items() if not name.startswith(seen)}
            current.run.log_metrics(known, step)
            current.recorded = step

    def _fail(self, current: _Open, failure: Rejected | Failed, board: Progress) -> None:
        if isinstance(failure, Failed) and failure.traceback:
            current.run.log_text("traceback.txt", failure.traceback)
        reason = failure.reason
        self._end(current, Unfit(reason), Status.FAILED, f"failed ({reason})", board)

    def _restart(self, current: _Open, reason: str, board: Progress) -> None:
        current.restarts += 1
        if current.restarts > RESTARTS:
            said = f"{reason}, for the {current.restarts}th time"
            self._end(current, Unfit(said), Status.FAILED, f"failed ({said})", board)
            return
        say(self._console, f"{current.task.label}: {reason}; it goes on from its last epoch")
        current.history.clear()
        self._engine.start(current.task.job)

    def _end(self, current: _Open, outcome: Trained | Unfit, status: Status, said: str, board: Progress) -> None:
        if isinstance(outcome, Unfit):
            current.run.set_tags({REASON_TAG: outcome.reason})
        current.run.finish(status)
        del self._open[current.task.job.number]
        folder = current.task.job.folder
        # That of the study, and that of all studies.
        remove(folder, folder.parent.parent)
        self._ended[current.task.job.key] = outcome
        board.remove_task(current.shown)
        say(self._console, f"{current.task.label}: {said}")


@contextmanager
def _board(console: Console) -> Iterator[Progress]:
    """Lend a line for each training under way, where there is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as board:
        yield board


def _stopping(board: Progress) -> None:
    board.stop()
    say(board.console, STOPPING)
