"""What a bundle has and a study has not, taken in: a run is whole before Optuna is told of its trial."""

import itertools
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState

from search.bundle import runs
from search.bundle.moving import Entry, Move, identity
from search.bundle.runs import Kept
from search.bundle.source import Source
from search.store.attributes import CONFIRMED, FOREIGN_TAG, ORIGIN, confirmed, dismissed, removal
from search.store.study import Study
from search.system import failpoints
from tracking import DUPLICATE_TAG, KEY_TAG, Record, Run, Status, Tracker

OWN = "study"


class Taking:
    """From a bundle into a study, of which this process alone writes."""

    def __init__(self, source: Source, study: Study, tracker: Tracker) -> None:
        self._source, self._study, self._tracker = source, study, tracker
        # Whether it is the very study, or a copy of it: what is not over goes on there, under its own number.
        self.own = source.uuid in (study.uuid, study.attributes.get(ORIGIN))
        # The trials of the bundle that are to be added, and the number here of each that is or will be there.
        self.new: list[FrozenTrial] = []
        self.numbers: dict[int, int] = {}
        self.left_out: list[FrozenTrial] = []
        # Those that are over there, and open here.
        self.behind: list[FrozenTrial] = []
        self._number()
        self.move = Move(source, study, self.numbers)
        # By the ids that runs have in the bundle, those that they have here.
        self.ids: dict[str, str] = {}
        self._there = _by_key(tracker, study)

    def _number(self) -> None:
        there = self._study.trials()
        known = {identity(trial, self._study.uuid): trial for trial in there}
        for trial in self._source.trials:
            same = known.get(identity(trial, self._source.uuid))
            if same is not None:
                number = same.number
                self.behind += [trial] if trial.state.is_finished() and not same.state.is_finished() else []
            else:
                number = len(there) + len(self.new)
                in_place = self.own and number == trial.number
                if not in_place and (not trial.state.is_finished() or dismissed(trial)):
                    self.left_out.append(trial)
                    continue
                self.new.append(trial)
            self.numbers[trial.number] = number

    def extras(self) -> Iterator[tuple[Entry, Kept]]:
        """Yield the runs that are no trial's, belong to the study, and are not whole there yet.

        Not its own, which shows what it has come to here; and none of another study, whose trials they confirm.
        """
        for what in self._source.runs() if self.own else ():
            if not what.isdecimal() and what != OWN:
                kept = self._source.run(what)
                entry = kept and self.move.beside(kept)
                if kept and entry and not self._whole(entry.key):
                    yield entry, kept

    def take(self, trial: FrozenTrial) -> None:
        """Take in a trial: its run, how far it is, and at last itself."""
        number = self.numbers[trial.number]
        kept = self._source.run(str(trial.number))
        run = self.record(self.move.run(kept, trial, number), kept) if kept else ""
        failpoints.point("imported_run")
        if trial.state == TrialState.RUNNING:
            self._put_checkpoints(number)
        if removed := self._source.attributes.get(removal(trial.number)):
            # A model that is not in the bundle on purpose is missed by nobody.
            self._study.note(removal(number), removed)
        self._study.add(self.move.trial(trial, number, run), number)
        failpoints.point("imported_trial")

    def record(self, entry: Entry, kept: Kept) -> str:
        """Return what the tracker calls a run, which is whole then."""
        if not self._whole(entry.key):
            self._there[entry.key] = self._repeat(entry, kept)
        found = self._there[entry.key]
        if found.tags.get(FOREIGN_TAG):
            # The doctor has met it when its trial was not there yet.
            self._tracker.reopen(found.id).set_tags({FOREIGN_TAG: ""})
        self.ids[kept.record.id] = found.id
        return found.id

    def confirm(self) -> None:
        """Remember what was confirmed, of the study itself: with the names and the runs that it has here."""
        found = confirmed(self._source.attributes)
        if self.own and found and CONFIRMED not in self._study.attributes:
            run = self.ids.get(found["run"], "")
            self._study.note(CONFIRMED, {**self.move.renamed(found), "run": run})

    def _whole(self, key: str) -> bool:
        """Whether there is such a run, and not only a part of it: it ends when all is in it."""
        found = self._there.get(key)
        return found is not None and found.status != Status.RUNNING

    def _repeat(self, entry: Entry, kept: Kept) -> Record:
        """Record all of a run, or what is missing of one that was begun."""
        record, study = kept.record, self._study.settings.study
        run = self._tracker.run(study, entry.key, entry.name, entry.tags, time=record.began)
        run.log_parameters(record.parameters)
        for dataset in record.datasets:
            run.log_dataset(dataset)
        for step, time, values in _moments(kept):
            run.log_metrics(values, step, time=time)
        failpoints.point("importing_run")
        for name in record.artifacts:
            run.log_artifact(name, self._source.archive.read(kept.artifact(name)))
        if kept.model:
            self._put_model(run, kept)
        run.finish(Status.SCHEDULED if record.status == Status.RUNNING else record.status, time=record.ended)
        return self._tracker.record(run.id)

    def _put_model(self, run: Run, kept: Kept) -> None:
        assert kept.model
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "model.keras")
            self._source.archive.copy(kept.folder + runs.MODEL, file)
            run.log_model(replace(kept.model, file=file))

    def _put_checkpoints(self, number: int) -> None:
        folder = self._study.settings.checkpoints / f"{number:04d}"
        for member, name in self._source.checkpoints(number):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._source.archive.copy(member, folder / name)


def _by_key(tracker: Tracker, study: Study) -> dict[str, Record]:
    """Return the runs there are under their keys: of several the oldest, as the tracker gives it."""
    there = [run for run in tracker.records(study.settings.study) if not run.tags.get(DUPLICATE_TAG)]
    return {run.tags.get(KEY_TAG, ""): run for run in reversed(there)}


def _moments(kept: Kept) -> Iterator[tuple[int, int, Mapping[str, float]]]:
    """Yield what was measured after one step at one time: step, time, and the values by metric."""
    measured = [(one.step, one.time, name, one.value) for name, history in kept.histories.items() for one in history]
    for (step, time), group in itertools.groupby(sorted(measured), key=lambda one: one[:2]):
        yield step, time, {name: value for *_, name, value in group}
