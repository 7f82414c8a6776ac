"""`keep`: which of a study's models stay and why, what the others take, and their removal."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Literal

from rich.console import Console

from search.analysis import predictions
from search.doctor import reading
from search.driver import opened
from search.driver.opened import Stores
from search.output import tables
from search.output.progress import say
from search.output.tables import Sheet
from search.problem.settings import Place
from search.recording import retention
from search.recording.retention import Clearance, Removed
from search.store import claims, storage
from search.store.attributes import removal
from search.store.study import Study
from search.system import library_output, next_commands, signals
from search.system.errors import SearchError, UsageError
from search.system.signals import Stopped
from search.system.wording import counted
from tracking import ModelRecord, Status, Tracker
from tracking.spool import Spool

Format = Literal["text", "json"]
# Seconds for which the tracker may take what a search has left to deliver.
PATIENCE = 60.0


@dataclass(frozen=True)
class Stay:
    """A model that stays: of a trial, as people type it, or of a run that is no trial's."""

    name: str
    why: str
    value: float | None
    bytes: int


@dataclass(frozen=True)
class Go:
    """A model that goes, and of which trial it is."""

    trial: int
    model: str
    bytes: int


@dataclass(frozen=True)
class Clearing:
    """What becomes of a study's models. `waiting` runs are not delivered yet, and may have some, too.

    `gone` are those that would stay, had they not been removed before.
    """

    what: Clearance
    metric: str
    stays: Sequence[Stay]
    goes: Sequence[Go]
    gone: Sequence[str]
    waiting: int

    def table(self) -> Sheet:
        """Return a row for each model that stays."""
        rows = [(stay.name, stay.why, stay.value, told(stay.bytes)) for stay in self.stays]
        return Sheet(f"models of {self.what.experiment} that stay", ("model", "what", self.metric, "size"), rows)

    def sentences(self) -> list[str]:
        """Say what goes, and what has to be known beside it."""
        taken = told(sum(go.bytes for go in self.goes))
        said = [
            f"{counted(len(self.goes), 'model')} of {taken} to remove, of {_trials([go.trial for go in self.goes])}; "
            "their metrics, matrices and predictions stay"
            if self.goes
            else f"nothing to remove: every model that {self.what.experiment} has stays"
        ]
        if self.gone:
            again = next_commands.command("reproduce", "STUDY/NUMBER")
            said.append(f"removed before: {', '.join(self.gone)}; `{again}` trains one again")
        if self.waiting:
            said.append(f"{counted(self.waiting, 'run')} to be delivered yet; without --dry-run that comes first")
        return said

    def conclusion(self, removed: Sequence[Removed], uri: str) -> list[str]:
        """Say what came free, and what did not."""
        freed, kept = sum(one.freed for one in removed), self.held_back(removed)
        left = told(sum(stay.bytes for stay in self.stays))
        said = [f"{told(freed)} came free; {counted(len(self.stays), 'model')} of {left} left"]
        if kept:
            said.append(
                f"the server hides {counted(len(kept), 'model')} and does not remove the files; where it runs, "
                f"`mlflow gc --tracking-uri {uri} --backend-store-uri ITS_DATABASE --logged-model-ids "
                f"{','.join(go.model for go in kept)}` does"
            )
        return said

    def held_back(self, removed: Sequence[Removed]) -> list[Go]:
        """Return the models that were removed, and whose files a server keeps."""
        nothing = {one.number for one in removed if not one.freed}
        return [go for go in self.goes if go.bytes and go.trial in nothing]

    def data(self, removed: Sequence[Removed] | None) -> dict[str, Any]:
        """Return all of it for programs; nothing was removed by a call that only looks."""
        return {
            "study": self.what.experiment,
            "dry_run": removed is None,
            "stays": [asdict(stay) for stay in self.stays],
            "goes": [asdict(go) for go in self.goes],
            "removed_before": list(self.gone),
            "waiting": self.waiting,
            "freed_bytes": sum(one.freed for one in removed or ()),
            "left_bytes": sum(stay.bytes for stay in self.stays),
            "held_back": [go.model for go in self.held_back(removed or ())],
        }


def keep(name: str, place: Place, *, top: int, dry_run: bool, output: Format) -> int:
    """Remove the models of all but the best trials of a study, and say what stays, what goes and what came free."""
    if place.tracking_uri == "memory:":
        raise UsageError("--tracking-uri memory: keeps nothing that could be removed; give MLflow's address")
    console = Console(stderr=True)
    library_output.libraries()
    if dry_run:
        _only_look(name, place, top, output)
        return 0
    with opened.to_write(place) as stores:
        # Looked at first, for there has to be something before a lock is made for it.
        plan(reading.opened(stores.store, name, place), stores.runs, top)
        with signals.heeded(), claims.alone(place.home, place.storage, name, stores.store):
            try:
                _clear(console, name, stores, top, output)
            except Stopped:
                say(console, "stopped: what is removed is removed, and the same command goes on")
                raise
    return 0


def _only_look(name: str, place: Place, top: int, output: Format) -> None:
    with storage.reading(place.storage) as store, predictions.opened(place) as tracker:
        found = plan(reading.opened(store, name, place), tracker, top)
    if output == "json":
        tables.as_json(found.data(None))
    else:
        tables.sheets([found.table()], [*found.sentences(), "nothing was written: --dry-run"], output)


def plan(study: Study, tracker: Tracker, top: int) -> Clearing:
    """Return what is to become of a study's models. Changes nothing."""
    what, why = retention.clearance(study, top, f"keep --top {top}"), retention.spared(study, top)
    stays, goes = _tell_apart(study, tracker, what, why)
    said = study.attributes
    gone = [f"{what.experiment}/{number}" for number in why if said.get(removal(number))]
    return Clearing(what, study.goal.metric, stays, goes, gone, _waiting(study))


def _tell_apart(study: Study, tracker: Tracker, what: Clearance, why: Mapping[int, str]) -> tuple[list[Stay], list[Go]]:
    """Return the models that stay, those first for which there is a reason, and those that go."""
    trials = study.trials()
    numbers = {study.key(trial.number): trial.number for trial in trials}
    stays: dict[int, Stay] = {}
    others, goes = [], []
    for model in tracker.models(what.experiment):
        number, size = numbers.get(model.key), tracker.model_bytes(model)
        if number is None:
            others.append(Stay(model.name, _of_no_trial(study, model), None, size))
        elif number in what.keys and not model.held:
            goes.append(Go(number, model.id, size))
        else:
            reasons = ", ".join(filter(None, (why.get(number, ""), model.held)))
            # Of several objectives the first is shown.
            value, *_ = trials[number].values or (None,)
            stays[number] = Stay(f"{what.experiment}/{number}", reasons, value, size)
    staying = [stays.pop(number) for number in why if number in stays]
    return [*staying, *stays.values(), *others], goes


def _of_no_trial(study: Study, model: ModelRecord) -> str:
    # Its kind, such as `confirmation`, is the second part of a key.
    of = model.key.split("/")[1] if study.is_extra(model.key) else "of no trial of this study"
    return ", ".join(filter(None, (of, model.held)))


def _waiting(study: Study) -> int:
    """Count the runs that are over and not delivered."""
    spool = Spool(study.settings.spool)
    records = map(spool.record, spool.keys(f"{study.uuid}/"))
    return sum(record is not None and record.status == Status.FINISHED for record in records)


def _clear(console: Console, name: str, stores: Stores, top: int, output: Format) -> None:
    with reading.to_mend(stores, name) as (study, tools):
        tools.trial_runs.catch_up()
        if not tools.trial_runs.settle(PATIENCE):
            raise SearchError(
                f"{tools.trial_runs.problem or 'the tracker is slow'}; what waits has to be delivered first"
            )
        tools.trial_runs.link()
        found = plan(study, tools.tracker, top)
        if output == "text":
            tables.sheets([found.table()], found.sentences(), output)
        removed = _remove(console, found, study, tools.tracker)
    if output == "json":
        tables.as_json(found.data(removed))
    elif removed:
        for sentence in found.conclusion(removed, stores.place.tracking_uri):
            tables.say(sentence)


def _remove(console: Console, found: Clearing, study: Study, tracker: Tracker) -> list[Removed]:
    removed = []
    with console.status("removing models") as status:
        for one in found.what.carry_out(tracker):
            study.note(removal(one.number), one.reason)
            removed.append(one)
            status.update(f"removing models: {len(removed)} of {len(found.goes)}")
    return removed


def told(size: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.0f} kB"


def _trials(numbers: Sequence[int]) -> str:
    """Return `trials 1, 3-5` for 1, 3, 4 and 5."""
    # In a row of consecutive numbers, each is as far from its place as the others.
    rows = [[number for _, number in row] for _, row in groupby(enumerate(sorted(numbers)), lambda at: at[1] - at[0])]
    told = ", ".join(str(row[0]) if len(row) == 1 else f"{row[0]}-{row[-1]}" for row in rows)
    return f"trial {told}" if len(numbers) == 1 else f"trials {told}"
