"""Studies read so that a living driver does not confuse, and lent with what mending them takes."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from optuna.storages import RDBStorage

import tracking
from search.doctor.snapshot import Snapshot, Tools
from search.driver.opened import Stores
from search.problem.resolving import resolve
from search.problem.settings import Place
from search.recording.trial_runs import TrialRuns
from search.store import claims, storage
from search.store.attributes import SETTINGS
from search.store.study import Study
from search.system import next_commands
from search.system.errors import UsageError
from tracking import Tracker
from tracking.engines.memory import MemoryTracker
from tracking.relay import Relay
from tracking.spool import Spool


def read(study: Study, tracker: Tracker, *, held: bool, abandon: bool = False, tools: Tools | None = None) -> Snapshot:
    """Read a study in an order that a living driver does not confuse; `held`: there is none, its lock is held here.

    A trial that was over before the spool was read, and whose run did not wait there, has its whole run in the tracker.
    """
    settings = study.settings
    driver = "" if held else claims.holder(settings.home, settings.study, study.attributes)
    with storage.legible(settings.study, settings.storage):
        trials = study.trials()
    waiting = frozenset(Spool(settings.spool).keys(f"{study.uuid}/"))
    runs = tracker.records(settings.study)
    tags = tracker.experiment_tags(settings.study)
    # One that began in the meantime counts as well.
    driver = driver or ("" if held else claims.holder(settings.home, settings.study, study.attributes))
    return Snapshot(study, trials, waiting, runs, tags, tracker, driver, abandon, tools)


def names(store: RDBStorage) -> list[str]:
    """Return the studies of a storage that a search has begun, those that cannot be read among them."""
    return [name for name in storage.names(store) if _was_searched(store, name)]


def _was_searched(store: RDBStorage, name: str) -> bool:
    try:
        return "settings" in storage.load(store, name).user_attrs
    except ValueError:
        return True


def opened(store: RDBStorage, name: str, place: Place) -> Study:
    """Return a study under the settings with which it was last searched. Raises `UsageError`."""
    with storage.legible(name, place.storage):
        found = storage.load(store, name)
        if SETTINGS not in found.user_attrs:
            begin = next_commands.command("run", "--study", name)
            raise UsageError(f"study {name} was only about to begin; `{begin}` begins it")
        return Study(found, resolve(name, place, {}, found.user_attrs[SETTINGS]))


@contextmanager
def to_read(place: Place) -> Iterator[tuple[RDBStorage, Tracker]]:
    """Lend both stores as they are. A tracker that is not there yet is one without runs."""
    with (
        storage.reading(place.storage) as store,
        closing(tracking.open_existing(place.tracking_uri, place.artifacts) or MemoryTracker()) as tracker,
    ):
        yield store, tracker


@contextmanager
def to_mend(stores: Stores, name: str) -> Iterator[tuple[Study, Tools]]:
    """Lend a study, and what mending it takes."""
    study, tracker = opened(stores.store, name, stores.place), stores.tracker
    relay = Relay(Spool(study.settings.spool), tracker)
    try:
        with storage.told(stores.place.storage):
            yield study, Tools(tracker, relay, TrialRuns(study, relay))
    finally:
        relay.close()
