"""Configurations that are known, trained once more: no trials, but runs of the study, recorded like those of trials."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from models.data import Images
from search.driver.trainings import Training, Trainings, left_open
from search.output.progress import STOPPING, duration, say
from search.policies.answers import Answer
from search.recording import artifacts
from search.recording.trial_runs import TrialRuns
from search.store.attributes import REASON_TAG
from search.workers.messages import Job, Rejected, Trained
from tracking import Status


@dataclass(frozen=True)
class Task:
    """One training: its job, what its run is called and tagged with, and whether its network is kept.

    `validated` where validation images were not trained on, so that they judge it as they do a trial. `usual`: seconds
    that an epoch took when it was trained before; 0: nobody knows.
    """

    job: Job
    name: str
    label: str
    tags: Mapping[str, str]
    model: bool
    validated: bool = False
    usual: float = 0.0


@dataclass(frozen=True)
class Unfit:
    """A training without a result."""

    reason: str


@dataclass(eq=False, kw_only=True)
class Repetition(Training):
    """A task under way, and its line on the board."""

    task: Task
    shown: TaskID


class Tasks(Trainings[Repetition]):
    """A fixed list of trainings: all go to their ends, side by side. `ended` has what came of each, by its key."""

    def __init__(
        self, tasks: Sequence[Task], trial_runs: TrialRuns, images: Images, console: Console, board: Progress
    ) -> None:
        """`images` are those that the tasks train on."""
        super().__init__()
        self._tasks = deque(tasks)
        self._trial_runs, self._images, self._console, self._board = trial_runs, images, console, board
        self.ended: dict[str, Trained | Unfit] = {}

    @property
    def more(self) -> bool:
        """Whether any is left."""
        return bool(self._tasks)

    def begin(self) -> Repetition:
        """Begin the next one, or go on with it."""
        task = self._tasks.popleft()
        job = task.job
        run = self._trial_runs.extra_run(job.key, task.name, {**task.tags, **artifacts.origin()})
        with left_open(run):
            run.log_parameters({**job.parameters, "family": job.family, "epochs": job.epochs, "seed": job.seed})
            if job.until:
                run.log_parameters({"until_epoch": job.until})
            run.log_dataset(artifacts.dataset(self._images))
        shown = self._board.add_task(task.label, total=job.last, visible=False)
        current = Repetition(
            name=task.label, run=run, job=job, label=task.label, usual=task.usual, task=task, shown=shown
        )
        self.begun[job.number] = current
        return current

    def started(self, training: Repetition) -> None:
        """Show it."""
        self._board.reset(training.shown, visible=True)

    def answer(self, training: Repetition, step: int, metrics: Mapping[str, float]) -> Answer:
        """Let it train on."""
        return Answer.GO_ON

    def record(self, training: Repetition, step: int, metrics: Mapping[str, float]) -> None:
        """Write an epoch into its run, without what means nothing once validation images are trained on."""
        if step > training.recorded:
            seen = () if training.task.validated else artifacts.SEEN
            known = {name: value for name, value in metrics.items() if not name.startswith(seen)}
            training.run.log_metrics(known, step)
            training.recorded = step
        self._board.update(training.shown, completed=step)

    def complete(self, training: Repetition, trained: Trained) -> None:
        """Write what came of it into its run."""
        task = training.task
        recorded = (training.run, task.name, trained, training.history, self._images)
        if task.validated:
            training.run.log_metrics(artifacts.measured(trained, training.history))
            artifacts.record(*recorded, family=task.job.family)
        else:
            artifacts.record_final(*recorded, family=task.job.family, model=task.model)
        said = f"test_accuracy {trained.test.metrics['accuracy']:.4f}, {duration(training.seconds)}"
        self._end(training, trained, Status.FINISHED, said)

    def reject(self, training: Repetition, rejected: Rejected) -> None:
        """Write why into its run."""
        self.fail(training, rejected.reason, traceback="")

    def fail(self, training: Repetition, reason: str, traceback: str) -> None:
        """Write why into its run. The others are trained all the same."""
        if traceback:
            training.run.log_text("traceback.txt", traceback)
        training.run.set_tags({REASON_TAG: reason})
        self._end(training, Unfit(reason), Status.FAILED, f"failed ({reason})")

    def _end(self, training: Repetition, outcome: Trained | Unfit, status: Status, said: str) -> None:
        training.run.finish(status)
        del self.begun[training.number]
        self.ended[training.job.key] = outcome
        self._board.remove_task(training.shown)
        say(self._console, f"{training.label}: {said}")

    def note(self, text: str) -> None:
        """Say it."""
        say(self._console, text)

    def stopping(self) -> None:
        """Say it where the board was."""
        self._board.stop()
        say(self._console, STOPPING)


@contextmanager
def board(console: Console) -> Iterator[Progress]:
    """Lend a line for each training under way, where there is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        yield shown
