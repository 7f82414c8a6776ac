"""A trial under way, and how it is begun or gone on with: drawn, linked with its run, and made a job."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import optuna

from models.data import Images
from models.family import Choice, Resources
from search.driver.trainings import Training, left_open
from search.output.progress import short
from search.problem import baselines, objectives
from search.recording import artifacts
from search.recording.trial_runs import TrialRuns
from search.store.attributes import BASELINE, CAVEAT, CAVEAT_TAG, EPOCHS, PATIENCE, START, identity_of_trial, run_name
from search.store.study import Study
from search.workers.execution import Plan
from search.workers.messages import Job
from tracking import DESCRIPTION_TAG


@dataclass(eq=False, kw_only=True)
class Attempt(Training):
    """A trial under way: in Optuna, too. `title` is what its pictures are headed."""

    trial: optuna.Trial
    title: str


class Attempts:
    """Begins the trials of a study."""

    def __init__(self, study: Study, trial_runs: TrialRuns, images: Images, shared: Path, plan: Plan) -> None:
        self._study, self._settings, self._trial_runs = study, study.settings, trial_runs
        self._images, self._shared, self._plan = images, shared, plan

    def begin(self, trial: optuna.Trial) -> Attempt:
        """Link the trial with its run, new or interrupted, and make a job of it."""
        parameters = self._study.suggest(trial)
        job = self._job(trial, parameters)
        title = run_name(self._settings.study, trial.number)
        run = self._trial_runs.begin(trial, self._tags(trial))
        with left_open(run):
            if self._settings.caveat:
                trial.set_user_attr(CAVEAT, self._settings.caveat)
                title = f"{title} ({self._settings.caveat})"
            run.log_parameters(parameters | {"family": job.family, "epochs": job.epochs, "seed": job.seed})
            run.log_dataset(artifacts.dataset(self._images))
        return Attempt(
            name=f"trial {trial.number}", run=run, job=job, label=_label(trial, parameters), trial=trial, title=title
        )

    def _job(self, trial: optuna.Trial, parameters: Mapping[str, Choice]) -> Job:
        home, attributes = self._settings.home, trial.user_attrs
        return Job(
            number=trial.number,
            key=self._study.key(trial.number),
            family=self._settings.family,
            parameters=parameters,
            images=self._shared,
            resources=Resources(home / "cache", self._settings.weights),
            epochs=int(attributes.get(EPOCHS, self._settings.epochs)),
            patience=attributes.get(PATIENCE, self._settings.patience),
            seed=self._study.seed(trial.number),
            folder=self._settings.checkpoints / f"{trial.number:04d}",
            precision=self._plan.precision,
            limits=self._settings.limits,
            timed=objectives.LATENCY in self._study.goals,
        )

    def _tags(self, trial: optuna.Trial) -> dict[str, str]:
        settings = self._settings
        key = self._study.key(trial.number)
        tags = identity_of_trial(settings.study, key, trial.number, settings.family, trial.user_attrs)
        tags[DESCRIPTION_TAG] = f"[This trial in the Optuna dashboard]({self._study.address(trial.number)})"
        if settings.caveat:
            tags[CAVEAT_TAG] = settings.caveat
        return tags | self._plan.tags() | dict(artifacts.origin())


def _label(trial: optuna.Trial, parameters: Mapping[str, Choice]) -> str:
    """Return what a person knows a trial by: the row of the report, or a few of its hyperparameters."""
    if BASELINE in trial.user_attrs:
        name = trial.user_attrs[BASELINE]
        row = next((b for b in baselines.everything() if b.name == name), None)
        return f"baseline {name}" + (f" ({row.label})" if row else "")
    if START in trial.user_attrs:
        return f"to begin with ({trial.user_attrs[START]})"
    return short(parameters)
