"""`retrain`: a trial's configuration with other epochs, another seed, or on all images but the test ones."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from search.analysis import predictions
from search.analysis.paired import pair
from search.commands.retrain import trained
from search.driver.repeating import Repeating, repeating
from search.output import suggestions
from search.output.tables import Cell, Format, Points, Sheet, as_json, sheets
from search.problem.settings import Place
from search.store.attributes import RETRAINED_TAG, RETRAINING
from search.store.results import Result
from search.system import next_commands
from search.system.errors import UsageError
from search.workers.messages import Job
from tracking import Record, Status, Tracker, model_address


@dataclass(frozen=True)
class Retrained:
    """A trial, and the run in which it was trained again. `sentence` compares what they said of the test images."""

    trial: Result
    run: Record
    trained_before: bool
    sentence: str

    @property
    def model(self) -> str:
        """The address under which MLflow loads the network."""
        return model_address(self.run.id, self.run.name)

    @property
    def metrics(self) -> dict[str, float]:
        """What the run came to."""
        return {name: value for name, value in self.run.metrics.items() if "." not in name}

    def data(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {
            "trial": self.trial.name,
            "run": self.run.id,
            "model": self.model,
            "trained_before": self.trained_before,
            "metrics": self.metrics,
            "sentence": self.sentence,
        }


def retrain(
    name: str, place: Place, *, epochs: int | None, all_images: bool, seed: int | None, engine: str | None
) -> Retrained:
    """Train a trial again, unless that was done before. Raises `UsageError` and `SearchError`."""
    with trained.opened(name, place, engine) as (trial, _, study):
        if not all_images and seed is None:
            _require_others(epochs, trial.budget or study.settings.epochs, name)
        what = f"training {name} again{', on all images but the test ones' if all_images else ''}"
        images = study.images.all_to_train() if all_images else study.images
        with repeating(study, images, before=what, **trained.one_worker(study)) as opened:
            job = _job(opened, trial, epochs, seed, all_images=all_images)
            record = opened.trial_runs.found(job.key)
            before = record is not None and record.status == Status.FINISHED
            if record is None or not before:
                tags = {RETRAINED_TAG: name} | opened.of_trial(trial.number)
                task = opened.task(
                    job, what, tags, model=True, validated=not all_images, usual=trial.epoch_seconds or 0.0
                )
                record = trained.run(opened, task)
        return Retrained(trial, record, before, _compared(study.runs, trial, record))


def _require_others(epochs: int | None, usual: int, name: str) -> None:
    """Raise `UsageError` where as many epochs are asked for as there were."""
    if epochs in (None, usual):
        raise UsageError(
            f"{name} would come out as it did: give --epochs (it was {usual}), --all-images or --seed, or see "
            f"`{next_commands.command('reproduce', name)}`"
        )


def _job(opened: Repeating, trial: Result, epochs: int | None, seed: int | None, *, all_images: bool) -> Job:
    parts = [
        *([f"epochs-{epochs}"] if epochs is not None else []),
        *(["all-images"] if all_images else []),
        *([f"seed-{seed}"] if seed is not None else []),
    ]
    same = trained.job(opened, trial, opened.key(RETRAINING, trial.number, *parts), RETRAINING, *parts)
    if seed is not None:
        same = replace(same, seed=seed)
    if epochs is not None:
        same = replace(same, epochs=epochs, until=None)
    if not all_images:
        return replace(same, until=None)
    # Validation, which is trained on now, chose the epoch then; with other epochs nothing has chosen one.
    until = round(trial.metrics.get("best_epoch", trial.epochs)) if epochs is None else None
    return replace(same, until=until, kept="last", temperature=trial.metrics.get("temperature"))


def _compared(tracker: Tracker, trial: Result, record: Record) -> str:
    if not predictions.has_judged(trial):
        return ""
    again = predictions.of_run(tracker, record.id, f"{trial.name} again", trial.study)
    try:
        return pair(predictions.judged(tracker, trial), again).sentences()
    except predictions.Unreadable as error:
        return f"they cannot be compared image by image: {error}"


def printed(found: Retrained, output: Format) -> None:
    """Print the figures of both side by side."""
    if output == "json":
        as_json(found.data())
        return
    before, now = found.trial.metrics, found.metrics
    rows: list[tuple[Cell, ...]] = [
        (name, before[name], now[name], _points(name, before, now)) for name in before if name in now
    ]
    notes = [
        *(["this was trained before; nothing was trained now."] if found.trained_before else []),
        *filter(None, [found.sentence]),
        suggestions.model(found.model),
    ]
    sheets([Sheet("", ("metric", found.trial.name, "again", "points"), rows)], notes, "text")


def _points(name: str, before: Mapping[str, float], now: Mapping[str, float]) -> Points | None:
    shares = 0 <= before[name] <= 1 and 0 <= now[name] <= 1 and not name.endswith(("loss", "temperature"))
    return Points(now[name] - before[name]) if shares else None
