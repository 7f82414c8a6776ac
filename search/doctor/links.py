"""I1 and I2: each trial that began has one run, and each run a trial; the study has one of its own at most."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from optuna.trial import FrozenTrial

from search import marks, recording
from search.doctor.case import Case, counts
from search.doctor.findings import Finding
from search.marks import FOREIGN_TAG, RECONSTRUCTED_TAG, run_name
from search.recording import Outcome
from tracking import DUPLICATE_TAG, KEY_TAG, STUDY_TAG, Record, Status

# Seconds in which the tracker has to name a run that was made anew.
PATIENCE = 60.0


def check(case: Case) -> Iterator[Finding]:
    """Yield what is wrong between trials and runs."""
    if case.tags is not None and case.tags.get(STUDY_TAG) != case.study.uuid:
        mendable = _is_ours(case, case.tags)
        yield _experiment(case, case.tags, mendable)
        if not mendable:
            return
    for trial in case.resting():
        run = case.run(trial)
        if run:
            yield from _linked(case, trial, run)
        elif trial.state.is_finished() or trial.intermediate_values or case.named(trial):
            yield Finding(
                "I1",
                case.name,
                trial.number,
                f"{trial.state.name}, and has no run",
                "one is made of what Optuna knows",
                partial(_reconstruct, case, trial),
            )
    yield from _own(case)
    ours = frozenset(case.key(trial) for trial in case.trials)
    for run in case.runs:
        yield from _strange(case, run, ours)


def _is_ours(case: Case, tags: Mapping[str, str]) -> bool:
    """Whether an experiment is the study's, whatever it is tagged with: it has runs of it, or nothing of anybody's."""
    if any(run.tags.get(KEY_TAG, "").startswith(f"{case.study.uuid}/") for run in case.runs):
        return True
    return STUDY_TAG not in tags and not case.runs


def _experiment(case: Case, tags: Mapping[str, str], mendable: bool) -> Finding:
    whose = tags.get(STUDY_TAG, "nobody")
    text = f"the experiment is tagged as that of study {whose}, not {case.study.uuid}"
    if not mendable:
        return Finding("I2", case.name, None, f"{text}, and has none of its runs", "give one of the two another name")
    return Finding(
        "I2", case.name, None, text, "it is tagged anew", lambda: case.hands.tracker.claim(case.name, case.study.uuid)
    )


def _own(case: Case) -> Iterator[Finding]:
    there = case.under.get(case.study.own_key, [])
    if there and case.study.own_key not in case.waiting:
        yield from _too_many(case, None, there[0], there)


def _too_many(case: Case, number: int | None, kept: Record, there: Sequence[Record]) -> Iterator[Finding]:
    for other in there:
        if other.id != kept.id:
            yield Finding(
                "I1",
                case.name,
                number,
                f"run {other.id} is one too many, beside {kept.id}",
                f"it is KILLED, and tagged {DUPLICATE_TAG}",
                partial(_retire, case, other.id, kept.id),
            )


def _linked(case: Case, trial: FrozenTrial, run: Record) -> Iterator[Finding]:
    yield from _too_many(case, trial.number, run, case.under[case.key(trial)])
    named = case.named(trial)
    # A driver names runs as soon as the tracker does, and `run` those of open trials.
    if named != run.id and not case.driver and (named or trial.state.is_finished()):
        yield Finding(
            "I1",
            case.name,
            trial.number,
            f"names {f'run {named}' if named else 'no run'}, and its run is {run.id}",
            "it names its run",
            partial(case.study.link, trial.number, run.id),
        )


def _retire(case: Case, run: str, of: str) -> None:
    duplicate = case.hands.tracker.reopen(run)
    duplicate.set_tags({DUPLICATE_TAG: of})
    duplicate.finish(Status.KILLED)


def _reconstruct(case: Case, trial: FrozenTrial) -> None:
    """Make a run of what Optuna knows, through the spool: all of it or, at the next try, the rest."""
    settings, hands = case.settings, case.hands
    run = hands.courier.run(
        case.name, case.key(trial), run_name(case.name, trial.number), identity(case, trial) | {RECONSTRUCTED_TAG: "1"}
    )
    made = {"family": settings.family, "epochs": trial.user_attrs.get("epochs", settings.epochs)}
    run.log_parameters(trial.params | made | {"seed": case.study.seed(trial.number)})
    for step, value in sorted(trial.intermediate_values.items()):
        run.log_metrics({case.study.goal.metric: value}, step)
    run.log_metrics(recording.summarised(trial.user_attrs))
    if trial.state.is_finished():
        recording.conclude(run, Outcome(trial.state, reason=trial.user_attrs.get("reason", "")))
    else:
        run.finish(Status.SCHEDULED)
    named = hands.courier.wait_for_id(case.key(trial), PATIENCE)
    if named:
        case.study.link(trial.number, named)


def identity(case: Case, trial: FrozenTrial) -> dict[str, str]:
    """Return the tags by which a trial's run is known."""
    return marks.identity(case.name, case.key(trial), trial.number, case.settings.family, trial.user_attrs)


def _strange(case: Case, run: Record, ours: frozenset[str]) -> Iterator[Finding]:
    """Yield a run whose key is none of `ours`."""
    key = run.tags.get(KEY_TAG, "")
    # Of a living driver, there may be trials that began after the others were read.
    begun_since = case.driver and key.startswith(f"{case.study.uuid}/")
    if key in ours or case.study.is_extra(key) or begun_since or not counts(run):
        return
    yield Finding(
        "I2",
        case.name,
        None,
        f"run {run.id} ({run.name}) belongs to no trial of the study: its key is {key or 'none'}",
        f"it is tagged {FOREIGN_TAG}",
        lambda: case.hands.tracker.reopen(run.id).set_tags({FOREIGN_TAG: "1"}),
    )
