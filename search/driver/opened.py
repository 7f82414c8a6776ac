"""Both stores of a place to write: each is opened once, when it is first asked for, and handed on."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from optuna.storages import RDBStorage

import tracking
from search.analysis import predictions
from search.problem.settings import Place
from search.store import storage
from search.system import disk
from tracking import Registry, Tracker
from tracking.engines.memory import MemoryTracker


class Stores:
    """Optuna's storage and MLflow's."""

    def __init__(self, place: Place, lent: ExitStack) -> None:
        """`lent` closes what is opened here."""
        self.place, self._lent = place, lent
        self._store: RDBStorage | None = None
        self._tracker: Tracker | None = None
        self._registry: Registry | None = None

    @property
    def store(self) -> RDBStorage:
        """Optuna's storage, made where there is none. Raises `UsageError`."""
        if self._store is None:
            self._store = storage.connect(self.place.storage)
            self._lent.callback(self._store.engine.dispose)
        return self._store

    def begun(self) -> RDBStorage | None:
        """Return Optuna's storage; None where there is none. Raises `UsageError` where the home cannot be written."""
        if self._store is None and storage.exists(self.place.storage):
            if self.place.home.exists():
                disk.require_writable(self.place.home)
            return self.store
        return self._store

    @property
    def tracker(self) -> Tracker:
        """What keeps runs, made where there is none. Raises `TrackingError`."""
        if self._tracker is None:
            self._tracker = tracking.connect(self.place.tracking_uri, self.place.artifacts)
            self._lent.callback(self._tracker.close)
        return self._tracker

    def recorded(self) -> Tracker | None:
        """Return what keeps runs; None where there is none. Raises `TrackingError`."""
        return self.tracker if self._tracker or tracking.exists(self.place.tracking_uri) else None

    @property
    def runs(self) -> Tracker:
        """What keeps runs, which must be there. Raises `UsageError` and `TrackingError`."""
        return predictions.there(self.recorded(), self.place)

    def to_read(self) -> Tracker:
        """Return what keeps runs as it is; where there is none, one without runs. Raises `TrackingError`."""
        if self._tracker is None:
            self._tracker = tracking.open_existing(self.place.tracking_uri, self.place.artifacts)
            if self._tracker is None:
                return MemoryTracker()
            self._lent.callback(self._tracker.close)
        return self._tracker

    def registry(self) -> Registry | None:
        """Return the registered models; None where nothing was recorded."""
        if self._registry is None:
            self._registry = tracking.open_registry(self.place.tracking_uri, self.place.artifacts)
            if self._registry:
                self._lent.callback(self._registry.close)
        return self._registry


@contextmanager
def to_write(place: Place) -> Iterator[Stores]:
    """Lend the stores of a place where something was searched, in a home that can be written. Raises `UsageError`.

    Raises `SearchError` where Optuna's storage refuses.
    """
    with ExitStack() as lent:
        stores = Stores(place, lent)
        storage.begun_here(stores.begun(), place.storage)
        with storage.told(place.storage, outcome=""):
            yield stores
