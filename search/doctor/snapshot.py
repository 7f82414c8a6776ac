"""One study as it stands in Optuna, in the tracker and on the disk, and what can be asked of that."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from models import kept
from search.store.attributes import FOREIGN_TAG, dismissed, identity_of_trial, run_of
from tracking import DUPLICATE_TAG, KEY_TAG, Record, Tracker, is_recorded, recorded
from tracking.spool import Spool

if TYPE_CHECKING:
    from search.problem.settings import Settings
    from search.recording.trial_runs import TrialRuns
    from search.store.study import Study
    from tracking.relay import Relay


@dataclass(frozen=True, eq=False)
class Tools:
    """What mending takes, for one study whose lock is held."""

    tracker: Tracker
    relay: "Relay"
    trial_runs: "TrialRuns"


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What was read of a study. `driver` says who searches it now; `given` is there where it may be mended."""

    study: "Study"
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
    def settings(self) -> "Settings":
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
    def networks(self) -> Mapping[str, Sequence[str]]:
        """Of each run whose network is there as it was recorded, the layers that act as in training.

        Read after the runs, so that none of theirs is missing, and each once.
        """
        file_of = self.tracker.networks(self.name)
        files = ((run, file_of(run)) for run in self.runs if counts(run) and recorded(run.tags))
        return {
            run.id: kept.acting(kept.read(BytesIO(file))) for run, file in files if file and is_recorded(file, run.tags)
        }

    @cached_property
    def curves(self) -> Callable[[Record], Sequence[tuple[int, float]]]:
        """What gives the steps and values of the goal in a run; looked up after the runs, as well."""
        return self.tracker.curves(self.name, self.study.goal.metric)

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

    def identity(self, trial: FrozenTrial) -> dict[str, str]:
        """Return the tags by which its run is known."""
        return identity_of_trial(self.name, self.key(trial), trial.number, self.settings.family, trial.user_attrs)

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
