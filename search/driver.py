"""The loop that asks, hands out, reports, records and tells: the one writer of both stores."""

import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree

import optuna
from optuna.trial import TrialState

from models.data import Images
from models.family import Choice, Resources
from search import baselines, recording
from search.engines import Engine
from search.errors import SearchError
from search.jobs import Blocked, Built, Died, EpochDone, Failed, Job, Message, Rejected, Trained
from search.progress import Progress, short
from search.study import Study
from tracking import Run, Status, Tracker, TrackingError

# A worker that is killed under a trial this often is taken to be killed by it.
RESTARTS = 3
# So many trials in a row that fail by an error in the code stop the search: the next would fail, too.
ERRORS_IN_A_ROW = 3


@dataclass(eq=False)
class Open:
    """A trial under way: in Optuna, in the tracker, and with a worker."""

    trial: optuna.Trial
    run: Run
    job: Job
    title: str
    history: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    parameters: int = 0
    pruned: bool = False
    restarts: int = 0


class Driver:
    """Runs a study to its number of trials."""

    def __init__(
        self, study: Study, engine: Engine, tracker: Tracker, progress: Progress, images: Images, shared: Path
    ) -> None:
        self._study, self._engine, self._tracker, self._progress = study, engine, tracker, progress
        self._images, self._shared = images, shared
        self._settings = study.settings
        self._began = time.monotonic()
        self._open: dict[int, Open] = {}
        self._errors_in_a_row = 0
        self._exhausted = False
        self._finished = study.standing().finished
        self._best = study.best()

    def run(self) -> None:
        """Search until every trial asked for is over, or the time is. Raises `SearchError`.

        However this ends, open trials are left as ones that the next call goes on with.
        """
        interrupted = self._study.interrupted()
        try:
            while True:
                while self._engine.free and (interrupted or self._wants_more()):
                    trial = interrupted.pop(0) if interrupted else self._study.ask()
                    if trial is None:
                        self._exhausted = True
                    else:
                        self._begin(trial)
                if not self._open:
                    return
                received = self._engine.receive(timeout=1.0)
                if received:
                    self._handle(*received)
        finally:
            # The tracker may be what ended the search; the trials can be gone on with all the same.
            with suppress(TrackingError):
                for left in self._open.values():
                    left.run.finish(Status.SCHEDULED)

    def _wants_more(self) -> bool:
        in_time = self._settings.timeout is None or time.monotonic() - self._began < self._settings.timeout
        return not self._exhausted and in_time and self._finished + len(self._open) < self._settings.trials

    def _begin(self, trial: optuna.Trial) -> None:
        """Link the trial with its run, and hand it to a worker."""
        parameters = self._study.suggest(trial)
        job = self._job(trial, parameters)
        title = f"{self._settings.study}-{trial.number:04d}"
        run = self._tracker.run(self._settings.study, self._key(trial.number), title, self._tags(trial))
        trial.set_user_attr("mlflow_run_id", run.id)
        if self._settings.caveat:
            trial.set_user_attr("caveat", self._settings.caveat)
            title = f"{title} ({self._settings.caveat})"
        run.log_parameters(parameters | {"family": job.family, "epochs": job.epochs, "seed": job.seed})
        run.log_dataset(recording.dataset(self._images))
        self._open[trial.number] = Open(trial, run, job, title)
        self._progress.started(trial.number, _label(trial, parameters), job.epochs)
        self._count()
        self._engine.start(job)

    def _job(self, trial: optuna.Trial, parameters: Mapping[str, Choice]) -> Job:
        home, attributes = self._settings.home, trial.user_attrs
        return Job(
            number=trial.number,
            key=self._key(trial.number),
            family=self._settings.family,
            parameters=parameters,
            images=self._shared,
            resources=Resources(home / "cache", self._settings.weights),
            epochs=attributes.get("epochs", self._settings.epochs),
            patience=attributes.get("patience"),
            seed=self._study.seed(trial.number),
            folder=home / "checkpoints" / self._settings.study / f"{trial.number:04d}",
        )

    def _key(self, number: int) -> str:
        return f"{self._study.uuid}/{number}"

    def _tags(self, trial: optuna.Trial) -> dict[str, str]:
        settings = self._settings
        tags = {
            "search.study": settings.study,
            "search.trial": str(trial.number),
            "search.key": self._key(trial.number),
            "search.family": settings.family,
            "search.state": "RUNNING",
        }
        if "baseline" in trial.user_attrs:
            tags["search.baseline"] = trial.user_attrs["baseline"]
        if settings.caveat:
            tags["search.caveat"] = settings.caveat
        return tags | dict(recording.origin())

    def _handle(self, number: int, message: Message) -> None:
        current = self._open[number]
        match message:
            case Built(parameters):
                current.parameters = parameters
                self._engine.answer(number, go_on=True)
            case EpochDone(epoch, metrics):
                self._report(current, epoch, metrics)
            case Trained():
                self._complete(current, message)
            case Rejected(reason):
                current.trial.set_constraint("feasible", 1.0)
                self._end(current, TrialState.PRUNED, reason=f"infeasible: {reason}")
            case Failed(reason, traceback):
                self._fail(current, reason, traceback)
            case Died(reason):
                self._restart(current, reason)
            case Blocked(reason):
                raise SearchError(reason)

    def _report(self, current: Open, epoch: int, metrics: Mapping[str, float]) -> None:
        """Let the worker go on first: writing to the tracker must not hold it up.

        A step is the number of epochs done, in both stores: what people count, and what pruners take for a resource.
        """
        step = epoch + 1
        promising = self._study.report(current.trial, step, metrics[self._study.goal.metric])
        # After its last epoch a trial has cost what it can: it is complete, whatever the pruner thinks of it.
        go_on = promising or step == current.job.epochs
        self._engine.answer(current.job.number, go_on)
        current.pruned = not go_on
        for name, number in metrics.items():
            current.history[name].append(number)
        current.run.log_metrics(metrics, step=step)
        self._progress.epoch(current.job.number, step, metrics)

    def _complete(self, current: Open, trained: Trained) -> None:
        measured = recording.measured(trained, current.history)
        # Before the model, which takes them along.
        current.run.log_metrics(measured)
        address = recording.record(current.run, current.title, trained, current.history, self._images)
        kept = {name: value for name, value in measured.items() if "." not in name}
        for name, value in {**kept, "model": address}.items():
            current.trial.set_user_attr(name, value)
        state = TrialState.PRUNED if current.pruned else TrialState.COMPLETE
        after = f"after {len(current.history['loss'])} of {current.job.epochs} epochs"
        reason = {"pruned": after, "early": f"stopped early {after}", None: ""}[trained.stopped]
        self._errors_in_a_row = 0
        self._end(current, state, measured[f"best_{self._study.goal.metric}"], reason)

    def _fail(self, current: Open, reason: str, traceback: str) -> None:
        if traceback:
            current.run.log_text("traceback.txt", traceback)
        goal = self._study.goal
        recording.record_unfinished(current.run, current.title, current.history, goal, current.parameters)
        self._end(current, TrialState.FAIL, reason=reason)
        self._errors_in_a_row = self._errors_in_a_row + 1 if traceback else 0
        if self._errors_in_a_row == ERRORS_IN_A_ROW:
            raise SearchError(
                f"{ERRORS_IN_A_ROW} trials in a row failed by an error in the code, the last by {reason}; "
                f"its traceback is the artifact traceback.txt of run {current.title}"
            )

    def _restart(self, current: Open, reason: str) -> None:
        """Let another worker go on with the same trial, unless it has taken too many of them with it."""
        current.restarts += 1
        if current.restarts > RESTARTS:
            self._end(current, TrialState.FAIL, reason=f"{reason}, for the {current.restarts}th time")
            return
        self._progress.note(f"trial {current.job.number}: {reason}; it goes on from its last epoch")
        current.history.clear()
        self._engine.start(current.job)

    def _end(self, current: Open, state: TrialState, value: float | None = None, reason: str = "") -> None:
        """Finish the run, then tell Optuna: a trial that is over has a run that is whole."""
        if reason:
            current.trial.set_user_attr("reason", reason)
        current.run.set_tags({"search.state": state.name} | ({"search.reason": reason} if reason else {}))
        current.run.finish(Status.FAILED if state == TrialState.FAIL else Status.FINISHED)
        number = current.job.number
        self._study.tell(current.trial, state, value if state == TrialState.COMPLETE else None)
        del self._open[number]
        self._finished += 1
        rmtree(current.job.folder, ignore_errors=True)
        if state == TrialState.COMPLETE and value is not None:
            better = self._best is None or self._study.goal.better(value, self._best[0])
            self._best = (value, number) if better else self._best
        self._count()
        self._progress.ended(number, WORDS[state], value, reason)

    def _count(self) -> None:
        self._progress.count(self._study.standing(), self._best)


WORDS = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


def _label(trial: optuna.Trial, parameters: Mapping[str, Choice]) -> str:
    """Return what a person knows a trial by: the row of the report, or a few of its hyperparameters."""
    if "baseline" in trial.user_attrs:
        name = trial.user_attrs["baseline"]
        row = next((b for b in baselines.everything() if b.name == name), None)
        return f"baseline {name}" + (f" ({row.label})" if row else "")
    return short(parameters)
