"""`reproduce`: a trial exactly as it was, and whether the same comes out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import Literal

import numpy as np

from search.analysis import predictions
from search.commands.retrain import trained
from search.driver.repeating import Repeating, repeating
from search.output import suggestions
from search.output.tables import Format, as_json, say
from search.problem.settings import Place
from search.store.attributes import REPRODUCES_TAG, REPRODUCTION
from search.store.results import Result
from search.system.wording import counted
from search.workers.execution import Plan
from tracking import Record, Status, Tracker, model_address

# By so much two machines, or two precisions, were seen to differ in accuracy.
TOLERANCE = 0.005
SPLITS: Sequence[Literal["validation", "test"]] = ("validation", "test")
# What a clock measures.
CLOCKED = ("seconds", "training_seconds")
# What of a run's tags can make a difference.
SURROUNDINGS = ("version.", "execution.precision", "execution.threads", "execution.devices", "mlflow.source.git.commit")


@dataclass(frozen=True)
class Reproduced:
    """What came of it. `values` and `surroundings` hold what differs: as it was, and as it is now.

    `predictions` are how many of the images of each split are told another class, as far as that was not `unread`.
    """

    trial: str
    goal: str
    run: str
    model: str
    epochs: int
    compared: int
    values: Mapping[str, tuple[float, float]]
    predictions: Mapping[str, int]
    images: Mapping[str, int]
    surroundings: Mapping[str, tuple[str, str]]
    unread: Sequence[str]

    @property
    def verdict(self) -> Literal["identical", "within tolerance", "different"]:
        """Whether every number is the same to the last bit; or accuracy and goal nearly so."""
        if not self.values and not any(self.predictions.values()):
            return "identical"
        judged = (self.goal, f"best_{self.goal}", "test_accuracy")
        apart = [abs(now - was) for was, now in (self.values[name] for name in judged if name in self.values)]
        return "within tolerance" if max(apart, default=0.0) <= TOLERANCE else "different"


def reproduce(name: str, place: Place, engine: str | None) -> Reproduced:
    """Train a trial again as it was trained, and compare. Raises `UsageError` and `SearchError`."""
    with trained.opened(name, place, engine) as (trial, summary, study):
        tags = study.runs.record(trial.run).tags
        as_then = _plan_as_then(study.plan, tags)
        said = f"training {name} as it was: {counted(trial.epochs, 'epoch')}, {as_then['precision']}"
        with repeating(study, study.images, before=said, **trained.one_worker(study), **as_then) as opened:
            key, number = _next(opened, trial)
            job = trained.job(opened, trial, key, REPRODUCTION, number)
            own = {REPRODUCES_TAG: name} | opened.of_trial(trial.number)
            usual = trial.epoch_seconds or 0.0
            task = opened.task(job, f"{name} as it was", own, model=True, validated=True, usual=usual)
            record = trained.run(opened, task)
        return _compare(study.runs, summary.goal.metric, trial, record)


def _plan_as_then(plan: Plan, tags: Mapping[str, str]) -> dict[str, object]:
    """Return how the plan changes to what a run was trained under, as far as this machine can."""
    threads = tags.get("execution.threads", "")
    return {
        "precision": tags.get("execution.precision", plan.precision),
        "probe": False,
        "threads": int(threads) if threads.isdecimal() else plan.threads,
    }


def _next(opened: Repeating, trial: Result) -> tuple[str, int]:
    """Return the key and number of a reproduction that is not over: a new one, or one that was interrupted."""
    for number in count(1):
        key = opened.key(REPRODUCTION, trial.number, number)
        record = opened.trial_runs.found(key)
        if record is None or record.status in (Status.RUNNING, Status.SCHEDULED):
            return key, number
    raise AssertionError("numbers do not end")


def _compare(tracker: Tracker, goal: str, trial: Result, now: Record) -> Reproduced:
    was = tracker.record(trial.run)
    values, compared = _compare_values(tracker, was, now)
    changed, images, unread = _compare_predictions(tracker, trial, was, now)
    model, surroundings = model_address(now.id, now.name), _compare_surroundings(was, now)
    return Reproduced(
        trial.name, goal, now.id, model, trial.epochs, compared, values, changed, images, surroundings, unread
    )


def _compare_values(tracker: Tracker, was: Record, now: Record) -> tuple[dict[str, tuple[float, float]], int]:
    """Return the last values that differ of each metric, as they were and as they are, and how many were compared."""
    values, compared = {}, 0
    for name in (name for name in was.metrics if name not in CLOCKED):
        then, again = (dict(tracker.values(run.id, name)) for run in (was, now))
        compared += len(then)
        differing = [step for step in then if then[step] != again.get(step)]
        if differing:
            last = differing[-1]
            values[name] = (then[last], again.get(last, float("nan")))
    return values, compared


def _compare_predictions(
    tracker: Tracker, trial: Result, was: Record, now: Record
) -> tuple[dict[str, int], dict[str, int], list[str]]:
    """Return of how many images of each split another class is told, of how many in all, and what cannot be read."""
    changed: dict[str, int] = {}
    images: dict[str, int] = {}
    unread: list[str] = []
    for split in SPLITS if predictions.has_judged(trial) else ():
        try:
            one, other = (predictions.of_run(tracker, run.id, trial.name, trial.study, split) for run in (was, now))
        except predictions.Unreadable as error:
            unread.append(str(error))
            continue
        changed[split] = int(np.not_equal(one.predictions, other.predictions).sum())
        images[split] = len(one.labels)
    return changed, images, unread


def _compare_surroundings(was: Record, now: Record) -> dict[str, tuple[str, str]]:
    """Return what differs of machine, versions and code."""
    names = {name for name in (*was.tags, *now.tags) if name.startswith(SURROUNDINGS)}
    both = {name: (was.tags.get(name, ""), now.tags.get(name, "")) for name in sorted(names)}
    return {name: (then, here) for name, (then, here) in both.items() if was.tags.get(name) != now.tags.get(name)}


def printed(found: Reproduced, output: Format) -> None:
    """Print the verdict, and what differs."""
    if output == "json":
        as_json({"verdict": found.verdict, **asdict(found)})
        return
    if found.verdict == "identical":
        judged = f", and what was said of {sum(found.images.values()):,} images," if found.images else ""
        values = f"{found.compared} values of {counted(found.epochs, 'epoch')}"
        say(f"{found.trial}: identical. All {values}{judged} are the same.")
    else:
        _say_differences(found)
    for name, (was, now) in found.surroundings.items():
        say(f"  {name}: {now or 'none'}, was {was or 'none'}")
    for problem in found.unread:
        say(problem)
    say(suggestions.model(found.model))


def _say_differences(found: Reproduced) -> None:
    say(f"{found.trial}: {found.verdict}. Of {found.compared} values, those of {len(found.values)} metrics differ:")
    for name, (then, again) in found.values.items():
        if "." not in name:
            say(f"  {name}: {again:.6g}, was {then:.6g}")
    for split, apart in found.predictions.items():
        say(f"  {apart:,} of {found.images[split]:,} {split} images are told another class")
