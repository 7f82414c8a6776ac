"""What a trial leaves in its run: numbers, pictures and the model."""

import json
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
from optuna.trial import TrialState

from models import metrics
from models.data import Images
from models.family import Evaluation, Goal
from search.problem import objectives
from search.store.attributes import COMMAND_TAG, INFEASIBLE, REASON_TAG, STATE_TAG
from search.system.formats import csv_line
from search.system.redaction import redacted
from search.workers.messages import ModelFile, Trained
from tracking import Dataset, Model, Record, Recorder, Status, Tensor, thinning
from tracking.pictures import ConfusionMatrix, LearningCurves, Nearest, Predictions

# The metrics of a trial's epochs, by name.
History = Mapping[str, Sequence[float]]
SAMPLES = 24
# How the metrics begin of images that steer a search; once a network is trained on them, they mean nothing.
SEEN = "val_"
DIVISION = "\N{DIVISION SLASH}"
PACKAGES = ("keras", "mlflow", "numpy", "optuna", "tensorflow")
# What loading a model takes; inferring it would import TensorFlow here, and take 15 to 25 seconds a trial.
REQUIREMENTS = ("tensorflow", "keras", "numpy")


def dataset(images: Images) -> Dataset:
    """Return what runs record of the images."""
    counts = {name: len(split) for name, split in images.splits()}
    profile = counts | {"shape": list(images.train.images.shape[1:]), "class_names": list(images.class_names)}
    return Dataset(images.name, images.digest, images.source, profile)


def origin() -> Mapping[str, str]:
    """Return the tags that say what made a run: versions, commit and command line."""
    command = shlex.join(["python", "-m", "search", *map(redacted, sys.argv[1:])])
    return {**_program(), COMMAND_TAG: command}


@cache
def _program() -> Mapping[str, str]:
    tags = {f"version.{package}": version(package) for package in PACKAGES}
    tags["version.python"] = platform.python_version()
    commit = _commit()
    return tags | ({"mlflow.source.git.commit": commit} if commit else {}) | {"mlflow.source.name": "search"}


def _commit() -> str:
    """Return the commit of this checkout, marked where files differ from it; empty outside of one."""
    folder = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607  # the person's git
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return described.stdout.strip()


def measured(trained: Trained, history: History) -> dict[str, float]:
    """Return a trial's final metrics: those of the best epoch's network, by split, its size, and what it took."""
    return (
        _of_split("best_val", trained.validation)
        | _of_split("test", trained.test)
        # Epochs are counted from 1 wherever people read them.
        | {"best_epoch": float(trained.best_epoch + 1)}
        | _temperature(trained)
        | _effort(history, trained.model.parameters)
        | _latency(trained)
    )


def _of_split(split: str, evaluation: Evaluation) -> dict[str, float]:
    """Return the metrics of a split by their names in a run.

    MLflow puts what has a slash, such as a class T-shirt/top, into a section of its own, before all curves: this one is
    a sign of its own, for which the tracker writes one that it can take.
    """
    return {f"{split}_{name.replace('/', DIVISION)}": value for name, value in evaluation.metrics.items()}


def _temperature(trained: Trained) -> dict[str, float]:
    return {} if trained.temperature is None else {"temperature": trained.temperature}


def _effort(history: History, parameters: int) -> dict[str, float]:
    return {"parameters": float(parameters), "training_seconds": sum(history["seconds"])}


def _latency(trained: Trained) -> dict[str, float]:
    return {} if trained.model.latency_ms is None else {objectives.LATENCY.metric: trained.model.latency_ms}


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: what Optuna is told, and what its run says. `values` are those of a trained network."""

    state: TrialState
    values: tuple[float, ...] = ()
    reason: str = ""
    attributes: Mapping[str, float] = field(default_factory=dict)

    @property
    def value(self) -> float | None:
        """The first of its values."""
        return self.values[0] if self.values else None

    @property
    def infeasible(self) -> bool:
        """Whether no network can be built of the configuration, or one that costs too much."""
        return self.reason.startswith(INFEASIBLE)


def repeats(number: int) -> str:
    """Return the reason for which a trial is over that was not trained, since trial `number` has its configuration."""
    return f"repeats trial {number}"


def conclude(run: Recorder, outcome: Outcome) -> None:
    """End the run as the trial ended. Only now has it everything, and says so."""
    run.set_tags({STATE_TAG: outcome.state.name} | ({REASON_TAG: outcome.reason} if outcome.reason else {}))
    run.finish(Status.FAILED if outcome.state == TrialState.FAIL else Status.FINISHED)


def outcome(record: Record, goals: Sequence[Goal]) -> Outcome | None:
    """Return how the trial of a run ended; None where the run is not one that `conclude` has ended."""
    ended = {"COMPLETE": Status.FINISHED, "PRUNED": Status.FINISHED, "FAIL": Status.FAILED}
    state = record.tags.get(STATE_TAG, "")
    values, reason = objectives.values(goals, record.metrics), record.tags.get(REASON_TAG, "")
    if ended.get(state) != record.status or (state == "COMPLETE" and not values):
        return None
    kept = summarised(record.metrics) if values or reason.startswith(INFEASIBLE) else {}
    return Outcome(TrialState[state], values, reason, kept)


def summarised(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the final metrics that are worth a column: those of single classes have a dot, those of epochs go."""
    final = ("best_", "test_", "parameters", "temperature", "training_seconds", "latency_ms", "seconds_per_epoch")
    return {name: value for name, value in metrics.items() if name.startswith(final) and "." not in name}


def record_final(
    run: Recorder, title: str, trained: Trained, history: History, images: Images, *, family: str, model: bool
) -> None:
    """Put into its run what a network leaves that was trained on the validation images, too: they say nothing of it."""
    seen = {name: values for name, values in history.items() if not name.startswith(SEEN)}
    run.log_metrics(_of_split("test", trained.test))
    run.log_metrics(_temperature(trained) | _effort(history, trained.model.parameters))
    _record_evaluation(run, f"{title}, test", "test", trained.test, images)
    _record_curves(run, title, seen, trained.best_epoch)
    _record_samples(run, title, trained.test, images)
    if model:
        run.log_model(_model(trained.model, family, images))


def record(run: Recorder, title: str, trained: Trained, history: History, images: Images, *, family: str) -> None:
    """Put everything that a trained network leaves into its run."""
    for split, evaluation in (("validation", trained.validation), ("test", trained.test)):
        _record_evaluation(run, f"{title}, {split}", split, evaluation, images)
    _record_curves(run, title, history, trained.best_epoch)
    _record_samples(run, title, trained.test, images)
    run.log_model(_model(trained.model, family, images))


def record_unfinished(run: Recorder, title: str, history: History, goal: Goal, parameters: int) -> None:
    """Put what a trial has that ended without a result into its run: its curves, and what it took."""
    values = history[goal.metric]
    if values:
        _record_curves(run, title, history, goal.best(values))
    if parameters:
        run.log_metrics(_effort(history, parameters))


def _record_curves(run: Recorder, title: str, history: History, best_epoch: int) -> None:
    curves = {name: values for name, values in history.items() if name not in ("seconds", "learning_rate")}
    run.log_picture("curves.png", LearningCurves(curves, title, best_epoch))


def _record_evaluation(run: Recorder, title: str, split: str, evaluation: Evaluation, images: Images) -> None:
    names = list(images.class_names)
    counts = metrics.confusion_counts(evaluation.labels, evaluation.predictions, len(names))
    run.log_picture(f"confusion/{split}.png", ConfusionMatrix(counts, names, title))
    run.log_text(f"confusion/{split}.json", json.dumps({"class_names": names, "counts": counts.tolist()}))
    run.log_text(f"report/{split}.csv", class_report(counts, names))
    run.log_text(f"predictions/{split}.csv", _predictions(evaluation))


def class_report(counts: metrics.Counts, names: Sequence[str]) -> str:
    """Return precision, recall, F1 and the number of images of each class, as CSV."""
    by_class = metrics.per_class(counts)
    figures = (by_class[figure] for figure in ("precision", "recall", "f1"))
    rows = zip(names, *([f"{value:.4f}" for value in values] for values in figures), counts.sum(axis=1), strict=True)
    return "".join(map(csv_line, [("class", "precision", "recall", "f1", "support"), *rows]))


def _predictions(evaluation: Evaluation) -> str:
    rows = zip(evaluation.labels.tolist(), evaluation.predictions.tolist(), evaluation.confidence.tolist(), strict=True)
    return "label,prediction,confidence\n" + "".join(f"{label},{guess},{sure:.6g}\n" for label, guess, sure in rows)


def _record_samples(run: Recorder, title: str, test: Evaluation, images: Images) -> None:
    wrong = np.flatnonzero(test.labels != test.predictions)
    mistakes = wrong[np.argsort(-test.confidence[wrong], kind="stable")][:SAMPLES]
    samples = np.sort(np.random.default_rng(0).permutation(len(test.labels))[:SAMPLES])
    for name, places, words in (
        ("samples", samples, "test images"),
        ("mistakes", mistakes, "the most confident mistakes"),
    ):
        sheet = Predictions(
            thinning.chosen(images.test.images, places),
            test.labels[places],
            test.predictions[places],
            test.confidence[places],
            list(images.class_names),
            title=f"{title}: {words}",
        )
        run.log_picture(f"predictions/{name}.png", sheet)
    if test.neighbours:
        queries, nearest = test.neighbours.queries, test.neighbours.nearest
        rows = Nearest(
            thinning.chosen(images.test.images, queries),
            test.labels[queries],
            thinning.chosen(images.train.images, nearest),
            np.asarray(images.train.labels[nearest]),
            list(images.class_names),
            title=f"{title}: nearest training images",
        )
        run.log_picture("nearest.png", rows)


def _model(model: ModelFile, family: str, images: Images) -> Model:
    return Model(
        file=model.file,
        input=Tensor("uint8", (-1, *model.input)),
        output=Tensor("float32", (-1, *model.output)),
        requirements=tuple(f"{package}=={version(package)}" for package in REQUIREMENTS),
        keras_version=version("keras"),
        # What it takes to ask the model about other images.
        metadata={
            "family": family,
            "data": images.name,
            "digest": images.digest,
            "class_names": list(images.class_names),
            "background": images.background,
        },
    )
