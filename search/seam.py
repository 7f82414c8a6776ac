"""Where Optuna and the tracker meet: each trial has one run, both name the other, and both say the same of its end."""

from collections.abc import Mapping
from dataclasses import dataclass

import optuna
from optuna.trial import TrialState

from search import crash, recording
from search.recording import Outcome
from search.study import Study, run_name
from tracking import Record, Recorder
from tracking.courier import Courier

# Seconds for which the end of a trial waits for the name of its run: others must not wait long for that.
PATIENCE = 0.1


@dataclass(frozen=True)
class Adopted:
    """A trial of which only the telling was left to do."""

    number: int
    outcome: Outcome


class Seam:
    """Keeps trials and runs together, for the one process that writes both."""

    def __init__(self, study: Study, courier: Courier) -> None:
        self._study, self._courier = study, courier
        # Trials of which Optuna does not know yet what the tracker calls their runs.
        self._unlinked: set[int] = set()

    @property
    def problem(self) -> str:
        """Why the tracker does not take something now; empty while all goes well."""
        return self._courier.problem

    def catch_up(self) -> list[Adopted]:
        """Do what a killed driver had left to do: deliver, link, and tell Optuna how trials ended whose runs say so."""
        self._courier.deliver_all(self._study.uuid)
        for number in self._study.unlinked():
            self._recognise(number)
        adopted = []
        for trial in self._study.interrupted():
            record = self._recognise(trial.number)
            outcome = recording.outcome(record, self._study.goal) if record else None
            if outcome:
                self._tell(trial, outcome)
                adopted.append(Adopted(trial.number, outcome))
        return adopted

    def begin(self, trial: optuna.Trial, tags: Mapping[str, str]) -> Recorder:
        """Return the trial's run: a new one, or the one that it had when it was interrupted."""
        name = run_name(self._study.settings.study, trial.number)
        run = self._courier.run(self._study.settings.study, self._study.key(trial.number), name, tags)
        crash.point("after_open")
        self._unlinked.add(trial.number)
        return run

    def end(self, trial: optuna.Trial, run: Recorder, outcome: Outcome) -> None:
        """Finish the run, then tell Optuna: a trial that is over has a run that is whole, or will be once delivered."""
        recording.conclude(run, outcome)
        crash.point("before_tell")
        self._courier.wait_for_id(self._study.key(trial.number), PATIENCE)
        self.link()
        self._tell(trial, outcome)
        crash.point("after_tell")

    def link(self) -> None:
        """Write into the study what the tracker calls the runs of which it was not known before."""
        for number in list(self._unlinked):
            if run := self._courier.id(self._study.key(number)):
                self._study.link(number, run)
                self._study.annotate(number)
                self._unlinked.discard(number)

    def _recognise(self, number: int) -> Record | None:
        """Return a trial's run, if it has one yet, and link the two: now, or when the tracker has named it."""
        record = self._courier.find(self._study.settings.study, self._study.key(number))
        if record and record.id:
            self._study.link(number, record.id)
            self._study.annotate(number)
        else:
            self._unlinked.add(number)
        return record

    def _tell(self, trial: optuna.Trial, outcome: Outcome) -> None:
        if outcome.reason:
            trial.set_user_attr("reason", outcome.reason)
        if outcome.infeasible and "feasible" not in trial.constraints:
            trial.set_constraint("feasible", 1.0)
        for name, value in outcome.attributes.items():
            trial.set_user_attr(name, value)
        self._study.annotate(trial.number)
        complete = outcome.state == TrialState.COMPLETE
        self._study.tell(trial, outcome.state, outcome.value if complete else None)
