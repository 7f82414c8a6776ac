"""One study as it stands in Optuna, in the tracker and on the disk, read so that a living driver does not confuse."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

import tracking
from search.problem.resolving import resolve
from search.problem.settings import Place, Settings
from search.recording.trial_runs import TrialRuns
from search.store import claims, storage
from search.store.attributes import FOREIGN_TAG, dismissed, run_of
from search.store.study import Study
from search.system import next_commands
from search.system.errors import UsageError
from tracking import DUPLICATE_TAG, KEY_TAG, Record, Tracker
from tracking.engines.memory import MemoryTracker
from tracking.relay import Relay
from tracking.spool import Spool


@dataclass(frozen=True, eq=False)
class Tools:
    """What mending takes, for one study whose lock is held."""

    tracker: Tracker
    relay: Relay
    trial_runs: TrialRuns


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What was read of a study. `driver` says who searches it now; `given` is there where it may be mended."""

    study: Study
    trials: Sequence[FrozenTrial]
    waiting: frozenset[str]
    runs: Sequence[Record]
    tags: Mapping[str, str] | None
    tracker: Tracker
    driver: str
    abandon: bool
    given: Tools | None

    @property
    def name(self) -> str:
        """The study's."""
        return self.settings.study

    @property
    def settings(self) -> Settings:
        """Those with which the study was last searched."""
        return self.study.settings

    @property
    def tools(self) -> Tools:
        """What mending takes."""
        assert self.given, "only what was opened to be mended is mended"
        return self.given

    @property
    def spool(self) -> Spool:
        """Where runs wait for the tracker."""
        return Spool(self.settings.spool)

    @property
    def checkpoints(self) -> Path:
        """Where trials under way keep how far they are."""
        return self.settings.home / "checkpoints" / self.name

    @cached_property
    def attributes(self) -> Mapping[str, object]:
        """What the study remembers."""
        return self.study.attributes

    @cached_property
    def under(self) -> Mapping[str, Sequence[Record]]:
        """The runs of each key, oldest first, without those that are known not to count."""
        found: dict[str, list[Record]] = {}
        for run in self.runs:
            if counts(run):
                found.setdefault(run.tags.get(KEY_TAG, ""), []).append(run)
        return found

    def key(self, trial: FrozenTrial) -> str:
        """Return what its run is tagged with."""
        return self.study.key(trial.number)

    def named(self, trial: FrozenTrial) -> str:
        """Return the run that the trial names, or the study for it."""
        return run_of(trial, self.attributes)

    def run(self, trial: FrozenTrial) -> Record | None:
        """Return the run that counts for a trial: the one that it names, else the oldest under its key."""
        there = self.under.get(self.key(trial), [])
        return next((run for run in there if run.id == self.named(trial)), there[0] if there else None)

    def resting(self) -> Iterator[FrozenTrial]:
        """Yield the trials of which nothing is on its way, neither from a worker nor from the spool."""
        for trial in self.trials:
            under_way = self.driver and not trial.state.is_finished()
            if not under_way and self.key(trial) not in self.waiting and not dismissed(trial):
                yield trial

    def over(self) -> Iterator[tuple[FrozenTrial, Record]]:
        """Yield the trials that are over and rest, with their runs."""
        for trial in self.resting():
            run = self.run(trial)
            if trial.state.is_finished() and run:
                yield trial, run

    def open(self) -> Iterator[FrozenTrial]:
        """Yield the trials that were begun and left, and that nobody searches now."""
        if not self.driver:
            yield from (trial for trial in self.trials if trial.state == TrialState.RUNNING)


def counts(run: Record) -> bool:
    """Whether nobody has found that a run is one too many, or of no study."""
    # Tags can be set over, and not taken away.
    return not any(run.tags.get(tag) for tag in (DUPLICATE_TAG, FOREIGN_TAG))


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
        if "settings" not in found.user_attrs:
            begin = next_commands.command("run", "--study", name)
            raise UsageError(f"study {name} was only about to begin; `{begin}` begins it")
        return Study(found, resolve(name, place, {}, found.user_attrs["settings"]))


@contextmanager
def to_read(place: Place) -> Iterator[tuple[RDBStorage, Tracker]]:
    """Lend both stores as they are. A tracker that is not there yet is one without runs."""
    with (
        storage.reading(place.storage) as store,
        closing(tracking.open_existing(place.tracking_uri, place.artifacts) or MemoryTracker()) as tracker,
    ):
        yield store, tracker


@contextmanager
def to_mend(place: Place, name: str) -> Iterator[tuple[Study, Tools]]:
    """Lend a study, and what mending it takes."""
    store = storage.connect(place.storage)
    study = opened(store, name, place)
    tracker = tracking.connect(place.tracking_uri, place.artifacts)
    relay = Relay(Spool(study.settings.spool), tracker)
    try:
        with storage.told(place.storage):
            yield study, Tools(tracker, relay, TrialRuns(study, relay))
    finally:
        relay.close()
        store.engine.dispose()
