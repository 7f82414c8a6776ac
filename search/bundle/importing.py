"""`import`: a bundle taken into the stores of a home. What is there stays; what a kill has left undone is done."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from optuna.storages import RDBStorage
from rich.console import Console

from search.bundle import archive, source, target
from search.bundle.archive import Archive
from search.bundle.moving import Entry
from search.bundle.runs import Kept
from search.bundle.source import Source
from search.bundle.taking import Taking
from search.doctor import budget, reading
from search.doctor.snapshot import Tools
from search.driver import opening
from search.driver.opened import Stores
from search.output import progress
from search.output.tables import Format, as_json, say
from search.problem.resolving import moved
from search.problem.settings import Place, check_name
from search.report import writing
from search.store import claims, storage
from search.store.attributes import ASKED_FOR, IMPORTING, SETTINGS, begun, confirmed
from search.store.study import Study
from search.system import addresses, disk, failpoints, library_output, next_commands, signals
from search.system.errors import SearchError, UsageError
from search.system.signals import Stop, Stopped
from search.system.wording import counted
from tracking import TrackingError

# Seconds for which the tracker may take the study's own run.
PATIENCE = 60.0


@dataclass(frozen=True)
class Imported:
    """What became of a bundle. `added` are the numbers here of the trials that were not there before."""

    file: str
    study: str
    added: Sequence[int]
    there: int
    runs: int
    renumbered: bool
    notes: Sequence[str]

    @property
    def sentence(self) -> str:
        """Say what was taken in."""
        if not self.added and not self.runs:
            return f"nothing to do: study {self.study} has all of {self.file} already"
        numbers = f" (as {self.added[0]} to {self.added[-1]})" if self.renumbered else ""
        before = f"; {counted(self.there, 'trial')} there already" if self.there else ""
        new = f"{counted(len(self.added), 'trial')}{numbers} and {counted(self.runs, 'run')}"
        return f"study {self.study}: {new} from {self.file}{before}"


def take_in(file: Path, place: Place, wanted: str | None, output: Format) -> None:
    """Take a bundle in. Raises `UsageError` where it is none, or its study cannot be; then nothing was changed.

    Raises `SearchError` where a store refuses, and `Stopped` where a signal asked to stop; the same call goes on.
    """
    console = Console(stderr=True)
    library_output.libraries()
    addresses.require_two(place.storage, place.tracking_uri)
    if place.tracking_uri == "memory:":
        raise UsageError("--tracking-uri memory: keeps nothing; give MLflow's address, or leave it out")
    with archive.opened(file) as opened, ExitStack() as lent:
        stores = Stores(place, lent)
        found = _read(console, opened)
        name = target.name_of(found, stores.begun()) if wanted is None else check_name(wanted)
        target.require_known(found, name, place)
        disk.require(place.home, opened.size / 1e6)
        disk.require_writable(place.home)
        imported = _import_alone(found, name, stores, console)
    _print(console, imported, output)


def _read(console: Console, opened: Archive) -> Source:
    with progress.bar(console, f"reading {opened.file.name}", opened.size) as done:
        opened.verify(done)
    return source.understood(opened)


def _import_alone(found: Source, name: str, stores: Stores, console: Console) -> Imported:
    """Import while nobody else changes the study."""
    place = stores.place
    with signals.heeded() as stop, claims.alone(place.home, place.storage, name, stores.begun()) as hold:
        try:
            _claim(found, name, stores, hold)
            return _import(found, name, stores, console, stop)
        except Stopped:
            progress.say(console, "stopped: what was taken in stays, and the same command goes on")
            raise
        except TrackingError as error:
            raise SearchError(disk.refusal(error, place.home) or f"{error}{storage.GOES_ON}") from error


def _claim(found: Source, name: str, stores: Stores, hold: claims.Hold) -> None:
    """See that there is such a study and that it is ours, and hold it from now on."""
    store = stores.store
    with storage.told(stores.place.storage):
        if tracker := stores.recorded():
            opening.require_ours(tracker, name, storage.uuid_of(store, name) or found.uuid)
        target.ensure(store, name, found)
        hold.take(store)


def _import(found: Source, name: str, stores: Stores, console: Console, stop: Stop) -> Imported:
    with reading.to_mend(stores, name) as (study, tools):
        tools.tracker.prepare(name, study.experiment)
        taking = Taking(found, study, tools.tracker)
        extras = list(taking.extras())
        unfinished = bool(study.attributes.get(IMPORTING))
        if taking.new or extras or unfinished:
            study.note(IMPORTING, found.uuid)
            with progress.bar(console, f"importing {name}", len(taking.new) + len(extras)) as done:
                _take_all(taking, extras, stop, done)
            with stop.held():
                _settle(taking, study, tools, stores.store, everything=unfinished)
        return _tell(found, name, taking, study)


def _take_all(taking: Taking, extras: Sequence[tuple[Entry, Kept]], stop: Stop, done: Callable[[int], None]) -> None:
    """Take in trial after trial, then what was trained beside them; a signal waits for the end of each."""
    for trial in taking.new:
        with stop.held():
            taking.take(trial)
        done(1)
    for entry, kept in extras:
        with stop.held():
            taking.record(entry, kept)
        done(1)


def _tell(found: Source, name: str, taking: Taking, study: Study) -> Imported:
    return Imported(
        str(found.archive.file),
        name,
        [taking.numbers[trial.number] for trial in taking.new],
        len(taking.numbers) - len(taking.new),
        len(taking.ids),
        any(trial.number != taking.numbers[trial.number] for trial in taking.new),
        list(_notes(found, taking, study)),
    )


def _print(console: Console, imported: Imported, output: Format) -> None:
    for note in imported.notes:
        progress.say(console, note)
    if output == "json":
        as_json(asdict(imported))
    else:
        say(imported.sentence)


def _settle(taking: Taking, study: Study, tools: Tools, store: RDBStorage, *, everything: bool) -> None:
    """Have the study say what follows from its new trials; `everything`: from all that an earlier call has added, too.

    However often this is begun, it ends alike.
    """
    _ask_for_all(study)
    taking.confirm()
    # Whoever asks for the doctor next finds nothing: this is what it would do.
    for finding in budget.baselines(reading.read(study, tools.tracker, held=True, tools=tools)):
        if finding.mend:
            finding.mend()
    failpoints.point("importing_end")
    new = set(taking.numbers.values()) if everything else {taking.numbers[trial.number] for trial in taking.new}
    for trial in study.trials():
        if trial.number in new and trial.datetime_start is not None:
            study.annotate(trial.number)
    if best := study.best():
        study.annotate(best[1], best=True)
    tools.trial_runs.portray(writing.of_study(store, study.settings.study))
    tools.trial_runs.settle(PATIENCE)
    tools.trial_runs.link()
    study.note(IMPORTING, "")


def _ask_for_all(study: Study) -> None:
    """Count what was taken in among what was asked for."""
    there, settings = begun(study.trials()), study.attributes[SETTINGS]
    if settings["trials"] is not None and there > settings["trials"]:
        study.note("settings", {**settings, "trials": there})
    asked = study.attributes.get(ASKED_FOR, 0)
    if asked is not None and there > asked:
        study.note(ASKED_FOR, there)


def _notes(found: Source, taking: Taking, study: Study) -> Iterator[str]:
    """Yield what a person may have expected to be otherwise."""
    name, data = study.settings.study, study.settings.data
    if taking.behind:
        yield f"{counted(len(taking.behind), 'trial')}, over in it and open here: to go on here"
    if not taking.ids:
        return
    if taking.left_out:
        yield f"{counted(len(taking.left_out), 'trial')} not over yet, left out: to go on where the study was begun"
    if not taking.own and confirmed(found.attributes):
        yield f"what was confirmed of it stays out: `{next_commands.command('confirm', name)}` chooses among all trials"
    if changes := study.changes():
        yield changes
    if moved(data):
        on = next_commands.command("run", "--study", name, "--data", "FILE")
        yield f"its images are not here ({data}); go on with `{on}`"
