"""I3, I4 and I5: a trial and its run say the same of how it stands."""

from collections.abc import Iterator
from functools import partial

from optuna.trial import FrozenTrial, TrialState

from search.doctor.findings import Finding
from search.doctor.snapshot import Snapshot
from search.recording import artifacts
from search.recording.artifacts import Outcome
from search.store.attributes import DIFFERS_TAG, REASON, REASON_TAG, STATE_TAG
from tracking import Record, Status

ABANDONED = "abandoned"


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield where a trial and its run do not stand alike."""
    for trial, run in snapshot.over():
        yield from _over(snapshot, trial, run)
    for trial in snapshot.open():
        yield from _open(snapshot, trial)
    for trial in snapshot.resting():
        begun = snapshot.run(trial)
        if trial.state == TrialState.WAITING and begun:
            yield from _begun(snapshot, trial, begun)


def _over(snapshot: Snapshot, trial: FrozenTrial, run: Record) -> Iterator[Finding]:
    reason = trial.user_attrs.get(REASON, "")
    expected = Status.FAILED if trial.state == TrialState.FAIL else Status.FINISHED
    state, said = run.tags.get(STATE_TAG, "nothing"), run.tags.get(REASON_TAG, "")
    if (run.status, state) != (expected, trial.state.name):
        text = f"{trial.state.name}, and its run is {run.status} and says {state}"
    elif not _same(said, reason):
        text = f"its reason is {reason!r}, and its run's {said!r}"
    else:
        return
    yield Finding(
        "I3",
        snapshot.name,
        trial.number,
        text,
        "the run is set from the trial",
        partial(_conclude, snapshot, trial, run),
    )


def _same(tag: str, reason: str) -> bool:
    # A tag that would be too long was cut short.
    return tag == reason or (tag.endswith("…") and reason.startswith(tag[:-1]))


def _conclude(snapshot: Snapshot, trial: FrozenTrial, run: Record) -> None:
    opened, reason = snapshot.tools.tracker.reopen(run.id), trial.user_attrs.get(REASON, "")
    artifacts.conclude(opened, Outcome(trial.state, reason=reason))
    if not reason and run.tags.get(REASON_TAG):
        # Tags can be set over, and not taken away.
        opened.set_tags({REASON_TAG: ""})


def _open(snapshot: Snapshot, trial: FrozenTrial) -> Iterator[Finding]:
    # What waits to be delivered is newer than what was.
    run = snapshot.spool.record(snapshot.key(trial)) or snapshot.run(trial)
    ended = artifacts.outcome(run, snapshot.study.goals) if run else None
    if ended:
        yield Finding(
            "I4",
            snapshot.name,
            trial.number,
            f"its run ended as {ended.state.name}, and Optuna was not told",
            "Optuna is told",
            lambda: snapshot.tools.trial_runs.catch_up(),
        )
    elif snapshot.abandon:
        yield Finding(
            "I5",
            snapshot.name,
            trial.number,
            "it was left open, and nobody searches it",
            f"it fails, as {ABANDONED}",
            partial(_abandon, snapshot, trial),
        )
    elif run and run.id and run.status != Status.SCHEDULED and snapshot.key(trial) not in snapshot.waiting:
        yield Finding(
            "I5" if run.status == Status.RUNNING else "I3",
            snapshot.name,
            trial.number,
            f"its run is {run.status}, and nobody searches it",
            "the run is SCHEDULED, to be gone on with",
            partial(_schedule, snapshot, run.id),
        )


def _schedule(snapshot: Snapshot, run: str) -> None:
    opened = snapshot.tools.tracker.reopen(run)
    opened.set_tags({STATE_TAG: TrialState.RUNNING.name})
    opened.finish(Status.SCHEDULED)


def _abandon(snapshot: Snapshot, trial: FrozenTrial) -> None:
    trial_runs = snapshot.tools.trial_runs
    left = next(found for found in snapshot.study.interrupted() if found.number == trial.number)
    trial_runs.end(left, trial_runs.begin(left, snapshot.identity(trial)), Outcome(TrialState.FAIL, reason=ABANDONED))


def _begun(snapshot: Snapshot, trial: FrozenTrial, run: Record) -> Iterator[Finding]:
    text = f"it waits, and has a run already, {run.id}"
    if run.tags.get(DIFFERS_TAG) != text:
        yield Finding(
            "I3",
            snapshot.name,
            trial.number,
            text,
            f"noted in the run's tag {DIFFERS_TAG}; the trial goes on with it",
            lambda: snapshot.tools.tracker.reopen(run.id).set_tags({DIFFERS_TAG: text}),
        )
