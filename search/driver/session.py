"""A study that is opened to train what is no trial of it: finalists, and trials once more."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from models import data
from models.data import Images
from models.family import Resources
from search.driver import opening
from search.driver.retraining import Retraining, Task
from search.output.progress import say
from search.problem.settings import Place, Settings
from search.recording.trial_runs import TrialRuns
from search.store import claims, results, storage
from search.store.attributes import CAVEAT_TAG, identity_of_extra
from search.store.results import Result, Summary
from search.store.study import Study
from search.system import disk, library_output, signals
from search.system.errors import UsageError
from search.system.signals import Stopped
from search.workers import engines, execution
from search.workers.estimate import least_megabytes
from search.workers.execution import Plan
from search.workers.messages import Job
from tracking import DESCRIPTION_TAG


@dataclass(frozen=True, eq=False)
class Known:
    """What a study has come to, how it is gone on with, and its images."""

    summary: Summary
    trials: Sequence[Result]
    settings: Settings
    images: Images
    plan: Plan


@dataclass(frozen=True, eq=False)
class Opened:
    """The study with its workers and stores. `images` are those to train on, as the file `shared`."""

    console: Console
    known: Known
    study: Study
    trial_runs: TrialRuns
    retraining: Retraining
    images: Images
    shared: Path
    plan: Plan

    def key(self, kind: str, *parts: object) -> str:
        """Return what a run of this kind is known by."""
        return self.study.extra_key(kind, *parts)

    def task(self, job: Job, label: str, tags: Mapping[str, str], *, model: bool, validated: bool = False) -> Task:
        """Return the task for a job: its run is named after its folder, and tagged with the study and the plan."""
        kind = job.folder.name.partition("-")[0]
        settings = self.study.settings
        named = identity_of_extra(kind, settings.study, job.key, job.family) | dict(tags) | self.plan.tags()
        if settings.caveat:
            named[CAVEAT_TAG] = settings.caveat
        return Task(job, f"{settings.study}-{job.folder.name}", label, named, model=model, validated=validated)

    def of_trial(self, number: int) -> dict[str, str]:
        """Return the tag that leads from a run to the trial that it trains again."""
        return {DESCRIPTION_TAG: f"[The trial, in the Optuna dashboard]({self.study.address(number)})"}

    def folder(self, kind: str, *parts: object) -> Path:
        """Return where a training keeps how far it is. A name with a dash is no trial's."""
        return self.study.settings.checkpoints / "-".join((kind, *map(str, parts))).replace("/", "-")

    @property
    def resources(self) -> Resources:
        """What families may use beside the images."""
        return Resources(self.study.settings.home / "cache", self.study.settings.weights)


def known(name: str, place: Place, flags: Mapping[str, Any]) -> Known:
    """Read a study and its images, and decide how to go on. Writes nothing. Raises `UsageError`."""
    if place.tracking_uri == "memory:":
        raise UsageError("--tracking-uri memory: keeps nothing of what would be trained; give MLflow's address")
    with storage.reading(place.storage) as store:
        study = storage.load(store, name)
        summary, trials = results.everything(study)
        digest = study.user_attrs["identity"]["data"]
    settings, images = opening.decide(name, place, {"data": None, "weights": None, **flags})
    if digest != images.digest:
        raise UsageError(
            f"study {name} was searched on other images (digest {digest[:12]}, now {images.digest[:12]}); put those "
            "back, or begin another study"
        )
    return Known(summary, trials, settings, images, execution.plan(settings, images.shape, execution.machine()))


def as_they_are(images: Images) -> Images:
    """Return the images to train on where validation stays set aside."""
    return images


@contextmanager
def opened(found: Known, train_on: Callable[[Images], Images] = as_they_are, *, before: str = "") -> Iterator[Opened]:
    """Lend the study, with workers started and the stores joined; `before` is said once that is certain to come.

    Raises `SearchError`, and `Stopped` where a signal asked to stop.
    """
    console, settings, planned = Console(stderr=True), found.settings, found.plan
    library_output.libraries()
    disk.require(settings.home, least_megabytes(settings, planned))
    opening.require_writable(settings.home)
    with signals.heeded() as stop, claims.alone(settings.home, settings.storage, settings.study) as hold:
        try:
            logs = settings.home / "logs"
            engine = engines.start(settings.engine, planned.workers, planned.threads, logs, planned.devices)
            with closing(engine):
                with storage.told(settings.storage):
                    store = storage.connect(settings.storage)
                    hold.guard(store)
                    study = Study(storage.load(store, settings.study), settings)
                if before:
                    say(console, before)
                images = train_on(found.images)
                shared = data.share(images, settings.home / "cache")
                with opening.joined(console, study) as trial_runs:
                    plan = opening.settled(console, planned, engine, settings, found.images, shared)
                    retraining = Retraining(engine, trial_runs, images, console, stop)
                    yield Opened(console, found, study, trial_runs, retraining, images, shared, plan)
        except Stopped:
            say(console, "stopped: what was trained stays, and the same command goes on")
            raise


def with_plan(found: Known, **changes: Any) -> Known:
    """Return the same, trained in another way."""
    return replace(found, plan=replace(found.plan, **changes))
