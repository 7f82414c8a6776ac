"""Where Optuna and the tracker meet: each trial has one run, both name the other, and both say the same of its end."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import optuna
from optuna.trial import TrialState

from search.recording import artifacts
from search.recording.artifacts import Outcome
from search.recording.retention import Clearance, Keeper, Removed, clearance
from search.store.attributes import REASON, identity_of_study, removal, run_name
from search.system import failpoints
from tracking import DESCRIPTION_TAG, Record, Recorder, Status, Tracker
from tracking.relay import Relay

if TYPE_CHECKING:
    from search.store.study import Study

# Seconds for which the end of a trial waits for the name of its run: others must not wait long for that.
PATIENCE = 0.1
# The artifact of a study's own run.
PAGE = "study.html"


@dataclass(frozen=True)
class Adopted:
    """A trial of which only the telling was left to do."""

    number: int
    outcome: Outcome


class TrialRuns:
    """Keeps trials and runs together, for the one process that writes both."""

    def __init__(self, study: "Study", relay: Relay) -> None:
        self._study, self._relay = study, relay
        # Trials of which Optuna does not know yet what the tracker calls their runs.
        self._unlinked: set[int] = set()
        self._portrayed = False
        self._keeper: Keeper | None = None
        # Trials whose models the relay has removed: all that it knows of, and those that Optuna does not know yet.
        self._cleared: set[int] = set()
        self._removed: deque[Removed] = deque()
        self.removed: list[Removed] = []

    @property
    def problem(self) -> str:
        """Why the tracker does not take something now; empty while all goes well."""
        return self._relay.problem

    def catch_up(self) -> list[Adopted]:
        """Do what a killed driver had left to do: deliver, link, and tell Optuna how trials ended whose runs say so."""
        self._relay.deliver_all(self._study.uuid)
        for number in self._study.unlinked():
            self._recognise(number)
        adopted = []
        for trial in self._study.interrupted():
            record = self._recognise(trial.number)
            outcome = artifacts.outcome(record, self._study.goals) if record else None
            if outcome:
                self._tell(trial, outcome)
                adopted.append(Adopted(trial.number, outcome))
        return adopted

    def begin(self, trial: optuna.Trial, tags: Mapping[str, str]) -> Recorder:
        """Return the trial's run: a new one, or the one that it had when it was interrupted."""
        name = run_name(self._study.settings.study, trial.number)
        run = self._relay.run(self._study.settings.study, self._study.key(trial.number), name, tags)
        failpoints.point("after_open")
        self._unlinked.add(trial.number)
        return run

    def end(self, trial: optuna.Trial, run: Recorder, outcome: Outcome) -> None:
        """Finish the run, then tell Optuna: a trial that is over has a run that is whole, or will be once delivered."""
        artifacts.conclude(run, outcome)
        failpoints.point("before_tell")
        self._relay.wait_for_id(self._study.key(trial.number), PATIENCE)
        self.link()
        self._tell(trial, outcome)
        failpoints.point("after_tell")
        if self._study.settings.keep:
            self._clear_after(trial, outcome)

    def clear(self) -> None:
        """Have the models removed that the study's settings do not keep, once they are delivered; `link` notes them."""
        if keep := self._study.settings.keep:
            self._entrust(clearance(self._study, keep, f"run --keep {keep}"))

    def _clear_after(self, trial: optuna.Trial, outcome: Outcome) -> None:
        """The same of what may go since a trial has ended: a look at all of them each time would hold up the others."""
        if self._keeper is None:
            keep = self._study.settings.keep
            self._keeper = Keeper(self._study, keep, f"run --keep {keep}")
        else:
            self._keeper.ended(trial.number, outcome, trial.user_attrs)
        self._entrust(self._keeper.clearance())

    def _entrust(self, what: Clearance) -> None:
        self._relay.entrust(lambda tracker: self._carry_out(what, tracker))

    def _carry_out(self, what: Clearance, tracker: Tracker) -> Iterator[None]:
        """Do what is to be done, in the relay's thread; it may be done again before it is noted."""
        left = replace(what, unsaid=what.unsaid - self._cleared)
        for removed in left.carry_out(tracker, frozenset(self._relay.waiting(f"{self._study.uuid}/"))):
            self._cleared.add(removed.number)
            self._removed.append(removed)
            yield

    def link(self) -> None:
        """Write into the study what it did not know before: what the tracker calls runs, and whose models are gone."""
        for number in list(self._unlinked):
            if run := self._relay.id(self._study.key(number)):
                self._study.link(number, run)
                self._study.annotate(number)
                self._unlinked.discard(number)
        if self._portrayed and (run := self._relay.id(self._study.own_key)):
            self._study.link_own(run)
            self._portrayed = False
        while self._removed:
            removed = self._removed.popleft()
            self._study.note(removal(removed.number), removed.reason)
            self.removed.append(removed)
            if self._keeper:
                self._keeper.removed(removed.number)

    def portray(self, page: str) -> None:
        """Give the study a run of its own that shows it, by this page of HTML; one that it has is written over."""
        study, key = self._study.settings.study, self._study.own_key
        tags = identity_of_study(study, key, self._study.settings.family) | {
            DESCRIPTION_TAG: f"All trials of the study, as charts: the artifact `{PAGE}`\n\n"
            f"[The study in the Optuna dashboard]({self._study.own_address})"
        }
        run = self._relay.run(study, key, study, tags)
        run.log_text(PAGE, page)
        run.finish(Status.FINISHED)
        self._portrayed = True

    def extra_run(self, key: str, name: str, tags: Mapping[str, str]) -> Recorder:
        """Return a run of the study that is no trial's: a new one, or the one that there is."""
        return self._relay.run(self._study.settings.study, key, name, tags)

    def found(self, key: str) -> Record | None:
        """Return the run with this key as it stands, if there is one."""
        return self._relay.find(self._study.settings.study, key)

    def settle(self, seconds: float) -> bool:
        """Wait until the tracker has everything, or the time is over; return whether it has."""
        return not self._relay.settle(seconds)

    def _recognise(self, number: int) -> Record | None:
        """Return a trial's run, if it has one yet, and link the two: now, or when the tracker has named it."""
        record = self._relay.find(self._study.settings.study, self._study.key(number))
        if record and record.id:
            self._study.link(number, record.id)
            self._study.annotate(number)
        else:
            self._unlinked.add(number)
        return record

    def _tell(self, trial: optuna.Trial, outcome: Outcome) -> None:
        if outcome.reason:
            trial.set_user_attr(REASON, outcome.reason)
        if outcome.infeasible:
            self._constrain(trial, outcome)
        for name, value in outcome.attributes.items():
            trial.set_user_attr(name, value)
        self._study.annotate(trial.number)
        self._study.tell(trial, outcome.state, *(outcome.values if outcome.state == TrialState.COMPLETE else ()))

    def _constrain(self, trial: optuna.Trial, outcome: Outcome) -> None:
        """Let the sampler know by how much the network was over the limits. It asks nothing of those that are within.

        TPE puts what is over behind all else, and what is less over before what is more.
        """
        over = self._study.settings.limits.excess(outcome.attributes) or {"feasible": 1.0}
        for name in over.keys() - trial.constraints.keys():
            trial.set_constraint(name, over[name])
