"""What studies have come to, read from Optuna alone: quickly, and while a search is going on."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import PurePath
from typing import Any, Literal, TypeVar

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from models import data
from models.family import Goal
from search.policies.samplers import SOURCE
from search.problem import baselines, objectives
from search.problem.baselines import Baseline
from search.problem.parts import caveat
from search.store import storage
from search.store.against import Against, margin
from search.store.attributes import (
    BASELINE,
    CAVEAT,
    EPOCHS,
    IDENTITY,
    ORIGIN,
    PATIENCE,
    REASON,
    REPEAT_OF,
    RUN_ID,
    SETTINGS,
    START,
    TRACEBACK,
    Standing,
    confirmed,
    first_run_name,
    left_model,
    removal,
    run_of,
    standing,
)
from search.store.attributes import best as best_of
from search.store.dashboard_notes import COUNTS
from search.system import next_commands
from search.system.errors import SearchError, UsageError
from tracking import model_address

Read = TypeVar("Read")


@dataclass(frozen=True)
class Result:
    """One trial, as it stands in Optuna. `value` is its best epoch's, or the last reported one's, of the study's goal.

    `model` is the address of its network, empty where it has none; `removed` says when that was removed, and by what.

    `source` says where its configuration came from: the report, what a search begins with, or what drew it; empty where
    nothing says so.

    `budget` and `patience` are those of a report's row that was run as the report did; None where they are the study's.

    `seconds` are those of its training, without what it waited for others; where it has told none, as where it failed,
    those from its begin to its end.
    """

    study: str
    number: int
    state: str
    value: float | None
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    baseline: str | None
    source: str
    reason: str
    caveat: str
    model: str
    removed: str
    run: str
    traceback: str
    epochs: int
    budget: int | None
    patience: int | None
    seconds: float | None

    @property
    def name(self) -> str:
        """As people type it: `lenet5/17`."""
        return f"{self.study}/{self.number}"

    @property
    def removal(self) -> str:
        """What became of a model that was removed, and what brings it back; empty where none was."""
        again = f"`{next_commands.command('reproduce', self.name)}` trains it again"
        return f"removed {self.removed}; {again}" if self.removed else ""

    @property
    def epoch_seconds(self) -> float | None:
        """What an epoch took on average, of training alone."""
        spent = self.metrics.get("training_seconds")
        return spent / self.epochs if spent is not None and self.epochs else None


@dataclass(frozen=True)
class Summary:
    """One study.

    `asked_for` is None where there are to be as many trials as there is time for. Where it has `costs` beside its goal,
    `pareto` are the trials between which one has to choose.
    """

    name: str
    family: str
    goal: Goal
    standing: Standing
    asked_for: int | None
    settings: Mapping[str, Any]
    best: Result | None
    repeats: int = 0
    costs: tuple[Goal, ...] = ()
    pareto: tuple[int, ...] = ()
    # What `confirm` came to, as it is told to programs; empty where nothing was confirmed.
    confirmed: Mapping[str, Any] = field(default_factory=dict)
    # Of all its images; empty where the study does not say. Only what has the same can be ranked.
    digest: str = ""

    @property
    def goals(self) -> tuple[Goal, ...]:
        """All objectives, the one by which trials are called best first."""
        return self.goal, *self.costs

    @property
    def progress(self) -> str:
        """How many trials are over, and of how many."""
        return f"{self.done.replace('/', ' of ')} {'trial' if self.done == '1' else 'trials'} finished"

    @property
    def done(self) -> str:
        """The same in figures: `3/20`, or `3` where no more were asked for."""
        finished = self.standing.finished
        return str(finished) if self.asked_for is None or finished > self.asked_for else f"{finished}/{self.asked_for}"

    @property
    def images(self) -> str:
        """What it was searched on, as people call it."""
        name, most = PurePath(self.settings.get("data", "?")).name, self.settings.get("images")
        return name if most is None else f"{name}, {most:,} training images"

    @property
    def reported(self) -> Baseline | None:
        """The row with which a report did best, where the best trial can stand beside it."""
        row, best = baselines.best(self.family), self.best
        return row if row and best and row.is_comparable(self.settings, best.budget) else None

    @property
    def against(self) -> Against | None:
        """The best trial beside that row; None where there is nothing to compare."""
        row = self.reported
        if row is None or self.best is None:
            return None
        metric, found = row.headline[0], self.best.metrics
        # A threshold of distances belongs to a network: the report's is made for its own, and says nothing of others.
        ours = found.get(f"{metric}_at_best", found.get(metric))
        return None if ours is None else Against(row, ours)

    @property
    def steered(self) -> float:
        """What validation said of the best trial, by which studies are ranked: the test images must not choose."""
        if self.best is None or self.best.value is None:
            return -inf
        return self.best.metrics.get("best_val_accuracy", self.best.value)

    @property
    def test_margin(self) -> float | None:
        """Half of a 95 % interval of the best trial's test accuracy; None where nobody knows of how many images."""
        test = self.best.metrics.get("test_accuracy") if self.best else None
        images = data.test_images(self.settings.get("data", ""))
        return None if test is None or images is None else margin(test, images)

    @property
    def title(self) -> str:
        """The study's name, and what has to stand beside its results."""
        beside = caveat(self.settings.get("weights", ""))
        return f"{self.name} ({beside})" if beside else self.name


# Python also takes other scripts' digits for a number, and gives up on very long ones.
TRIAL_NUMBER = re.compile(r"[0-9]{1,9}")
# User attributes that are not metrics.
# Where a trial came from that was not drawn.
BEGAN = ("report", "start")
WORDS = (BASELINE, START, SOURCE, CAVEAT, EPOCHS, PATIENCE, REASON, TRACEBACK, RUN_ID, REPEAT_OF, ORIGIN)


def result(study: str, trial: FrozenTrial, of_study: Mapping[str, Any]) -> Result:
    """Return what a trial has come to; `of_study` are its study's user attributes."""
    attributes = trial.user_attrs
    run, removed = run_of(trial, of_study), of_study.get(removal(trial.number), "")
    last = trial.intermediate_values.get(trial.last_step) if trial.last_step is not None else None
    return Result(
        study=study,
        number=trial.number,
        state=trial.state.name,
        value=(trial.values or [None])[0] if trial.state == TrialState.COMPLETE else last,
        parameters=trial.params,
        metrics={
            name: int(value) if name in COUNTS else value for name, value in attributes.items() if name not in WORDS
        },
        baseline=attributes.get(BASELINE),
        source=source(attributes),
        reason=attributes.get(REASON, ""),
        caveat=attributes.get(CAVEAT, ""),
        model=model_address(run, first_run_name(study, trial.number, of_study))
        if run and left_model(trial) and not removed
        else "",
        removed=removed,
        run=run,
        traceback=attributes.get(TRACEBACK, ""),
        epochs=len(trial.intermediate_values),
        budget=attributes.get(EPOCHS),
        patience=attributes.get(PATIENCE),
        seconds=attributes.get("training_seconds", trial.duration.total_seconds() if trial.duration else None),
    )


def source(attributes: Mapping[str, Any]) -> str:
    """Return where a trial came from, by its attributes; empty where nothing says so."""
    report, start = BEGAN
    if BASELINE in attributes:
        return report
    return start if START in attributes else str(attributes.get(SOURCE, ""))


def summary(study: optuna.Study) -> Summary:
    """Return what a study has come to. Raises `UsageError` where it cannot be read."""
    with storage.legible_study(study):
        return _summed_up(study, storage.outlines(study))


def _summed_up(study: optuna.Study, trials: Sequence[FrozenTrial]) -> Summary:
    attributes = study.user_attrs
    settings = attributes.get(SETTINGS, {})
    identity = attributes.get(IDENTITY, {})
    metrics = identity.get("goal", "value").split(",")
    goal, *costs = [Goal(*found) for found in zip(metrics, map(_word, study.directions), strict=False)]
    best = best_of(trials, goal)
    complete = {trial.number: trial.values for trial in trials if trial.state == TrialState.COMPLETE and trial.values}
    return Summary(
        name=study.study_name,
        family=settings.get("family", "?"),
        goal=goal,
        standing=standing(trials),
        asked_for=settings.get("trials", len(trials)),
        settings=settings,
        best=result(study.study_name, storage.whole(study, trials[best[1]]), attributes) if best else None,
        repeats=len(storage.marked(study, REPEAT_OF)),
        confirmed=confirmed(attributes),
        costs=tuple(costs),
        pareto=objectives.pareto(complete, (goal, *costs)),
        digest=identity.get("data", ""),
    )


def _word(direction: optuna.study.StudyDirection) -> Literal["maximize", "minimize"]:
    return "maximize" if direction == optuna.study.StudyDirection.MAXIMIZE else "minimize"


def pareto(study: optuna.Study, found: Summary) -> list[Result]:
    """Return the trials of the Pareto set, in its order; none where there is one objective."""
    trials, of_study = storage.outlines(study) if found.pareto else [], study.user_attrs
    return [result(found.name, storage.whole(study, trials[number]), of_study) for number in found.pareto]


def summaries(store: RDBStorage, passed: Callable[[str], None]) -> list[Summary]:
    """Return what every study has come to, by name. `passed` is told of each that cannot be read."""
    return list(each(store, lambda name: summary(storage.load(store, name)), passed))


def each(store: RDBStorage, read: Callable[[str], Read], passed: Callable[[str], None]) -> Iterator[Read]:
    """Yield what is read of every study, by name; `passed` is told of each that cannot be, and why."""
    for name in storage.names(store):
        try:
            found = read(name)
        except UsageError as error:
            passed(f"passed over: {error}")
        else:
            yield found


def results(study: optuna.Study) -> list[Result]:
    """Return every trial of a study that has begun, in order."""
    return _begun(study, study.get_trials(deepcopy=False))


def _begun(study: optuna.Study, trials: Sequence[FrozenTrial]) -> list[Result]:
    of_study = study.user_attrs
    return [result(study.study_name, trial, of_study) for trial in trials if trial.state != TrialState.WAITING]


def finished(store: RDBStorage, name: str) -> int:
    """Return how many trials of a study are over; 0 where there is no such study, or it was only about to begin."""
    return summary(storage.load(store, name)).standing.finished if storage.remembered(store, name) else 0


def everything(study: optuna.Study) -> tuple[Summary, list[Result]]:
    """Return what a study has come to and every trial that has begun, both as of one moment: they are read once.

    Raises `UsageError` where it cannot be read.
    """
    with storage.legible_study(study):
        trials = study.get_trials(deepcopy=False)
        return _summed_up(study, trials), _begun(study, trials)


def named(store: RDBStorage, name: str) -> Result:
    """Return the trial named `STUDY/NUMBER`, or the best one of the study `STUDY`. Raises `UsageError`."""
    if "/" in name:
        return one(store, name)
    return best(summary(storage.load(store, name)))


def best(found: Summary) -> Result:
    """Return the best trial of a study. Raises `SearchError` where none is complete."""
    if found.best is None:
        raise SearchError(
            f"study {found.name} has no complete trial yet; see `{next_commands.command('show', found.name)}`"
        )
    return found.best


def one(store: RDBStorage, name: str) -> Result:
    """Return the trial named `STUDY/NUMBER`. Raises `UsageError`."""
    study_name, _, number = name.rpartition("/")
    study = storage.load(store, study_name)
    with storage.legible_study(study):
        trials = storage.outlines(study)
        if not TRIAL_NUMBER.fullmatch(number) or int(number) >= len(trials):
            there = f"{study_name}/0 to {study_name}/{len(trials) - 1}" if trials else "none yet"
            raise UsageError(f"no trial {name!r}; there are: {there}")
        return result(study_name, storage.whole(study, trials[int(number)]), study.user_attrs)
