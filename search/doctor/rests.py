"""I14: where no driver lives, nothing waits in the spool, and only open trials have checkpoints."""

from collections.abc import Iterator
from functools import partial

from optuna.trial import FrozenTrial, TrialState

from search import recording
from search.doctor.case import Case
from search.doctor.findings import Finding
from search.recording import Outcome
from tracking import Status
from tracking.removal import remove


def check(case: Case) -> Iterator[Finding]:
    """Yield what a driver has left behind."""
    if case.driver:
        return
    by_key = {case.key(trial): trial for trial in case.trials}
    for key in sorted(case.waiting):
        trial = by_key.get(key)
        yield Finding(
            "I14",
            case.name,
            trial.number if trial else None,
            f"its run waits in {case.spool.place(key)}",
            "it is delivered",
            partial(_deliver, case, key, trial),
        )
    prefix = f"{case.study.uuid}/"
    for rest in case.spool.rests(prefix):
        repair = "it is removed; nothing is in it that was recorded"
        # Whatever is a rest then: another mend may have begun a run in this folder.
        yield Finding("I14", case.name, None, f"{rest} is a rest", repair, partial(case.spool.sweep, prefix))
    yield from _checkpoints(case)


def _checkpoints(case: Case) -> Iterator[Finding]:
    open_ones = {f"{trial.number:04d}" for trial in case.trials if trial.state == TrialState.RUNNING}
    there = case.checkpoints.iterdir() if case.checkpoints.is_dir() else iter(())
    for folder in sorted(folder for folder in there if folder.name.isdecimal() and folder.name not in open_ones):
        yield Finding(
            "I14",
            case.name,
            int(folder.name),
            f"it is not open, and has checkpoints in {folder}",
            "they are removed",
            partial(remove, folder, case.settings.home / "checkpoints"),
        )


def _deliver(case: Case, key: str, trial: FrozenTrial | None) -> None:
    """Deliver a run; one that a killed driver has not finished is finished as its trial stands."""
    courier = case.hands.courier
    found = case.spool.record(key)
    if found is None or found.status != Status.RUNNING:
        courier.deliver(key)
        return
    run = courier.run(case.name, key, found.name, found.tags)
    if trial is None:
        run.finish(Status.KILLED)
    elif trial.state.is_finished():
        recording.conclude(run, Outcome(trial.state, reason=trial.user_attrs.get("reason", "")))
    else:
        run.finish(Status.SCHEDULED)
