"""I14: where no driver lives, nothing waits in the spool, and only open trials have checkpoints."""

from collections.abc import Iterator
from functools import partial

from optuna.trial import FrozenTrial, TrialState

from search.doctor.findings import Finding
from search.doctor.snapshot import Snapshot
from search.recording import artifacts
from search.recording.artifacts import Outcome
from search.store.attributes import REASON
from tracking import Status
from tracking.removal import remove


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield what a driver has left behind."""
    if snapshot.driver:
        return
    by_key = {snapshot.key(trial): trial for trial in snapshot.trials}
    for key in sorted(snapshot.waiting):
        trial = by_key.get(key)
        yield Finding(
            "I14",
            snapshot.name,
            trial.number if trial else None,
            f"its run waits in {snapshot.spool.place(key)}",
            "it is delivered",
            partial(_deliver, snapshot, key, trial),
        )
    prefix = f"{snapshot.study.uuid}/"
    for rest in snapshot.spool.leftovers(prefix):
        repair = "it is removed; nothing is in it that was recorded"
        # Whatever is a rest then: another mend may have begun a run in this folder.
        yield Finding("I14", snapshot.name, None, f"{rest} is a rest", repair, partial(snapshot.spool.sweep, prefix))
    yield from _checkpoints(snapshot)


def _checkpoints(snapshot: Snapshot) -> Iterator[Finding]:
    open_ones = {f"{trial.number:04d}" for trial in snapshot.trials if trial.state == TrialState.RUNNING}
    there = snapshot.checkpoints.iterdir() if snapshot.checkpoints.is_dir() else iter(())
    for folder in sorted(folder for folder in there if folder.name.isdecimal() and folder.name not in open_ones):
        yield Finding(
            "I14",
            snapshot.name,
            int(folder.name),
            f"it is not open, and has checkpoints in {folder}",
            "they are removed",
            partial(remove, folder, snapshot.settings.home / "checkpoints"),
        )


def _deliver(snapshot: Snapshot, key: str, trial: FrozenTrial | None) -> None:
    """Deliver a run; one that a killed driver has not finished is finished as its trial stands."""
    relay = snapshot.tools.relay
    found = snapshot.spool.record(key)
    if found is None or found.status != Status.RUNNING:
        relay.deliver(key)
        return
    run = relay.run(snapshot.name, key, found.name, found.tags)
    if trial is None:
        run.finish(Status.KILLED)
    elif trial.state.is_finished():
        artifacts.conclude(run, Outcome(trial.state, reason=trial.user_attrs.get(REASON, "")))
    else:
        run.finish(Status.SCHEDULED)
