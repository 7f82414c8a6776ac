"""I6 to I9: a run holds what its trial came to, and all that was promised of it."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from models import metrics
from search.analysis import predictions
from search.doctor.findings import Finding, Id
from search.doctor.snapshot import Snapshot
from search.problem import objectives, space
from search.recording import artifacts
from search.store.attributes import (
    CORRECTED_TAG,
    DIFFERS_TAG,
    MISSING_TAG,
    RECONSTRUCTED_TAG,
    REPEAT_OF,
    infeasible,
    removal,
)
from tracking import MODEL_REMOVED_TAG, MODEL_TAG, Record, recorded

MODEL = "model"
# What `recording.record` leaves of every trained network, as a test compares; and the model.
PROMISED: Final = frozenset(
    {
        f"{kind}/{split}.{end}"
        for split in ("validation", "test")
        for kind, end in (
            ("confusion", "png"),
            ("confusion", "json"),
            ("report", "csv"),
            ("predictions", "csv"),
        )
    }
    | {"curves.png", "predictions/samples.png", "predictions/mistakes.png"}
)
# The accuracies that can be counted again, and where the counts are.
COUNTED: Final = {"best_val_accuracy": "confusion/validation.json", "test_accuracy": "confusion/test.json"}


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield what runs hold otherwise than their trials, and what they lack."""
    for trial, run in snapshot.over():
        yield from _parameters(snapshot, trial, run)
        yield from _history(snapshot, trial, run)
        if _trained(trial) and RECONSTRUCTED_TAG not in run.tags:
            counted, torn = _counted(snapshot, run)
            yield from _results(snapshot, trial, run, counted)
            yield from _artifacts(snapshot, trial, run, torn)
            yield from _removal(snapshot, trial, run)
        else:
            yield from _results(snapshot, trial, run, {})


def _trained(trial: FrozenTrial) -> bool:
    if REPEAT_OF in trial.user_attrs:
        return False
    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED) and not infeasible(trial)


def _noted(
    snapshot: Snapshot, invariant: Id, trial: FrozenTrial, run: Record, tag: str, texts: list[str]
) -> Iterator[Finding]:
    """Yield what cannot be mended, unless the run's tag says so already."""
    text = "; ".join(texts)
    if texts and run.tags.get(tag) != text:
        yield Finding(
            invariant,
            snapshot.name,
            trial.number,
            text,
            f"noted in the run's tag {tag}; what Optuna has counts",
            lambda: snapshot.tools.tracker.reopen(run.id).set_tags({tag: text}),
        )


def _results(snapshot: Snapshot, trial: FrozenTrial, run: Record, counted: Mapping[str, float]) -> Iterator[Finding]:
    complete = trial.state == TrialState.COMPLETE and trial.values
    told = dict(zip(objectives.recorded(snapshot.study.goals), trial.values, strict=False)) if complete else {}
    known = artifacts.summarised(trial.user_attrs) | told
    finite = {name: value for name, value in known.items() if math.isfinite(value)}
    missing = {name: value for name, value in finite.items() if name not in run.metrics}
    if missing:
        yield Finding(
            "I6",
            snapshot.name,
            trial.number,
            f"its run lacks {', '.join(sorted(missing))}",
            "they are recorded from Optuna",
            lambda: snapshot.tools.tracker.reopen(run.id).log_metrics(missing),
        )
    differing = [
        f"{name} is {value!r} in Optuna and {found[name]!r} {where}"
        for found, where in ((run.metrics, "in its run"), (counted, "by its confusion matrix"))
        for name, value in sorted(finite.items())
        if name in found and found[name] != value
    ]
    # Optuna keeps each objective twice, and of two that differ the first counts.
    for name, value in told.items():
        said = trial.user_attrs.get(name, value)
        if said != value:
            differing.append(f"{name} is {value!r} as its value and {said!r} as its attribute")
    yield from _noted(snapshot, "I6", trial, run, CORRECTED_TAG, differing)


def _parameters(snapshot: Snapshot, trial: FrozenTrial, run: Record) -> Iterator[Finding]:
    missing = {name: value for name, value in trial.params.items() if name not in run.parameters}
    if missing:
        yield Finding(
            "I7",
            snapshot.name,
            trial.number,
            f"its run lacks {', '.join(sorted(missing))}",
            "they are recorded from Optuna",
            lambda: snapshot.tools.tracker.reopen(run.id).log_parameters(missing),
        )
    differing = [
        f"{name} is {value} in Optuna and {run.parameters[name]} in its run"
        for name, value in sorted(trial.params.items())
        if run.parameters.get(name, str(value)) != str(value)
    ]
    outside = [
        f"{name} {value} is outside of {space.describe(trial.distributions[name])}"
        for name, value in sorted(trial.params.items())
        if not space.contains(trial.distributions[name], value)
    ]
    yield from _noted(snapshot, "I7", trial, run, f"{DIFFERS_TAG}.parameters", differing + outside)


def _history(snapshot: Snapshot, trial: FrozenTrial, run: Record) -> Iterator[Finding]:
    metric = snapshot.study.goal.metric
    known = {step: value for step, value in sorted(trial.intermediate_values.items()) if math.isfinite(value)}
    recorded = snapshot.curves(run) if known or metric in run.metrics else []
    there = dict(recorded)
    missing = {step: value for step, value in known.items() if step not in there}
    if missing:
        yield Finding(
            "I8",
            snapshot.name,
            trial.number,
            f"its run lacks {metric} of epoch {_listed(missing)}",
            "they are recorded from Optuna",
            partial(_upload, snapshot, run, missing),
        )
    steps = [step for step, _ in recorded]
    twice = sorted({step for step in steps if steps.count(step) > 1})
    gaps = sorted(set(range(1, max(trial.intermediate_values, default=0))) - trial.intermediate_values.keys())
    differing = [
        *(f"{metric} of epoch {step} stands twice in its run" for step in twice),
        *(f"{metric} of epoch {step} is in its run alone" for step in sorted(there.keys() - known.keys())),
        *(f"{metric} of epoch {step} is missing in Optuna" for step in gaps),
        *(
            f"{metric} of epoch {step} is {value!r} in Optuna and {there[step]!r} in its run"
            for step, value in known.items()
            if step not in twice and there.get(step, value) != value
        ),
    ]
    yield from _noted(snapshot, "I8", trial, run, f"{DIFFERS_TAG}.history", differing)


def _listed(steps: Mapping[int, float]) -> str:
    return ", ".join(str(step) for step in steps)


def _upload(snapshot: Snapshot, run: Record, missing: Mapping[int, float]) -> None:
    opened = snapshot.tools.tracker.reopen(run.id)
    for step, value in missing.items():
        opened.log_metrics({snapshot.study.goal.metric: value}, step)


def _counted(snapshot: Snapshot, run: Record) -> tuple[dict[str, float], set[str]]:
    """Return the accuracies that follow from the recorded counts, and the artifacts that are damaged."""
    found: dict[str, float] = {}
    torn: set[str] = set()
    for metric, artifact in COUNTED.items():
        if artifact in run.artifacts:
            counts = snapshot.tracker.read(run.id, artifact)
            try:
                found[metric] = metrics.accuracy(np.array(json.loads(counts)["counts"]))
            # What a file that is torn or of another kind makes JSON and NumPy raise.
            except (ValueError, KeyError, TypeError, ZeroDivisionError):
                torn.add(artifact)
                continue
            listed = artifact.replace("confusion", "predictions").replace("json", "csv")
            read = partial(predictions.parsed, run.name, counts)
            if listed in run.artifacts and not _is_whole(read, snapshot, run, listed):
                torn.add(listed)
    pictures = (name for name in run.artifacts if name in PROMISED and name.endswith(".png"))
    return found, torn.union(name for name in pictures if not _is_whole(predictions.whole, snapshot, run, name))


def _is_whole(read: Callable[[bytes], object], snapshot: Snapshot, run: Record, artifact: str) -> bool:
    try:
        read(snapshot.tracker.read(run.id, artifact))
    except ValueError:
        return False
    return True


def _artifacts(snapshot: Snapshot, trial: FrozenTrial, run: Record, torn: set[str]) -> Iterator[Finding]:
    missing = PROMISED.difference(run.artifacts) | torn
    if run.id not in snapshot.networks and not (recorded(run.tags) and _removed(snapshot, trial, run)):
        missing |= {MODEL}
    known = set(run.tags.get(MISSING_TAG, "").split(", "))
    if missing - known:
        text = ", ".join(sorted(missing))
        yield Finding(
            "I9",
            snapshot.name,
            trial.number,
            f"missing or damaged in its run: {text}",
            f"noted in the run's tag {MISSING_TAG}",
            lambda: snapshot.tools.tracker.reopen(run.id).set_tags({MISSING_TAG: text}),
        )


def _removed(snapshot: Snapshot, trial: FrozenTrial, run: Record) -> bool:
    """Whether a run says that its model was removed on purpose: when it was read or, of a living driver, by now."""
    now = snapshot.tracker.find(snapshot.name, snapshot.key(trial)) if snapshot.driver else None
    return MODEL_REMOVED_TAG in (run.tags if now is None else now.tags)


def _removal(snapshot: Snapshot, trial: FrozenTrial, run: Record) -> Iterator[Finding]:
    """Yield where run and study do not say the same of a model that was removed, and where that was cut short."""
    said, tagged = snapshot.attributes.get(removal(trial.number), ""), run.tags.get(MODEL_REMOVED_TAG, "")
    if snapshot.driver or (bool(said) == bool(tagged) and not (tagged and MODEL_TAG in run.tags)):
        return
    if tagged and MODEL_TAG in run.tags:
        text, repair = "the removal of its model was cut short", "what is left of it is removed"
    elif tagged:
        text, repair = "its model was removed, and Optuna does not say so", "Optuna is told"
    else:
        text, repair = "its model was removed, as Optuna says, and its run does not", "Optuna is told that it was not"
    yield Finding("I9", snapshot.name, trial.number, text, repair, partial(_note_removal, snapshot, trial, run, tagged))


def _note_removal(snapshot: Snapshot, trial: FrozenTrial, run: Record, reason: str) -> None:
    if reason:
        snapshot.tools.tracker.reopen(run.id).remove_model(reason)
    snapshot.study.note(removal(trial.number), reason)
