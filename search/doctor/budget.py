"""I10, I11 and I12: a study holds what was asked of it, once, under one space and goal and on the same images."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from search.doctor.findings import Finding
from search.doctor.snapshot import Snapshot
from search.store.attributes import ASKED_FOR, BASELINE, DIFFERS_TAG, EPOCHS, begun, dismissed


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield what a study has twice, too much of, or otherwise than when it was begun."""
    yield from baselines(snapshot)
    yield from _number(snapshot)
    yield from _identity(snapshot)


def baselines(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield the baselines that stand there more than once."""
    first: dict[Any, FrozenTrial] = {}
    # Those that began before those that wait.
    for trial in sorted(snapshot.trials, key=lambda trial: (trial.state == TrialState.WAITING, trial.number)):
        name = trial.user_attrs.get(BASELINE)
        if name is None or dismissed(trial):
            continue
        kept = first.setdefault((name, trial.user_attrs.get(EPOCHS)), trial)
        if kept is not trial:
            yield from _again(snapshot, trial, name, kept)


def _again(snapshot: Snapshot, trial: FrozenTrial, name: str, kept: FrozenTrial) -> Iterator[Finding]:
    text, tag = f"baseline {name} is trial {kept.number} already", f"{DIFFERS_TAG}.baseline"
    if trial.state == TrialState.WAITING:
        reason = f"duplicate of trial {kept.number}"
        mend = partial(snapshot.study.dismiss, trial.number, reason)
        yield Finding("I10", snapshot.name, trial.number, text, f"it fails unbegun, as {reason}", mend)
        return
    run = snapshot.run(trial)
    if run and run.tags.get(tag) != text:
        yield Finding(
            "I10",
            snapshot.name,
            trial.number,
            f"{text}, and ran again",
            f"noted in the run's tag {tag}",
            lambda: snapshot.tools.tracker.reopen(run.id).set_tags({tag: text}),
        )


def _number(snapshot: Snapshot) -> Iterator[Finding]:
    asked = snapshot.attributes.get(ASKED_FOR)
    # Baselines are put in line whether or not there will be time for them: what waits was not begun.
    there = begun(snapshot.trials)
    text = f"{there} trials were begun, and {asked} asked for"
    if isinstance(asked, int) and there > asked and snapshot.attributes.get(DIFFERS_TAG) != text:
        yield Finding(
            "I11",
            snapshot.name,
            None,
            text,
            f"noted in the study's attribute {DIFFERS_TAG}",
            partial(snapshot.study.note, DIFFERS_TAG, text),
        )


def _identity(snapshot: Snapshot) -> Iterator[Finding]:
    changes = snapshot.study.changes()
    if changes:
        yield Finding("I12", snapshot.name, None, changes, "go back to the version that began it")
    begun_on = snapshot.study.identity["data"]
    for trial in snapshot.resting():
        run = snapshot.run(trial)
        others = {given.digest for given in run.datasets} - {begun_on} if run else set()
        if others:
            yield Finding(
                "I12",
                snapshot.name,
                trial.number,
                f"it was trained on other images (digest {', '.join(sorted(others))}, the study's is {begun_on})",
                f"do not compare it with the others; begin another with `{snapshot.study.settings.another}`",
            )
