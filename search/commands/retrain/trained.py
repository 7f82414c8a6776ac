"""What training a trial once more shares, whatever for."""

from search.driver import session
from search.driver.retraining import Task, Unfit
from search.driver.session import Opened
from search.problem.settings import Place
from search.store import results, storage
from search.store.results import Result
from search.system import next_commands
from search.system.errors import SearchError, UsageError
from search.workers.messages import Job, Trained

# Seconds for which the tracker may take what was recorded, before it is told that it has not.
PATIENCE = 60.0


def trial(name: str, place: Place) -> Result:
    """Return a trial that can be trained again. Raises `UsageError`."""
    if "/" not in name:
        raise UsageError(f"{name!r} names no trial; give STUDY/NUMBER, see `{next_commands.command('list')}`")
    with storage.reading(place.storage) as store:
        found = results.one(store, name)
    if not found.epochs:
        why = f": {found.reason}" if found.reason else ""
        raise UsageError(f"{name} has trained no epoch ({found.state.lower()}{why}); choose another")
    return found


def job(opened: Opened, found: Result, key: str, folder: str, *parts: object) -> Job:
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
        precision=opened.plan.precision,
        until=found.epochs,
    )


def run(opened: Opened, task: Task) -> Trained:
    """Train it, and see that the tracker has it. Raises `SearchError` where nothing comes of it."""
    outcome = opened.retraining.run([task])[task.job.key]
    if isinstance(outcome, Unfit):
        raise SearchError(f"{task.label}: {outcome.reason}")
    if not opened.trial_runs.settle(PATIENCE):
        raise SearchError("the tracker does not take what was recorded; see why, and try again")
    return outcome


def known(name: str, place: Place, engine: str | None) -> tuple[Result, session.Known]:
    """Return the trial, and its study as it is to be opened: for one training, on one worker."""
    found = trial(name, place)
    study = session.known(found.study, place, {"engine": engine})
    return found, session.with_plan(study, workers=1, devices=study.plan.devices[:1])
