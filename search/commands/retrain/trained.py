"""What training a trial once more shares, whatever for."""

from collections.abc import Iterator
from contextlib import contextmanager

from search.driver import session
from search.driver.repeating import Repeating
from search.driver.session import Session
from search.driver.tasks import Task, Unfit
from search.problem.settings import Place
from search.store import results
from search.store.results import Result, Summary
from search.system import next_commands
from search.system.errors import SearchError, UsageError
from search.workers.messages import Job
from tracking import Record

# Seconds for which the tracker may take what was recorded, before it is told that it has not.
PATIENCE = 60.0


@contextmanager
def opened(name: str, place: Place, engine: str | None) -> Iterator[tuple[Result, Summary, Session]]:
    """Lend a trial that can be trained again, what its study has come to, and the study. Raises `UsageError`."""
    study, number = _parts(name)
    with session.opened(study, place, {"engine": engine}, stays="trained") as there:
        summary, _ = there.known()
        yield _trainable(results.one(there.store, f"{study}/{number}")), summary, there


def _parts(name: str) -> tuple[str, str]:
    study, slash, number = name.partition("/")
    if not slash:
        raise UsageError(f"{name!r} names no trial; give STUDY/NUMBER, see `{next_commands.command('list')}`")
    return study, number


def _trainable(found: Result) -> Result:
    if not found.epochs:
        why = f": {found.reason}" if found.reason else ""
        raise UsageError(f"{found.name} has trained no epoch ({found.state.lower()}{why}); choose another")
    return found


def one_worker(study: Session) -> dict[str, object]:
    """Return how the plan changes for one training."""
    return {"workers": 1, "devices": study.plan.devices[:1]}


def job(opened: Repeating, found: Result, key: str, folder: str, *parts: object) -> Job:
    """Return the job that a trial was, under another key: its seed, its schedule, and as many epochs as it had."""
    settings = opened.study.settings
    return Job(
        number=found.number,
        key=key,
        family=settings.family,
        parameters=found.parameters,
        images=opened.shared,
        resources=opened.resources,
        epochs=found.budget or settings.epochs,
        patience=None,
        seed=opened.study.seed(found.number),
        folder=opened.folder(folder, found.number, *parts),
        precision=opened.session.plan.precision,
        until=found.epochs,
    )


def run(opened: Repeating, task: Task) -> Record:
    """Train it, and return its run, once the tracker has it. Raises `SearchError` where nothing comes of it."""
    outcome = opened.train([task])[task.job.key]
    if isinstance(outcome, Unfit):
        raise SearchError(f"{task.label}: {outcome.reason}")
    if not opened.trial_runs.settle(PATIENCE):
        raise SearchError("the tracker does not take what was recorded; see why, and try again")
    record = opened.trial_runs.found(task.job.key)
    assert record is not None, "it was delivered just now"
    return record
