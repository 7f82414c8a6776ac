"""`export`: everything that both stores and the home have of a study, put into one file."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from optuna.storages import RDBStorage
from optuna.trial import TrialState
from rich.console import Console

from search.bundle import runs, trials
from search.bundle.archive import Writer
from search.bundle.runs import Kept
from search.bundle.source import CHECKPOINTS, STUDY, TRIALS
from search.doctor import reading
from search.doctor.snapshot import Snapshot
from search.driver import delivery, opened
from search.driver.opened import Stores
from search.output import progress
from search.output.tables import Format, as_json, say
from search.problem.settings import Place, check_name
from search.store import claims
from search.store.attributes import Standing, dismissed, standing
from search.store.study import Study
from search.system import addresses, atomic_files, library_output, next_commands, signals
from search.system.errors import SearchError
from search.system.wording import counted
from tracking import MODEL_TAG, Record, Status, Tracker, TrackingError, databases

SUFFIX = ".zip"


@dataclass(frozen=True)
class Exported:
    """What is in a bundle. `problems` say what should be, and is not."""

    file: Path
    study: str
    trials: Standing
    runs: int
    artifacts: int
    models: int
    megabytes: float
    problems: Sequence[str]

    @property
    def sentence(self) -> str:
        """Say what it holds, and how large it is."""
        now = self.trials
        return (
            f"{self.file}: study {self.study}, {counted(now.finished, 'trial')} finished, {now.running} open, "
            f"{now.waiting} waiting; {counted(self.runs, 'run')} with {counted(self.artifacts, 'artifact')} and "
            f"{counted(self.models, 'model')}; "
            f"{self.megabytes:,.1f} MB"
        )


def export(name: str, place: Place, out: Path | None, output: Format) -> None:
    """Write a study into a file, whole or not at all. Raises `UsageError`, `SearchError` and `TrackingError`."""
    console = Console(stderr=True)
    library_output.libraries()
    file = out or Path(f"{check_name(name)}{SUFFIX}")
    addresses.require_two(place.storage, place.tracking_uri)
    atomic_files.require_new(file)
    exported = (_exported if databases.can_be_written(place.home) else _only_read)(name, place, file, console)
    for problem in exported.problems:
        progress.say(console, problem)
    if output == "json":
        as_json(asdict(exported))
    else:
        say(exported.sentence)


def _exported(name: str, place: Place, file: Path, console: Console) -> Exported:
    """Write a study that nobody searches meanwhile."""
    with opened.to_write(place) as stores:
        reading.opened(stores.store, name, place)
        with signals.heeded(), claims.alone(place.home, place.storage, name, stores.store):
            return written(name, file, console, stores)


def _only_read(name: str, place: Place, file: Path, console: Console) -> Exported:
    """Write a study of a home that cannot be written, and that nobody searches as this begins."""
    with reading.to_read(place) as (store, tracker):
        study = reading.opened(store, name, place)
        with signals.heeded():
            claims.require_undisturbed(place.home, store, name)
            _require_delivered(console, study, None)
            return _written(study, file, console, store, tracker)


def written(name: str, file: Path, console: Console, stores: Stores) -> Exported:
    """Write a study whose lock is held here."""
    _require_delivered(console, reading.opened(stores.store, name, stores.place), stores)
    # Read again: what was delivered is known to it now.
    study = reading.opened(stores.store, name, stores.place)
    return _written(study, file, console, stores.store, stores.to_read())


def _require_delivered(console: Console, study: Study, stores: Stores | None) -> None:
    if not delivery.deliver(console, study, stores):
        raise SearchError(
            f"runs of study {study.settings.study} wait for the tracker, as said; nothing was written: try again then"
        )


def _written(study: Study, file: Path, console: Console, store: RDBStorage, tracker: Tracker) -> Exported:
    with atomic_files.placed(file) as fresh, fresh.open("wb") as stream:
        found = reading.read(study, tracker, held=True)
        export = Export(found, store, tracker, Writer(stream))
        export.write(console)
    return Exported(
        file,
        study.settings.study,
        standing(found.trials),
        export.count["runs"],
        export.count["artifacts"],
        export.count["models"],
        file.stat().st_size / 1e6,
        export.problems,
    )


class Export:
    """Writes one study, of which nobody searches meanwhile, and counts what that is."""

    def __init__(self, found: Snapshot, store: RDBStorage, tracker: Tracker, writer: Writer) -> None:
        self._case, self._store, self._tracker, self._writer = found, store, tracker, writer
        self.count: Counter[str] = Counter()
        self.problems: list[str] = []

    def write(self, console: Console) -> None:
        """Write everything. Raises `TrackingError` where the tracker does not give it."""
        self._writer.put_json(STUDY, self._of_study())
        self._writer.put_json(TRIALS, [trials.to_json(trial) for trial in self._case.trials])
        records = list(self._records())
        with progress.bar(console, f"exporting {self._case.name}", len(records)) as done:
            for record in records:
                self._put(record)
                done(1)
        self._put_checkpoints()
        self._writer.close(self._case.name, self._case.study.uuid)

    def _of_study(self) -> dict[str, Any]:
        number = self._store.get_study_id_from_name(self._case.name)
        return {
            "directions": [direction.name for direction in self._store.get_study_directions(number)],
            "attributes": claims.kept(self._store.get_study_user_attrs(number)),
            "system": self._store.get_study_system_attrs(number),
            # By which the descriptions of runs lead to the Optuna dashboard.
            "dashboard": number,
        }

    def _records(self) -> Iterator[Record]:
        """Yield the run of each trial that has one, and then the study's own and those of what was trained beside."""
        for trial in self._case.trials:
            if run := self._case.run(trial):
                yield run
            elif trial.state.is_finished() and not dismissed(trial):
                name = self._case.name
                self.problems.append(
                    f"{name}/{trial.number} has no run; `{next_commands.command('doctor', name, '--fix')}` makes one"
                )
        for key, there in self._case.under.items():
            if self._case.study.is_extra(key):
                yield there[0]

    def _put(self, record: Record) -> None:
        # What lives on a server is copied before it is packed.
        with tempfile.TemporaryDirectory() as folder:
            kept = self._kept(record, Path(folder))
            self._writer.put_json(kept.folder + runs.ABOUT, runs.to_json(kept))
            for name in record.artifacts:
                self._writer.put(kept.artifact(name), self._tracker.read(record.id, name))
            if kept.model:
                self._writer.copy(kept.folder + runs.MODEL, kept.model.file)
        self.count += Counter(runs=1, artifacts=len(record.artifacts), models=int(kept.model is not None))

    def _kept(self, record: Record, folder: Path) -> Kept:
        if record.status == Status.RUNNING:
            # A killed driver has left it so: the study's lock is held here.
            record = replace(record, status=Status.SCHEDULED)
        model = None
        if MODEL_TAG in record.tags:
            try:
                model = self._tracker.model(record.id, folder)
            except TrackingError as error:
                # A damaged one must not pass for one that is whole somewhere else.
                self.problems.append(f"the model of {record.name} is left out: {error}")
        return Kept(record, self._tracker.histories(record.id), model)

    def _put_checkpoints(self) -> None:
        for trial in self._case.trials:
            folder = self._case.checkpoints / f"{trial.number:04d}"
            if trial.state == TrialState.RUNNING and folder.is_dir():
                for file in sorted(folder.iterdir()):
                    self._writer.copy(f"{CHECKPOINTS}/{trial.number}/{file.name}", file)
