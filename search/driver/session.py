"""A study that this process alone writes: what it takes is opened once, and handed on."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from optuna.storages import RDBStorage
from rich.console import Console

from models.data import Images
from search.driver import delivery, opening
from search.driver.opened import Stores
from search.output.progress import say
from search.problem.settings import Place, Settings
from search.recording.trial_runs import TrialRuns
from search.store import claims, results, storage
from search.store.attributes import IDENTITY
from search.store.claims import Hold
from search.store.results import Result, Summary
from search.store.study import Study
from search.system import addresses, disk, library_output, signals
from search.system.errors import SearchError, UsageError
from search.system.signals import Stop, Stopped
from search.workers import engines, execution
from search.workers.engines import Engine
from search.workers.estimate import least_megabytes
from search.workers.execution import Plan
from tracking import Tracker


class Session:
    """The settings of a call, decided, with the images; then, as they are asked for, workers, study and runs.

    Workers come first: they import TensorFlow while the stores are opened.
    """

    def __init__(self, settings: Settings, images: Images, plan: Plan, stores: Stores) -> None:
        self.console = Console(stderr=True)
        self.settings, self.images, self.plan = settings, images, plan
        self.stop = Stop()
        self._stores = stores
        self._hold: Hold | None = None

    @property
    def place(self) -> Place:
        """Where everything is."""
        return self.settings.place

    @property
    def store(self) -> RDBStorage:
        """Optuna's storage, made where there is none."""
        return self._stores.store

    @property
    def runs(self) -> Tracker:
        """What keeps runs, which must be there. Raises `UsageError` and `TrackingError`."""
        return self._stores.runs

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Heed signals, and keep every other process from writing the study."""
        with (
            signals.heeded() as self.stop,
            claims.alone(self.place.home, self.place.storage, self.settings.study, self._stores.begun()) as self._hold,
        ):
            yield

    def known(self) -> tuple[Summary, Sequence[Result]]:
        """Return what the study has come to. Raises `UsageError` where its images are others now."""
        study = storage.load(self.store, self.settings.study)
        found, digest = study.user_attrs[IDENTITY]["data"], self.images.digest
        if found != digest:
            raise UsageError(
                f"study {self.settings.study} was searched on other images (digest {found[:12]}, now {digest[:12]}); "
                "put those back, or begin another study"
            )
        return results.everything(study)

    @contextmanager
    def workers(self, **changes: Any) -> Iterator[Engine]:
        """Lend an engine whose workers have been started, as planned but for these changes."""
        self.plan = replace(self.plan, **changes)
        logs = self.settings.home / "logs"
        try:
            engine = engines.start(self.settings.engine, self.plan.workers, self.plan.threads, logs, self.plan.devices)
        except OSError as error:
            if not Path(error.filename or "").is_relative_to(logs):
                raise
            raise SearchError(
                disk.refusal(error, logs) or f"{logs} cannot be written ({error.strerror}); move it away, and run again"
            ) from error
        with closing(engine):
            yield engine

    def begin(self) -> Study:
        """Return the study, begun where there is none. Raises `UsageError` where it is another search's."""
        with storage.told(self.settings.storage):
            return Study.open(self.store, self.settings, self.images.digest, self._guard)

    def go_on(self) -> Study:
        """Return the study as it is."""
        with storage.told(self.settings.storage):
            self._guard()
            return Study(storage.load(self.store, self.settings.study), self.settings)

    def _guard(self) -> None:
        assert self._hold, "a study is written by whoever has taken it"
        self._hold.guard(self.store)

    def joined(self, study: Study) -> AbstractContextManager[TrialRuns]:
        """Lend what joins the study and its runs, once."""
        return delivery.joined(self.console, study, self._stores.tracker)

    def settle(self, engine: Engine, shared: Path) -> None:
        """Have the plan decided: what only a probe can tell is probed now."""
        if self.plan.probe:
            self.plan = execution.probed(
                self.plan, engine, self.settings, self.images.shape, shared, execution.machine()
            )
            say(self.console, self.plan.text)


@contextmanager
def opened(study: str, place: Place, flags: Mapping[str, Any], *, stays: str, new: bool = False) -> Iterator[Session]:
    """Lend a study to write; `new`: it may be one that there is not yet. `stays`: what is said of what was done.

    Raises `UsageError` and `DataError` before anything is written, `SearchError`, and `Stopped` where a signal asked
    to stop.
    """
    library_output.libraries()
    addresses.require_two(place.storage, place.tracking_uri)
    if not new and place.tracking_uri == "memory:":
        raise UsageError("--tracking-uri memory: keeps nothing of what would be trained; give MLflow's address")
    with ExitStack() as lent:
        session = _decided(study, place, flags, lent, new=new)
        with session.alone():
            try:
                yield session
            except Stopped:
                say(session.console, f"stopped: what was {stays} stays, and the same command goes on")
                raise


def _decided(study: str, place: Place, flags: Mapping[str, Any], lent: ExitStack, *, new: bool) -> Session:
    stores = Stores(place, lent)
    store = stores.begun()
    if not new:
        # Which study there is comes before what is wanted of it.
        storage.load(storage.begun_here(store, place.storage), study)
    settings, images = opening.decide(study, place, flags, store)
    plan = execution.plan(settings, images.shape, execution.machine())
    disk.require(place.home, least_megabytes(settings, plan))
    disk.require_writable(place.home)
    if store is None or not storage.remembered(store, study):
        # Before a study is made of which nothing could be kept: it would stay, and be empty.
        opening.require_ours(stores.tracker, study, None)
    return Session(settings, images, plan, stores)
