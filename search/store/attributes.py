"""What studies, trials and runs are marked with in both stores, and what follows from it: for all who read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.trial import FrozenTrial, TrialState

import tracking
from models.family import Goal
from tracking import DESCRIPTION_TAG, KEY_TAG, STUDY_TAG

if TYPE_CHECKING:
    from search.problem.planned import Planned

# The attribute that a study is begun with, and that tells it from another one of the same name or number.
UUID = "uuid"
# Attributes of a study: the digests of what cannot change, each hyperparameter's distribution in words, and what it
# remembers of its settings.
IDENTITY, DISTRIBUTIONS, SETTINGS = "identity", "distributions", "settings"
# Attributes of a study: who holds it, and when that process was last heard of, in seconds since 1970.
HELD_BY, HEARD = "held_by", "held_by_heard"
# The attribute of a study that was begun like others: what it has learnt from them.
LEARNT = "learnt"
# The attribute of a study that is being imported: what it is known by where it comes from.
IMPORTING = "importing"
# Attributes of a trial that runs a row of a report: which, for how many epochs, and for how many without improvement.
BASELINE, EPOCHS, PATIENCE = "baseline", "epochs", "patience"
# Attributes of a trial: why it ended as it did, an error's last lines, and why its figures are not to be compared.
REASON, TRACEBACK, CAVEAT = "reason", "traceback", "caveat"
# How the reason begins of a trial that was not trained: it cannot be built, or is over a limit.
INFEASIBLE = "infeasible: "
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
# Tags of a run, and of a registered version: the name of its study, and the family.
STUDY_NAME_TAG, FAMILY_TAG = "search.study", "search.family"
# Tags of a run: its trial, the row of a report that this runs, and what was typed.
TRIAL_TAG, BASELINE_TAG, COMMAND_TAG = "search.trial", "search.baseline", "search.command"
# The tag of a run that is no trial's: which kind it is.
KIND_TAG = "search.kind"
# Tags of a run: how its trial has ended and why, and of which trial it repeats the configuration.
STATE_TAG, REASON_TAG, REPEAT_TAG = "search.state", "search.reason", "search.repeat_of"
# The tag of a run that was made elsewhere, and is another trial's here: what it is known by where it was made.
ORIGIN_TAG = "search.origin"
# The tag of a run that says why its figures are not to be compared with others.
CAVEAT_TAG = "search.caveat"
# Tags of runs that are no trial's: which finalist was trained with which seed, and which trial again, or as it was.
FINALIST_TAG, SEED_TAG = "search.finalist", "search.seed"
RETRAINED_TAG, REPRODUCES_TAG = "search.retrained", "search.reproduces"
# The tag of a run that belongs to no trial of its experiment's study.
FOREIGN_TAG = "search.foreign"
# The tag of a run that was made of what Optuna knows, when the one made by the search was gone.
RECONSTRUCTED_TAG = "search.reconstructed"
# The tag of a run that holds other results than Optuna: it says which, and Optuna's are what counts.
CORRECTED_TAG = "search.corrected"
# The tag of a run, or the attribute of a study, that says what else is known to be wrong and cannot be mended.
DIFFERS_TAG = "search.differs"
# The tag of a run that names the artifacts which are gone.
MISSING_TAG = "search.artifact_missing"
# Tags of a registered version: on which images it was confirmed, the runs of all its seeds, what came of
# them, the commit, and why it was made the champion although the rule says no.
DATA_TAG, DIGEST_TAG, RUNS_TAG = "search.data", "search.data_digest", "search.runs"
ACCURACY_TAG, MARGIN_TAG, COMMIT_TAG = "search.test_accuracy", "search.margin", "search.commit"
FORCED_TAG = "search.forced_because"
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
    infeasible: int = 0

    @property
    def finished(self) -> int:
        """Trials that are over, however they ended. What could not be trained is none of those asked for."""
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


def infeasible(trial: FrozenTrial) -> bool:
    """Whether a trial was drawn, and not trained."""
    return trial.state == TrialState.PRUNED and str(trial.user_attrs.get(REASON, "")).startswith(INFEASIBLE)


def begun(trials: Sequence[FrozenTrial]) -> int:
    """Count the trials that were begun, of those asked for: what could not be trained is none of them."""
    counted = (trial for trial in trials if not dismissed(trial) and not infeasible(trial))
    return sum(trial.state != TrialState.WAITING for trial in counted)


def standing(trials: Sequence[FrozenTrial]) -> Standing:
    """Count trials by their state."""
    left_out = [infeasible(trial) for trial in trials]
    states = [trial.state for trial, out in zip(trials, left_out, strict=True) if not (out or dismissed(trial))]
    return Standing(
        complete=states.count(TrialState.COMPLETE),
        pruned=states.count(TrialState.PRUNED),
        failed=states.count(TrialState.FAIL),
        running=states.count(TrialState.RUNNING),
        waiting=states.count(TrialState.WAITING),
        infeasible=left_out.count(True),
    )


def of_baseline(planned: "Planned") -> dict[str, Any]:
    """Return the attributes of a trial that runs a row of a report."""
    patience = {PATIENCE: planned.patience} if planned.patience else {}
    return {BASELINE: planned.row.name, EPOCHS: planned.epochs, **patience}


def best(trials: Sequence[FrozenTrial], goal: Goal) -> tuple[float, int] | None:
    """Return the best first value of a complete trial, and its number; of equal ones the earliest."""
    found: tuple[float, int] | None = None
    for trial in trials:
        if trial.state == TrialState.COMPLETE and trial.values:
            value = trial.values[0]
            found = (value, trial.number) if found is None or goal.better(value, found[0]) else found
    return found


def identity_of_trial(study: str, key: str, number: int, family: str, attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags by which the run of a trial is known; `attributes` are the trial's."""
    baseline = attributes.get(BASELINE)
    return {
        STUDY_NAME_TAG: study,
        TRIAL_TAG: str(number),
        KEY_TAG: key,
        FAMILY_TAG: family,
        STATE_TAG: TrialState.RUNNING.name,
    } | ({BASELINE_TAG: baseline} if baseline else {})


def of_experiment(uuid: str, values: Sequence[str], address: str, *, ascending: bool) -> dict[str, str]:
    """Return the tags of a study's experiment: whose it is, and how its runs are shown; `address` shows the study.

    `values` are the metrics that are the values of its trials; the best is shown first.
    """
    return {
        STUDY_TAG: uuid,
        DESCRIPTION_TAG: f"A run is a trial; `{STATE_TAG}` says how it ended. "
        f"[The study in the Optuna dashboard]({address})",
    } | tracking.view([*values, "test_accuracy"], [STATE_TAG], ascending=ascending)


def identity_of_study(study: str, key: str, family: str) -> dict[str, str]:
    """Return the tags by which a study's own run is known, which shows it and holds no results."""
    return identity_of_extra("study", study, key, family)


def identity_of_extra(kind: str, study: str, key: str, family: str) -> dict[str, str]:
    """Return the tags by which a run of a study is known that is no trial's."""
    return {KIND_TAG: kind, STUDY_NAME_TAG: study, KEY_TAG: key, FAMILY_TAG: family}
