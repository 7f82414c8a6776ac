"""The trials of a study, as a driver trains them: drawn, judged by the pruner, recorded, told to Optuna."""

from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from models.data import Images
from search.analysis import outlook
from search.driver.attempt import Attempt, Attempts
from search.driver.trainings import Trainings
from search.output.progress import Progress, duration
from search.policies.answers import Answer, Verdicts
from search.problem import objectives
from search.recording import artifacts
from search.recording.artifacts import Outcome
from search.recording.trial_runs import TrialRuns
from search.store import storage
from search.store.attributes import BASELINE, INFEASIBLE, REASON, REPEAT_OF, REPEAT_TAG, START, TRACEBACK, dismissed
from search.store.study import Study
from search.system import failpoints, next_commands
from search.system.errors import SearchError
from search.system.wording import counted
from search.workers.execution import Plan
from search.workers.messages import Rejected, Trained
from tracking.removal import remove

# So many trials in a row that fail by an error in the code stop the search: the next would fail, too.
ERRORS_IN_A_ROW = 3
# So many in a row that cannot be trained: hardly any of the space can be.
INFEASIBLE_IN_A_ROW = 100
# Characters of a traceback that are kept with the trial.
CHARACTERS = 4000
# So many trials may wait for others of their configuration; of more, the space has hardly any others left.
TWINS = 4
WORDS = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


class Trials(Trainings[Attempt]):
    """Brings a study to its number of trials."""

    def __init__(
        self, study: Study, trial_runs: TrialRuns, progress: Progress, images: Images, shared: Path, plan: Plan
    ) -> None:
        """`shared`: the file of the images, for workers."""
        super().__init__()
        self._study, self._trial_runs, self._progress = study, trial_runs, progress
        self._attempts = Attempts(study, trial_runs, images, shared, plan)
        self._images, self._settings, self._pruner = images, study.settings, study.pruner
        # Those that were open when a call began, those whose configuration another one just tries, and of these those
        # for which there is no other any more.
        self._interrupted: deque[optuna.Trial] = deque()
        self._twins: list[Attempt] = []
        self._free: deque[Attempt] = deque()
        self._problem = ""
        self._errors_in_a_row = self._infeasible_in_a_row = 0
        self._exhausted = False
        self._epochs = 0
        self._finished = study.standing().finished
        self._best = study.best()

    def take_up(self, clock: Callable[[], float]) -> None:
        """Find the trials that were interrupted, and let the pruner know what all have come to so far."""
        self._clock, self._began = clock, clock()
        self._interrupted.extend(self._study.interrupted())
        for trial in self._study.trials():
            if trial.state == TrialState.WAITING or dismissed(trial) or BASELINE in trial.user_attrs:
                continue
            if REPEAT_OF in trial.user_attrs or (trial.state == TrialState.RUNNING and self._study.same(trial)):
                # It taught nothing, or may be about to; others are compared without it.
                continue
            self._pruner.enter(trial.number, given=START in trial.user_attrs)
            for step, value in sorted(trial.intermediate_values.items()):
                self._pruner.report(trial, step, value)
            if trial.state.is_finished():
                self._pruner.end(trial.number, complete=trial.state == TrialState.COMPLETE)

    @property
    def more(self) -> bool:
        """Whether a trial is open, or one more may be drawn."""
        return bool(self._free or self._interrupted) or not self._is_closed

    @property
    def _is_closed(self) -> bool:
        """Whether no more is drawn: enough are, or what is drawn comes to what is under way anyhow."""
        return not self._wants_more() or len(self._twins) >= TWINS

    def _wants_more(self) -> bool:
        in_time = self._settings.timeout is None or self._clock() - self._began < self._settings.timeout
        begun = len(self.begun) + len(self._interrupted)
        return not self._exhausted and in_time and self._settings.left(self._finished + begun) != 0

    def begin(self) -> Attempt | None:
        """Open one more trial, those that were interrupted first. One that repeats another ends at once."""
        if self._free:
            return self._place(self._free.popleft())
        trial = self._interrupted.popleft() if self._interrupted else self._ask()
        if trial is None:
            return None
        current = self._attempts.begin(trial)
        self.begun[trial.number] = current
        return self._place(current)

    def _ask(self) -> optuna.Trial | None:
        storage.require_there(self._settings.storage)
        trial = self._study.ask()
        failpoints.point("after_ask")
        if trial is None:
            self._exhausted = True
            self.note("every point of the grid was tried: there is nothing more to search")
        return trial

    def _place(self, current: Attempt) -> Attempt | None:
        """Return a trial that is to be trained: no other one just tries its configuration, or has tried it."""
        same = self._study.same(current.trial)
        aside = {current.number, *(twin.number for twin in (*self._twins, *self._free))}
        if same and same[0].state.is_finished():
            self._repeat(current, same[0])
        elif any(one.number in self.begun.keys() - aside for one in same):
            self._twins.append(current)
        else:
            return current
        return None

    def _repeat(self, current: Attempt, known: FrozenTrial) -> None:
        """End a trial of which another has the configuration, as that one ended: it would teach nothing new."""
        current.trial.set_user_attr(REPEAT_OF, known.number)
        current.run.set_tags({REPEAT_TAG: str(known.number)})
        values, reason = tuple(known.values or ()), known.user_attrs.get(REASON, "")
        infeasible = reason if reason.startswith(INFEASIBLE) else ""
        measured = dict(zip(objectives.recorded(self._study.goals), values, strict=False))
        if infeasible:
            measured = artifacts.summarised(known.user_attrs)
        current.run.log_metrics(measured)
        self._end(current, Outcome(known.state, values, infeasible or artifacts.repeats(known.number), measured))
        remove(current.job.folder, self._settings.home / "checkpoints")

    @property
    def limit(self) -> float | None:
        """What --trial-timeout says."""
        return self._settings.trial_timeout

    def waits(self, training: Attempt) -> bool:
        """Whether it has to wait for others at once. Baselines never do."""
        marks = training.trial.user_attrs
        if BASELINE in marks or not self._pruner.enter(training.number, given=START in marks):
            return False
        self._pruner.park(training.number)
        return True

    def decide(self) -> Verdicts:
        """Ask the pruner, once all are there that it has to compare."""
        return Verdicts() if self._interrupted else self._pruner.decide(closed=self._is_closed)

    def started(self, training: Attempt) -> None:
        """Show it."""
        self._progress.started(training.number, training.label, training.budget, training.recorded)
        self._count()

    def trained(self, training: Attempt) -> None:
        """Show that it is not running any more."""
        self._progress.trained(training.number)

    def answer(self, training: Attempt, step: int, metrics: Mapping[str, float]) -> Answer:
        """Report it to Optuna, and return what the pruner says."""
        return self._study.report(training.trial, step, metrics[self._study.goal.metric])

    def record(self, training: Attempt, step: int, metrics: Mapping[str, float]) -> None:
        """Write an epoch into its run, unless it was there before."""
        if step > training.recorded:
            self._epochs += 1
            training.run.log_metrics(metrics, step=step)
            training.recorded = step
        self._progress.epoch(training.number, step, metrics)

    def paused(self, training: Attempt) -> None:
        """Let the pruner know, and show it."""
        self._pruner.park(training.number)
        self._progress.paused(training.number)

    def complete(self, training: Attempt, trained: Trained) -> None:
        """Write what came of it into its run, and tell Optuna."""
        measured = artifacts.measured(trained, training.history)
        # Before the model, which takes them along.
        training.run.log_metrics(measured)
        artifacts.record(
            training.run, training.title, trained, training.history, self._images, family=training.job.family
        )
        self._errors_in_a_row = 0
        state = TrialState.PRUNED if training.pruned else TrialState.COMPLETE
        values = objectives.values(self._study.goals, measured)
        why = self._why_it_stopped(training, trained)
        self._end(training, Outcome(state, values, why, artifacts.summarised(measured)))

    def _why_it_stopped(self, training: Attempt, trained: Trained) -> str:
        after = f"after {len(training.history['loss'])} of {counted(training.budget, 'epoch')}"
        if training.overtime:
            return f"stopped by --trial-timeout of {duration(self.limit or 0)} {after}"
        stopped = "pruned" if training.pruned else trained.stopped
        return {"pruned": after, "early": f"stopped early {after}", None: ""}[stopped]

    def reject(self, training: Attempt, rejected: Rejected) -> None:
        """Write why into its run, and tell Optuna by how much it was over the limits."""
        training.run.log_metrics(rejected.measured)
        reason = INFEASIBLE + rejected.reason
        self._end(training, Outcome(TrialState.PRUNED, reason=reason, attributes=rejected.measured))

    def fail(self, training: Attempt, reason: str, traceback: str) -> None:
        """Write what there is into its run, and tell Optuna. Raises `SearchError` where the next would fail, too."""
        if traceback:
            training.run.log_text("traceback.txt", traceback)
            # Its last lines say what and where; Optuna's dashboard would show a column of it.
            training.trial.set_user_attr(TRACEBACK, traceback[-CHARACTERS:])
        goal = self._study.goal
        artifacts.record_unfinished(training.run, training.title, training.history, goal, training.parameters)
        self._end(training, Outcome(TrialState.FAIL, reason=reason))
        self._errors_in_a_row = self._errors_in_a_row + 1 if traceback else 0
        if self._errors_in_a_row == ERRORS_IN_A_ROW:
            raise SearchError(
                f"{ERRORS_IN_A_ROW} trials in a row failed by an error in the code, the last by {reason}; see "
                f"`{next_commands.command('show', f'{self._settings.study}/{training.number}')}`"
            )

    def _end(self, current: Attempt, outcome: Outcome) -> None:
        """End the trial in both stores."""
        number = current.number
        self._trial_runs.end(current.trial, current.run, outcome)
        self._pruner.end(number, complete=outcome.state == TrialState.COMPLETE)
        del self.begun[number]
        # What was drawn and could not be trained is none of the trials asked for.
        self._finished += not outcome.infeasible
        if outcome.state == TrialState.COMPLETE and outcome.value is not None:
            better = self._best is None or self._study.goal.better(outcome.value, self._best[0])
            if better:
                self._best = (outcome.value, number)
                self._study.annotate(number, best=True)
            self._look_ahead()
        self._count()
        word = "infeasible" if outcome.infeasible else WORDS[outcome.state]
        self._progress.ended(number, word, outcome.value, outcome.reason.removeprefix(INFEASIBLE))
        self._free.extend(self._twins)
        self._twins.clear()
        self._infeasible_in_a_row = self._infeasible_in_a_row + 1 if outcome.infeasible else 0
        if self._infeasible_in_a_row == INFEASIBLE_IN_A_ROW:
            raise SearchError(
                f"{INFEASIBLE_IN_A_ROW} configurations in a row could not be trained, the last since "
                f"{outcome.reason.removeprefix(INFEASIBLE)}; hardly any can be: begin another study with larger "
                "images, a higher limit, or what makes the difference pinned by --fix"
            )

    def _look_ahead(self) -> None:
        """Show what another hour is expected to gain, at the pace so far."""
        hours = (self._clock() - self._began) / 3600
        # A grid ends by itself.
        if hours > 0 and self._settings.sampler != "grid":
            study = self._study
            gain = outlook.gain(study.trials(), study.goal, self._settings.epochs, self._epochs / hours)
            self._progress.expects(gain)

    def note(self, text: str) -> None:
        """Show it."""
        self._progress.note(text)

    def stopping(self) -> None:
        """Show it."""
        self._progress.stopping()

    def tend(self) -> None:
        """Link trials with runs that have got their names; say that records wait, or do not any more."""
        self._trial_runs.link()
        problem = self._trial_runs.problem
        if problem and not self._problem:
            self.note(f"{problem}; the search goes on, and what it records waits in {self._settings.spool}")
        elif self._problem and not problem:
            self.note("the tracker is back, and has what it missed")
        self._problem = problem

    def _count(self) -> None:
        self._progress.count(self._study.standing(), self._best)
