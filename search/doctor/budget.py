"""I10, I11 and I12: a study holds what was asked of it, once, under one space and goal and on the same images."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from search.doctor.case import Case
from search.doctor.findings import Finding
from search.marks import ASKED_FOR, DIFFERS_TAG, dismissed


def check(case: Case) -> Iterator[Finding]:
    """Yield what a study has twice, too much of, or otherwise than when it was begun."""
    yield from baselines(case)
    yield from _number(case)
    yield from _identity(case)


def baselines(case: Case) -> Iterator[Finding]:
    """Yield the baselines that stand there more than once."""
    first: dict[Any, FrozenTrial] = {}
    # Those that began before those that wait.
    for trial in sorted(case.trials, key=lambda trial: (trial.state == TrialState.WAITING, trial.number)):
        name = trial.user_attrs.get("baseline")
        if name is None or dismissed(trial):
            continue
        kept = first.setdefault((name, trial.user_attrs.get("epochs")), trial)
        if kept is not trial:
            yield from _again(case, trial, name, kept)


def _again(case: Case, trial: FrozenTrial, name: str, kept: FrozenTrial) -> Iterator[Finding]:
    text, tag = f"baseline {name} is trial {kept.number} already", f"{DIFFERS_TAG}.baseline"
    if trial.state == TrialState.WAITING:
        reason = f"duplicate of trial {kept.number}"
        mend = partial(case.study.dismiss, trial.number, reason)
        yield Finding("I10", case.name, trial.number, text, f"it fails unbegun, as {reason}", mend)
        return
    run = case.run(trial)
    if run and run.tags.get(tag) != text:
        yield Finding(
            "I10",
            case.name,
            trial.number,
            f"{text}, and ran again",
            f"noted in the run's tag {tag}",
            lambda: case.hands.tracker.reopen(run.id).set_tags({tag: text}),
        )


def _number(case: Case) -> Iterator[Finding]:
    asked = case.attributes.get(ASKED_FOR)
    # Baselines are put in line whether or not there will be time for them: what waits was not begun.
    begun = sum(trial.state != TrialState.WAITING and not dismissed(trial) for trial in case.trials)
    text = f"{begun} trials were begun, and {asked} asked for"
    if isinstance(asked, int) and begun > asked and case.attributes.get(DIFFERS_TAG) != text:
        yield Finding(
            "I11",
            case.name,
            None,
            text,
            f"noted in the study's attribute {DIFFERS_TAG}",
            partial(case.study.note, DIFFERS_TAG, text),
        )


def _identity(case: Case) -> Iterator[Finding]:
    changes = case.study.changes()
    if changes:
        yield Finding("I12", case.name, None, changes, "go back to the version that began it")
    begun_on = case.study.identity["data"]
    for trial in case.resting():
        run = case.run(trial)
        others = {given.digest for given in run.datasets} - {begun_on} if run else set()
        if others:
            yield Finding(
                "I12",
                case.name,
                trial.number,
                f"it was trained on other images (digest {', '.join(sorted(others))}, the study's is {begun_on})",
                f"do not compare it with the others; begin another with `{case.study.settings.another}`",
            )
