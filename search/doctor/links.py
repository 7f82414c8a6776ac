"""I1 and I2: each trial that began has one run, and each run a trial; the study has one of its own at most."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from optuna.trial import FrozenTrial

from search.doctor.findings import Finding
from search.doctor.snapshot import Snapshot, counts
from search.recording import artifacts
from search.recording.artifacts import Outcome
from search.store.attributes import EPOCHS, FOREIGN_TAG, REASON, RECONSTRUCTED_TAG, run_name
from tracking import DUPLICATE_TAG, KEY_TAG, STUDY_TAG, Record, Status

# Seconds in which the tracker has to name a run that was made anew.
PATIENCE = 60.0


def check(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield what is wrong between trials and runs."""
    if snapshot.tags is not None and snapshot.tags.get(STUDY_TAG) != snapshot.study.uuid:
        mendable = _is_ours(snapshot, snapshot.tags)
        yield _experiment(snapshot, snapshot.tags, mendable)
        if not mendable:
            return
    for trial in snapshot.resting():
        run = snapshot.run(trial)
        if run:
            yield from _linked(snapshot, trial, run)
        elif trial.state.is_finished() or trial.intermediate_values or snapshot.named(trial):
            yield Finding(
                "I1",
                snapshot.name,
                trial.number,
                f"{trial.state.name}, and has no run",
                "one is made of what Optuna knows",
                partial(_reconstruct, snapshot, trial),
            )
    yield from _own(snapshot)
    ours = frozenset(snapshot.key(trial) for trial in snapshot.trials)
    for run in snapshot.runs:
        yield from _strange(snapshot, run, ours)


def _is_ours(snapshot: Snapshot, tags: Mapping[str, str]) -> bool:
    """Whether an experiment is the study's, whatever it is tagged with: it has runs of it, or nothing of anybody's."""
    if any(run.tags.get(KEY_TAG, "").startswith(f"{snapshot.study.uuid}/") for run in snapshot.runs):
        return True
    return STUDY_TAG not in tags and not snapshot.runs


def _experiment(snapshot: Snapshot, tags: Mapping[str, str], mendable: bool) -> Finding:
    whose = tags.get(STUDY_TAG, "nobody")
    text = f"the experiment is tagged as that of study {whose}, not {snapshot.study.uuid}"
    if not mendable:
        return Finding(
            "I2", snapshot.name, None, f"{text}, and has none of its runs", "give one of the two another name"
        )
    return Finding(
        "I2",
        snapshot.name,
        None,
        text,
        "it is tagged anew",
        lambda: snapshot.tools.tracker.claim(snapshot.name, snapshot.study.uuid),
    )


def _own(snapshot: Snapshot) -> Iterator[Finding]:
    there = snapshot.under.get(snapshot.study.own_key, [])
    if there and snapshot.study.own_key not in snapshot.waiting:
        yield from _too_many(snapshot, None, there[0], there)


def _too_many(snapshot: Snapshot, number: int | None, kept: Record, there: Sequence[Record]) -> Iterator[Finding]:
    for other in there:
        if other.id != kept.id:
            yield Finding(
                "I1",
                snapshot.name,
                number,
                f"run {other.id} is one too many, beside {kept.id}",
                f"it is KILLED, and tagged {DUPLICATE_TAG}",
                partial(_retire, snapshot, other.id, kept.id),
            )


def _linked(snapshot: Snapshot, trial: FrozenTrial, run: Record) -> Iterator[Finding]:
    yield from _too_many(snapshot, trial.number, run, snapshot.under[snapshot.key(trial)])
    named = snapshot.named(trial)
    # A driver names runs as soon as the tracker does, and `run` those of open trials.
    if named != run.id and not snapshot.driver and (named or trial.state.is_finished()):
        yield Finding(
            "I1",
            snapshot.name,
            trial.number,
            f"names {f'run {named}' if named else 'no run'}, and its run is {run.id}",
            "it names its run",
            partial(snapshot.study.link, trial.number, run.id),
        )


def _retire(snapshot: Snapshot, run: str, of: str) -> None:
    duplicate = snapshot.tools.tracker.reopen(run)
    duplicate.set_tags({DUPLICATE_TAG: of})
    duplicate.finish(Status.KILLED)


def _reconstruct(snapshot: Snapshot, trial: FrozenTrial) -> None:
    """Make a run of what Optuna knows, through the spool: all of it or, at the next try, the rest."""
    settings, tools = snapshot.settings, snapshot.tools
    run = tools.relay.run(
        snapshot.name,
        snapshot.key(trial),
        run_name(snapshot.name, trial.number),
        snapshot.identity(trial) | {RECONSTRUCTED_TAG: "1"},
    )
    made = {"family": settings.family, "epochs": trial.user_attrs.get(EPOCHS, settings.epochs)}
    run.log_parameters(trial.params | made | {"seed": snapshot.study.seed(trial.number)})
    for step, value in sorted(trial.intermediate_values.items()):
        run.log_metrics({snapshot.study.goal.metric: value}, step)
    run.log_metrics(artifacts.summarised(trial.user_attrs))
    if trial.state.is_finished():
        artifacts.conclude(run, Outcome(trial.state, reason=trial.user_attrs.get(REASON, "")))
    else:
        run.finish(Status.SCHEDULED)
    named = tools.relay.wait_for_id(snapshot.key(trial), PATIENCE)
    if named:
        snapshot.study.link(trial.number, named)


def _strange(snapshot: Snapshot, run: Record, ours: frozenset[str]) -> Iterator[Finding]:
    """Yield a run whose key is none of `ours`."""
    key = run.tags.get(KEY_TAG, "")
    # Of a living driver, there may be trials that began after the others were read.
    begun_since = snapshot.driver and key.startswith(f"{snapshot.study.uuid}/")
    if key in ours or snapshot.study.is_extra(key) or begun_since or not counts(run):
        return
    yield Finding(
        "I2",
        snapshot.name,
        None,
        f"run {run.id} ({run.name}) belongs to no trial of the study: its key is {key or 'none'}",
        f"it is tagged {FOREIGN_TAG}",
        lambda: snapshot.tools.tracker.reopen(run.id).set_tags({FOREIGN_TAG: "1"}),
    )
