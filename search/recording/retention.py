"""Which models of a study stay and why, and how the others are removed: of their trials, everything else stays."""

from bisect import insort
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from models.family import Goal
from search.problem import objectives
from search.store.attributes import BASELINE, finalists, left_model, removal
from search.system import failpoints
from tracking import MODEL_REMOVED_TAG, Tracker

if TYPE_CHECKING:
    from search.recording.artifacts import Outcome
    from search.store.study import Study


@dataclass(frozen=True)
class Removed:
    """A trial whose model is gone: when and by what, and how many bytes that has freed."""

    number: int
    reason: str
    freed: int


@dataclass(frozen=True)
class Clearance:
    """Trials of a study whose models may go, by number, with the keys of their runs.

    `unsaid` are those of which the study does not say yet that they have none; `rule` is what a person has typed.
    """

    experiment: str
    keys: Mapping[int, str]
    unsaid: frozenset[int]
    rule: str

    def carry_out(self, tracker: Tracker, waiting: Collection[str] = ()) -> Iterator[Removed]:
        """Remove what the store has of them and does not hold; yield each, and those that an earlier call removed.

        Runs with the keys `waiting` are not delivered yet, and are left for another time.
        """
        there = {model.key: model for model in tracker.models(self.experiment)}
        for number, key in self.keys.items():
            if key in waiting:
                continue
            model = there.get(key)
            if model and not model.held:
                reason = f"{datetime.now().astimezone().isoformat(' ', 'seconds')}, by {self.rule}"
                freed = tracker.reopen(model.run).remove_model(reason)
                failpoints.point("after_removal")
                yield Removed(number, reason, freed)
            elif model is None and number in self.unsaid:
                run = tracker.find(self.experiment, key)
                if run and MODEL_REMOVED_TAG in run.tags:
                    # It was cut short near its end, or the study was not told.
                    reason = run.tags[MODEL_REMOVED_TAG]
                    yield Removed(number, reason, tracker.reopen(run.id).remove_model(reason))


def spared(study: "Study", top: int) -> dict[int, str]:
    """Return why the models of trials stay, by number: the best `top` come first, then the others.

    A configuration that textbooks advise is a trial like any other.
    """
    trials = study.trials()
    named = finalists(study.attributes)
    best = {number: f"top {place}" for place, number in enumerate(ranked(trials, study.goal)[:top], start=1)}
    valued = {trial.number: trial.values for trial in trials if trial.state == TrialState.COMPLETE and trial.values}
    choice = objectives.pareto(valued, study.goals)
    found = {}
    for number in dict.fromkeys((*best, *range(len(trials)))):
        trial = trials[number]
        why = (
            best.get(number, ""),
            f"baseline {trial.user_attrs[BASELINE]}" if BASELINE in trial.user_attrs else "",
            "one to choose" if number in choice else "",
            "finalist" if f"{study.settings.study}/{number}" in named else "",
            "" if trial.state.is_finished() else "open",
        )
        if any(why):
            found[number] = ", ".join(filter(None, why))
    return found


def ranked(trials: list[FrozenTrial], goal: Goal) -> list[int]:
    """Return the complete trials that have left a network, best first; of equal ones the earliest."""
    values = {
        trial.number: trial.values[0]
        for trial in trials
        if trial.state == TrialState.COMPLETE and trial.values and left_model(trial)
    }
    sign = -1 if goal.direction == "maximize" else 1
    return sorted(values, key=lambda number: (sign * values[number], number))


def clearance(study: "Study", top: int, rule: str) -> Clearance:
    """Return what may go where the best `top` stay."""
    stays, said = spared(study, top), study.attributes
    numbers = [trial.number for trial in study.trials() if left_model(trial) and trial.number not in stays]
    return Clearance(
        study.settings.study,
        {number: study.key(number) for number in numbers},
        frozenset(number for number in numbers if not said.get(removal(number))),
        rule,
    )


class Keeper:
    """The same as a search goes on: what the end of each trial changes, however many there were before.

    What a study says to be removed is taken for that, where `clearance` looks at every model.
    """

    def __init__(self, study: "Study", top: int, rule: str) -> None:
        said = study.attributes
        self._study, self._top, self._rule, self._named = study, top, rule, finalists(said)
        # The best with a model, each with its cost; and of two objectives the values of those that none beats.
        self._best: list[tuple[float, int]] = []
        self._front: dict[int, Sequence[float]] = {}
        # Models that stay for nothing but that, and those that may go and are not known to be gone.
        self._staying: set[int] = set()
        self._due: set[int] = set()
        for trial in study.trials([TrialState.COMPLETE, TrialState.PRUNED]):
            values = trial.values if trial.state == TrialState.COMPLETE else None
            self._add(trial.number, values or (), trial.user_attrs, left=left_model(trial))
        for known in (self._due, self._staying):
            known.difference_update([number for number in known if said.get(removal(number))])

    def ended(self, number: int, outcome: "Outcome", attributes: Mapping[str, object]) -> None:
        """Take in how a trial with these attributes has ended."""
        values = outcome.values if outcome.state == TrialState.COMPLETE else ()
        self._add(number, values, attributes, left="test_accuracy" in outcome.attributes)

    def removed(self, number: int) -> None:
        """Take in that a model is gone."""
        self._due.discard(number)

    def clearance(self) -> Clearance:
        """Return what may go, and has not gone."""
        keys = {number: self._study.key(number) for number in sorted(self._due)}
        return Clearance(self._study.settings.study, keys, frozenset(keys), self._rule)

    def _add(self, number: int, values: Sequence[float], attributes: Mapping[str, object], *, left: bool) -> None:
        if values and left:
            sign = -1 if self._study.goal.direction == "maximize" else 1
            insort(self._best, (sign * values[0], number))
            del self._best[self._top :]
        if values:
            front = {**self._front, number: values}
            self._front = {one: front[one] for one in objectives.pareto(front, self._study.goals)}
        if left and BASELINE not in attributes and f"{self._study.settings.study}/{number}" not in self._named:
            self._staying.add(number)
        goes = self._staying.difference((number for _, number in self._best), self._front)
        self._staying -= goes
        self._due |= goes
