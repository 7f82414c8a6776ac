"""The loop that asks, hands out, reports, records and tells: the one writer of both stores."""

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from models.data import Images
from models.watch import Watch
from search.driver.attempt import Attempt, Attempts
from search.output.progress import Progress, duration
from search.policies.halving import Brackets
from search.problem import objectives
from search.recording import artifacts
from search.recording.artifacts import Outcome
from search.recording.trial_runs import TrialRuns
from search.store import storage
from search.store.attributes import REPEAT_OF, REPEAT_TAG, dismissed
from search.store.study import Study
from search.system import failpoints, next_commands
from search.system.errors import SearchError
from search.system.signals import Stop
from search.system.wording import counted
from search.workers.engines import Engine
from search.workers.execution import Plan
from search.workers.messages import (
    Answer,
    Blocked,
    Built,
    Died,
    EpochDone,
    Failed,
    Message,
    Paused,
    Rejected,
    Trained,
)
from tracking import Status, TrackingError
from tracking.removal import remove

# A worker that is killed under a trial this often is taken to be killed by it.
RESTARTS = 3
# So many trials in a row that fail by an error in the code stop the search: the next would fail, too.
ERRORS_IN_A_ROW = 3
# Characters of a traceback that are kept with the trial.
TRACEBACK = 4000
# So many trials may wait for others of their configuration; of more, the space has hardly any others left.
TWINS = 4
# Seconds beyond --trial-timeout for which a worker may say nothing before it is taken to hang.
HANGING = 30.0


class Driver:
    """Runs a study to its number of trials."""

    def __init__(
        self,
        study: Study,
        engine: Engine,
        trial_runs: TrialRuns,
        progress: Progress,
        images: Images,
        shared: Path,
        plan: Plan,
        stop: Stop | None = None,
    ) -> None:
        self._study, self._engine, self._trial_runs, self._progress = study, engine, trial_runs, progress
        self._images, self._attempts = images, Attempts(study, trial_runs, images, shared, plan)
        self._stop = stop or Stop()
        self._settings = study.settings
        self._watch = Watch()
        self._began = self._watch.seconds()
        # Seconds for which workers were listened to: what holds up the driver, as a store may, is no silence of theirs.
        self._listened = 0.0
        # All trials that were opened and are not over. Of them: those with a worker, those that wait at a rung, those
        # that wait for a worker, first come first served, and those whose configuration another one just tries.
        self._begun: dict[int, Attempt] = {}
        self._open: dict[int, Attempt] = {}
        self._waiting: dict[int, Attempt] = {}
        self._queue: deque[Attempt] = deque()
        self._twins: list[Attempt] = []
        self._interrupted: list[optuna.Trial] = []
        self._brackets = Brackets(study.ladder, study.goal) if study.ladder else None
        self._problem = ""
        self._errors_in_a_row = 0
        self._exhausted = False
        self._finished = study.standing().finished
        self._best = study.best()

    def run(self) -> None:
        """Search until every trial asked for is over, or the time is. Raises `SearchError`.

        However this ends, open trials are left as ones that the next call goes on with.
        """
        self._stop.announce = self._progress.stopping
        with self._stop.held():
            self._interrupted = self._study.interrupted()
            self._recall()
        try:
            with self._watch:
                self._search()
        finally:
            for left in self._begun.values():
                # A full disk may be what ended the search, after a run was over and before Optuna knew. The trials
                # can be gone on with all the same.
                with suppress(TrackingError):
                    left.run.finish(Status.SCHEDULED)

    def _search(self) -> None:
        while self._fill():
            listening = self._watch.seconds()
            received = self._engine.receive(timeout=1.0)
            self._listened += self._watch.seconds() - listening
            with self._stop.held():
                if received:
                    if isinstance(received[1], Trained | Rejected | Failed | Blocked):
                        self._progress.trained(received[0])
                    if not isinstance(received[1], Died):
                        # A worker that is done trains on while it is recorded what it has done; that of one which
                        # died belongs to its trial.
                        self._start_next()
                    self._handle(*received)
                self._end_hanging()
                self._trial_runs.link()
                self._tell_of_problems()

    def _recall(self) -> None:
        """Let the brackets know what trials have come to so far."""
        if self._brackets is None:
            return
        for trial in self._study.trials():
            if trial.state == TrialState.WAITING or dismissed(trial) or "baseline" in trial.user_attrs:
                continue
            if REPEAT_OF in trial.user_attrs or (trial.state == TrialState.RUNNING and self._study.same(trial)):
                # It taught nothing, or may be about to; others are compared without it.
                continue
            self._brackets.enter(trial.number)
            for step, value in sorted(trial.intermediate_values.items()):
                self._brackets.report(trial.number, step, value)
            if trial.state.is_finished():
                self._brackets.end(trial.number, complete=trial.state == TrialState.COMPLETE)

    def _fill(self) -> bool:
        """Give every free worker a trial, and have one more at hand; return whether any is under way."""
        more = True
        while more:
            with self._stop.held():
                self._decide()
                # It is drawn while others train.
                more = self._start_next() if self._queue else self._prepare()
        return bool(self._open)

    def _start_next(self) -> bool:
        """Give the trial that is at hand to a worker that is free; return whether that was done."""
        if not (self._engine.free and self._queue):
            return False
        current = self._queue.popleft()
        number = current.job.number
        self._open[number] = current
        self._progress.started(number, current.label, current.budget, current.recorded)
        self._count()
        self._engine.start(current.job)
        return True

    def _prepare(self) -> bool:
        """Open one more trial, those that were interrupted first; return whether there was any to open."""
        if self._interrupted:
            self._begin(self._interrupted.pop(0))
            return True
        if not self._wants_more() or self._is_narrow:
            return False
        storage.require_there(self._settings.storage)
        trial = self._study.ask()
        failpoints.point("after_ask")
        if trial is None:
            self._exhausted = True
            self._progress.note("every point of the grid was tried: there is nothing more to search")
        else:
            self._begin(trial)
        return True

    def _begin(self, trial: optuna.Trial) -> None:
        current = self._attempts.begin(trial)
        self._begun[trial.number] = current
        self._place(current)

    def _place(self, current: Attempt) -> None:
        """Line a trial up, unless it waits at a rung, or for another one that just tries its configuration."""
        number = current.job.number
        same = self._study.same(current.trial)
        tried = self._begun.keys() - {number} - {twin.job.number for twin in self._twins}
        if same and same[0].state.is_finished():
            self._open[number] = current
            self._repeat(current, same[0])
        elif any(one.number in tried for one in same):
            self._twins.append(current)
        elif self._waits_at_a_rung(current):
            self._park(current)
        else:
            self._queue.append(current)

    def _waits_at_a_rung(self, current: Attempt) -> bool:
        """Let a trial into a bracket, if there are any, and return whether it has to wait there."""
        if self._brackets is None or "baseline" in current.trial.user_attrs:
            return False
        self._brackets.enter(current.job.number)
        return self._brackets.waits(current.job.number)

    def _repeat(self, current: Attempt, known: FrozenTrial) -> None:
        """End a trial of which another has the configuration, as that one ended: it would teach nothing new."""
        current.trial.set_user_attr(REPEAT_OF, known.number)
        current.run.set_tags({REPEAT_TAG: str(known.number)})
        values, reason = tuple(known.values or ()), known.user_attrs.get("reason", "")
        infeasible = reason if reason.startswith(artifacts.INFEASIBLE) else ""
        measured = dict(zip(objectives.recorded(self._study.goals), values, strict=False))
        if infeasible:
            measured = artifacts.summarised(known.user_attrs)
        current.run.log_metrics(measured)
        self._end(current, Outcome(known.state, values, infeasible or artifacts.repeats(known.number), measured))

    def _park(self, current: Attempt) -> None:
        """Leave a trial until others have come as far."""
        assert self._brackets, "trials wait for others in brackets alone"
        self._brackets.park(current.job.number)
        self._waiting[current.job.number] = current

    def _decide(self) -> None:
        """Let the best of those that wait go on, and the others be judged by what they have learnt."""
        if self._brackets is None or self._interrupted:
            return
        verdicts = self._brackets.decide(closed=not self._wants_more() or self._is_narrow)
        for number in verdicts.dropped:
            current = self._waiting.pop(number)
            current.pruned = True
            current.job = replace(current.job, epochs=self._brackets.step(number))
            self._line_up(current)
        for number in verdicts.promoted:
            self._line_up(self._waiting.pop(number))

    def _line_up(self, current: Attempt) -> None:
        # It tells again of the epochs that it has behind it.
        current.history.clear()
        self._queue.appendleft(current)

    @property
    def _is_narrow(self) -> bool:
        """Whether what is drawn comes to what is under way anyhow."""
        return len(self._twins) >= TWINS

    def _wants_more(self) -> bool:
        in_time = self._settings.timeout is None or self._watch.seconds() - self._began < self._settings.timeout
        begun = len(self._begun) + len(self._interrupted)
        return not self._exhausted and in_time and self._settings.left(self._finished + begun) != 0

    def _handle(self, number: int, message: Message) -> None:
        current = self._open[number]
        current.heard = self._listened
        match message:
            case Built(parameters):
                current.parameters = parameters
                self._engine.answer(number, Answer.GO_ON)
            case EpochDone(epoch, metrics):
                self._report(current, epoch, metrics)
            case Trained():
                self._complete(current, message)
            case Paused():
                self._park(self._open.pop(number))
                self._progress.paused(number)
            case _:
                self._handle_failure(current, message)

    def _handle_failure(self, current: Attempt, message: Message) -> None:
        match message:
            case Rejected(reason, measured):
                current.run.log_metrics(measured)
                self._end(
                    current, Outcome(TrialState.PRUNED, reason=artifacts.INFEASIBLE + reason, attributes=measured)
                )
            case Failed(reason, traceback):
                self._fail(current, reason, traceback)
            case Died(reason):
                self._restart(current, reason)
            case Blocked(reason):
                raise SearchError(reason)

    def _report(self, current: Attempt, epoch: int, metrics: Mapping[str, float]) -> None:
        """Let the worker go on first: nothing that is written may hold it up.

        A step is the number of epochs done, in both stores: what people count, and what pruners take for a resource.
        """
        step = epoch + 1
        for name, number in metrics.items():
            current.history[name].append(number)
        value = metrics[self._study.goal.metric]
        promising = self._study.report(current.trial, step, value)
        failpoints.point("after_report")
        # After its last epoch a trial has cost what it can: it is complete, whatever the pruner thinks of it.
        last = step == current.job.epochs
        current.pruned = current.pruned or (not promising and not last)
        current.overtime = current.overtime or (self._over(current) and not last)
        self._engine.answer(current.job.number, self._answer(current, step, value))
        if step > current.recorded:
            current.run.log_metrics(metrics, step=step)
            current.recorded = step
        self._progress.epoch(current.job.number, step, metrics)

    def _answer(self, current: Attempt, step: int, value: float) -> Answer:
        number, waits = current.job.number, False
        if self._brackets and number in self._brackets:
            self._brackets.report(number, step, value)
            waits = self._brackets.waits(number)
        if step == current.job.epochs:
            return Answer.GO_ON
        if current.pruned or current.overtime:
            return Answer.STOP
        return Answer.PAUSE if waits else Answer.GO_ON

    def _over(self, current: Attempt) -> bool:
        limit = self._settings.trial_timeout
        return limit is not None and current.seconds >= limit

    def _complete(self, current: Attempt, trained: Trained) -> None:
        measured = artifacts.measured(trained, current.history)
        # Before the model, which takes them along.
        current.run.log_metrics(measured)
        artifacts.record(current.run, current.title, trained, current.history, self._images, family=current.job.family)
        self._errors_in_a_row = 0
        self._end(
            current,
            Outcome(
                TrialState.PRUNED if current.pruned else TrialState.COMPLETE,
                objectives.values(self._study.goals, measured),
                self._why_it_stopped(current, trained),
                artifacts.summarised(measured),
            ),
        )

    def _why_it_stopped(self, current: Attempt, trained: Trained) -> str:
        after = f"after {len(current.history['loss'])} of {counted(current.budget, 'epoch')}"
        if current.overtime:
            return f"stopped by --trial-timeout of {duration(self._settings.trial_timeout or 0)} {after}"
        stopped = "pruned" if current.pruned else trained.stopped
        return {"pruned": after, "early": f"stopped early {after}", None: ""}[stopped]

    def _fail(self, current: Attempt, reason: str, traceback: str) -> None:
        if traceback:
            current.run.log_text("traceback.txt", traceback)
            # Its last lines say what and where; Optuna's dashboard would show a column of it.
            current.trial.set_user_attr("traceback", traceback[-TRACEBACK:])
        goal = self._study.goal
        artifacts.record_unfinished(current.run, current.title, current.history, goal, current.parameters)
        self._end(current, Outcome(TrialState.FAIL, reason=reason))
        self._errors_in_a_row = self._errors_in_a_row + 1 if traceback else 0
        if self._errors_in_a_row == ERRORS_IN_A_ROW:
            raise SearchError(
                f"{ERRORS_IN_A_ROW} trials in a row failed by an error in the code, the last by {reason}; see "
                f"`{next_commands.command('show', f'{self._settings.study}/{current.job.number}')}`"
            )

    def _restart(self, current: Attempt, reason: str) -> None:
        """Let another worker go on with the same trial, unless it has taken too many of them with it."""
        current.restarts += 1
        done = len(current.history["loss"])
        if current.overtime and not done:
            limit = duration(self._settings.trial_timeout or 0)
            self._fail(current, f"no epoch was done within --trial-timeout of {limit}", traceback="")
        elif current.restarts > RESTARTS:
            self._fail(current, f"{reason}, for the {current.restarts}th time", traceback="")
        else:
            if current.overtime:
                # What it has is to be judged, and nothing more is to be trained.
                current.job = replace(current.job, epochs=done)
                reason = "over --trial-timeout, in an epoch that does not end; what it has is judged"
            else:
                reason += "; it goes on from its last epoch"
            self._progress.note(f"trial {current.job.number}: {reason}")
            current.history.clear()
            current.heard = None
            self._engine.start(current.job)

    def _end_hanging(self) -> None:
        """Take the workers from trials that are over their time and in the middle of an epoch that does not end."""
        for number, current in self._open.items():
            limit = self._settings.trial_timeout
            if limit is None or current.heard is None:
                continue
            usual = max(current.history["seconds"], default=0.0)
            if self._listened - current.heard > max(limit - current.seconds, usual) + HANGING:
                current.overtime, current.heard = True, None
                self._engine.kill(number)

    def _end(self, current: Attempt, outcome: Outcome) -> None:
        """End the trial in both stores; its checkpoints are not needed any more."""
        number = current.job.number
        self._trial_runs.end(current.trial, current.run, outcome)
        if self._brackets and number in self._brackets:
            self._brackets.end(number, complete=outcome.state == TrialState.COMPLETE)
        del self._open[number], self._begun[number]
        self._finished += 1
        remove(current.job.folder, self._settings.home / "checkpoints")
        if outcome.state == TrialState.COMPLETE and outcome.value is not None:
            better = self._best is None or self._study.goal.better(outcome.value, self._best[0])
            if better:
                self._best = (outcome.value, number)
                self._study.annotate(number, best=True)
        self._count()
        self._progress.ended(number, WORDS[outcome.state], outcome.value, outcome.reason)
        twins, self._twins = self._twins, []
        for twin in twins:
            self._place(twin)

    def _tell_of_problems(self) -> None:
        """Say once that what is recorded has to wait, and once that it is through."""
        problem = self._trial_runs.problem
        if problem and not self._problem:
            self._progress.note(f"{problem}; the search goes on, and what it records waits in {self._settings.spool}")
        elif self._problem and not problem:
            self._progress.note("the tracker is back, and has what it missed")
        self._problem = problem

    def _count(self) -> None:
        self._progress.count(self._study.standing(), self._best)


WORDS = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}
