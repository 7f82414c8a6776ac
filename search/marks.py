"""What studies and trials are marked with in Optuna's storage, and what follows from it: for all who read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from models.family import Goal

# The attribute of a trial that holds what the tracker calls its run, and of a study for the study's own.
RUN_ID = "mlflow_run_id"
# The attribute of a study that holds the most trials it was ever asked for; None: as many as there is time for.
ASKED_FOR = "asked_for"
# The attribute of a trial that was not trained, since another has its configuration: that one's number.
REPEAT_OF = "repeat_of"
# The attribute of a trial that was taken in from elsewhere and is another one here: the key that it has there. And of a
# study that is a copy of one that is here already: that one's uuid.
ORIGIN = "origin"
# The attribute of a study that holds what came of its finalists.
CONFIRMED = "confirmed"
# The attribute of a study that is being deleted: where its export is, or empty.
DELETING = "deleting"
# The attribute of a study that is being renamed: the name that it had, and the one that it is to have.
RENAMING = "renaming"
# The attribute of a study that was renamed: below which number its trials were begun under which name.
BEGUN_AS = "begun_as"
# What runs of a study are for that are no trial's, beside the study's own.
CONFIRMATION, RETRAINING, REPRODUCTION = "confirmation", "retraining", "reproduction"
EXTRAS = (CONFIRMATION, RETRAINING, REPRODUCTION)
# The attribute of a trial that no report has, and that was not drawn either: what it is.
START = "start"
# What is told of those who were confirmed.
_OF_CONFIRMED = {"study", "caveat", "winner", "run", "model", "finalists", "sentences"}
_OF_FINALIST = {"name", "seeds", "test_accuracy", "margin", "difference", "difference_margin", "clear", "what"}


@dataclass(frozen=True)
class Standing:
    """How many trials of a study are in which state."""

    complete: int
    pruned: int
    failed: int
    running: int
    waiting: int

    @property
    def finished(self) -> int:
        """Trials that are over, however they ended."""
        return self.complete + self.pruned + self.failed


def run_name(study: str, number: int) -> str:
    """Return the name of a trial's run."""
    return f"{study}-{number:04d}"


def first_run_name(study: str, number: int, of_study: Mapping[str, Any]) -> str:
    """Return the name that a trial's run was given, and its model with it, whatever the study is called by now."""
    names = (name for below, name in of_study.get(BEGUN_AS, ()) if number < below)
    return run_name(next(names, study), number)


def confirmed(of_study: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what came of a study's finalists; nothing where none was confirmed, or that is a person's own."""
    found = of_study.get(CONFIRMED)
    if not isinstance(found, Mapping) or not found.keys() >= _OF_CONFIRMED or not finalists(of_study):
        return {}
    return found if all(one.keys() >= _OF_FINALIST for one in found["finalists"]) else {}


def finalists(of_study: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of what was confirmed, by any version of this program; none where that is a person's own."""
    found = of_study.get(CONFIRMED)
    listed = found.get("finalists") if isinstance(found, Mapping) else None
    named = listed if isinstance(listed, list) else []
    return frozenset(str(one["name"]) for one in named if isinstance(one, Mapping) and "name" in one)


def late_link(number: int) -> str:
    """Return the study's attribute that stands in for `RUN_ID` where a run was made after its trial was over."""
    return f"{RUN_ID}:{number}"


def removal(number: int) -> str:
    """Return the study's attribute that says when the model of a trial was removed, and by what."""
    return f"model_removed:{number}"


def left_model(trial: FrozenTrial) -> bool:
    """Whether a trial has left a model: whatever was judged on the test images has."""
    return "test_accuracy" in trial.user_attrs


def run_of(trial: FrozenTrial, of_study: Mapping[str, Any]) -> str:
    """Return what the tracker calls a trial's run, empty where nobody knows; `of_study` are the study's attributes.

    What was learnt late stands above what the trial says, which nobody can correct once it is over.
    """
    return str(of_study.get(late_link(trial.number)) or trial.user_attrs.get(RUN_ID, ""))


def dismissed(trial: FrozenTrial) -> bool:
    """Whether a trial is over that never began: it was one too many, and is none of those asked for."""
    return trial.state.is_finished() and trial.datetime_start is None


def standing(trials: Sequence[FrozenTrial]) -> Standing:
    """Count trials by their state."""
    states = [trial.state for trial in trials if not dismissed(trial)]
    return Standing(
        complete=states.count(TrialState.COMPLETE),
        pruned=states.count(TrialState.PRUNED),
        failed=states.count(TrialState.FAIL),
        running=states.count(TrialState.RUNNING),
        waiting=states.count(TrialState.WAITING),
    )


def best(trials: Sequence[FrozenTrial], goal: Goal) -> tuple[float, int] | None:
    """Return the best first value of a complete trial, and its number; of equal ones the earliest."""
    found: tuple[float, int] | None = None
    for trial in trials:
        if trial.state == TrialState.COMPLETE and trial.values:
            value = trial.values[0]
            found = (value, trial.number) if found is None or goal.better(value, found[0]) else found
    return found
